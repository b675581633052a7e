/* What a user did wrong: messages that say what, where, and what to do next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

/* Sets `error` to a formatted message; always returns false. */
bool usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The name among `names` (NULL-terminated) that `word` was probably meant to be, or NULL. */
const char *usage_nearest(const char *word, const char *const *names);

/* As usage_error, with ": did you mean 'NEAREST'?" behind the formatted text, or ": HINT" when no
 * name is near. Always returns false. */
bool usage_unknown(GError **error, const char *word, const char *const *names, const char *hint,
                   const char *format, ...) G_GNUC_PRINTF(5, 6);

/* Single edits (insert, delete, replace, swap neighbours) that lead from one word to the other. */
unsigned usage_distance(const char *from, const char *to);
