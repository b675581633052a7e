/* The options of the command line: one table, from which parser, help and suggestions read. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/plan.h"

/* Takes an option into the plan. `value` is NULL for options without one. */
typedef bool option_fn(struct plan *plan, const char *value, GError **error);

struct option {
    const char *name;      /* without dashes */
    const char *alias;     /* another name, or NULL */
    const char *parameter; /* what follows, for help; NULL: nothing does */
    const char *help;      /* NULL: known, but this program does not do it */
    option_fn *fn;         /* with help NULL: not called */
    const char *instead;   /* with help NULL: what to do without it */
};

/* All of them, in the order of the help text; ends with a null name. */
extern const struct option options[];

/* Takes all arguments (without the program's name) into the plan: only what they say, see
 * plan_check. False and `error` name the option, and what to do next. */
bool options_parse(struct plan *plan, const char *const *arguments, GError **error);

/* The text of --help; free with g_free. */
char *options_help(void);
