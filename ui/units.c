#include "ui/units.h"

#include <string.h>

#include "ui/usage.h"

static const struct {
    char letter;
    unsigned shift;
} suffixes[] = { { 'B', 0 },  { 'K', 10 }, { 'M', 20 }, { 'G', 30 },
                 { 'T', 40 }, { 'P', 50 }, { 'E', 60 } };

/* "", "G", "GB", "GiB", any case. */
static bool unit_parse(const char *text, uint64_t unit, uint64_t *ret_unit)
{
    if (!*text) {
        *ret_unit = unit;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        const char *rest = text + 1;
        bool bytes = suffixes[i].shift == 0;
        if (g_ascii_toupper(*text) == suffixes[i].letter &&
            (!*rest ||
             (!bytes && (!g_ascii_strcasecmp(rest, "B") || !g_ascii_strcasecmp(rest, "iB"))))) {
            *ret_unit = (uint64_t)1 << suffixes[i].shift;
            return true;
        }
    }
    return false;
}

/* The digits after the point as a part of `unit`, rounded down. */
static uint64_t fraction_of(const char *digits, size_t count, uint64_t unit)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count && unit; i++) {
        uint64_t tenth = unit / 10, rest = unit % 10;
        uint64_t digit = (uint64_t)(digits[i] - '0');
        sum += tenth * digit + rest * digit / 10;
        unit = tenth;
    }
    return sum;
}

bool units_size(const char *text, uint64_t unit, uint64_t *ret_size, GError **error)
{
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text[whole] == '.' ? text + whole + 1 : text + whole;
    size_t digits = text[whole] == '.' ? strspn(fraction, "0123456789") : 0;
    uint64_t value, scale, size;
    if (whole == 0 || (text[whole] == '.' && digits == 0) ||
        !unit_parse(fraction + digits, unit, &scale)) {
        return usage_error(error, "'%s' is no size: write for example 512M or 2G", text);
    }
    g_autofree char *number = g_strndup(text, whole);
    if (!g_ascii_string_to_unsigned(number, 10, 0, UINT64_MAX, &value, NULL) ||
        __builtin_mul_overflow(value, scale, &size) ||
        __builtin_add_overflow(size, fraction_of(fraction, digits, scale), &size)) {
        return usage_error(error, "'%s' is more than 64 bits can count", text);
    }
    *ret_size = size;
    return true;
}

bool units_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number,
                  GError **error)
{
    bool hex = g_ascii_strncasecmp(text, "0x", 2) == 0;
    guint64 number;
    if (!g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, min, max, &number,
                                    NULL)) {
        return usage_error(error,
                           "'%s' is no number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                           text, (guint64)min, (guint64)max);
    }
    *ret_number = number;
    return true;
}

bool units_switch(const char *text, bool *ret_on, GError **error)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };
    bool is_on = g_strv_contains(on, text);
    if (!is_on && !g_strv_contains(off, text)) {
        return usage_error(error, "'%s' is neither 'on' nor 'off'", text);
    }
    *ret_on = is_on;
    return true;
}
