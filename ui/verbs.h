/* What the program can be asked by name: `tinamou VERB ...`. */
#pragma once

#include <stdbool.h>

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

/* Runs a program, a kernel or a disk. */
int verb_run(const char *const *arguments);

/* Reports what this host has and what is missing. */
int verb_doctor(const char *const *arguments);

/* Prints what verbs and options there are. */
int verb_help(const char *const *arguments);

/* Prints the version. */
int verb_version(const char *const *arguments);

/* Finds and runs the verb that is the first argument. */
int verb_dispatch(const char *const *arguments);
