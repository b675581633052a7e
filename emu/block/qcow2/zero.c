/* Clusters that read as zeros, or that nobody needs any more. */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>

/* Whether the backing image shows through somewhere from an offset on. */
static bool drop_uncovers(const struct qcow2 *q, uint64_t first)
{
    struct block_node *backing = node_backing(q->node);
    return backing != NULL && first << q->cluster_bits < node_size(backing);
}

/* The entry that a run gets, and whether it is another one than it has. */
static bool drop_entry(const struct qcow2 *q, uint64_t first, const struct mapping *mapping,
                       enum drop_kind kind, uint64_t *ret_entry)
{
    *ret_entry = kind == DROP_FULLY ? 0 : ENTRY_ZERO;
    switch (mapping->kind) {
    case MAP_NONE: return kind != DROP_FULLY && drop_uncovers(q, first);
    case MAP_ZERO:
        if (kind == DROP_KEEP_HOST || q->external) {
            return false;
        }
        return mapping->host != 0 || kind == DROP_FULLY;
    case MAP_DATA:
        if (mapping->copied && (kind == DROP_KEEP_HOST || q->external)) {
            *ret_entry = mapping->host | ENTRY_COPIED | ENTRY_ZERO;
        }
        return true;
    case MAP_COMPRESSED: break;
    }
    return true;
}

/* With q->lock held. */
static int drop_run(struct qcow2 *q, uint64_t first, uint64_t count, enum drop_kind kind,
                    uint64_t *ret_done)
{
    struct mapping mapping;
    uint64_t entry;
    count = qcow2_wait_allocations(q, first, count);
    int result = qcow2_map(q, first, count, &mapping);
    if (result < 0) {
        return result;
    }
    *ret_done = MIN(count, mapping.count);
    if (!drop_entry(q, first, &mapping, kind, &entry)) {
        return 0;
    }
    bool keep = (entry & ENTRY_COPIED) != 0;
    *ret_done = MIN(*ret_done, qcow2_table_left(q, first));
    result = qcow2_map_prepare(q, first);
    return result == 0 ? qcow2_map_set(q, first, *ret_done, entry, keep ? q->cluster_size : 0, keep)
                       : result;
}

int qcow2_drop(struct qcow2 *q, uint64_t first, uint64_t count, enum drop_kind kind)
{
    int result = 0;
    while (count > 0 && result == 0) {
        uint64_t done = 0;
        result = qcow2_commit_crowded(q);
        if (result == 0) {
            co_mutex_lock(&q->lock);
            result = drop_run(q, first, count, kind, &done);
            co_mutex_unlock(&q->lock);
        }
        first += done;
        count -= done;
    }
    return result;
}

int qcow2_zero_part(struct qcow2 *q, uint64_t offset, uint64_t size)
{
    struct mapping mapping;
    unsigned token = qcow2_enter(q);
    int result = qcow2_map(q, offset >> q->cluster_bits, 1, &mapping);
    qcow2_leave(q, token);
    if (size == 0 || result < 0 || mapping.kind == MAP_ZERO ||
        (mapping.kind == MAP_NONE && !drop_uncovers(q, offset >> q->cluster_bits))) {
        return result;
    }
    g_autofree uint8_t *zeros = g_malloc0(size);
    return qcow2_write_inside(q, offset, size, &(struct host_vec){ zeros, size }, 1);
}

static int zero_inside(struct qcow2 *q, uint64_t offset, uint64_t size, enum drop_kind kind)
{
    uint64_t mask = q->cluster_size - 1, end = offset + size;
    uint64_t first = (offset + mask) & ~mask, last = end == node_size(q->node) ? end + mask : end;
    last &= ~mask;
    if (first >= last) { /* in one cluster, or in two of them */
        first = MIN(first, end);
        int result = qcow2_zero_part(q, offset, first - offset);
        return result == 0 ? qcow2_zero_part(q, first, end - first) : result;
    }
    int result = qcow2_zero_part(q, offset, first - offset);
    if (result == 0) {
        result = qcow2_drop(q, first >> q->cluster_bits, (last - first) >> q->cluster_bits, kind);
    }
    return result == 0 && last < end ? qcow2_zero_part(q, last, end - last) : result;
}

int qcow2_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags)
{
    struct qcow2 *q = node_instance(node);
    enum drop_kind kind = flags & REQUEST_RELEASE ? DROP_TO_ZERO : DROP_KEEP_HOST;
    if (q->header.autoclear & AUTOCLEAR_RAW_DATA) {
        return FILE_ERROR_UNSUPPORTED; /* the data file has to show them */
    }
    if (q->header.version < 3) {
        if (node_backing(node) != NULL) {
            return FILE_ERROR_UNSUPPORTED;
        }
        kind = DROP_FULLY;
    }
    co_rwlock_rdlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = zero_inside(q, offset, size, kind);
    }
    co_rwlock_unlock(&q->gate);
    return result;
}

int qcow2_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    struct qcow2 *q = node_instance(node);
    bool backed = node_backing(node) != NULL;
    uint64_t mask = q->cluster_size - 1, end = offset + size;
    uint64_t first = (offset + mask) & ~mask, last = end == node_size(node) ? end + mask : end;
    last &= ~mask;
    if (q->external || (backed && q->header.version < 3)) {
        return FILE_ERROR_UNSUPPORTED;
    }
    if (first >= last) {
        return 0;
    }
    co_rwlock_rdlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_drop(q, first >> q->cluster_bits, (last - first) >> q->cluster_bits,
                            backed ? DROP_TO_ZERO : DROP_FULLY);
    }
    co_rwlock_unlock(&q->gate);
    return result;
}

int qcow2_make_empty(struct block_node *node)
{
    struct qcow2 *q = node_instance(node);
    if (q->external) {
        return FILE_ERROR_UNSUPPORTED; /* what its file shows has to stay */
    }
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_drop(q, 0, qcow2_clusters(q, q->header.size), DROP_FULLY);
    }
    if (result == 0) {
        result = qcow2_settle(q);
    }
    co_rwlock_unlock(&q->gate);
    return result;
}
