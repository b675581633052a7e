/*
 * Counting what an image's tables lead to. With -r all, entries that lead nowhere are cleared: what
 * they stood for is lost, and reads as zeros or as what the backing image has.
 */
#include "emu/block/qcow2/check.h"

#define X64 "%" G_GINT64_MODIFIER "x"

/* One tree on its way. */
struct walk {
    struct check_run *run;
    const char *name; /* of the snapshot; NULL for the disk, the active tree */
    bool active;      /* and it is measured */
    uint64_t next;    /* where the next cluster would lie if nothing were fragmented */
    GHashTable *seen;
};

/* Tells what a cleared entry stood for. */
static void walk_lost(const struct walk *walk, uint64_t guest, uint64_t size)
{
    bool disk = walk->name == NULL;
    check_report(walk->run, "Lost %s%s: 0x" X64 " bytes at 0x" X64,
                 disk ? "of the disk" : "of snapshot ", disk ? "" : walk->name, size, guest);
}

/* What a cleared L2 entry is. */
static uint64_t walk_cleared(const struct walk *walk)
{
    return walk->run->q->header.version >= 3 ? ENTRY_ZERO : 0;
}

/* Whether what an entry leads to can be counted: it lies in the file, and counts have room for one
 * more. (Without a repair, the comparison of counts reports the latter.) */
static bool walk_counts(struct walk *walk, uint64_t offset, uint64_t size, bool *ret_clear)
{
    struct check_run *run = walk->run;
    uint64_t bits = run->q->cluster_bits, max = qcow2_refcount_max(run->q);
    *ret_clear = false;
    if (!check_in_file(run, offset, size)) {
        *ret_clear = check_broken(run,
                                  "counting reference for region exceeding the end of the file by "
                                  "one cluster or more: offset 0x" X64 " size 0x" X64,
                                  offset, size);
        return false;
    }
    for (uint64_t at = offset >> bits; at <= (offset + size - 1) >> bits; at++) {
        if (run->out->repair_all && !run->silent && refmap_get(&run->map, at) >= max) {
            *ret_clear = check_broken(run,
                                      "offset=" X64 ": more references than its refcount has room "
                                      "for; L2 entry corrupted",
                                      offset);
            return false;
        }
    }
    return true;
}

static void walk_packed(struct walk *walk, uint64_t *entry)
{
    struct node_check *out = walk->run->out;
    uint64_t offset, size;
    bool clear;
    if ((*entry & ENTRY_COPIED) &&
        check_broken(walk->run,
                     "coffset=0x" X64 ": copied flag must never be set for compressed clusters",
                     *entry & ~(ENTRY_COPIED | ENTRY_COMPRESSED))) {
        *entry &= ~ENTRY_COPIED;
    }
    qcow2_packed_range(walk->run->q, *entry, &offset, &size);
    uint64_t mask = walk->run->q->cluster_size - 1;
    if (walk_counts(walk, offset & ~mask, (offset & mask) + size, &clear)) {
        check_area(walk->run, offset & ~mask, (offset & mask) + size);
    }
    if (clear) {
        *entry = walk_cleared(walk);
    } else if (walk->active) {
        out->allocated_clusters++;
        out->compressed_clusters++;
        out->fragmented_clusters++; /* by their nature */
    }
}

static void walk_measure(struct walk *walk, uint64_t offset)
{
    struct node_check *out = walk->run->out;
    if (walk->active) {
        out->allocated_clusters++;
        out->fragmented_clusters += walk->next != 0 && offset != walk->next;
        walk->next = offset + walk->run->q->cluster_size;
    }
}

/* In an external data file, everything lies where the guest has it. */
static void walk_external(struct walk *walk, uint64_t guest, uint64_t *entry)
{
    uint64_t offset = *entry & ENTRY_OFFSET;
    if (offset != guest &&
        check_broken(walk->run,
                     "offset=" X64 ": not where the data file has it; L2 entry corrupted",
                     offset)) {
        *entry = guest | (*entry & (ENTRY_COPIED | ENTRY_ZERO));
    }
    walk_measure(walk, guest);
}

static void walk_data(struct walk *walk, uint64_t *entry)
{
    const struct qcow2 *q = walk->run->q;
    uint64_t offset = *entry & ENTRY_OFFSET;
    bool clear = false;
    if (offset % q->cluster_size != 0) {
        clear = check_broken(walk->run,
                             "offset=" X64 ": Cluster is not properly aligned; L2 entry corrupted.",
                             offset);
    } else if (walk_counts(walk, offset, q->cluster_size, &clear)) {
        check_area(walk->run, offset, q->cluster_size);
    }
    if (clear) {
        *entry = walk_cleared(walk);
    } else {
        walk_measure(walk, offset);
    }
}

/* Bits that have no meaning. */
static uint64_t walk_reserved(const struct walk *walk)
{
    return ENTRY_RESERVED | (walk->run->q->header.version < 3 ? ENTRY_ZERO : 0);
}

/* What an entry of an L2 table leads to is counted; an entry that makes no sense is changed. */
static void walk_entry(struct walk *walk, uint64_t guest, uint64_t *entry)
{
    bool external = walk->run->q->external;
    if (*entry & ENTRY_COMPRESSED) {
        if (!external) {
            walk_packed(walk, entry);
        } else if (check_broken(walk->run, "compressed cluster with an external data file")) {
            *entry = walk_cleared(walk);
        }
        return;
    }
    if ((*entry & walk_reserved(walk)) != 0 &&
        check_broken(walk->run, "found l2 entry with reserved bits set: " X64, *entry)) {
        *entry &= ~walk_reserved(walk);
    }
    if (external && ((*entry & ENTRY_OFFSET) != 0 || (*entry & ENTRY_COPIED) != 0)) {
        walk_external(walk, guest, entry);
    } else if ((*entry & ENTRY_OFFSET) != 0) {
        walk_data(walk, entry);
    }
}

/* An L2 table that a tree leads to for the first time, for the guest's bytes from `guest`. */
static int walk_table(struct walk *walk, uint64_t offset, uint64_t guest)
{
    struct qcow2 *q = walk->run->q;
    g_autofree uint8_t *table = g_malloc(q->cluster_size);
    struct host_vec vec = { table, q->cluster_size };
    bool changed = false;
    check_area(walk->run, offset, q->cluster_size);
    int result = qcow2_read_host(q->file, offset, vec.size, &vec, 1);
    walk->next = 0;
    for (uint64_t i = 0; i < q->cluster_size / 8 && result == 0; i++) {
        uint64_t entry = be_get64(table + i * 8), before = entry;
        walk_entry(walk, guest + (i << q->cluster_bits), &entry);
        if (entry != before) {
            be_put64(table + i * 8, entry);
            changed = true;
        }
        if (entry != before && entry == walk_cleared(walk)) {
            walk_lost(walk, guest + (i << q->cluster_bits), q->cluster_size);
        }
    }
    if (result == 0 && changed) {
        result = node_write(q->file, offset, table, q->cluster_size, 0);
    }
    walk->run->out->errors += result < 0 && !walk->run->silent;
    return result;
}

/* What is wrong with an entry of an L1 table; NULL if it can be followed. */
static const char *walk_refuse(struct walk *walk, uint64_t offset, uint64_t *key)
{
    const struct qcow2 *q = walk->run->q;
    *key = offset;
    if (offset % q->cluster_size != 0) {
        return "Table is not cluster aligned; L1 entry corrupted";
    }
    if (offset == 0 || offset >= walk->run->file_end ||
        !check_in_file(walk->run, offset, q->cluster_size)) {
        return "Table is outside image; L1 entry corrupted";
    }
    if (refmap_get(&walk->run->fixed, offset >> q->cluster_bits) > 0) {
        return "something else stands where the table should be; L1 entry corrupted";
    }
    return g_hash_table_add(walk->seen, key) ? NULL : "the table stands for two parts of the disk";
}

/* One entry of an L1 table, and all below. */
static int walk_l1_entry(struct walk *walk, uint64_t *entry, uint64_t guest, uint64_t *key)
{
    uint64_t offset = *entry & ENTRY_OFFSET;
    if ((*entry & L1_RESERVED) != 0 &&
        check_broken(walk->run, "found L1 entry with reserved bits set: " X64, *entry)) {
        *entry &= ~L1_RESERVED;
    }
    const char *why = walk_refuse(walk, offset, key);
    if (why == NULL) {
        return walk_table(walk, offset, guest);
    }
    if (check_broken(walk->run, "l2_offset=" X64 ": %s", offset, why)) {
        *entry = 0;
        walk_lost(walk, guest, walk->run->q->cluster_size << walk->run->q->l2_bits);
    } else {
        walk->run->lost = true;
    }
    return 0;
}

/* All that an L1 table leads to, the disk's or that of the snapshot with a name. Whether entries
 * have changed is told by *ret_changed; the caller writes the table. */
static int walk_tree(struct check_run *run, uint64_t *l1, uint32_t entries, const char *name,
                     bool *ret_changed)
{
    struct qcow2 *q = run->q;
    struct walk walk = { .run = run,
                         .name = name,
                         .active = name == NULL && !run->silent,
                         .seen = g_hash_table_new(g_int64_hash, g_int64_equal) };
    g_autofree uint64_t *keys = g_new(uint64_t, MAX(entries, 1));
    int result = 0;
    *ret_changed = false;
    for (uint32_t i = 0; i < entries && result == 0; i++) {
        uint64_t before = l1[i];
        if (before == 0) {
            continue;
        }
        result =
            walk_l1_entry(&walk, &l1[i], (uint64_t)i << (q->l2_bits + q->cluster_bits), &keys[i]);
        if (l1[i] != before) {
            *ret_changed = true;
            if (name == NULL) {
                qcow2_l1_mark(q, i);
            }
        }
    }
    g_hash_table_destroy(walk.seen);
    return result;
}

/* Whether a snapshot has an L1 table that can be read. */
static bool walk_has_l1(const struct check_run *run, const struct qcow2_snapshot *snapshot)
{
    uint64_t size = snapshot->l1_entries * UINT64_C(8);
    return snapshot->l1_offset % run->q->cluster_size == 0 &&
           (size == 0 || (snapshot->l1_offset < run->file_end && size <= run->file_end));
}

static int walk_snapshot(struct check_run *run, const struct qcow2_snapshot *snapshot)
{
    uint64_t *l1;
    bool changed = false;
    int result = qcow2_l1_load(run->q, snapshot->l1_offset, snapshot->l1_entries, &l1);
    if (result < 0) {
        return result;
    }
    result = walk_tree(run, l1, snapshot->l1_entries, snapshot->name, &changed);
    if (result == 0 && changed) {
        result = qcow2_l1_store(run->q, snapshot->l1_offset, l1, snapshot->l1_entries);
    }
    g_free(l1);
    return result;
}

static void fixed_add(struct check_run *run, uint64_t offset, uint64_t size)
{
    if (size > 0 && check_in_file(run, offset, size)) {
        refmap_add(&run->fixed, offset >> run->q->cluster_bits, qcow2_clusters(run->q, size));
    }
}

static void fixed_area(struct check_run *run, uint64_t offset, uint64_t size)
{
    check_area(run, offset, size);
    fixed_add(run, offset, size);
}

static void fixed_snapshot(struct check_run *run, unsigned index)
{
    const struct qcow2_snapshot *snapshot = &run->q->snapshots[index];
    if (walk_has_l1(run, snapshot)) {
        fixed_area(run, snapshot->l1_offset, snapshot->l1_entries * UINT64_C(8));
        return;
    }
    check_broken(run,
                 "snapshot %s (%s) l1_offset=" X64 ": L1 table is not cluster aligned or outside "
                 "image; snapshot table entry corrupted",
                 snapshot->id, snapshot->name, snapshot->l1_offset);
    if (!run->silent) {
        g_array_append_val(run->lost_snapshots, index);
    }
}

/* What no tree leads to is counted; the refcount tables are only noted. */
static void walk_fixed(struct check_run *run)
{
    const struct qcow2 *q = run->q;
    fixed_area(run, 0, q->cluster_size);
    fixed_area(run, q->header.l1_offset, q->l1_entries * UINT64_C(8));
    if (q->snapshot_count > 0) {
        fixed_area(run, q->header.snapshots_offset, q->snapshots_size);
    }
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        fixed_snapshot(run, i);
    }
    fixed_add(run, q->header.reftable_offset,
              (uint64_t)q->header.reftable_clusters << q->cluster_bits);
    for (uint32_t i = 0; i < q->reftable_entries; i++) {
        fixed_add(run, q->reftable[i], q->reftable[i] != 0 ? q->cluster_size : 0);
    }
}

int check_walk(struct check_run *run)
{
    struct qcow2 *q = run->q;
    bool changed;
    walk_fixed(run);
    int result = walk_tree(run, q->l1, q->l1_entries, NULL, &changed);
    for (unsigned i = 0; i < q->snapshot_count && result == 0; i++) {
        if (walk_has_l1(run, &q->snapshots[i])) {
            result = walk_snapshot(run, &q->snapshots[i]);
        }
    }
    uint64_t before = run->out->corruptions;
    result = result == 0 ? check_bitmaps(run) : result;
    run->bitmaps_damaged |= run->out->corruptions > before;
    return result;
}
