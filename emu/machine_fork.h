/*
 * Twins: another process goes on from where a running machine is now, with the same memory and
 * disks, of which each copies what it changes. docs/fork.md says how.
 *
 * All calls on the machine thread with the machine lock held, unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/machine.h"

/* What was made of a wish for a twin. */
struct machine_forked {
    uint64_t process;     /* its number */
    int64_t stood_ns;     /* how long the machine stood */
    int64_t ready_ns;     /* until the twin ran */
    char *name;
    char *told;           /* what the twin says about itself: lines */
};

/* Makes a twin of a machine that was made of `config`, and waits until it runs; the machine stands
 * for a moment only. `name` NULL: one is found, from `base` if that is not NULL. False and `error`:
 * nothing has changed. Clear the result with machine_forked_clear. */
bool machine_fork(struct machine *machine, const struct machine_config *config, const char *name,
                  const char *base, struct machine_forked *ret_forked, GError **error);

/* Frees the strings. */
void machine_forked_clear(struct machine_forked *forked);

/* Adds a line for each twin that runs; returns how many. */
unsigned machine_fork_list(const struct machine *machine, GString *out);

/* Whether a snapshot of the disks is what a twin stands on. */
bool machine_fork_uses(const struct machine *machine, const char *snapshot);

/* --- in the twin --- */

struct machine_twin;

/* Takes what this process was given, by the word on its command line; NULL and `error` if that is
 * nothing. Any thread. */
struct machine_twin *machine_twin_open(const char *word, GError **error);

/* Closes; who made it hears of it. Accepts NULL. Any thread. */
void machine_twin_free(struct machine_twin *twin);

/* Its name. */
const char *machine_twin_name(const struct machine_twin *twin);

/* Its own folder, for sockets and the like; removed at its end. */
const char *machine_twin_folder(const struct machine_twin *twin);

/* Makes a configuration, as the machine's was, the twin's. Any thread. */
bool machine_twin_configure(struct machine_twin *twin, struct machine_config *config,
                            GError **error);

/* Adds a line to what whoever made it will be told. */
void machine_twin_note(struct machine_twin *twin, const char *text);

/* Tells, with the notes so far, that its machine is ready, and waits for the word to go on. False:
 * whoever made it has given it up, or is gone: it must end. */
bool machine_twin_ready(struct machine_twin *twin, struct machine *machine);

/* Tells why it does not come to that; nothing if it has. Any thread. */
void machine_twin_fail(struct machine_twin *twin, const char *why);
