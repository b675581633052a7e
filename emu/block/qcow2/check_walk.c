/* Counting what an image's tables lead to. */
#include "emu/block/qcow2/check.h"

#define X64 "%" G_GINT64_MODIFIER "x"

/* One tree on its way: the active one is also measured. */
struct walk {
    struct check_run *run;
    bool active;
    uint64_t next; /* where the next cluster would lie if nothing were fragmented */
    GHashTable *seen;
};

static void walk_packed(struct walk *walk, uint64_t entry)
{
    struct node_check *out = walk->run->out;
    uint64_t offset, size;
    if (entry & ENTRY_COPIED) {
        check_corrupt(walk->run,
                      "coffset=0x" X64 ": copied flag must never be set for compressed "
                      "clusters",
                      entry & ~(ENTRY_COPIED | ENTRY_COMPRESSED));
    }
    qcow2_packed_range(walk->run->q, entry, &offset, &size);
    uint64_t mask = walk->run->q->cluster_size - 1;
    check_area(walk->run, offset & ~mask, (offset & mask) + size);
    if (walk->active) {
        out->allocated_clusters++;
        out->compressed_clusters++;
        out->fragmented_clusters++; /* by their nature */
    }
}

static void walk_data(struct walk *walk, uint64_t entry)
{
    struct node_check *out = walk->run->out;
    const struct qcow2 *q = walk->run->q;
    uint64_t offset = entry & ENTRY_OFFSET;
    if (walk->active) {
        out->allocated_clusters++;
        out->fragmented_clusters += walk->next != 0 && offset != walk->next;
        walk->next = offset + q->cluster_size;
    }
    if (offset % q->cluster_size != 0) {
        check_corrupt(walk->run,
                      "offset=" X64 ": Cluster is not properly aligned; L2 entry "
                      "corrupted.",
                      offset);
    } else if (!q->external) {
        check_area(walk->run, offset, q->cluster_size);
    }
}

static void walk_entry(struct walk *walk, uint64_t entry)
{
    if (entry & ENTRY_COMPRESSED) {
        if (walk->run->q->external) {
            check_corrupt(walk->run, "compressed cluster with an external data file");
        } else {
            walk_packed(walk, entry);
        }
    } else if ((entry & ENTRY_OFFSET) != 0 ||
               (walk->run->q->external && (entry & ENTRY_COPIED) != 0)) {
        walk_data(walk, entry);
    }
}

/* An L2 table that a tree leads to for the first time. */
static int walk_table(struct walk *walk, uint64_t offset)
{
    struct qcow2 *q = walk->run->q;
    g_autofree uint8_t *table = g_malloc(q->cluster_size);
    struct host_vec vec = { table, q->cluster_size };
    check_area(walk->run, offset, q->cluster_size);
    if (offset >= walk->run->file_end) {
        return 0;
    }
    int result = qcow2_read_host(q->file, offset, vec.size, &vec, 1);
    if (result < 0) {
        walk->run->out->errors += !walk->run->silent;
        return result;
    }
    walk->next = 0;
    for (uint64_t i = 0; i < q->cluster_size / 8; i++) {
        walk_entry(walk, be_get64(table + i * 8));
    }
    return 0;
}

static int walk_tree(struct check_run *run, const uint64_t *l1, uint32_t entries, bool active)
{
    struct walk walk = { .run = run,
                         .active = active && !run->silent,
                         .seen = g_hash_table_new(g_int64_hash, g_int64_equal) };
    g_autofree uint64_t *offsets = g_new(uint64_t, MAX(entries, 1));
    int result = 0;
    for (uint32_t i = 0; i < entries && result == 0; i++) {
        offsets[i] = l1[i] & ENTRY_OFFSET;
        if (offsets[i] == 0) {
            continue;
        }
        if (offsets[i] % run->q->cluster_size != 0) {
            check_corrupt(run,
                          "l2_offset=" X64 ": Table is not cluster aligned; L1 entry "
                          "corrupted",
                          offsets[i]);
        } else if (!g_hash_table_add(walk.seen, &offsets[i])) {
            check_corrupt(run, "l2_offset=" X64 ": the table stands for two parts of the disk",
                          offsets[i]);
        } else {
            result = walk_table(&walk, offsets[i]);
        }
    }
    g_hash_table_destroy(walk.seen);
    return result;
}

static int walk_snapshot(struct check_run *run, const struct qcow2_snapshot *snapshot)
{
    struct qcow2 *q = run->q;
    uint64_t *l1;
    uint64_t size = snapshot->l1_entries * UINT64_C(8);
    if (snapshot->l1_offset % q->cluster_size != 0 || snapshot->l1_offset >= run->file_end ||
        size > run->file_end) {
        check_corrupt(run,
                      "snapshot %s (%s) l1_offset=" X64 ": L1 table is not cluster aligned or "
                      "outside image; snapshot table entry corrupted",
                      snapshot->id, snapshot->name, snapshot->l1_offset);
        return 0;
    }
    check_area(run, snapshot->l1_offset, size);
    int result = qcow2_l1_load(q, snapshot->l1_offset, snapshot->l1_entries, &l1);
    if (result == 0) {
        result = walk_tree(run, l1, snapshot->l1_entries, false);
        g_free(l1);
    }
    return result;
}

int check_walk(struct check_run *run)
{
    struct qcow2 *q = run->q;
    check_area(run, 0, q->cluster_size);
    check_area(run, q->header.l1_offset, q->l1_entries * UINT64_C(8));
    int result = walk_tree(run, q->l1, q->l1_entries, true);
    if (q->snapshot_count > 0) {
        check_area(run, q->header.snapshots_offset, q->snapshots_size);
    }
    for (unsigned i = 0; i < q->snapshot_count && result == 0; i++) {
        result = walk_snapshot(run, &q->snapshots[i]);
    }
    return result == 0 ? check_bitmaps(run) : result;
}
