/*
 * An open qcow2 image, and what the parts of its driver know of each other. docs/qcow2.md has the
 * order of writes that keeps an image whole whenever the host stops.
 *
 * Locks, outermost first: `gate` (requests read it, whole-image operations write it), `commit`
 * (one commit at a time), `lock` (who changes mappings or reference counts over waits).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "emu/block/qcow2/cache.h"
#include "emu/block/qcow2/format.h"

/* Clusters that nothing leads to any more once the tables in memory are written. */
struct freed {
    uint64_t cluster, count;
    bool table; /* they were an L2 table: forget what is cached of it */
};

/* A write under way into clusters that were just allocated. */
struct allocation {
    uint64_t first, count; /* guest clusters */
    struct co_queue waiting;
    struct allocation *next;
};

/* Transfers under way, so that clusters are not used again before those have ended that may have
 * looked them up earlier. */
struct grace {
    unsigned inside[2], now;
    struct co_queue empty;
};

struct qcow2_snapshot {
    uint64_t l1_offset;
    uint32_t l1_entries;
    uint32_t date_s, date_ns;
    uint64_t clock_ns, state_size, disk_size, icount;
    char *id, *name;
    uint8_t *extra; /* what stands behind the known extra data */
    uint32_t extra_size;
};

struct qcow2 {
    struct block_node *node, *file, *data; /* data == file without an external one */
    struct qcow2_header header;
    uint8_t head[QCOW2_HEAD]; /* as it stands in the file */
    char *backing_name, *backing_format, *data_name;
    unsigned cluster_bits, l2_bits, slice_bits; /* the last: of bytes */
    uint64_t cluster_size;
    bool external, lazy, writable;
    bool prepared;  /* qcow2_before_write has been here */
    bool half_done; /* a change to the whole image failed on its way: the next writer repairs */
    int failed;     /* a flush failed: what the file holds is not known any more */

    uint64_t *l1;
    uint32_t l1_entries;
    uint8_t *l1_dirty; /* by entry */
    unsigned l1_dirty_count;
    uint64_t *reftable;
    uint32_t reftable_entries;
    struct slice_cache tables, refcounts;

    uint64_t free_hint;  /* no cluster below is free */
    uint64_t packed_end; /* where the next compressed cluster goes, 0: anew */
    GArray *freed;       /* struct freed; since the last commit began */
    GArray *freed_next;  /* their removal is written, but maybe not on stable storage */
    uint64_t freed_clusters;

    struct qcow2_snapshot *snapshots;
    unsigned snapshot_count;
    uint64_t snapshots_size; /* bytes of the table in the file */
    struct qcow2_taking *taking; /* NULL: none is being taken */

    struct co_rwlock gate;
    struct co_mutex commit, lock;
    struct allocation *allocations;
    struct grace grace;
};

/* A snapshot that is being taken: its tree is there, no list has it yet. */
struct qcow2_taking {
    struct qcow2_snapshot snapshot;
    uint64_t *l1; /* of its own; the machine's state behind what is the disk's */
    uint64_t state_first; /* guest cluster where the state begins */
    uint64_t state_clusters; /* written so far */
    uint8_t *table; /* the L2 table that the next of them belong to, as it will be in the file */
    uint8_t *rest;  /* bytes of the state that do not fill a cluster yet */
    size_t rest_size;
};

enum map_kind { MAP_NONE, MAP_ZERO, MAP_DATA, MAP_COMPRESSED };

/* What a run of guest clusters leads to. */
struct mapping {
    enum map_kind kind;
    bool copied;    /* its refcount is one: may be written in place, or used again */
    uint64_t entry; /* the first one */
    uint64_t host;  /* of the first cluster; MAP_ZERO: 0 if it has none */
    uint64_t count; /* clusters, at least 1; their hosts follow each other */
};

/* --- grace.c: transfers under way --- */

/* Begins a transfer; nothing that was looked up in it is used for something else before its end.
 * The caller must not commit meanwhile. */
unsigned qcow2_enter(struct qcow2 *q);

/* Ends it. */
void qcow2_leave(struct qcow2 *q, unsigned token);

/* Waits until all transfers have ended that are under way now. */
void qcow2_wait_grace(struct qcow2 *q);

/* Waits until no allocation overlaps these guest clusters; `lock` is held and given up meanwhile.
 * Returns how many of them at the front are free of any, if that is not zero at once. */
uint64_t qcow2_wait_allocations(struct qcow2 *q, uint64_t first, uint64_t count);

/* Lists an allocation. */
void qcow2_allocation_begin(struct qcow2 *q, struct allocation *allocation);

/* Takes it off and wakes who waits. */
void qcow2_allocation_end(struct qcow2 *q, struct allocation *allocation);

/* --- header.c, open.c --- */

/* Reads from a file or data file; zeros behind its end. */
int qcow2_read_host(struct block_node *host, uint64_t offset, uint64_t size,
                    const struct host_vec *vec, unsigned count);

/* Writes the fixed fields of the header as they are in memory: one sector, all or nothing. */
int qcow2_write_head(struct qcow2 *q);

/* Flushes what guest data and metadata lie in. A failure is remembered, but for missing room: then
 * the file remembers it if what it had taken may be lost. */
int qcow2_sync(struct qcow2 *q);

/* Sets or clears the dirty bit, which the next flush makes stable; nothing for version 2. */
int qcow2_mark_dirty(struct qcow2 *q, bool dirty);

/* The same, and stable. */
int qcow2_set_dirty(struct qcow2 *q, bool dirty);

/* The image's metadata makes no sense: marks it corrupt if it may be written, and returns
 * FILE_ERROR_IO. */
int qcow2_corrupt(struct qcow2 *q);

/* Before the first change to an image. */
int qcow2_before_write(struct qcow2 *q);

/* --- map.c: where guest clusters lie --- */

/* Looks up at most `count` guest clusters from `first`. 0 or an enum file_error. In a transfer, or
 * with `lock` held. */
int qcow2_map(struct qcow2 *q, uint64_t first, uint64_t count, struct mapping *ret_mapping);

/* Makes sure that the L2 table of a guest cluster is there and may be changed. `lock` is held. */
int qcow2_map_prepare(struct qcow2 *q, uint64_t first);

/* Sets `count` entries of one prepared table, from that of guest cluster `first`, to `entry`, whose
 * offset grows by `step` each; frees what they led to unless `keep`. `lock` is held. */
int qcow2_map_set(struct qcow2 *q, uint64_t first, uint64_t count, uint64_t entry, uint64_t step,
                  bool keep);

/* Clusters left in the slice of a table that holds the entry of cluster `first`. */
uint64_t qcow2_map_left(const struct qcow2 *q, uint64_t first);

/* The same for the whole table. */
uint64_t qcow2_table_left(const struct qcow2 *q, uint64_t first);

/* Frees what an L2 entry leads to. */
void qcow2_free_entry(struct qcow2 *q, uint64_t entry);

/* Where the bytes of a compressed cluster lie. */
void qcow2_packed_range(const struct qcow2 *q, uint64_t entry, uint64_t *ret_offset,
                        uint64_t *ret_size);

/* --- refcount.c: who uses a host cluster --- */

/* The number of references, from the tables. */
int qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *ret_count);

/* Adds to it; FILE_ERROR_NO_SPACE if it would not fit. `lock` is held. */
int qcow2_refcount_add(struct qcow2 *q, uint64_t cluster, int64_t change);

/* Sets it; the refcount block is there. */
int qcow2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t count);

/* The largest it can hold. */
uint64_t qcow2_refcount_max(const struct qcow2 *q);

/* Sets one entry of a refcount block in memory. */
void qcow2_refblock_set(const struct qcow2 *q, uint8_t *block, uint64_t index, uint64_t count);

/* Host clusters that one refcount block covers. */
uint64_t qcow2_refblock_entries(const struct qcow2 *q);

/* Frees clusters, once the tables as they are now in memory are on stable storage. */
void qcow2_free(struct qcow2 *q, uint64_t cluster, uint64_t count, bool table);

/* --- alloc.c: finding host clusters --- */

/* Takes up to `count` clusters that follow each other, at least one. `lock` is held. */
int qcow2_alloc(struct qcow2 *q, uint64_t count, uint64_t *ret_cluster, uint64_t *ret_count);

/* Takes exactly `count` clusters that follow each other. `lock` is held. */
int qcow2_alloc_area(struct qcow2 *q, uint64_t count, uint64_t *ret_cluster);

/* Takes bytes for a compressed cluster. `lock` is held. */
int qcow2_alloc_bytes(struct qcow2 *q, uint64_t size, uint64_t *ret_offset);

/* --- grow.c: more refcount blocks --- */

/* Makes refcount blocks for `count` clusters from `first`; new ones go behind these. `lock` is
 * held. */
int qcow2_cover(struct qcow2 *q, uint64_t first, uint64_t count);

/* --- commit.c: the order of metadata writes --- */

/* Hands all metadata to the file in an order that keeps the image whole. The last of it is not
 * flushed. Outside of a transfer, without `lock`. */
int qcow2_commit(struct qcow2 *q);

/* Commits if much is waiting for it. */
int qcow2_commit_crowded(struct qcow2 *q);

/* Commits, flushes and releases what was freed, until all is on stable storage. */
int qcow2_settle(struct qcow2 *q);

/* Says that L1 entry `index` has changed. */
void qcow2_l1_mark(struct qcow2 *q, uint32_t index);

/* --- transfers --- */

/* Reads guest data; struct block_driver. */
int qcow2_read(struct block_node *node, uint64_t offset, uint64_t size, const struct host_vec *vec,
               unsigned count);

/* The same inside of the gate, also behind the disk's end. */
int qcow2_read_inside(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                      unsigned count);

/* Reads what a mapping of unshared or shared clusters shows, `skip` bytes into it. In a transfer.
 */
int qcow2_read_mapping(struct qcow2 *q, const struct mapping *mapping, uint64_t offset,
                       uint64_t size, const struct host_vec *vec, unsigned count);

/* Writes guest data; struct block_driver. */
int qcow2_write(struct block_node *node, uint64_t offset, uint64_t size, const struct host_vec *vec,
                unsigned count, unsigned flags);

/* The same inside of the gate, also behind the disk's end. */
int qcow2_write_inside(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                       unsigned count);

/* Writes whole clusters compressed; inside of the gate. */
int qcow2_write_compressed(struct qcow2 *q, uint64_t offset, uint64_t size,
                           const struct host_vec *vec, unsigned count);

/* Unpacks the cluster of an L2 entry into memory of a cluster's size. In a transfer. */
int qcow2_unpack(struct qcow2 *q, uint64_t entry, uint8_t *cluster);

/* Makes guest clusters read as zeros; struct block_driver. */
int qcow2_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags);

/* Gives up guest clusters; struct block_driver. */
int qcow2_discard(struct block_node *node, uint64_t offset, uint64_t size);

/* How clusters are given up: they read as zeros, or as if they had never been written. */
enum drop_kind { DROP_KEEP_HOST, DROP_TO_ZERO, DROP_FULLY };

/* The same inside of the gate, whole clusters, also behind the disk's end. */
int qcow2_drop(struct qcow2 *q, uint64_t first, uint64_t count, enum drop_kind kind);

/* --- tree.c: L1 tables as a whole. `gate` is written, or the image is being opened --- */

/* Reads a table of 64-bit numbers, which begins on a cluster boundary: g_malloc'd. */
int qcow2_l1_load(struct qcow2 *q, uint64_t offset, uint32_t entries, uint64_t **ret_table);

/* Writes one whole. */
int qcow2_l1_store(struct qcow2 *q, uint64_t offset, const uint64_t *table, uint32_t entries);

/* Adds 1 to the refcounts of all that an L1 table leads to, L2 tables included, and clears the
 * copied flags of it all. Nothing of the tables is cached. */
int qcow2_tree_share(struct qcow2 *q, uint64_t *l1, uint32_t entries);

/* Frees all of it. */
int qcow2_tree_free(struct qcow2 *q, const uint64_t *l1, uint32_t entries);

/* Sets the copied flags of the active tables by their refcounts; how many were wrong is added to
 * *wrong. `report` may be NULL; `fix`: else it only looks. `mended`: leaks were taken back, so that
 * flags are expected to be missing: they are set in any case, and not counted. */
int qcow2_tree_flags(struct qcow2 *q, bool fix, bool mended, uint64_t *wrong,
                     void (*report)(void *opaque, const char *line), void *opaque);

/* L1 entries that a disk of a size needs. */
uint64_t qcow2_l1_needed(const struct qcow2 *q, uint64_t size);

/* Takes `l1` (g_malloc'd), writes it to a place of its own, makes the header lead to it, and frees
 * the place of the old one. With it the size of the disk changes. The image is settled before. */
int qcow2_l1_replace(struct qcow2 *q, uint64_t *l1, uint32_t entries, uint64_t size);

/* Makes the header lead to tables that are stable, and what they need too; stable itself. */
int qcow2_switch_head(struct qcow2 *q, const struct qcow2_header *to);

/* Makes the active L1 table at least `entries` long. */
int qcow2_l1_grow(struct qcow2 *q, uint64_t entries);

/* --- snapshot_table.c --- */

/* Reads the snapshot table; false and `error` if it makes no sense. */
bool qcow2_snapshots_load(struct qcow2 *q, GError **error);

/* Forgets it. */
void qcow2_snapshots_free(struct qcow2 *q);

/* Writes a table of the first `count` snapshots and the header that leads to it, both stable, and
 * frees the old one. `gate` is written. */
int qcow2_snapshots_store(struct qcow2 *q, unsigned count);

/* Bytes that the table in the file takes. */
uint64_t qcow2_snapshots_size(const struct qcow2 *q, unsigned count);

/* --- snapshot.c, snapshot_take.c: changes to the whole image --- */

/* Begins one, with `gate` written: all is stable, nothing cached, the image marked dirty. The end
 * follows whatever this returns. */
int qcow2_change_begin(struct qcow2 *q);

/* Ends it: all is stable, or, after a failure, repaired. `flags`: the copied flags do not fit the
 * counts. Returns `result`, or how this failed. */
int qcow2_change_end(struct qcow2 *q, int result, bool flags);

/* Whether no snapshot is being taken, during which `what` cannot be done. */
bool qcow2_not_taking(const struct qcow2 *q, const char *what, GError **error);

/* --- whole-image operations --- */

/* The same as struct block_driver's check, inside of the written gate. */
int qcow2_check_inside(struct qcow2 *q, struct node_check *check);

/* Where the machine's state begins, behind the disk. */
uint64_t qcow2_state_start(const struct qcow2 *q);

/* Writes zeros over part of a cluster that may not read so. */
int qcow2_zero_part(struct qcow2 *q, uint64_t offset, uint64_t size);

/* An error with the image's name, what was tried and what the host said; returns false. */
bool qcow2_fails(const struct qcow2 *q, int result, const char *what, GError **error);

/* --- functions of struct block_driver, which says what they do --- */

/* What stands at an offset. */
int qcow2_extent(struct block_node *node, uint64_t offset, uint64_t size,
                 struct block_extent *ret_extent);

/* Changes the size. */
int qcow2_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                   GError **error);

/* Forgets all that was written. */
int qcow2_make_empty(struct block_node *node);

/* Makes a new image. */
bool qcow2_create(struct aio_context *ctx, struct thread_pool *pool,
                  const struct node_create *options, GError **error);

/* Adds what the format knows. */
void qcow2_info(struct block_node *node, struct node_info *ret_info);

/* Looks for damage and repairs. */
int qcow2_check(struct block_node *node, struct node_check *check, GError **error);

/* Writes another backing name. */
bool qcow2_change_backing(struct block_node *node, const char *path, const char *format,
                          GError **error);

/* Changes version or features. */
bool qcow2_amend(struct block_node *node, const struct node_amend *change, GError **error);

/* How large a new image would be. */
bool qcow2_measure(const struct node_create *options, uint64_t data_size, uint64_t *ret_required,
                   uint64_t *ret_full, GError **error);

/* Lists snapshots. */
bool qcow2_snapshot_list(struct block_node *node, struct node_snapshot **ret_list,
                         unsigned *ret_count, GError **error);

/* Takes one. */
bool qcow2_snapshot_create(struct block_node *node, const struct node_snapshot *snapshot,
                           GError **error);

/* Keeps what the disk shows, in no list yet. */
bool qcow2_snapshot_begin(struct block_node *node, const struct node_snapshot *snapshot,
                          GError **error);

/* Adds to the machine's state that belongs to it. */
int qcow2_snapshot_append(struct block_node *node, const void *data, size_t size);

/* Puts it into the list. */
bool qcow2_snapshot_keep(struct block_node *node, GError **error);

/* Gives it up. */
bool qcow2_snapshot_drop(struct block_node *node, GError **error);

/* Goes back to one. */
bool qcow2_snapshot_apply(struct block_node *node, const char *id_or_name, GError **error);

/* Removes one. */
bool qcow2_snapshot_delete(struct block_node *node, const char *id_or_name, GError **error);

/* Shows one in place of the disk. */
bool qcow2_snapshot_open(struct block_node *node, const char *id_or_name, GError **error);

/* Reads the machine's state. */
int qcow2_state_read(struct block_node *node, uint64_t offset, void *data, size_t size);

/* Writes it. */
int qcow2_state_write(struct block_node *node, uint64_t offset, const void *data, size_t size);

/* The clusters that `size` bytes take. */
static inline uint64_t qcow2_clusters(const struct qcow2 *q, uint64_t size)
{
    return (size + q->cluster_size - 1) >> q->cluster_bits;
}
