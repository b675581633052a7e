#include "emu/block/qcow2/qcow2.h"

#include <assert.h>

#define EXTENT_RUNS 1024u /* that are looked at to make one longer */

/* What shows through: the backing image up to its end and to that of this disk, then zeros. */
static int read_backing(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                        unsigned count)
{
    struct block_node *backing = node_backing(q->node);
    uint64_t end = backing != NULL ? MIN(node_size(backing), node_size(q->node)) : 0;
    uint64_t part = offset < end ? MIN(size, end - offset) : 0;
    vec_clear(vec, count, part, size - part);
    return part > 0 ? node_read_vec(backing, offset, part, vec, count) : 0;
}

static int read_packed(struct qcow2 *q, const struct mapping *mapping, uint64_t offset,
                       uint64_t size, const struct host_vec *vec, unsigned count)
{
    uint64_t inside = offset & (q->cluster_size - 1);
    g_autofree uint8_t *cluster = g_malloc(q->cluster_size);
    assert(size <= q->cluster_size - inside);
    int result = qcow2_unpack(q, mapping->entry, cluster);
    if (result == 0) {
        vec_copy_in(vec, count, 0, cluster + inside, size);
    }
    return result;
}

int qcow2_read_mapping(struct qcow2 *q, const struct mapping *mapping, uint64_t offset,
                       uint64_t size, const struct host_vec *vec, unsigned count)
{
    uint64_t inside = offset & (q->cluster_size - 1);
    assert(inside + size <= mapping->count << q->cluster_bits);
    switch (mapping->kind) {
    case MAP_NONE: return read_backing(q, offset, size, vec, count);
    case MAP_DATA: return qcow2_read_host(q->data, mapping->host + inside, size, vec, count);
    case MAP_COMPRESSED: return read_packed(q, mapping, offset, size, vec, count);
    case MAP_ZERO: break;
    }
    vec_clear(vec, count, 0, size);
    return 0;
}

/* Reads as much as one run of clusters gives. */
static int read_run(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                    unsigned count, uint64_t *ret_done)
{
    uint64_t inside = offset & (q->cluster_size - 1);
    struct mapping mapping;
    unsigned token = qcow2_enter(q);
    int result =
        qcow2_map(q, offset >> q->cluster_bits, qcow2_clusters(q, inside + size), &mapping);
    if (result == 0) {
        *ret_done = MIN(size, (mapping.count << q->cluster_bits) - inside);
        result = qcow2_read_mapping(q, &mapping, offset, *ret_done, vec, count);
    }
    qcow2_leave(q, token);
    return result;
}

int qcow2_read_inside(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                      unsigned count)
{
    uint64_t part = 0, done = 0;
    g_autofree struct host_vec *rest = NULL;
    int result = read_run(q, offset, size, vec, count, &done);
    while (result == 0 && done < size) {
        if (rest == NULL) {
            rest = g_new(struct host_vec, count);
        }
        unsigned pieces = vec_slice(vec, count, done, size - done, rest);
        result = read_run(q, offset + done, size - done, rest, pieces, &part);
        done += part;
    }
    return result;
}

int qcow2_read(struct block_node *node, uint64_t offset, uint64_t size, const struct host_vec *vec,
               unsigned count)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_rdlock(&q->gate);
    int result = qcow2_read_inside(q, offset, size, vec, count);
    co_rwlock_unlock(&q->gate);
    return result;
}

/* Where the bytes lie; zeros may have clusters too, that nobody reads. */
static void extent_place(const struct qcow2 *q, uint64_t host, struct block_extent *extent)
{
    extent->status |= EXTENT_OFFSET;
    extent->host_offset = host;
    extent->file = q->data;
}

static void extent_fill(const struct qcow2 *q, const struct mapping *mapping, uint64_t inside,
                        struct block_extent *extent)
{
    switch (mapping->kind) {
    case MAP_NONE: extent->status = node_backing(q->node) == NULL ? EXTENT_ZERO : 0; break;
    case MAP_ZERO:
        extent->status = EXTENT_ZERO | EXTENT_ALLOCATED;
        if (mapping->host != 0) {
            extent_place(q, mapping->host + inside, extent);
        }
        break;
    case MAP_COMPRESSED: extent->status = EXTENT_DATA | EXTENT_ALLOCATED | EXTENT_COMPRESSED; break;
    case MAP_DATA:
        extent->status = EXTENT_DATA | EXTENT_ALLOCATED;
        extent_place(q, mapping->host + inside, extent);
        break;
    }
}

/* Whether an extent goes on with the next run. */
static bool extent_follows(const struct block_extent *extent, const struct block_extent *next)
{
    return extent->status == next->status &&
           (!(extent->status & EXTENT_OFFSET) ||
            extent->host_offset + extent->size == next->host_offset);
}

int qcow2_extent(struct block_node *node, uint64_t offset, uint64_t size,
                 struct block_extent *ret_extent)
{
    struct qcow2 *q = node_instance(node);
    struct block_extent extent = { 0 };
    unsigned runs = 0;
    int result = 0;
    co_rwlock_rdlock(&q->gate);
    unsigned token = qcow2_enter(q);
    while (result == 0 && extent.size < size && runs++ < EXTENT_RUNS) {
        uint64_t at = offset + extent.size, inside = at & (q->cluster_size - 1);
        uint64_t left = size - extent.size;
        struct block_extent next = { 0 };
        struct mapping mapping;
        result = qcow2_map(q, at >> q->cluster_bits, qcow2_clusters(q, inside + left), &mapping);
        if (result < 0) {
            break;
        }
        extent_fill(q, &mapping, inside, &next);
        next.size = MIN(left, (mapping.count << q->cluster_bits) - inside);
        if (extent.size > 0 && !extent_follows(&extent, &next)) {
            break;
        }
        next.size += extent.size;
        next.host_offset = extent.size > 0 ? extent.host_offset : next.host_offset;
        extent = next;
    }
    qcow2_leave(q, token);
    co_rwlock_unlock(&q->gate);
    *ret_extent = extent;
    return result;
}
