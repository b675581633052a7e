#include "ui/keys.h"

#include <stdint.h>
#include <string.h>

#include "ui/units.h"
#include "ui/usage.h"

static void pair_free(void *opaque)
{
    struct key_pair *pair = opaque;
    g_free(pair->key);
    g_free(pair->value);
    g_free(pair);
}

static void pair_add(GPtrArray *pairs, const char *piece)
{
    struct key_pair *pair = g_new0(struct key_pair, 1);
    const char *equals = strchr(piece, '=');
    if (equals) {
        pair->key = g_strndup(piece, (size_t)(equals - piece));
        pair->value = g_strdup(equals + 1);
    } else if (pairs->len == 0) {
        pair->value = g_strdup(piece);
    } else {
        pair->key = g_strdup(piece);
    }
    g_ptr_array_add(pairs, pair);
}

GPtrArray *keys_split(const char *text)
{
    GPtrArray *pairs = g_ptr_array_new_with_free_func(pair_free);
    GString *piece = g_string_new(NULL);
    for (const char *at = text;; at++) {
        if (at[0] == ',' && at[1] == ',') {
            g_string_append_c(piece, *at++);
        } else if (*at == ',' || *at == '\0') {
            pair_add(pairs, piece->str);
            g_string_truncate(piece, 0);
            if (*at == '\0') {
                break;
            }
        } else {
            g_string_append_c(piece, *at);
        }
    }
    g_string_free(piece, TRUE);
    return pairs;
}

static const struct key_row *row_find(const struct key_row *rows, const char *name)
{
    for (const struct key_row *row = rows; row->name; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool key_unknown(const char *option, const struct key_row *rows, const char *name,
                        GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const struct key_row *row = rows; row->name; row++) {
        g_ptr_array_add(names, (char *)row->name);
    }
    g_ptr_array_add(names, NULL);
    const char *const *known = (const char *const *)names->pdata;
    g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
    g_autofree char *hint = g_strdup_printf("it knows %s", all);
    return usage_unknown(error, name, known, hint, "%s: unknown property '%s'", option, name);
}

static bool choice_store(const char *option, const struct key_row *row, const char *value,
                         unsigned *into, GError **error)
{
    for (unsigned i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], value) == 0) {
            if (into) {
                *into = i;
            }
            return true;
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)row->choices);
    return usage_error(error, "%s: %s=%s is not supported: it can be %s", option, row->name, value,
                       all);
}

static void strings_add(char ***strings, const char *value)
{
    guint count = *strings ? g_strv_length(*strings) : 0;
    *strings = g_renew(char *, *strings, count + 2);
    (*strings)[count] = g_strdup(value);
    (*strings)[count + 1] = NULL;
}

static bool row_store(const char *option, const struct key_row *row, const char *value, void *into,
                      GError **error)
{
    void *at = row->kind == KEY_FIXED ? NULL : (char *)into + row->offset;
    bool stored = true;
    switch (row->kind) {
    case KEY_STRING:
        g_free(*(char **)at);
        *(char **)at = g_strdup(value);
        break;
    case KEY_STRINGS: strings_add(at, value); break;
    case KEY_SWITCH: stored = units_switch(value, at, error); break;
    case KEY_NUMBER: stored = units_number(value, 0, row->max, at, error); break;
    case KEY_SIZE: stored = units_size(value, MIB, at, error); break;
    case KEY_CHOICE:
    case KEY_FIXED: return choice_store(option, row, value, at, error);
    }
    if (!stored) {
        g_prefix_error(error, "%s: %s: ", option, row->name);
    }
    return stored;
}

static bool takes_flag(const struct key_row *row)
{
    return row && (row->kind == KEY_SWITCH || row->kind == KEY_FIXED || row->kind == KEY_CHOICE);
}

static bool pair_store(const char *option, const struct key_row *rows, const struct key_pair *pair,
                       const char *implied, void *into, GError **error)
{
    const char *key = pair->key ? pair->key : implied, *value = pair->value;
    if (!pair->key && (!implied || takes_flag(row_find(rows, value)))) {
        key = value;
        value = NULL;
    }
    const struct key_row *row = row_find(rows, key);
    if (!row && !value && g_str_has_prefix(key, "no") && takes_flag(row_find(rows, key + 2))) {
        row = row_find(rows, key + 2);
        value = "off";
    }
    if (!row) {
        return key_unknown(option, rows, key, error);
    }
    if (!value && !takes_flag(row)) {
        return usage_error(error, "%s: property '%s' needs a value: %s=...", option, key, key);
    }
    return row_store(option, row, value ? value : "on", into, error);
}

bool keys_parse(const char *option, const char *text, const char *implied,
                const struct key_row *rows, void *into, GError **error)
{
    g_autoptr(GPtrArray) pairs = keys_split(text);
    for (guint i = 0; i < pairs->len; i++) {
        const struct key_pair *pair = pairs->pdata[i];
        bool nothing = !pair->key && pairs->len > 1 && !*pair->value;
        if (!nothing && !pair_store(option, rows, pair, i ? NULL : implied, into, error)) {
            return false;
        }
    }
    return true;
}

void keys_clear(const struct key_row *rows, void *into)
{
    for (const struct key_row *row = rows; row->name; row++) {
        void *at = (char *)into + row->offset;
        switch (row->kind) {
        case KEY_STRING: g_clear_pointer((char **)at, g_free); break;
        case KEY_STRINGS: g_clear_pointer((char ***)at, g_strfreev); break;
        case KEY_SWITCH: *(bool *)at = false; break;
        case KEY_NUMBER:
        case KEY_SIZE: *(uint64_t *)at = 0; break;
        case KEY_CHOICE: *(unsigned *)at = 0; break;
        case KEY_FIXED: break;
        }
    }
}

char *keys_help(const struct key_row *rows)
{
    GString *text = g_string_new(NULL);
    for (const struct key_row *row = rows; row->name; row++) {
        g_autofree char *all = row->choices ? g_strjoinv("|", (char **)row->choices) : NULL;
        g_autofree char *left = g_strdup_printf("%s=%s", row->name, all ? all : "...");
        g_string_append_printf(text, "  %-28s %s\n", left, row->help ? row->help : "");
    }
    return g_string_free(text, FALSE);
}
