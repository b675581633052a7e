/*
 * Saving a machine and loading it again: into the same one, or into one that was made with the same
 * options by another process on any host. docs/snapshots.md says what is saved and what is not.
 *
 * All calls on the machine thread with the machine lock held.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/machine.h"

/* Saves to a file, which appears once it is complete. The machine stands meanwhile, and then goes
 * on if it ran. False and `error`: nothing has changed. */
bool machine_save(struct machine *machine, const char *path, GError **error);

/* Loads what was saved to a file. Everything is read and checked first: false and `error` name what
 * is wrong, and the machine goes on as if nobody had asked. Afterwards it runs if it ran before. */
bool machine_load(struct machine *machine, const char *path, GError **error);

/* What the machine consists of, as far as a saved one must agree: lines of "key: value"; free with
 * g_free. */
char *machine_describe(const struct machine *machine);
