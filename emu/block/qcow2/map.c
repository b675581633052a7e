/* From guest clusters to host clusters: the L1 table, in memory, and slices of L2 tables. */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>
#include <string.h>

static uint32_t map_l1_index(const struct qcow2 *q, uint64_t first)
{
    uint64_t index = first >> q->l2_bits;
    return (uint32_t)MIN(index, UINT32_MAX);
}

/* Entries of a slice of a table. */
static uint64_t map_per_slice(const struct qcow2 *q)
{
    return UINT64_C(1) << (q->slice_bits - 3);
}

uint64_t qcow2_table_left(const struct qcow2 *q, uint64_t first)
{
    uint64_t entries = UINT64_C(1) << q->l2_bits;
    return entries - first % entries;
}

uint64_t qcow2_map_left(const struct qcow2 *q, uint64_t first)
{
    return map_per_slice(q) - first % map_per_slice(q);
}

/* Where the L2 table of a guest cluster lies; 0 if there is none. */
static int map_table(struct qcow2 *q, uint64_t first, uint64_t *ret_offset)
{
    uint32_t index = map_l1_index(q, first);
    uint64_t entry = index < q->l1_entries ? q->l1[index] : 0;
    *ret_offset = entry & ENTRY_OFFSET;
    return (*ret_offset & (q->cluster_size - 1)) == 0 ? 0 : qcow2_corrupt(q);
}

static int map_slice(struct qcow2 *q, uint64_t table, uint64_t first, struct slice **ret_slice)
{
    uint64_t in_table = first & ((UINT64_C(1) << q->l2_bits) - 1);
    uint64_t offset = (in_table * 8) & ~((UINT64_C(1) << q->slice_bits) - 1);
    return slice_get(&q->tables, table + offset, ret_slice);
}

/* What one entry says; false if it makes no sense. */
static bool map_entry(const struct qcow2 *q, uint64_t guest, uint64_t entry,
                      struct mapping *mapping)
{
    uint64_t host = entry & ENTRY_OFFSET;
    *mapping =
        (struct mapping){ .entry = entry, .count = 1, .copied = (entry & ENTRY_COPIED) != 0 };
    if (entry & ENTRY_COMPRESSED) {
        mapping->kind = MAP_COMPRESSED;
        mapping->copied = false;
        return !q->external;
    }
    mapping->host = host;
    if (q->header.version >= 3 && (entry & ENTRY_ZERO)) {
        mapping->kind = MAP_ZERO;
        mapping->copied = mapping->copied && (host != 0 || q->external);
    } else if (host == 0 && !(q->external && mapping->copied)) {
        mapping->kind = MAP_NONE;
        mapping->copied = false;
        return true;
    } else {
        mapping->kind = MAP_DATA;
    }
    if (q->external && (mapping->copied || host != 0)) {
        return host == guest << q->cluster_bits;
    }
    return (host & (q->cluster_size - 1)) == 0;
}

/* Whether an entry goes on where a run ends. */
static bool map_follows(const struct qcow2 *q, const struct mapping *run,
                        const struct mapping *next)
{
    uint64_t host = run->host + (run->count << q->cluster_bits);
    if (next->kind != run->kind || next->copied != run->copied || run->kind == MAP_COMPRESSED) {
        return false;
    }
    return run->kind == MAP_NONE || (run->kind == MAP_ZERO && run->host == 0 && next->host == 0) ||
           (run->host != 0 && next->host == host) || (q->external && next->host == host);
}

/* Clusters from `first` on that no L2 table is there for, of at most `count`. */
static uint64_t map_untold(const struct qcow2 *q, uint64_t first, uint64_t count)
{
    uint64_t index = map_l1_index(q, first), end = first;
    while (index < q->l1_entries && (q->l1[index] & ENTRY_OFFSET) == 0 && end - first < count) {
        index++;
        end = index << q->l2_bits;
    }
    return index < q->l1_entries ? MIN(count, end - first) : count;
}

int qcow2_map(struct qcow2 *q, uint64_t first, uint64_t count, struct mapping *ret_mapping)
{
    uint64_t table;
    struct slice *slice;
    int result = map_table(q, first, &table);
    if (result < 0) {
        return result;
    }
    if (table == 0) {
        *ret_mapping = (struct mapping){ .kind = MAP_NONE, .count = map_untold(q, first, count) };
        return 0;
    }
    result = map_slice(q, table, first, &slice);
    if (result < 0) {
        return result;
    }
    const uint8_t *at = slice->data + first % map_per_slice(q) * 8;
    struct mapping next;
    count = MIN(count, qcow2_map_left(q, first));
    if (!map_entry(q, first, be_get64(at), ret_mapping)) {
        return qcow2_corrupt(q);
    }
    for (uint64_t i = 1; i < count; i++) {
        if (!map_entry(q, first + i, be_get64(at + i * 8), &next) ||
            !map_follows(q, ret_mapping, &next)) {
            break;
        }
        ret_mapping->count++;
    }
    return 0;
}

/* Fills a new L2 table: with what a shared one has, or with nothing. */
static int map_fill_table(struct qcow2 *q, uint64_t old, uint64_t new)
{
    if (old == 0) { /* the file is long enough then, too: what leads behind its end is damage */
        return node_write_zeroes(q->file, new, q->cluster_size, 0);
    }
    g_autofree uint8_t *table = g_malloc(q->cluster_size);
    int result = node_read(q->file, old, table, q->cluster_size);
    if (result == 0) {
        result = node_write(q->file, new, table, q->cluster_size, 0);
    }
    return result;
}

int qcow2_map_prepare(struct qcow2 *q, uint64_t first)
{
    uint32_t index = map_l1_index(q, first);
    uint64_t old, cluster, got;
    assert(index < q->l1_entries);
    int result = map_table(q, first, &old);
    if (result < 0 || (old != 0 && (q->l1[index] & ENTRY_COPIED))) {
        return result;
    }
    result = qcow2_alloc(q, 1, &cluster, &got);
    if (result < 0) {
        return result;
    }
    result = map_fill_table(q, old, cluster << q->cluster_bits);
    if (result < 0) {
        qcow2_free(q, cluster, 1, true);
        return result;
    }
    slice_cache_drop(&q->tables, cluster << q->cluster_bits, q->cluster_size);
    q->l1[index] = cluster << q->cluster_bits | ENTRY_COPIED;
    qcow2_l1_mark(q, index);
    if (old != 0) {
        qcow2_free(q, old >> q->cluster_bits, 1, true);
    }
    return 0;
}

int qcow2_map_set(struct qcow2 *q, uint64_t first, uint64_t count, uint64_t entry, uint64_t step,
                  bool keep)
{
    while (count > 0) {
        uint64_t table, part = MIN(count, qcow2_map_left(q, first));
        struct slice *slice;
        int result = map_table(q, first, &table);
        assert(result < 0 || table != 0);
        if (result == 0) {
            result = map_slice(q, table, first, &slice);
        }
        if (result < 0) {
            return result;
        }
        uint8_t *at = slice->data + first % map_per_slice(q) * 8;
        for (uint64_t i = 0; i < part; i++, entry += step) {
            if (!keep) {
                qcow2_free_entry(q, be_get64(at + i * 8));
            }
            be_put64(at + i * 8, entry);
        }
        slice_mark(&q->tables, slice);
        first += part;
        count -= part;
    }
    return 0;
}
