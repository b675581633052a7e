/* Reference counts of host clusters, and clusters that lose one. */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>

uint64_t qcow2_refcount_max(const struct qcow2 *q)
{
    unsigned bits = 1u << q->header.refcount_order;
    return bits == 64 ? INT64_MAX : (UINT64_C(1) << bits) - 1;
}

uint64_t qcow2_refblock_entries(const struct qcow2 *q)
{
    return q->cluster_size * 8 >> q->header.refcount_order;
}

/* One entry of a refcount block in memory. */
static uint64_t refblock_get(const struct qcow2 *q, const uint8_t *block, uint64_t index)
{
    unsigned order = q->header.refcount_order;
    switch (order) {
    case 3: return block[index];
    case 4: return be_get16(block + index * 2);
    case 5: return be_get32(block + index * 4);
    case 6: return be_get64(block + index * 8);
    default: {
        unsigned bits = 1u << order, shift = (unsigned)(index << order) & 7;
        return (uint64_t)(block[index << order >> 3] >> shift) & ((1u << bits) - 1);
    }
    }
}

void qcow2_refblock_set(const struct qcow2 *q, uint8_t *block, uint64_t index, uint64_t count)
{
    unsigned order = q->header.refcount_order;
    assert(count <= qcow2_refcount_max(q));
    switch (order) {
    case 3: block[index] = (uint8_t)count; break;
    case 4: be_put16(block + index * 2, (uint16_t)count); break;
    case 5: be_put32(block + index * 4, (uint32_t)count); break;
    case 6: be_put64(block + index * 8, count); break;
    default: {
        unsigned bits = 1u << order, shift = (unsigned)(index << order) & 7;
        uint8_t *byte = block + (index << order >> 3);
        unsigned mask = ((1u << bits) - 1) << shift;
        *byte = (uint8_t)((*byte & ~mask) | (unsigned)(count << shift));
    }
    }
}

/* The slice with a cluster's count; NULL if no block covers it. */
static int refcount_slice(struct qcow2 *q, uint64_t cluster, struct slice **ret_slice,
                          uint64_t *ret_index)
{
    uint64_t entries = qcow2_refblock_entries(q), per_slice;
    uint64_t block = cluster / entries, index = cluster % entries;
    *ret_slice = NULL;
    *ret_index = 0;
    if (block >= q->reftable_entries || (q->reftable[block] & REFTABLE_OFFSET) == 0) {
        return 0;
    }
    uint64_t offset = q->reftable[block];
    if (offset % q->cluster_size != 0 || offset >= HOST_OFFSET_MAX) {
        return qcow2_corrupt(q);
    }
    per_slice = q->refcounts.slice_size * 8 >> q->header.refcount_order;
    *ret_index = index % per_slice;
    return slice_get(&q->refcounts, offset + index / per_slice * q->refcounts.slice_size,
                     ret_slice);
}

int qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *ret_count)
{
    struct slice *slice;
    uint64_t index;
    int result = refcount_slice(q, cluster, &slice, &index);
    if (result == 0) {
        *ret_count = slice != NULL ? refblock_get(q, slice->data, index) : 0;
    }
    return result;
}

int qcow2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
    struct slice *slice;
    uint64_t index;
    int result = refcount_slice(q, cluster, &slice, &index);
    if (result < 0 || slice == NULL) {
        return result < 0 ? result : qcow2_corrupt(q);
    }
    qcow2_refblock_set(q, slice->data, index, count);
    slice_mark(&q->refcounts, slice);
    if (count == 0) {
        q->free_hint = MIN(q->free_hint, cluster);
        if (q->packed_end >> q->cluster_bits == cluster) {
            q->packed_end = 0;
        }
    }
    return 0;
}

int qcow2_refcount_add(struct qcow2 *q, uint64_t cluster, int64_t change)
{
    uint64_t count = 0;
    int result = qcow2_refcount(q, cluster, &count);
    if (result < 0) {
        return result;
    }
    uint64_t max = qcow2_refcount_max(q);
    if (count > max || (change < 0 && count < (uint64_t)-change)) {
        return qcow2_corrupt(q);
    }
    if (change > 0 && count > max - (uint64_t)change) {
        return FILE_ERROR_NO_SPACE;
    }
    return qcow2_refcount_set(q, cluster, count + (uint64_t)change);
}

void qcow2_free(struct qcow2 *q, uint64_t cluster, uint64_t count, bool table)
{
    q->freed_clusters += count;
    if (q->freed->len > 0) {
        struct freed *last = &g_array_index(q->freed, struct freed, q->freed->len - 1);
        if (last->cluster + last->count == cluster && last->table == table) {
            last->count += count;
            return;
        }
    }
    g_array_append_val(q->freed, ((struct freed){ cluster, count, table }));
}

void qcow2_packed_range(const struct qcow2 *q, uint64_t entry, uint64_t *ret_offset,
                        uint64_t *ret_size)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (entry & ~(ENTRY_COPIED | ENTRY_COMPRESSED)) >> shift;
    *ret_offset = entry & ((UINT64_C(1) << shift) - 1);
    *ret_size = (sectors + 1) * QCOW2_SECTOR - *ret_offset % QCOW2_SECTOR;
}

void qcow2_free_entry(struct qcow2 *q, uint64_t entry)
{
    uint64_t offset, size;
    if (entry & ENTRY_COMPRESSED) {
        qcow2_packed_range(q, entry, &offset, &size);
        uint64_t first = offset >> q->cluster_bits, last = (offset + size - 1) >> q->cluster_bits;
        qcow2_free(q, first, last - first + 1, false);
    } else if ((entry & ENTRY_OFFSET) != 0 && !q->external) {
        qcow2_free(q, (entry & ENTRY_OFFSET) >> q->cluster_bits, 1, false);
    }
}
