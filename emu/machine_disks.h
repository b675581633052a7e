/*
 * The writable disks of a machine as a whole, for snapshots in their images. Private to
 * emu/machine*.c. Calls by the machine thread, which polls until they are done, or by a thread that
 * has no loop, which sleeps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/manage.h"
#include "emu/machine.h"
#include "platform/thread.h"

/* In the order of their ids. */
struct disks {
    GPtrArray *ids;   /* of the table's own strings */
    GPtrArray *nodes; /* of struct block_node */
    uint64_t home;    /* the machine thread */
};

/* What is done to one disk, in a coroutine of its own. */
enum disk_job {
    DISK_FLUSH,
    DISK_SETTLE, /* as closing leaves it */
    DISK_LIST,
    DISK_BEGIN,  /* a snapshot, in steps: see struct block_driver */
    DISK_APPEND,
    DISK_KEEP,
    DISK_DROP,
    DISK_APPLY,
    DISK_DELETE,
    DISK_OPEN, /* the image once more, with the contents of a snapshot */
    DISK_CLOSE,
    DISK_READ, /* of the machine's state */
};

struct disk_call {
    enum disk_job job;
    struct block_node *node;
    struct machine *machine; /* whose loop a disk is opened on */
    const char *name;
    const struct node_snapshot *snapshot;
    struct node_snapshot *list;
    unsigned count;
    uint64_t offset;
    void *data;
    size_t size;
    /* Private. */
    bool ok, over;
    GError *error;
    struct host_mutex mutex;
    struct host_cond cond;
};

/* Finds the disks; false if one of them cannot hold a snapshot, or there is none. */
bool disks_find(struct machine *machine, struct disks *ret_disks, GError **error);

/* Forgets them. */
void disks_clear(struct disks *disks);

/* Does it, and waits for its end. */
bool disk_do(const struct disks *disks, struct disk_call *call, GError **error);

/* Begins it, by a thread that has no loop; disk_wait ends it. */
void disk_send(struct disk_call *call);

/* Waits for the end of what was sent. */
bool disk_wait(struct disk_call *call, GError **error);

/* A disk's list, to be freed by node_snapshots_free; false if it cannot be read. */
bool disk_list(const struct disks *disks, struct disk_call *call, struct block_node *node,
               GError **error);

/* The last one of that name in a list, from entry `end` down; -1 if there is none. */
int disk_list_last(const struct disk_call *call, unsigned end, const char *name);

/* A snapshot of a name may be there twice while it is made anew. */
enum disk_which { WHICH_ALL, WHICH_OLDER, WHICH_LAST };

/* Deletes snapshots of a name from one disk; *ret_found: whether there was one. */
bool disk_delete(const struct disks *disks, struct block_node *node, const char *name,
                 enum disk_which which, bool *ret_found, GError **error);

/* The same on all of them. */
bool disks_delete(const struct disks *disks, const char *name, enum disk_which which,
                  bool *ret_found, GError **error);

/* Flushes all of them. */
bool disks_flush(const struct disks *disks, GError **error);
