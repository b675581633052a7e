/*
 * Saving a machine that goes on meanwhile, wherever it is saved to. Private to emu/machine*.c.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/machine_state.h"
#include "emu/state/file.h"

/* Where a machine is saved to. */
struct saving_target {
    /* The machine stands: whatever must be of just this moment. Optional. Machine thread. */
    bool (*begin)(void *opaque, GError **error);
    /* Takes the state. On a thread of its own, like `keep`. */
    struct state_sink sink;
    /* All of the state was taken: makes it last. */
    bool (*keep)(void *opaque, GError **error);
    /* Gives it up, after `begin` or `keep` failed or in between. Either thread. */
    void (*drop)(void *opaque);
    /* The end. Machine thread. */
    void (*free)(void *opaque);
    void *opaque;
    bool with_times; /* the state holds no disks: it says when they were written */
};

/* Begins; takes the target, also when that fails. See machine_save_start. */
bool machine_saving_start(struct machine *machine, const struct saving_target *target,
                          machine_saved_fn *done, void *opaque, GError **error);

/* Whether it is not being saved. */
bool machine_not_saving(const struct machine *machine, GError **error);
