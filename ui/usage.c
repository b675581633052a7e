#include "ui/usage.h"

#include <stdarg.h>
#include <string.h>

#define WORD_MAX 64 /* longer words are near nothing */

static GQuark usage_quark(void)
{
    return g_quark_from_static_string("usage");
}

bool usage_error(GError **error, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        *error = g_error_new_valist(usage_quark(), 0, format, args);
        va_end(args);
    }
    return false;
}

/* Optimal string alignment: the row of the word before, and the one before that for swaps. */
unsigned usage_distance(const char *from, const char *to)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t from_size = strlen(from), to_size = strlen(to);
    if (from_size > WORD_MAX || to_size > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t k = 0; k <= to_size; k++) {
        rows[0][k] = (unsigned)k;
    }
    for (size_t i = 1; i <= from_size; i++) {
        unsigned *now = rows[i % 3], *above = rows[(i + 2) % 3], *swap = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= to_size; k++) {
            unsigned replace = above[k - 1] + (from[i - 1] != to[k - 1]);
            now[k] = MIN(MIN(above[k] + 1, now[k - 1] + 1), replace);
            if (i > 1 && k > 1 && from[i - 1] == to[k - 2] && from[i - 2] == to[k - 1]) {
                now[k] = MIN(now[k], swap[k - 2] + 1);
            }
        }
    }
    return rows[from_size % 3][to_size];
}

const char *usage_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)MIN(strlen(word), WORD_MAX) / 3 + 1;
    for (size_t i = 0; names[i]; i++) {
        unsigned distance = usage_distance(word, names[i]);
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

bool usage_unknown(GError **error, const char *word, const char *const *names, const char *hint,
                   const char *format, ...)
{
    const char *nearest = usage_nearest(word, names);
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    if (nearest) {
        return usage_error(error, "%s: did you mean '%s'?", what, nearest);
    }
    return usage_error(error, "%s: %s", what, hint);
}
