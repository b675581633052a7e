/* What the program can be asked by name: `tinamou VERB ...`. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/plan.h"

/* Does what `arguments` (the verb first, NULL-terminated) say; returns the exit status. */
typedef int verb_fn(const char *const *arguments);

struct verb {
    const char *name, *parameters, *help;
    verb_fn *fn;
};

/* All of them, in the order of the help text; ends with a null name. */
extern const struct verb verbs[];

/* Who called, and so how the program behaves where people and scripts differ. */
enum face {
    FACE_SCRIPT,     /* options, as scripts pass them */
    FACE_COMPATIBLE, /* the same, by the well-known emulator's name */
    FACE_PERSON,     /* a verb */
};

/* Runs a machine as the options say. */
int verb_machine(const char *const *arguments, enum face face);

/* Checks and runs what a plan asks for, or prints its answer. False and `error` when it cannot
 * start; the plan stays the caller's. */
bool verb_run_plan(struct plan *plan, int *ret_status, GError **error);

/* Prints an error as a person should read it and frees it; returns the exit status. */
int verb_fail(GError *error);

/* Runs a program, a kernel or a disk. */
int verb_run(const char *const *arguments);

/* Whether verb_run would know what to do with that file; false and `error`: why not. */
bool verb_run_can(const char *path, GError **error);

/* Runs the built-in guest. */
int verb_demo(const char *const *arguments);

/* Looks at saved machines, and loads them. */
int verb_snap(const char *const *arguments);

/* Asks a running machine for a twin. */
int verb_fork(const char *const *arguments);

/* Reports what this host has and what is missing. */
int verb_doctor(const char *const *arguments);

/* Prints what verbs and options there are. */
int verb_help(const char *const *arguments);

/* Prints the version. */
int verb_version(const char *const *arguments);

/* Whether there is a verb of that name. */
bool verb_is_known(const char *name);

/* Finds and runs the verb that is the first argument. */
int verb_dispatch(const char *const *arguments);
