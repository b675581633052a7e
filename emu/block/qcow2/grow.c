/*
 * More refcount blocks, and a longer refcount table. They are on stable storage before anything
 * leads to them, and what leads to them is one sector, all or nothing.
 */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>
#include <string.h>

/* What is to be added: blocks for the ranges with the numbers `range`, in clusters from `first`,
 * and a table of `table` clusters (0: the old one is long enough) behind them. */
struct growth {
    GArray *range;
    uint64_t first, table;
};

static bool grow_covered(const struct qcow2 *q, uint64_t range)
{
    return range < q->reftable_entries && q->reftable[range] != 0;
}

/* Clusters for a table of at least `entries`, with room for more. */
static uint64_t grow_table_size(const struct qcow2 *q, uint64_t entries)
{
    uint64_t roomy = MIN(q->reftable_entries + q->reftable_entries / 2, QCOW2_REFTABLE_MAX / 8);
    return qcow2_clusters(q, MAX(entries, roomy) * 8);
}

/* Each block and each cluster of the table may need one more block, so this goes round. */
static bool grow_plan(const struct qcow2 *q, uint64_t first, uint64_t count, struct growth *growth)
{
    uint64_t entries = qcow2_refblock_entries(q), before;
    growth->first = first + count;
    do {
        before = growth->range->len + growth->table;
        uint64_t end = first + MAX(count + before, 1), last = (end - 1) / entries;
        g_array_set_size(growth->range, 0);
        for (uint64_t range = first / entries; range <= last; range++) {
            if (!grow_covered(q, range)) {
                g_array_append_val(growth->range, range);
            }
        }
        if (last >= q->reftable_entries) {
            growth->table = grow_table_size(q, last + 1);
        }
    } while (growth->range->len + growth->table != before);
    return growth->table << q->cluster_bits <= QCOW2_REFTABLE_MAX;
}

/* Writes the new blocks, with the references to all that is new in them. */
static int grow_write_blocks(struct qcow2 *q, const struct growth *growth)
{
    uint64_t entries = qcow2_refblock_entries(q), used = growth->range->len + growth->table;
    g_autofree uint8_t *block = g_malloc(q->cluster_size);
    int result = 0;
    for (unsigned i = 0; i < growth->range->len && result == 0; i++) {
        uint64_t start = g_array_index(growth->range, uint64_t, i) * entries;
        memset(block, 0, q->cluster_size);
        for (uint64_t j = 0; j < used; j++) {
            uint64_t cluster = growth->first + j;
            if (cluster >= start && cluster - start < entries) {
                qcow2_refblock_set(q, block, cluster - start, 1);
            }
        }
        result =
            node_write(q->file, (growth->first + i) << q->cluster_bits, block, q->cluster_size, 0);
    }
    return result;
}

/* The table with its new entries, in memory; the caller writes it. */
static uint64_t *grow_new_table(const struct qcow2 *q, const struct growth *growth,
                                uint32_t entries)
{
    uint64_t *table = g_new0(uint64_t, entries);
    if (q->reftable_entries > 0) {
        memcpy(table, q->reftable, q->reftable_entries * sizeof(*table));
    }
    for (unsigned i = 0; i < growth->range->len; i++) {
        table[g_array_index(growth->range, uint64_t, i)] = (growth->first + i) << q->cluster_bits;
    }
    return table;
}

/* Makes the header lead to a longer table. */
static int grow_switch(struct qcow2 *q, uint64_t *table, uint32_t entries, uint64_t cluster)
{
    struct qcow2_header old = q->header;
    int result = qcow2_l1_store(q, cluster << q->cluster_bits, table, entries);
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result == 0) {
        q->header.reftable_offset = cluster << q->cluster_bits;
        q->header.reftable_clusters = (uint32_t)(entries * UINT64_C(8) >> q->cluster_bits);
        result = qcow2_write_head(q);
        if (result < 0) {
            q->header = old;
        }
    }
    if (result == 0) {
        qcow2_free(q, old.reftable_offset >> q->cluster_bits, old.reftable_clusters, false);
    }
    return result;
}

/* Writes the sectors of the table where something is new. */
static int grow_patch(struct qcow2 *q, const uint64_t *table, uint32_t entries)
{
    uint8_t sector[QCOW2_SECTOR];
    const uint32_t each = QCOW2_SECTOR / 8;
    int result = qcow2_sync(q);
    for (uint32_t at = 0; at < entries && result == 0; at += each) {
        if (memcmp(table + at, q->reftable + at, QCOW2_SECTOR) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < each; i++) {
            be_put64(sector + i * 8, table[at + i]);
        }
        result = node_write(q->file, q->header.reftable_offset + at * UINT64_C(8), sector,
                            sizeof(sector), 0);
    }
    return result;
}

int qcow2_cover(struct qcow2 *q, uint64_t first, uint64_t count)
{
    struct growth growth = { .range = g_array_new(FALSE, FALSE, sizeof(uint64_t)) };
    int result = grow_plan(q, first, count, &growth) ? 0 : FILE_ERROR_NO_SPACE;
    if (result == 0 && growth.range->len > 0) {
        uint32_t entries = growth.table > 0 ? (uint32_t)((growth.table << q->cluster_bits) / 8)
                                            : q->reftable_entries;
        uint64_t *table = grow_new_table(q, &growth, entries);
        result = grow_write_blocks(q, &growth);
        if (result == 0) {
            result = growth.table > 0
                         ? grow_switch(q, table, entries, growth.first + growth.range->len)
                         : grow_patch(q, table, entries);
        }
        if (result == 0) {
            g_free(q->reftable);
            q->reftable = table;
            q->reftable_entries = entries;
        } else {
            g_free(table);
        }
    }
    g_array_free(growth.range, TRUE);
    return result;
}
