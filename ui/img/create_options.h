/* What a new image shall be: -o NAME=VALUE,... */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/img/parts.h"

/* Values of -o that were given; strings live as long as it does. */
struct img_create_options {
    struct node_create create; /* path, size and backing file are the verb's to fill in */
    bool has_size;
    bool help;             /* -o help */
    const char *given[24]; /* by row of the table in create_options.c: the text, or NULL */
    GPtrArray *texts;      /* owns the strings */
};

/* Begins with nothing given. */
void img_create_options_init(struct img_create_options *options);

/* Frees what it owns. */
void img_create_options_clear(struct img_create_options *options);

/* Reads one -o; later values win. False and `error` name the option, and the one that was meant. */
bool img_create_options_add(struct img_create_options *options, const char *text, GError **error);

/* Whether everything given is for images of `format`; false and `error` if not. */
bool img_create_options_check(const struct img_create_options *options, const char *format,
                              GError **error);

/* What was given for an option, NULL if nothing. */
const char *img_create_options_given(const struct img_create_options *options, const char *name);

/* Prints what there is for `format`; returns the exit status. */
int img_create_options_help(const struct img *img, const char *format);

/* The line that says what is being made. */
void img_create_options_print(const struct img *img, const struct img_create_options *options,
                              const char *format);
