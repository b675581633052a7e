/*
 * Saving a machine and loading it again: into the same one, or into one that was made with the same
 * options by another process on any host. docs/snapshots.md says what is saved and what is not.
 *
 * All calls on the machine thread with the machine lock held.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/block/manage.h"
#include "emu/machine.h"

#define STATE_FILE_PREFIX "file:"

/* How long a save took, and how long the machine stood: while it was copied, and while its memory
 * was put together again at the end. */
struct machine_save_times {
    int64_t took_ns, stood_ns, stood_after_ns;
};

/* Called once what was to be saved is there, or, with an error, will not be. */
typedef void machine_saved_fn(void *opaque, const struct machine_save_times *times,
                              const GError *error);

/* Begins to save to a file, which appears once it is complete: the machine as it is now. It stands
 * for the time that its devices need, then it goes on if it ran. False and `error`: nothing has
 * changed, and `done` is not called. */
bool machine_save_start(struct machine *machine, const char *path, machine_saved_fn *done,
                        void *opaque, GError **error);

/* Begins to save the machine and all its writable disks, as they are now, under a name in the
 * images of the disks: those must be of a format that holds snapshots. What had the name is removed
 * once the new one is there. The rest is as for a file. */
bool machine_snapshot_start(struct machine *machine, const char *name, machine_saved_fn *done,
                            void *opaque, GError **error);

/* Whether a file can hold all that the machine has: not, if it has a disk in memory. */
bool machine_fits_file(const struct machine *machine, GError **error);

/* Gives up what was begun, soon: `done` is called all the same. Gives up waiting for the disks'
 * requests, too, before anything is saved or loaded. */
void machine_save_cancel(struct machine *machine);

/* Whether the machine stands until its disks' requests have ended, to be saved or loaded then. */
bool machine_settling(const struct machine *machine);

/* Whether the machine is being saved, and how far that is, in bytes of memory. */
bool machine_save_progress(const struct machine *machine, uint64_t *ret_done, uint64_t *ret_total);

/* Saves to "file:PATH" or under a name, and returns when it is there; the loop runs meanwhile, and
 * so does the machine. */
bool machine_save_named(struct machine *machine, const char *name,
                        struct machine_save_times *ret_times, GError **error);

/* The same to a file. */
bool machine_save(struct machine *machine, const char *path, GError **error);

/* The path behind "file:", or NULL: it is the name of a snapshot. */
const char *machine_name_path(const char *name);

/* Loads what was saved to a file. Everything is read and checked first: false and `error` name what
 * is wrong, and the machine goes on as if nobody had asked. Afterwards it runs if it ran before. */
bool machine_load(struct machine *machine, const char *path, GError **error);

/* Goes back to a snapshot, with the disks. Everything is checked first; false and `error`: nothing
 * has changed, unless the error says that a disk could not be brought back as the others were: then
 * the machine stands. */
bool machine_snapshot_load(struct machine *machine, const char *name, GError **error);

/* Loads by what a user says: "file:PATH", or the name of a snapshot. */
bool machine_load_named(struct machine *machine, const char *name, GError **error);

/* Removes a snapshot from all disks. */
bool machine_snapshot_delete(struct machine *machine, const char *name, GError **error);

/* The snapshots that all writable disks have, with a state of the machine; free with
 * node_snapshots_free. */
bool machine_snapshot_list(struct machine *machine, struct node_snapshot **ret_list,
                           unsigned *ret_count, GError **error);

/* What the machine consists of, as far as a saved one must agree: lines of "key: value"; and when
 * its disks were written, for a state without them. Free with g_free. */
char *machine_describe(const struct machine *machine, bool with_times);
