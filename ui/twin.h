/*
 * This process as the twin of a machine (emu/machine_fork.h), and how its machine gets twins: what
 * the command line says, with streams and files of its own.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/plan.h"

/* Looks whether this process was started as a twin. Returns the command line that the machine's was
 * started with, the program first; free it with g_free, its strings are those of `arguments`. NULL
 * and `error`: nothing was handed over. Once, before all below. */
const char *const *twin_begin(const char *const *arguments, GError **error);

/* Makes a checked plan one that can have twins, and that of a twin if this is one. */
bool twin_plan(struct plan *plan, GError **error);

/* In a twin: tells whoever made it that its machine is ready, and waits for the word to go on;
 * false: it must end. Elsewhere true. */
bool twin_ready(struct machine *machine);

/* In a twin: tells whoever made it why it does not come to that, if it has not. */
void twin_fail(const char *why);

/* Lets go of what was handed over; nothing else of the machine is there any more. */
void twin_end(void);
