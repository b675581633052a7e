/*
 * Lists of the form "value,key=value,flag": split once, and stored by a table of keys. A comma in a
 * value is written twice. "flag" means flag=on, and "noflag" flag=off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

enum key_kind {
    KEY_STRING,  /* char * */
    KEY_STRINGS, /* char **: each use adds one */
    KEY_SWITCH,  /* bool */
    KEY_NUMBER,  /* uint64_t, at most `max` */
    KEY_SIZE,    /* uint64_t in bytes; a bare number counts MiB */
    KEY_CHOICE,  /* unsigned: index into `choices` */
    KEY_FIXED,   /* stored nowhere: only the values in `choices` are supported */
};

/* One key. The offset is into the struct that keys_parse fills. */
struct key_row {
    const char *name; /* NULL ends a table */
    enum key_kind kind;
    size_t offset;
    const char *help;
    const char *const *choices; /* NULL-terminated */
    unsigned long long max;
};

/* One piece of a list. */
struct key_pair {
    char *key;   /* NULL for the first piece if it is a bare value */
    char *value; /* NULL for a bare flag */
};

/* Splits; the first piece may be a bare value. Free with g_ptr_array_unref. */
GPtrArray *keys_split(const char *text);

/* Stores a list into `into` by the table. A bare first piece is the value of `implied` (NULL: not
 * allowed). `option` names the place in errors ("-drive"). What was there before is freed, except
 * that KEY_STRINGS grow. False: `into` still owns what it holds; keys_clear it. NULL will do for a
 * table of KEY_FIXED. */
bool keys_parse(const char *option, const char *text, const char *implied,
                const struct key_row *rows, void *into, GError **error);

/* Frees the strings of a struct and zeroes the fields of the table. */
void keys_clear(const struct key_row *rows, void *into);

/* One line for each key, for help texts; free with g_free. */
char *keys_help(const struct key_row *rows);
