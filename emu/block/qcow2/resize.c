/* Another size for the disk, and clusters that are allocated before anybody writes them. */
#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

#define FULL_PIECE (1u << 20)

enum preallocation { PREALLOCATE_OFF, PREALLOCATE_METADATA, PREALLOCATE_FALLOC, PREALLOCATE_FULL };

static const char *const preallocation_names[] = { "off", "metadata", "falloc", "full" };

static bool preallocation_parse(const struct qcow2 *q, const char *name,
                                enum preallocation *ret_kind, GError **error)
{
    *ret_kind = PREALLOCATE_OFF;
    for (unsigned i = 0; i < G_N_ELEMENTS(preallocation_names); i++) {
        if (name == NULL || strcmp(name, preallocation_names[i]) == 0) {
            *ret_kind = (enum preallocation)i;
            return true;
        }
    }
    return host_error_set(error, HOST_ERROR_OTHER,
                          "%s: preallocation '%s' is not known: off, metadata, falloc or full",
                          node_path(q->node), name);
}

/* Writes zeros into new clusters by force. */
static int fill_fully(struct block_node *host, uint64_t offset, uint64_t size)
{
    g_autofree uint8_t *zeros = g_malloc0(FULL_PIECE);
    int result = 0;
    while (size > 0 && result == 0) {
        size_t part = (size_t)MIN(size, FULL_PIECE);
        result = node_write(host, offset, zeros, part, 0);
        offset += part;
        size -= part;
    }
    return result;
}

/* Makes what new clusters hold be zeros, and the file long enough for them. */
static int fill_hosts(struct qcow2 *q, uint64_t offset, uint64_t size, enum preallocation kind)
{
    uint64_t had = MAX(node_size(q->data), offset), end = offset + size;
    if (kind == PREALLOCATE_FULL) {
        return fill_fully(q->data, offset, size);
    }
    if (kind == PREALLOCATE_METADATA || had >= end) {
        return node_write_zeroes(q->data, offset, size, 0);
    }
    int result = node_truncate(q->data, end, preallocation_names[kind], NULL);
    return result == 0 && had > offset ? node_write_zeroes(q->data, offset, had - offset, 0)
                                       : result;
}

/* Allocates one run of clusters for `count` guest clusters that have none. */
static int preallocate_run(struct qcow2 *q, uint64_t first, uint64_t count, enum preallocation kind,
                           uint64_t *ret_done)
{
    uint64_t cluster = first, got = MIN(count, qcow2_map_left(q, first));
    co_mutex_lock(&q->lock);
    int result = qcow2_map_prepare(q, first);
    if (result == 0 && !q->external) {
        result = qcow2_alloc(q, got, &cluster, &got);
    }
    if (result == 0) {
        result = fill_hosts(q, cluster << q->cluster_bits, got << q->cluster_bits, kind);
    }
    if (result == 0) {
        result = qcow2_map_set(q, first, got, cluster << q->cluster_bits | ENTRY_COPIED,
                               q->cluster_size, false);
    }
    co_mutex_unlock(&q->lock);
    *ret_done = got;
    return result;
}

/* Allocates what nobody has written yet of a new part of the disk. */
static int preallocate(struct qcow2 *q, uint64_t offset, uint64_t size, enum preallocation kind)
{
    uint64_t first = qcow2_clusters(q, offset), last = qcow2_clusters(q, size), done = 0;
    int result = 0;
    for (; first < last && result == 0; first += done) {
        result = qcow2_commit_crowded(q);
        if (result == 0) {
            result = preallocate_run(q, first, last - first, kind, &done);
        }
    }
    return result;
}

/* Gives up all clusters behind a size: of the disk, and of a machine's state behind it, which would
 * have to lie elsewhere for another size. */
static int drop_behind(struct qcow2 *q, uint64_t size)
{
    uint64_t first = qcow2_clusters(q, size), last = (uint64_t)q->l1_entries << q->l2_bits;
    return last > first ? qcow2_drop(q, first, last - first, DROP_FULLY) : 0;
}

/* What lies behind the old end must read as zeros, also if the backing image is longer. */
static int grow_clear(struct qcow2 *q, uint64_t old, uint64_t size)
{
    struct block_node *backing = node_backing(q->node);
    uint64_t mask = q->cluster_size - 1, first = (old + mask) & ~mask;
    uint64_t shown = backing != NULL ? MIN(size, node_size(backing)) : 0;
    int result = drop_behind(q, old);
    if (result == 0 && first > old) {
        result = qcow2_zero_part(q, old, first - old);
    }
    if (result == 0 && shown > first) {
        if (q->header.version < 3) {
            return FILE_ERROR_UNSUPPORTED;
        }
        result = qcow2_drop(q, first >> q->cluster_bits,
                            qcow2_clusters(q, shown) - (first >> q->cluster_bits), DROP_TO_ZERO);
    }
    return result;
}

static int resize_header(struct qcow2 *q, uint64_t size)
{
    uint64_t old = q->header.size;
    int result = qcow2_settle(q);
    if (result == 0) {
        q->header.size = size;
        result = qcow2_write_head(q);
    }
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result < 0) {
        q->header.size = old;
        return result;
    }
    node_set_size(q->node, size / QCOW2_SECTOR * QCOW2_SECTOR);
    return 0;
}

static int resize_grow(struct qcow2 *q, uint64_t size, enum preallocation kind)
{
    uint64_t old = q->header.size;
    int result = qcow2_l1_grow(q, qcow2_l1_needed(q, size));
    if (result == 0) {
        result = grow_clear(q, old, size);
    }
    if (result == 0 && kind != PREALLOCATE_OFF) {
        result = preallocate(q, old, size, kind);
    }
    return result == 0 ? resize_header(q, size) : result;
}

static int resize_shrink(struct qcow2 *q, uint64_t size)
{
    int result = drop_behind(q, size);
    return result == 0 ? resize_header(q, size) : result;
}

/* Why the size cannot be changed; false if it can. */
static bool resize_refused(const struct qcow2 *q, uint64_t size, enum preallocation kind,
                           GError **error)
{
    const char *why = NULL;
    if (size % QCOW2_SECTOR != 0) {
        why = "the new size must be a multiple of 512";
    } else if (size > INT64_MAX || qcow2_l1_needed(q, size) > QCOW2_L1_MAX / 8) {
        why = "the new size is too large for its cluster size";
    } else if (q->header.version < 3 && q->snapshot_count > 0) {
        why = "images of version 2 (compat=0.10) with snapshots cannot be resized";
    } else if (size < q->header.size && q->snapshot_count > 0) {
        why = "images with snapshots cannot be made smaller";
    } else if (size < q->header.size && kind != PREALLOCATE_OFF) {
        why = "preallocation makes no sense for a smaller size";
    } else if (kind != PREALLOCATE_OFF && node_backing(q->node) != NULL) {
        why = "preallocation would hide the backing file";
    }
    if (why != NULL) {
        host_error_set(error, HOST_ERROR_UNSUPPORTED, "%s: cannot resize: %s", node_path(q->node),
                       why);
    }
    return why != NULL;
}

int qcow2_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                   GError **error)
{
    struct qcow2 *q = node_instance(node);
    enum preallocation kind;
    if (!preallocation_parse(q, preallocation, &kind, error) ||
        !qcow2_not_taking(q, "resize", error) || resize_refused(q, size, kind, error)) {
        return FILE_ERROR_UNSUPPORTED;
    }
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0 && size != q->header.size) {
        result = size > q->header.size ? resize_grow(q, size, kind) : resize_shrink(q, size);
    }
    co_rwlock_unlock(&q->gate);
    if (result < 0) {
        qcow2_fails(q, result, "resize", error);
    }
    return result;
}
