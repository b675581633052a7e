/* L1 tables as a whole: copies, shared and freed trees, other places for the active one. */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>
#include <string.h>

int qcow2_l1_load(struct qcow2 *q, uint64_t offset, uint32_t entries, uint64_t **ret_table)
{
    if (offset % q->cluster_size != 0 || offset >= HOST_OFFSET_MAX ||
        entries > MAX(QCOW2_L1_MAX, QCOW2_REFTABLE_MAX) / 8) {
        return qcow2_corrupt(q);
    }
    uint64_t *table = g_new0(uint64_t, MAX(entries, 1));
    struct host_vec vec = { (uint8_t *)table, entries * sizeof(*table) };
    int result = entries > 0 ? qcow2_read_host(q->file, offset, vec.size, &vec, 1) : 0;
    if (result < 0) {
        g_free(table);
        return result;
    }
    for (uint32_t i = 0; i < entries; i++) {
        table[i] = GUINT64_FROM_BE(table[i]);
    }
    *ret_table = table;
    return 0;
}

int qcow2_l1_store(struct qcow2 *q, uint64_t offset, const uint64_t *table, uint32_t entries)
{
    size_t size = entries * sizeof(*table);
    g_autofree uint8_t *data = g_malloc(size);
    for (uint32_t i = 0; i < entries; i++) {
        be_put64(data + i * 8, table[i]);
    }
    return node_write(q->file, offset, data, size, 0);
}

typedef int tree_fn(struct qcow2 *q, uint64_t *l1_entry, uint8_t *table, bool *ret_changed,
                    void *opaque);

/* Calls `fn` for each L2 table, and writes those that it changes. */
static int tree_walk(struct qcow2 *q, uint64_t *l1, uint32_t entries, tree_fn *fn, void *opaque)
{
    g_autofree uint8_t *table = g_malloc(q->cluster_size);
    struct host_vec vec = { table, q->cluster_size };
    int result = 0;
    for (uint32_t i = 0; i < entries && result == 0; i++) {
        uint64_t offset = l1[i] & ENTRY_OFFSET;
        bool changed = false;
        if (offset == 0) {
            continue;
        }
        if (offset % q->cluster_size != 0) {
            return qcow2_corrupt(q);
        }
        result = qcow2_read_host(q->file, offset, vec.size, &vec, 1);
        if (result == 0) {
            result = fn(q, &l1[i], table, &changed, opaque);
        }
        if (result == 0 && changed) {
            result = node_write(q->file, offset, table, q->cluster_size, 0);
        }
    }
    return result;
}

/* The host clusters of an entry: how many, from *ret_first on. */
static uint64_t entry_clusters(const struct qcow2 *q, uint64_t entry, uint64_t *ret_first)
{
    uint64_t offset, size;
    if (entry & ENTRY_COMPRESSED) {
        qcow2_packed_range(q, entry, &offset, &size);
        *ret_first = offset >> q->cluster_bits;
        return ((offset + size - 1) >> q->cluster_bits) - *ret_first + 1;
    }
    *ret_first = (entry & ENTRY_OFFSET) >> q->cluster_bits;
    return *ret_first != 0 && !q->external;
}

static int share_table(struct qcow2 *q, uint64_t *l1_entry, uint8_t *table, bool *ret_changed,
                       void *opaque)
{
    int result = qcow2_refcount_add(q, (*l1_entry & ENTRY_OFFSET) >> q->cluster_bits, 1);
    (void)opaque;
    *l1_entry &= ~ENTRY_COPIED;
    for (uint64_t i = 0; i < q->cluster_size / 8 && result == 0; i++) {
        uint64_t entry = be_get64(table + i * 8), first;
        uint64_t count = entry_clusters(q, entry, &first);
        for (uint64_t j = 0; j < count && result == 0; j++) {
            result = qcow2_refcount_add(q, first + j, 1);
        }
        if (entry & ENTRY_COPIED) {
            be_put64(table + i * 8, entry & ~ENTRY_COPIED);
            *ret_changed = true;
        }
    }
    return result;
}

int qcow2_tree_share(struct qcow2 *q, uint64_t *l1, uint32_t entries)
{
    return tree_walk(q, l1, entries, share_table, NULL);
}

static int free_table(struct qcow2 *q, uint64_t *l1_entry, uint8_t *table, bool *ret_changed,
                      void *opaque)
{
    (void)ret_changed;
    (void)opaque;
    for (uint64_t i = 0; i < q->cluster_size / 8; i++) {
        qcow2_free_entry(q, be_get64(table + i * 8));
    }
    qcow2_free(q, (*l1_entry & ENTRY_OFFSET) >> q->cluster_bits, 1, true);
    return 0;
}

int qcow2_tree_free(struct qcow2 *q, const uint64_t *l1, uint32_t entries)
{
    g_autofree uint64_t *copy = g_memdup2(l1, entries * sizeof(*l1));
    return tree_walk(q, copy, entries, free_table, NULL);
}

/* What a look at all copied flags is for. */
struct flags_walk {
    bool fix, mended;
    uint64_t *wrong;
    void (*report)(void *opaque, const char *line);
    void *opaque;
};

static void flags_report(const struct flags_walk *walk, const char *what, uint64_t entry,
                         uint64_t refcount)
{
    ++*walk->wrong;
    if (walk->report != NULL) {
        g_autofree char *line =
            g_strdup_printf("%s OFLAG_COPIED %s%" G_GINT64_MODIFIER "x refcount=%" G_GUINT64_FORMAT,
                            walk->fix ? "Repairing" : "ERROR", what, entry, refcount);
        walk->report(walk->opaque, line);
    }
}

/* Changes an entry's flag if its refcount asks for another one. */
static int flags_entry(struct qcow2 *q, const struct flags_walk *walk, const char *what,
                       uint64_t *entry, bool *ret_changed)
{
    uint64_t refcount, cluster = (*entry & ENTRY_OFFSET) >> q->cluster_bits;
    *ret_changed = false;
    if (cluster == 0 || (*entry & ENTRY_OFFSET) % q->cluster_size != 0) {
        return 0;
    }
    int result = qcow2_refcount(q, cluster, &refcount);
    if (result == 0 && (refcount == 1) != ((*entry & ENTRY_COPIED) != 0)) {
        bool expected = walk->mended && refcount == 1;
        if (!expected) {
            flags_report(walk, what, *entry, refcount);
        }
        *ret_changed = walk->fix || expected;
        *entry ^= *ret_changed ? ENTRY_COPIED : 0;
    }
    return result;
}

static int flags_table(struct qcow2 *q, uint64_t *l1_entry, uint8_t *table, bool *ret_changed,
                       void *opaque)
{
    const struct flags_walk *walk = opaque;
    bool changed;
    char what[64];
    g_snprintf(what, sizeof(what),
               "L2 cluster: l1_index=%u l1_entry=", (unsigned)(l1_entry - q->l1));
    int result = flags_entry(q, walk, what, l1_entry, &changed);
    if (changed) {
        qcow2_l1_mark(q, (uint32_t)(l1_entry - q->l1));
    }
    for (uint64_t i = 0; i < q->cluster_size / 8 && result == 0 && !q->external; i++) {
        uint64_t entry = be_get64(table + i * 8);
        if (entry & ENTRY_COMPRESSED) {
            continue;
        }
        result = flags_entry(q, walk, "data cluster: l2_entry=", &entry, &changed);
        be_put64(table + i * 8, entry);
        *ret_changed |= changed;
    }
    return result;
}

int qcow2_tree_flags(struct qcow2 *q, bool fix, bool mended, uint64_t *wrong,
                     void (*report)(void *opaque, const char *line), void *opaque)
{
    struct flags_walk walk = { fix, mended, wrong, report, opaque };
    return tree_walk(q, q->l1, q->l1_entries, flags_table, &walk);
}

uint64_t qcow2_l1_needed(const struct qcow2 *q, uint64_t size)
{
    unsigned bits = q->l2_bits + q->cluster_bits;
    return (size >> bits) + ((size & ((UINT64_C(1) << bits) - 1)) != 0);
}

int qcow2_switch_head(struct qcow2 *q, const struct qcow2_header *to)
{
    struct qcow2_header old = q->header;
    q->header = *to;
    int result = qcow2_write_head(q);
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result < 0) {
        q->header = old;
    }
    return result;
}

int qcow2_l1_replace(struct qcow2 *q, uint64_t *l1, uint32_t entries, uint64_t size)
{
    uint64_t cluster = 0, old = q->header.l1_offset >> q->cluster_bits;
    uint64_t old_count = qcow2_clusters(q, (uint64_t)q->l1_entries * 8);
    uint64_t count = qcow2_clusters(q, (uint64_t)entries * 8);
    assert(q->l1_dirty_count == 0);
    co_mutex_lock(&q->lock);
    int result = qcow2_alloc_area(q, MAX(count, 1), &cluster);
    co_mutex_unlock(&q->lock);
    if (result == 0) {
        result = qcow2_l1_store(q, cluster << q->cluster_bits, l1, entries);
    }
    if (result == 0) {
        result = qcow2_settle(q);
    }
    if (result == 0) {
        struct qcow2_header to = q->header;
        to.l1_offset = cluster << q->cluster_bits;
        to.l1_entries = entries;
        to.size = size;
        result = qcow2_switch_head(q, &to);
    }
    if (result < 0) {
        g_free(l1);
        return result;
    }
    if (old != 0) {
        qcow2_free(q, old, old_count, false);
    }
    g_free(q->l1);
    g_free(q->l1_dirty);
    q->l1 = l1;
    q->l1_entries = entries;
    q->l1_dirty = g_new0(uint8_t, MAX(entries, 1));
    return 0;
}

int qcow2_l1_grow(struct qcow2 *q, uint64_t entries)
{
    uint64_t roomy = MIN(q->l1_entries + q->l1_entries / 2, QCOW2_L1_MAX / 8);
    if (entries <= q->l1_entries) {
        return 0;
    }
    if (entries > QCOW2_L1_MAX / 8) {
        return FILE_ERROR_NO_SPACE;
    }
    int result = qcow2_settle(q);
    if (result < 0) {
        return result;
    }
    entries = MAX(entries, roomy);
    uint64_t *l1 = g_new0(uint64_t, entries);
    memcpy(l1, q->l1, q->l1_entries * sizeof(*l1));
    return qcow2_l1_replace(q, l1, (uint32_t)entries, q->header.size);
}
