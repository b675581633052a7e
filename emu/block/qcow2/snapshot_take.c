/*
 * Taking a snapshot. First the disk shares all that it has with a copy of its L1 table, so that
 * later writes go elsewhere; the copy is only in memory, and a crash leaves no more than leaks.
 * Then the machine's state is written behind the disk's end of the copy, while the disk is used. At
 * last the copy is written, and the snapshot table that leads to it.
 */
#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

bool qcow2_not_taking(const struct qcow2 *q, const char *what, GError **error)
{
    return q->taking == NULL ||
           host_error_set(error, HOST_ERROR_IN_USE,
                          "%s: cannot %s while the snapshot '%s' is being taken: wait for its end",
                          node_path(q->node), what, q->taking->snapshot.name);
}

static bool id_is_free(const struct qcow2 *q, const char *id)
{
    unsigned i = 0;
    while (i < q->snapshot_count && strcmp(q->snapshots[i].id, id) != 0) {
        i++;
    }
    return i == q->snapshot_count;
}

static bool take_possible(const struct qcow2 *q, const struct node_snapshot *from, GError **error)
{
    const char *path = node_path(q->node);
    if (q->external) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: images with an external data file have no snapshots", path);
    }
    if (qcow2_refcount_max(q) < q->snapshot_count + 2) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: its reference counts of %u bits have no room for one more "
                              "snapshot; convert it with a larger refcount_bits",
                              path, 1u << q->header.refcount_order);
    }
    if (from->id != NULL && *from->id != '\0' && !id_is_free(q, from->id)) {
        return host_error_set(error, HOST_ERROR_EXISTS, "%s: there is a snapshot '%s' already",
                              path, from->id);
    }
    return (q->snapshot_count < QCOW2_SNAPSHOTS_MAX &&
            (from->name == NULL || strlen(from->name) <= UINT16_MAX)) ||
           host_error_set(error, HOST_ERROR_TOO_LARGE,
                          "%s: it has 65536 snapshots already, or the new name is too long", path);
}

/* A new id: one more than the highest. */
static char *take_new_id(const struct qcow2 *q)
{
    uint64_t highest = 0;
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        uint64_t id = g_ascii_strtoull(q->snapshots[i].id, NULL, 10);
        highest = MAX(highest, id);
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT, highest + 1);
}

static struct qcow2_taking *taking_new(const struct qcow2 *q, const struct node_snapshot *from)
{
    struct qcow2_taking *taking = g_new0(struct qcow2_taking, 1);
    taking->snapshot = (struct qcow2_snapshot){
        .date_s = (uint32_t)from->date_s,
        .date_ns = (uint32_t)from->date_ns,
        .clock_ns = (uint64_t)from->clock_ns,
        .state_size = from->state_size,
        .disk_size = q->header.size,
        .icount = from->icount,
        .id = from->id != NULL && *from->id != '\0' ? g_strdup(from->id) : take_new_id(q),
        .name = g_strdup(from->name != NULL ? from->name : ""),
    };
    taking->state_first = qcow2_l1_needed(q, q->header.size) << q->l2_bits;
    taking->table = g_malloc0(q->cluster_size);
    taking->rest = g_malloc(q->cluster_size);
    return taking;
}

/* But not the strings of the snapshot, which may be in the list. */
static void taking_free(struct qcow2_taking *taking)
{
    g_free(taking->l1);
    g_free(taking->table);
    g_free(taking->rest);
    g_free(taking);
}

static void taking_drop(struct qcow2_taking *taking)
{
    g_free(taking->snapshot.id);
    g_free(taking->snapshot.name);
    taking_free(taking);
}

/* Shares what `entries` of the L1 table lead to with a copy of them. */
static int take_share(struct qcow2 *q, struct qcow2_taking *taking, uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++) {
        if (q->l1[i] & ENTRY_COPIED) {
            qcow2_l1_mark(q, i); /* its flag goes */
        }
    }
    int result = qcow2_tree_share(q, q->l1, entries);
    taking->l1 = g_memdup2(q->l1, entries * sizeof(*taking->l1));
    taking->snapshot.l1_entries = entries;
    return result;
}

/* With `gate` written. */
static bool take_begin(struct qcow2 *q, const struct node_snapshot *from, uint32_t entries,
                       GError **error)
{
    if (!qcow2_not_taking(q, "take a snapshot", error) || !take_possible(q, from, error)) {
        return false;
    }
    struct qcow2_taking *taking = taking_new(q, from);
    int result = qcow2_change_begin(q);
    if (result == 0) {
        result = take_share(q, taking, entries);
    }
    result = qcow2_change_end(q, result, false);
    if (result < 0) {
        taking_drop(taking);
        return qcow2_fails(q, result, "take a snapshot", error);
    }
    q->taking = taking;
    return true;
}

/* Writes the L2 table of state that is in memory, and makes the L1 table lead to it. */
static int state_put_table(struct qcow2 *q, struct qcow2_taking *taking)
{
    uint64_t index = (taking->state_first + taking->state_clusters - 1) >> q->l2_bits;
    uint64_t cluster, got;
    if (index >= QCOW2_L1_MAX / 8) {
        return FILE_ERROR_NO_SPACE;
    }
    co_mutex_lock(&q->lock);
    int result = qcow2_alloc(q, 1, &cluster, &got);
    co_mutex_unlock(&q->lock);
    if (result < 0) {
        return result;
    }
    result = node_write(q->file, cluster << q->cluster_bits, taking->table, q->cluster_size, 0);
    if (result < 0) {
        qcow2_free(q, cluster, 1, false);
        return result;
    }
    uint32_t had = taking->snapshot.l1_entries;
    taking->l1 = g_renew(uint64_t, taking->l1, index + 1);
    memset(taking->l1 + had, 0, (index + 1 - had) * sizeof(*taking->l1));
    taking->l1[index] = cluster << q->cluster_bits;
    taking->snapshot.l1_entries = (uint32_t)index + 1;
    memset(taking->table, 0, q->cluster_size);
    return 0;
}

/* Appends whole clusters of state. */
static int state_put(struct qcow2 *q, struct qcow2_taking *taking, const uint8_t *data,
                     uint64_t count)
{
    uint64_t entries = UINT64_C(1) << q->l2_bits, cluster, got;
    int result = 0;
    for (; count > 0 && result == 0; count -= got, data += got << q->cluster_bits) {
        uint64_t at = taking->state_clusters % entries;
        co_mutex_lock(&q->lock);
        result = qcow2_alloc(q, MIN(count, entries - at), &cluster, &got);
        co_mutex_unlock(&q->lock);
        if (result < 0) {
            break;
        }
        for (uint64_t i = 0; i < got; i++) {
            be_put64(taking->table + (at + i) * 8, (cluster + i) << q->cluster_bits);
        }
        taking->state_clusters += got;
        result =
            node_write(q->file, cluster << q->cluster_bits, data, got << q->cluster_bits, 0);
        if (result == 0 && at + got == entries) {
            result = state_put_table(q, taking);
        }
    }
    return result;
}

/* Appends state; what fills no cluster is kept back. */
static int state_append(struct qcow2 *q, struct qcow2_taking *taking, const uint8_t *data,
                        size_t size)
{
    int result = 0;
    taking->snapshot.state_size += size;
    if (taking->rest_size > 0) {
        size_t part = MIN(size, q->cluster_size - taking->rest_size);
        memcpy(taking->rest + taking->rest_size, data, part);
        taking->rest_size += part;
        data += part;
        size -= part;
        if (taking->rest_size == q->cluster_size) {
            result = state_put(q, taking, taking->rest, 1);
            taking->rest_size = 0;
        }
    }
    size_t whole = size >> q->cluster_bits << q->cluster_bits;
    if (result == 0 && whole > 0) {
        result = state_put(q, taking, data, whole >> q->cluster_bits);
    }
    if (result == 0 && size > whole) {
        memcpy(taking->rest, data + whole, size - whole);
        taking->rest_size = size - whole;
    }
    return result;
}

/* Writes what was kept back. */
static int state_end(struct qcow2 *q, struct qcow2_taking *taking)
{
    int result = 0;
    if (taking->rest_size > 0) {
        memset(taking->rest + taking->rest_size, 0, q->cluster_size - taking->rest_size);
        result = state_put(q, taking, taking->rest, 1);
        taking->rest_size = 0;
    }
    if (result == 0 && taking->state_clusters % (UINT64_C(1) << q->l2_bits) != 0) {
        result = state_put_table(q, taking);
    }
    return result;
}

/* Writes the L1 table of a snapshot to a place of its own. */
static int take_store(struct qcow2 *q, struct qcow2_taking *taking)
{
    struct qcow2_snapshot *snapshot = &taking->snapshot;
    uint64_t cluster = 0, count = MAX(qcow2_clusters(q, snapshot->l1_entries * UINT64_C(8)), 1);
    co_mutex_lock(&q->lock);
    int result = qcow2_alloc_area(q, count, &cluster);
    co_mutex_unlock(&q->lock);
    if (result < 0) {
        return result;
    }
    snapshot->l1_offset = cluster << q->cluster_bits;
    result = qcow2_l1_store(q, snapshot->l1_offset, taking->l1, snapshot->l1_entries);
    if (result < 0) {
        qcow2_free(q, cluster, count, false);
    }
    return result;
}

/* Lists it, with `gate` written. */
static int take_list(struct qcow2 *q)
{
    struct qcow2_taking *taking = q->taking;
    int result = take_store(q, taking);
    if (result < 0) {
        return result;
    }
    q->snapshots = g_renew(struct qcow2_snapshot, q->snapshots, q->snapshot_count + 1);
    q->snapshots[q->snapshot_count] = taking->snapshot;
    result = qcow2_snapshots_store(q, q->snapshot_count + 1);
    if (result < 0) {
        uint64_t size = taking->snapshot.l1_entries * UINT64_C(8);
        qcow2_free(q, taking->snapshot.l1_offset >> q->cluster_bits,
                   MAX(qcow2_clusters(q, size), 1), false);
        return result;
    }
    q->snapshot_count++;
    q->taking = NULL;
    taking_free(taking);
    return 0;
}

/* Frees all that a snapshot has which nothing leads to. */
static int take_free(struct qcow2 *q, const struct qcow2_taking *taking)
{
    int result = qcow2_change_begin(q);
    if (result == 0) {
        for (uint64_t i = 0; i < q->cluster_size / 8; i++) {
            qcow2_free_entry(q, be_get64(taking->table + i * 8));
        }
        result = qcow2_tree_free(q, taking->l1, taking->snapshot.l1_entries);
    }
    return qcow2_change_end(q, result, true);
}

/* Gives it up, with `gate` written. The header comes first: if it could not be switched, it is not
 * known whether it was. */
static int take_drop(struct qcow2 *q)
{
    int result = qcow2_write_head(q);
    if (result == 0) {
        result = take_free(q, q->taking);
    } else {
        q->half_done = true;
    }
    taking_drop(q->taking);
    q->taking = NULL;
    return result;
}

bool qcow2_snapshot_begin(struct block_node *node, const struct node_snapshot *from, GError **error)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_wrlock(&q->gate);
    uint64_t disk = MIN(qcow2_l1_needed(q, q->header.size), q->l1_entries);
    bool ok = take_begin(q, from, (uint32_t)disk, error);
    if (ok) {
        q->taking->snapshot.state_size = 0;
    }
    co_rwlock_unlock(&q->gate);
    return ok;
}

int qcow2_snapshot_append(struct block_node *node, const void *data, size_t size)
{
    struct qcow2 *q = node_instance(node);
    assert(q->taking != NULL);
    co_rwlock_rdlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_commit_crowded(q);
    }
    if (result == 0) {
        result = state_append(q, q->taking, data, size);
    }
    co_rwlock_unlock(&q->gate);
    return result;
}

bool qcow2_snapshot_keep(struct block_node *node, GError **error)
{
    struct qcow2 *q = node_instance(node);
    assert(q->taking != NULL);
    co_rwlock_rdlock(&q->gate);
    int result = state_end(q, q->taking);
    co_rwlock_unlock(&q->gate);
    if (result == 0) {
        result = qcow2_sync(q); /* most of it, while the disk is used */
    }
    if (result == 0) {
        co_rwlock_wrlock(&q->gate);
        result = take_list(q);
        co_rwlock_unlock(&q->gate);
    }
    return result == 0 || qcow2_fails(q, result, "take a snapshot", error);
}

bool qcow2_snapshot_drop(struct block_node *node, GError **error)
{
    struct qcow2 *q = node_instance(node);
    assert(q->taking != NULL);
    co_rwlock_wrlock(&q->gate);
    int result = take_drop(q);
    co_rwlock_unlock(&q->gate);
    return result == 0 || qcow2_fails(q, result, "give up a snapshot", error);
}

/* The machine's state is the snapshot's now; the disk need not drag it along. */
static int take_state_off(struct qcow2 *q, uint64_t size)
{
    return size == 0 ? 0
                     : qcow2_drop(q, qcow2_state_start(q) >> q->cluster_bits,
                                  qcow2_clusters(q, size), DROP_FULLY);
}

bool qcow2_snapshot_create(struct block_node *node, const struct node_snapshot *from,
                           GError **error)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_wrlock(&q->gate);
    bool ok = take_begin(q, from, q->l1_entries, error);
    int result = ok ? take_list(q) : 0;
    if (result < 0) {
        take_drop(q);
    } else if (ok) {
        result = take_state_off(q, from->state_size);
    }
    co_rwlock_unlock(&q->gate);
    return ok && (result == 0 || qcow2_fails(q, result, "take a snapshot", error));
}
