/*
 * Internal snapshots: L1 tables that share what they lead to with the active one. While one is
 * taken, applied or deleted, the image is marked dirty (if it is of version 3): a crash leaves
 * flags and counts that the next writer repairs; what the disk and the other snapshots show is
 * right at every moment.
 */
#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

static int snapshot_find(const struct qcow2 *q, const char *id_or_name)
{
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        if (strcmp(q->snapshots[i].id, id_or_name) == 0) {
            return (int)i;
        }
    }
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        if (strcmp(q->snapshots[i].name, id_or_name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool snapshot_missing(const struct qcow2 *q, const char *id_or_name, GError **error)
{
    return host_error_set(error, HOST_ERROR_NOT_FOUND, "%s: there is no snapshot '%s'",
                          node_path(q->node), id_or_name);
}

bool qcow2_snapshot_list(struct block_node *node, struct node_snapshot **ret_list,
                         unsigned *ret_count, GError **error)
{
    struct qcow2 *q = node_instance(node);
    struct node_snapshot *list = g_new0(struct node_snapshot, q->snapshot_count + 1);
    (void)error;
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        const struct qcow2_snapshot *snapshot = &q->snapshots[i];
        list[i] = (struct node_snapshot){
            .id = g_strdup(snapshot->id),
            .name = g_strdup(snapshot->name),
            .state_size = snapshot->state_size,
            .disk_size = snapshot->disk_size,
            .date_s = snapshot->date_s,
            .date_ns = snapshot->date_ns,
            .clock_ns = (int64_t)snapshot->clock_ns,
            .icount = snapshot->icount,
        };
    }
    *ret_list = list;
    *ret_count = q->snapshot_count;
    return true;
}

/* Begins a change to the whole image: alone, all stable, nothing cached, marked. */
static int snapshot_begin(struct qcow2 *q)
{
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_settle(q);
    }
    if (result == 0) {
        slice_cache_clear(&q->tables);
        result = qcow2_set_dirty(q, true);
    }
    return result;
}

/* Sets the copied flags by counts that are stable. */
static int snapshot_flags(struct qcow2 *q)
{
    uint64_t wrong = 0;
    int result = qcow2_settle(q);
    if (result == 0) {
        slice_cache_clear(&q->tables);
        result = qcow2_tree_flags(q, true, &wrong, NULL, NULL);
    }
    return result == 0 ? qcow2_settle(q) : result;
}

/* Takes back what a change has done that failed on its way. */
static int snapshot_undo(struct qcow2 *q)
{
    struct node_check check = { .repair_all = true };
    int result = qcow2_check_inside(q, &check);
    return result == 0 && check.corruptions > check.corruptions_fixed ? FILE_ERROR_IO : result;
}

/* Ends it. */
static bool snapshot_end(struct qcow2 *q, int result, const char *what, GError **error)
{
    int end = result == 0 ? snapshot_flags(q) : q->prepared ? snapshot_undo(q) : result;
    if (end == 0 && !q->lazy) {
        end = qcow2_set_dirty(q, false);
    }
    q->half_done = q->half_done || end < 0;
    result = result < 0 ? result : end;
    co_rwlock_unlock(&q->gate);
    return result == 0 || qcow2_fails(q, result, what, error);
}

static bool snapshot_possible(const struct qcow2 *q, GError **error)
{
    if (qcow2_refcount_max(q) < q->snapshot_count + 2) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: its reference counts of %u bits have no room for one more "
                              "snapshot; convert it with a larger refcount_bits",
                              node_path(q->node), 1u << q->header.refcount_order);
    }
    return !q->external || host_error_set(error, HOST_ERROR_UNSUPPORTED,
                                          "%s: images with an external data file have no snapshots",
                                          node_path(q->node));
}

/* A new id: one more than the highest. */
static char *snapshot_new_id(const struct qcow2 *q)
{
    uint64_t highest = 0;
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        uint64_t id = g_ascii_strtoull(q->snapshots[i].id, NULL, 10);
        highest = MAX(highest, id);
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT, highest + 1);
}

/* The new one, behind the others but not counted yet. */
static struct qcow2_snapshot *snapshot_append(struct qcow2 *q, const struct node_snapshot *from)
{
    q->snapshots = g_renew(struct qcow2_snapshot, q->snapshots, q->snapshot_count + 2);
    struct qcow2_snapshot *snapshot = &q->snapshots[q->snapshot_count];
    *snapshot = (struct qcow2_snapshot){
        .l1_entries = q->l1_entries,
        .date_s = (uint32_t)from->date_s,
        .date_ns = (uint32_t)from->date_ns,
        .clock_ns = (uint64_t)from->clock_ns,
        .state_size = from->state_size,
        .disk_size = q->header.size,
        .icount = from->icount,
        .name = g_strdup(from->name != NULL ? from->name : ""),
    };
    snapshot->id = from->id != NULL && *from->id != '\0' ? g_strdup(from->id) : snapshot_new_id(q);
    return snapshot;
}

/* Shares all that the disk has with a copy of its L1 table. */
static int snapshot_share(struct qcow2 *q, struct qcow2_snapshot *snapshot)
{
    uint64_t cluster = 0;
    for (uint32_t i = 0; i < q->l1_entries; i++) {
        if (q->l1[i] & ENTRY_COPIED) {
            qcow2_l1_mark(q, i); /* its flag goes */
        }
    }
    int result = qcow2_tree_share(q, q->l1, q->l1_entries);
    if (result == 0) {
        co_mutex_lock(&q->lock);
        uint64_t count = qcow2_clusters(q, (uint64_t)q->l1_entries * 8);
        result = qcow2_alloc_area(q, MAX(count, 1), &cluster);
        co_mutex_unlock(&q->lock);
    }
    snapshot->l1_offset = cluster << q->cluster_bits;
    return result == 0 ? qcow2_l1_store(q, snapshot->l1_offset, q->l1, q->l1_entries) : result;
}

/* The machine's state is the snapshot's now; the disk need not drag it along. */
static int snapshot_drop_state(struct qcow2 *q, uint64_t size)
{
    return size == 0 ? 0
                     : qcow2_drop(q, qcow2_state_start(q) >> q->cluster_bits,
                                  qcow2_clusters(q, size), DROP_FULLY);
}

bool qcow2_snapshot_create(struct block_node *node, const struct node_snapshot *from,
                           GError **error)
{
    struct qcow2 *q = node_instance(node);
    if (!snapshot_possible(q, error)) {
        return false;
    }
    if (from->id != NULL && *from->id != '\0' && snapshot_find(q, from->id) >= 0) {
        return host_error_set(error, HOST_ERROR_EXISTS, "%s: there is a snapshot '%s' already",
                              node_path(node), from->id);
    }
    if (q->snapshot_count >= QCOW2_SNAPSHOTS_MAX ||
        (from->name != NULL && strlen(from->name) > UINT16_MAX)) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE,
                              "%s: it has 65536 snapshots already, or the new name is too long",
                              node_path(node));
    }
    int result = snapshot_begin(q);
    if (result == 0) {
        struct qcow2_snapshot *snapshot = snapshot_append(q, from);
        result = snapshot_share(q, snapshot);
        if (result == 0) {
            result = qcow2_snapshots_store(q, q->snapshot_count + 1);
        }
        if (result == 0) {
            q->snapshot_count++;
            slice_cache_clear(&q->tables);
            result = snapshot_drop_state(q, from->state_size);
        } else {
            g_free(snapshot->id);
            g_free(snapshot->name);
        }
    }
    return snapshot_end(q, result, "take a snapshot", error);
}

/* Makes a snapshot's tree the active one, and frees what was. */
static int snapshot_activate(struct qcow2 *q, const struct qcow2_snapshot *snapshot)
{
    uint64_t *l1;
    uint64_t needed = MAX(qcow2_l1_needed(q, snapshot->disk_size), snapshot->l1_entries);
    if (snapshot->disk_size > INT64_MAX || needed > QCOW2_L1_MAX / 8) {
        return qcow2_corrupt(q);
    }
    int result = qcow2_l1_load(q, snapshot->l1_offset, snapshot->l1_entries, &l1);
    if (result < 0) {
        return result;
    }
    l1 = g_renew(uint64_t, l1, MAX(needed, 1));
    memset(l1 + snapshot->l1_entries, 0, (needed - snapshot->l1_entries) * sizeof(*l1));
    result = qcow2_tree_share(q, l1, (uint32_t)needed);
    if (result < 0) {
        g_free(l1);
        return result;
    }
    uint32_t old_entries = q->l1_entries;
    g_autofree uint64_t *old = g_memdup2(q->l1, old_entries * sizeof(*old));
    result = qcow2_l1_replace(q, l1, (uint32_t)needed, snapshot->disk_size);
    if (result == 0) {
        result = qcow2_tree_free(q, old, old_entries);
    }
    return result;
}

bool qcow2_snapshot_apply(struct block_node *node, const char *id_or_name, GError **error)
{
    struct qcow2 *q = node_instance(node);
    int index = snapshot_find(q, id_or_name);
    if (index < 0) {
        return snapshot_missing(q, id_or_name, error);
    }
    int result = snapshot_begin(q);
    if (result == 0) {
        result = snapshot_activate(q, &q->snapshots[index]);
    }
    if (result == 0) {
        node_set_size(node, q->header.size / QCOW2_SECTOR * QCOW2_SECTOR);
    }
    return snapshot_end(q, result, "go back to a snapshot", error);
}

/* Takes one out of the list, the last place keeps it. */
static void snapshot_move_last(struct qcow2 *q, unsigned index)
{
    struct qcow2_snapshot gone = q->snapshots[index];
    memmove(&q->snapshots[index], &q->snapshots[index + 1],
            (q->snapshot_count - 1 - index) * sizeof(gone));
    q->snapshots[q->snapshot_count - 1] = gone;
}

static int snapshot_remove(struct qcow2 *q, unsigned index)
{
    struct qcow2_snapshot gone = q->snapshots[index];
    uint64_t *l1;
    int result = qcow2_l1_load(q, gone.l1_offset, gone.l1_entries, &l1);
    if (result < 0) {
        return result;
    }
    snapshot_move_last(q, index);
    result = qcow2_snapshots_store(q, q->snapshot_count - 1);
    if (result == 0) {
        q->snapshot_count--;
        result = qcow2_tree_free(q, l1, gone.l1_entries);
        qcow2_free(q, gone.l1_offset >> q->cluster_bits,
                   MAX(qcow2_clusters(q, (uint64_t)gone.l1_entries * 8), 1), false);
        g_free(gone.id);
        g_free(gone.name);
        g_free(gone.extra);
    }
    g_free(l1);
    return result;
}

bool qcow2_snapshot_delete(struct block_node *node, const char *id_or_name, GError **error)
{
    struct qcow2 *q = node_instance(node);
    int index = snapshot_find(q, id_or_name);
    if (index < 0) {
        return snapshot_missing(q, id_or_name, error);
    }
    int result = snapshot_begin(q);
    if (result == 0) {
        result = snapshot_remove(q, (unsigned)index);
    }
    return snapshot_end(q, result, "delete a snapshot", error);
}

bool qcow2_snapshot_open(struct block_node *node, const char *id_or_name, GError **error)
{
    struct qcow2 *q = node_instance(node);
    int index = snapshot_find(q, id_or_name);
    uint64_t *l1;
    if (index < 0) {
        return snapshot_missing(q, id_or_name, error);
    }
    if (node_writable(node)) {
        return host_error_set(error, HOST_ERROR_DENIED,
                              "%s: a snapshot can only be shown of an image opened read only",
                              node_path(node));
    }
    const struct qcow2_snapshot *snapshot = &q->snapshots[index];
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_l1_load(q, snapshot->l1_offset, snapshot->l1_entries, &l1);
    if (result == 0) {
        g_free(q->l1);
        g_free(q->l1_dirty);
        q->l1 = l1;
        q->l1_entries = snapshot->l1_entries;
        q->l1_dirty = g_new0(uint8_t, MAX(q->l1_entries, 1));
        node_set_size(node, snapshot->disk_size / QCOW2_SECTOR * QCOW2_SECTOR);
    }
    co_rwlock_unlock(&q->gate);
    return result == 0 || qcow2_fails(q, result, "read a snapshot", error);
}
