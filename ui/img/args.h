/* Command lines as getopt_long reads them: clusters of letters, --name=value, operands anywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

/* Ids are letters, or this and more for options without one. */
#define IMG_OPTION_LONG 256

/* One option; a table ends with an id of 0. */
struct img_option {
    int id;
    const char *name; /* without dashes, or NULL */
    enum { IMG_NO_VALUE, IMG_VALUE, IMG_MAYBE_VALUE /* only with '=' */ } value;
};

/* A walk along the arguments. */
struct img_args {
    const struct img_option *options;
    const char *const *arguments; /* what follows the verb */
    const char *cluster;          /* what is left of "-abc" */
    const char *value;            /* of the last option */
    bool only_operands;           /* after "--" */
    GPtrArray *operands;          /* const char *, then NULL at the end of the walk */
};

/* Begins; `arguments` begin with the verb. */
void img_args_init(struct img_args *args, const struct img_option *options,
                   const char *const *arguments);

/* Frees the list of operands. */
void img_args_clear(struct img_args *args);

/* The id of the next option, 0 at the end; -1 and `error` name what is wrong, and the option that
 * was probably meant. */
int img_args_next(struct img_args *args, GError **error);

/* The operand of that number, NULL if there are fewer. */
const char *img_args_operand(const struct img_args *args, unsigned index);

/* Whether there are from `min` to `max` operands; false and `error` say what is missing (`what`) or
 * too much. */
bool img_args_count(const struct img_args *args, unsigned min, unsigned max, const char *what,
                    GError **error);
