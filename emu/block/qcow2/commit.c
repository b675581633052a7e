/*
 * A commit hands the metadata in memory to the file. It takes a copy of all that has changed, and
 * writes the refcounts; then it flushes, guest data and new tables too; then it writes the tables
 * and L1 entries, which lead to what is on stable storage now. Clusters that lost their last
 * reference are counted down, and so can be used again, after the flush of the next commit: then
 * the tables without them are on stable storage.
 */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>
#include <string.h>

#define FREED_MAX      4096u /* pieces, then a commit is made for them */
#define FREED_CLUSTERS 64u   /* that a flush of the guest's leaves unreleased */

/* A sector of the L1 table as it was when the commit began. */
struct l1_copy {
    uint32_t first, count; /* entries */
    uint8_t dirty[QCOW2_SECTOR / 8];
    uint8_t data[QCOW2_SECTOR];
};

struct commit {
    GPtrArray *refcounts, *tables;
    GArray *l1;
    GArray *freed;
};

void qcow2_l1_mark(struct qcow2 *q, uint32_t index)
{
    q->l1_dirty_count += !q->l1_dirty[index];
    q->l1_dirty[index] = 1;
}

static void commit_capture_l1(struct qcow2 *q, GArray *copies)
{
    const uint32_t each = QCOW2_SECTOR / 8;
    for (uint32_t at = 0; at < q->l1_entries && q->l1_dirty_count > 0; at += each) {
        struct l1_copy copy = { .first = at, .count = MIN(each, q->l1_entries - at) };
        if (memchr(q->l1_dirty + at, 1, copy.count) == NULL) {
            continue;
        }
        for (uint32_t i = 0; i < copy.count; i++) {
            copy.dirty[i] = q->l1_dirty[at + i];
            q->l1_dirty[at + i] = 0;
            q->l1_dirty_count -= copy.dirty[i];
            be_put64(copy.data + i * 8, q->l1[at + i]);
        }
        g_array_append_val(copies, copy);
    }
}

/* All of it at one moment: no waiting in here. */
static void commit_capture(struct qcow2 *q, struct commit *commit, bool refcounts)
{
    commit->refcounts = g_ptr_array_new();
    commit->tables = g_ptr_array_new();
    commit->l1 = g_array_new(FALSE, FALSE, sizeof(struct l1_copy));
    if (refcounts) {
        slice_cache_capture(&q->refcounts, commit->refcounts);
    }
    slice_cache_capture(&q->tables, commit->tables);
    commit_capture_l1(q, commit->l1);
    commit->freed = q->freed;
    q->freed = g_array_new(FALSE, FALSE, sizeof(struct freed));
}

static int commit_write_l1(struct qcow2 *q, const struct commit *commit)
{
    int result = 0;
    for (unsigned i = 0; i < commit->l1->len && result == 0; i++) {
        const struct l1_copy *copy = &g_array_index(commit->l1, struct l1_copy, i);
        result = node_write(q->file, q->header.l1_offset + copy->first * UINT64_C(8), copy->data,
                            copy->count * 8, 0);
    }
    return result;
}

/* Counts one freed cluster down; whether nobody has it any more. */
static int release_one(struct qcow2 *q, uint64_t cluster, bool table, bool *ret_unused)
{
    uint64_t left = 1;
    int result = qcow2_refcount_add(q, cluster, -1);
    if (result == 0) {
        result = qcow2_refcount(q, cluster, &left);
    }
    *ret_unused = result == 0 && left == 0;
    if (*ret_unused && table) {
        slice_cache_drop(&q->tables, cluster << q->cluster_bits, q->cluster_size);
    }
    return result;
}

/* Clusters below each other whose room the host gets back at once. */
struct room {
    uint64_t first, count;
};

static void room_give(struct qcow2 *q, struct room *room)
{
    if (room->count > 0 && (node_flags(q->node) & NODE_RELEASE)) {
        node_discard(q->file, room->first << q->cluster_bits, room->count << q->cluster_bits);
    }
    room->count = 0;
}

static void room_add(struct qcow2 *q, struct room *room, uint64_t cluster)
{
    if (cluster + 1 != room->first) {
        room_give(q, room);
    }
    room->first = cluster;
    room->count++;
}

/* Counts freed clusters down. A transfer that began while they were in use has ended. */
static int commit_release(struct qcow2 *q, GArray *freed)
{
    struct room room = { 0 };
    bool unused;
    int result = 0;
    if (freed->len == 0) {
        return 0;
    }
    qcow2_wait_grace(q);
    co_mutex_lock(&q->lock);
    while (freed->len > 0 && result == 0) {
        struct freed *last = &g_array_index(freed, struct freed, freed->len - 1);
        uint64_t cluster = last->cluster + last->count - 1;
        result = release_one(q, cluster, last->table, &unused);
        if (unused) {
            room_add(q, &room, cluster);
        }
        q->freed_clusters--;
        if (--last->count == 0) {
            g_array_set_size(freed, freed->len - 1);
        }
    }
    room_give(q, &room);
    co_mutex_unlock(&q->lock);
    return result;
}

/* What was not written is to be written again. */
static void commit_end(struct qcow2 *q, struct commit *commit, bool first, bool second)
{
    slice_copies_end(&q->refcounts, commit->refcounts, first);
    slice_copies_end(&q->tables, commit->tables, second);
    for (unsigned i = 0; i < commit->l1->len && !second; i++) {
        const struct l1_copy *copy = &g_array_index(commit->l1, struct l1_copy, i);
        for (uint32_t j = 0; j < copy->count; j++) {
            if (copy->dirty[j]) {
                qcow2_l1_mark(q, copy->first + j);
            }
        }
    }
    g_array_append_vals(second ? q->freed_next : q->freed, commit->freed->data, commit->freed->len);
    g_array_free(commit->freed, TRUE);
    g_array_free(commit->l1, TRUE);
    g_ptr_array_free(commit->refcounts, TRUE);
    g_ptr_array_free(commit->tables, TRUE);
}

/* With q->commit held. Without refcounts for a lazy image, which is marked dirty. */
static int commit_run(struct qcow2 *q, bool refcounts)
{
    struct commit commit;
    bool first, second;
    if (q->failed < 0) {
        return q->failed;
    }
    commit_capture(q, &commit, refcounts);
    int result = slice_copies_write(&q->refcounts, commit.refcounts);
    first = result == 0;
    bool more = commit.tables->len + commit.l1->len + commit.freed->len + q->freed_next->len > 0;
    if (result == 0 && more) {
        result = qcow2_sync(q);
    }
    if (result == 0 && more) {
        result = commit_release(q, q->freed_next);
    }
    if (result == 0) {
        result = slice_copies_write(&q->tables, commit.tables);
    }
    if (result == 0) {
        result = commit_write_l1(q, &commit);
    }
    second = result == 0;
    commit_end(q, &commit, first, second);
    return result;
}

static bool commit_needed(const struct qcow2 *q, bool refcounts)
{
    return (refcounts && q->refcounts.dirty > 0) ||
           q->tables.dirty + q->l1_dirty_count + q->freed->len > 0;
}

int qcow2_commit(struct qcow2 *q)
{
    co_mutex_lock(&q->commit);
    int result = q->failed;
    bool refcounts = !q->lazy || slice_cache_crowded(&q->refcounts);
    if (result == 0 && (commit_needed(q, refcounts) || q->freed_clusters > FREED_CLUSTERS)) {
        result = commit_run(q, refcounts);
    }
    co_mutex_unlock(&q->commit);
    return result;
}

int qcow2_commit_crowded(struct qcow2 *q)
{
    bool crowded = slice_cache_crowded(&q->tables) || slice_cache_crowded(&q->refcounts) ||
                   q->freed->len > FREED_MAX;
    return crowded ? qcow2_commit(q) : 0;
}

int qcow2_settle(struct qcow2 *q)
{
    co_mutex_lock(&q->commit);
    int result = q->failed;
    while (result == 0 && (commit_needed(q, true) || q->freed_next->len > 0)) {
        result = commit_run(q, true);
    }
    if (result == 0) {
        result = qcow2_sync(q);
    }
    co_mutex_unlock(&q->commit);
    return result;
}
