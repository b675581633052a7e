/*
 * Internal snapshots: L1 tables that share what they lead to with the active one. While the disk
 * begins to share with one (snapshot_take.c), goes back to one or one is deleted, the image is
 * marked dirty (if it is of version 3): a crash leaves flags and counts that the next writer
 * repairs; what the disk and the other snapshots show is right at every moment.
 */
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

int qcow2_change_begin(struct qcow2 *q)
{
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_mark_dirty(q, true);
    }
    if (result == 0) {
        result = qcow2_settle(q); /* the mark, too */
    }
    if (result == 0) {
        slice_cache_clear(&q->tables);
    }
    return result;
}

/* Sets the copied flags by counts that are stable. */
static int change_flags(struct qcow2 *q)
{
    uint64_t wrong = 0;
    int result = qcow2_settle(q);
    if (result == 0) {
        slice_cache_clear(&q->tables);
        result = qcow2_tree_flags(q, true, false, &wrong, NULL, NULL);
    }
    return result == 0 ? qcow2_settle(q) : result;
}

/* Takes back what a change has done that failed on its way. */
static int change_undo(struct qcow2 *q)
{
    struct node_check check = { .repair_all = true };
    int result = qcow2_check_inside(q, &check);
    return result == 0 && check.corruptions > check.corruptions_fixed ? FILE_ERROR_IO : result;
}

int qcow2_change_end(struct qcow2 *q, int result, bool flags)
{
    int end;
    if (result < 0) {
        end = q->prepared ? change_undo(q) : result;
    } else {
        end = flags ? change_flags(q) : qcow2_settle(q);
    }
    if (end == 0 && !q->lazy) {
        end = qcow2_mark_dirty(q, false); /* if it stays, the next writer repairs nothing */
    }
    q->half_done = q->half_done || end < 0;
    return result < 0 ? result : end;
}

/* A change that one snapshot is chosen for; its result as a write. */
typedef int change_fn(struct qcow2 *q, unsigned index);

static bool snapshot_change(struct block_node *node, const char *id_or_name, change_fn *change,
                            const char *what, GError **error)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_wrlock(&q->gate);
    int index = snapshot_find(q, id_or_name), result;
    bool ok = qcow2_not_taking(q, what, error) &&
              (index >= 0 || snapshot_missing(q, id_or_name, error));
    if (ok) {
        result = qcow2_change_begin(q);
        if (result == 0) {
            result = change(q, (unsigned)index);
        }
        result = qcow2_change_end(q, result, true);
        ok = result == 0 || qcow2_fails(q, result, what, error);
    }
    co_rwlock_unlock(&q->gate);
    return ok;
}

/* Makes a snapshot's tree the active one, and frees what was. */
static int snapshot_activate(struct qcow2 *q, unsigned index)
{
    const struct qcow2_snapshot *snapshot = &q->snapshots[index];
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
        node_set_size(q->node, q->header.size / QCOW2_SECTOR * QCOW2_SECTOR);
        result = qcow2_tree_free(q, old, old_entries);
    }
    return result;
}

bool qcow2_snapshot_apply(struct block_node *node, const char *id_or_name, GError **error)
{
    return snapshot_change(node, id_or_name, snapshot_activate, "go back to a snapshot", error);
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
    return snapshot_change(node, id_or_name, snapshot_remove, "delete a snapshot", error);
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
        q->header.size = snapshot->disk_size; /* behind it is the machine's state */
        node_set_size(node, snapshot->disk_size / QCOW2_SECTOR * QCOW2_SECTOR);
    }
    co_rwlock_unlock(&q->gate);
    return result == 0 || qcow2_fails(q, result, "read a snapshot", error);
}
