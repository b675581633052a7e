/* What the files about twins know of each other: private to emu/machine_fork*.c, machine_twin.c. */
#pragma once

#include "emu/machine_fork.h"
#include "emu/machine_parts.h"
#include "platform/handle.h"

/* The word that a twin's command line begins with; what was handed over follows. */
#define TWIN_VERB "twin"

/* What a twin is told and given, while it is put together. */
struct fork_pack {
    GKeyFile *keys;    /* numbers of `inherited`, and what is said about them */
    GArray *inherited; /* of intptr_t: all that is handed over */
    GArray *held;      /* those of them that are only kept open, for their locks */
    GPtrArray *files;  /* of struct host_file: closed here once they are handed over */
};

/* Groups and keys. */
#define PACK_TWIN   "twin"
#define PACK_MEMORY "memory "
#define PACK_DRIVE  "drive "

/* Hands over what the host knows as `os`. */
void fork_pack_os(struct fork_pack *pack, const char *group, const char *key, intptr_t os);

/* Hands over a file, which is taken. */
void fork_pack_file(struct fork_pack *pack, const char *group, const char *key,
                    struct host_file *file);

/* Ids of the disks that are shared by a snapshot. */
struct fork_shared {
    GPtrArray *begun, *kept; /* the first have it in memory alone */
};

/* Makes each disk of a machine that stands what a twin can begin with; `shared` is right also when
 * it fails. */
bool fork_disks_freeze(struct machine *machine, const struct machine_config *config,
                       const char *snapshot, struct fork_pack *pack, struct fork_shared *shared,
                       GError **error);

/* Writes the snapshots into the images. The machine may go on meanwhile. */
bool fork_disks_keep(struct machine *machine, struct fork_shared *shared, GError **error);

/* Gives them up. */
void fork_disks_thaw(struct machine *machine, const char *snapshot, struct fork_shared *shared);

/* Deletes what twins have left that are no more, since nobody else has the images: whoever may
 * write to them now has waited for the last twin. */
void fork_disks_clean(struct machine *machine);

/* A name for snapshots that nothing else has. */
char *fork_snapshot_name(unsigned number);

/* Removes a twin's folder with the files in it. */
void fork_folder_remove(const char *path);

/* Hands over what this machine was given itself. */
void machine_twin_pass_on(const struct machine_twin *twin, struct fork_pack *pack);

/* Puts what it was given into a machine that was just made. */
bool machine_twin_take(struct machine_twin *twin, struct machine *machine, GError **error);

/* Prepares the list of a machine's twins. */
void machine_forks_init(struct machine *machine);

/* Ends all that is left of the machine's twins in this process; they live on. */
void machine_forks_free(struct machine *machine);
