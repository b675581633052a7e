/* Finding host clusters that nobody uses. */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>

static bool ranges_meet(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
    return a < b + b_count && b < a + a_count;
}

/* Whether clusters that the refcounts call free hold metadata: then the counts are wrong. */
static bool alloc_hits_metadata(const struct qcow2 *q, uint64_t first, uint64_t count)
{
    const struct qcow2_header *header = &q->header;
    bool hit = first == 0 ||
               ranges_meet(first, count, header->reftable_offset >> q->cluster_bits,
                           header->reftable_clusters) ||
               ranges_meet(first, count, header->l1_offset >> q->cluster_bits,
                           qcow2_clusters(q, (uint64_t)q->l1_entries * 8)) ||
               (header->snapshot_count > 0 &&
                ranges_meet(first, count, header->snapshots_offset >> q->cluster_bits, 1));
    for (uint32_t i = 0; i < q->reftable_entries && !hit; i++) {
        hit =
            q->reftable[i] != 0 && ranges_meet(first, count, q->reftable[i] >> q->cluster_bits, 1);
    }
    for (uint32_t i = 0; i < q->l1_entries && !hit; i++) {
        uint64_t table = (q->l1[i] & ENTRY_OFFSET) >> q->cluster_bits;
        hit = table != 0 && ranges_meet(first, count, table, 1);
    }
    return hit;
}

static int alloc_take(struct qcow2 *q, uint64_t first, uint64_t count)
{
    if (alloc_hits_metadata(q, first, count)) {
        return qcow2_corrupt(q);
    }
    int result = 0;
    for (uint64_t i = 0; i < count && result == 0; i++) {
        result = qcow2_refcount_set(q, first + i, 1);
    }
    return result;
}

static bool alloc_covered(const struct qcow2 *q, uint64_t cluster)
{
    uint64_t block = cluster / qcow2_refblock_entries(q);
    return block < q->reftable_entries && q->reftable[block] != 0;
}

static bool alloc_in_reach(const struct qcow2 *q, uint64_t end)
{
    return end < HOST_OFFSET_MAX >> q->cluster_bits;
}

/* The first free cluster from the hint on. */
static int alloc_find(struct qcow2 *q, uint64_t *ret_cluster)
{
    for (uint64_t cluster = q->free_hint;; cluster++) {
        uint64_t used = 0;
        int result = 0;
        if (!alloc_in_reach(q, cluster)) {
            return FILE_ERROR_NO_SPACE;
        }
        if (!alloc_covered(q, cluster)) {
            result = qcow2_cover(q, cluster, 0);
        }
        if (result == 0) {
            result = qcow2_refcount(q, cluster, &used);
        }
        if (result < 0) {
            return result;
        }
        if (used == 0) {
            q->free_hint = *ret_cluster = cluster;
            return 0;
        }
    }
}

int qcow2_alloc(struct qcow2 *q, uint64_t count, uint64_t *ret_cluster, uint64_t *ret_count)
{
    uint64_t first, got = 1;
    int result = alloc_find(q, &first);
    assert(count > 0);
    while (result == 0 && got < count && alloc_covered(q, first + got)) {
        uint64_t used;
        result = qcow2_refcount(q, first + got, &used);
        if (result < 0 || used != 0) {
            break;
        }
        got++;
    }
    if (result == 0) {
        result = alloc_take(q, first, got);
    }
    if (result == 0) {
        q->free_hint = first + got;
        *ret_cluster = first;
        *ret_count = got;
    }
    return result;
}

/* The cluster behind which no refcount block covers anything. */
static uint64_t alloc_tail(const struct qcow2 *q)
{
    uint64_t blocks = q->reftable_entries;
    while (blocks > 0 && q->reftable[blocks - 1] == 0) {
        blocks--;
    }
    return blocks * qcow2_refblock_entries(q);
}

/* Where an area fits: between what is used, or behind all of it. */
static int area_find(struct qcow2 *q, uint64_t count, uint64_t *ret_cluster)
{
    uint64_t tail = alloc_tail(q), first = MIN(q->free_hint, tail);
    for (uint64_t at = first; at < tail && at - first < count; at++) {
        uint64_t used = 1;
        int result = alloc_covered(q, at) ? qcow2_refcount(q, at, &used) : 0;
        if (result < 0) {
            return result;
        }
        if (used != 0) {
            first = at + 1;
        }
    }
    *ret_cluster = first;
    return alloc_in_reach(q, first + count) ? 0 : FILE_ERROR_NO_SPACE;
}

int qcow2_alloc_area(struct qcow2 *q, uint64_t count, uint64_t *ret_cluster)
{
    uint64_t first;
    assert(count > 0);
    int result = area_find(q, count, &first);
    if (result == 0) {
        result = qcow2_cover(q, first, count);
    }
    if (result == 0) {
        result = alloc_take(q, first, count);
    }
    if (result == 0) {
        *ret_cluster = first;
    }
    return result;
}

/* Whether a cluster that has room left can take one more part. */
static int alloc_shares(struct qcow2 *q, uint64_t cluster, bool *ret_shares)
{
    uint64_t used;
    int result = qcow2_refcount(q, cluster, &used);
    *ret_shares = result == 0 && used > 0 && used < qcow2_refcount_max(q);
    return result;
}

int qcow2_alloc_bytes(struct qcow2 *q, uint64_t size, uint64_t *ret_offset)
{
    uint64_t inside = q->packed_end & (q->cluster_size - 1), cluster, got;
    uint64_t last = q->packed_end >> q->cluster_bits;
    bool shares = false;
    int result = 0;
    assert(size > 0 && size < q->cluster_size);
    if (inside != 0) {
        result = alloc_shares(q, last, &shares);
    }
    if (result == 0 && shares && size <= q->cluster_size - inside) {
        *ret_offset = q->packed_end;
    } else if (result == 0) {
        result = qcow2_alloc(q, 1, &cluster, &got);
        shares = shares && result == 0 && cluster == last + 1;
        if (result == 0) {
            *ret_offset = shares ? q->packed_end : cluster << q->cluster_bits;
        }
    }
    if (result == 0 && shares) {
        result = qcow2_refcount_add(q, last, 1);
    }
    if (result == 0) {
        q->packed_end = *ret_offset + size;
    }
    return result;
}
