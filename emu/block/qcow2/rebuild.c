/*
 * New refcount tables in place of damaged ones: they lie behind everything that is used, and are on
 * stable storage before the header leads to them.
 */
#include "emu/block/qcow2/check.h"

#include <string.h>

struct rebuild {
    GArray *range; /* numbers of the ranges that need a block */
    uint64_t first, table;
};

/* The ranges that hold a reference below `end`. */
static void rebuild_ranges(struct check_run *run, GArray *range)
{
    uint64_t entries = qcow2_refblock_entries(run->q);
    uint64_t at = refmap_next(&run->map, 0);
    while (at < run->map.end) {
        uint64_t number = at / entries, end = MIN((number + 1) * entries, run->map.end);
        bool used = false;
        for (; at < end && !used; at++) {
            used = refmap_get(&run->map, at) > 0;
        }
        if (used) {
            g_array_append_val(range, number);
        }
        at = refmap_next(&run->map, MAX(at, used ? end : at));
    }
}

/* Room for blocks and table, which need counts themselves. */
static bool rebuild_plan(struct check_run *run, struct rebuild *plan)
{
    struct qcow2 *q = run->q;
    uint64_t placed = 0, wanted;
    plan->first = MAX(run->map.end, qcow2_clusters(q, run->file_end));
    for (;;) {
        g_array_set_size(plan->range, 0);
        rebuild_ranges(run, plan->range);
        uint64_t last = g_array_index(plan->range, uint64_t, plan->range->len - 1);
        plan->table = qcow2_clusters(q, (last + 1) * 8);
        wanted = plan->range->len + plan->table;
        if (wanted <= placed) {
            plan->table += placed - wanted;
            return plan->table << q->cluster_bits <= QCOW2_REFTABLE_MAX;
        }
        refmap_add(&run->map, plan->first + placed, wanted - placed);
        placed = wanted;
    }
}

static int rebuild_write_blocks(struct check_run *run, const struct rebuild *plan)
{
    struct qcow2 *q = run->q;
    uint64_t entries = qcow2_refblock_entries(q);
    g_autofree uint8_t *block = g_malloc(q->cluster_size);
    int result = 0;
    for (unsigned i = 0; i < plan->range->len && result == 0; i++) {
        uint64_t start = g_array_index(plan->range, uint64_t, i) * entries;
        memset(block, 0, q->cluster_size);
        for (uint64_t j = 0; j < entries; j++) {
            uint64_t count = refmap_get(&run->map, start + j);
            qcow2_refblock_set(q, block, j, MIN(count, qcow2_refcount_max(q)));
        }
        result =
            node_write(q->file, (plan->first + i) << q->cluster_bits, block, q->cluster_size, 0);
    }
    return result;
}

static int rebuild_switch(struct qcow2 *q, const struct rebuild *plan, uint64_t *table,
                          uint32_t entries)
{
    uint64_t offset = (plan->first + plan->range->len) << q->cluster_bits;
    struct qcow2_header old = q->header;
    for (unsigned i = 0; i < plan->range->len; i++) {
        table[g_array_index(plan->range, uint64_t, i)] = (plan->first + i) << q->cluster_bits;
    }
    int result = qcow2_l1_store(q, offset, table, entries);
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result == 0) {
        q->header.reftable_offset = offset;
        q->header.reftable_clusters = (uint32_t)plan->table;
        result = qcow2_write_head(q);
    }
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result < 0) {
        q->header = old;
    }
    return result;
}

int check_rebuild(struct check_run *run)
{
    struct qcow2 *q = run->q;
    struct rebuild plan = { .range = g_array_new(FALSE, FALSE, sizeof(uint64_t)) };
    int result = rebuild_plan(run, &plan) ? 0 : FILE_ERROR_NO_SPACE;
    if (result == 0) {
        uint32_t entries = (uint32_t)((plan.table << q->cluster_bits) / 8);
        uint64_t *table = g_new0(uint64_t, entries);
        result = rebuild_write_blocks(run, &plan);
        if (result == 0) {
            result = rebuild_switch(q, &plan, table, entries);
        }
        if (result == 0) {
            slice_cache_clear(&q->refcounts);
            g_free(q->reftable);
            q->reftable = table;
            q->reftable_entries = entries;
            q->free_hint = 0;
            g_array_set_size(q->freed, 0);
            g_array_set_size(q->freed_next, 0);
            q->freed_clusters = 0;
        } else {
            g_free(table);
        }
    }
    g_array_free(plan.range, TRUE);
    return result;
}
