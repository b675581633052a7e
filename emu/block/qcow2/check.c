/* Checks an image: are all clusters counted as often as something leads to them? */
#include "emu/block/qcow2/check.h"

#include <stdarg.h>

#include "platform/error.h"

#define X64 "%" G_GINT64_MODIFIER "x"
#define U64 "%" G_GUINT64_FORMAT

void check_report(const struct check_run *run, const char *format, ...)
{
    if (run->silent || run->out->report == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    run->out->report(run->out->opaque, line);
}

bool check_broken(struct check_run *run, const char *format, ...)
{
    bool repairs = run->out->repair_all && !run->silent;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    check_report(run, "%s %s", repairs ? "Repairing" : "ERROR", text);
    run->out->corruptions += !run->silent;
    run->out->corruptions_fixed += repairs;
    return repairs;
}

bool check_in_file(const struct check_run *run, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;
    return end >= offset && (end <= run->file_end || end - run->file_end < run->q->cluster_size);
}

void check_area(struct check_run *run, uint64_t offset, uint64_t size)
{
    const struct qcow2 *q = run->q;
    uint64_t end = offset + size;
    if (size == 0) {
        return;
    }
    if (!check_in_file(run, offset, size)) {
        check_corrupt(run,
                      "counting reference for region exceeding the end of the file by one "
                      "cluster or more: offset 0x" X64 " size 0x" X64,
                      offset, size);
        return;
    }
    uint64_t first = offset >> q->cluster_bits, last = (end - 1) >> q->cluster_bits;
    refmap_add(&run->map, first, last - first + 1);
}

void check_refcount_tables(struct check_run *run)
{
    const struct qcow2 *q = run->q;
    check_area(run, q->header.reftable_offset,
               (uint64_t)q->header.reftable_clusters << q->cluster_bits);
    for (uint32_t i = 0; i < q->reftable_entries; i++) {
        uint64_t offset = q->reftable[i];
        if (offset == 0) {
            continue;
        }
        if (offset % q->cluster_size != 0) {
            check_corrupt(run,
                          "refcount block %u is not cluster aligned; refcount table entry "
                          "corrupted",
                          i);
            run->rebuild = true;
        } else if (offset >= run->file_end) {
            check_corrupt(run, "refcount block %u is outside image", i);
            run->rebuild = true;
        } else {
            check_area(run, offset, q->cluster_size);
            uint32_t count = refmap_get(&run->map, offset >> q->cluster_bits);
            if (count != 1) {
                check_corrupt(run, "refcount block %u refcount=%u", i, count);
                run->rebuild = true;
            }
        }
    }
}

/* One cluster whose count is another one than it should be. */
static int compare_differs(struct check_run *run, uint64_t cluster, uint64_t count, uint32_t found)
{
    struct node_check *out = run->out;
    bool leak = count > found, fix = out->repair_all || (leak && out->repair_leaks);
    if (count == 0 && out->repair_all) {
        run->rebuild = true; /* nobody knows what was allocated over it */
        fix = false;
    }
    check_report(run, "%s cluster " U64 " refcount=" U64 " reference=%u",
                 fix    ? "Repairing"
                 : leak ? "Leaked"
                        : "ERROR",
                 cluster, count, found);
    *(leak ? &out->leaks : &out->corruptions) += 1;
    if (!fix) {
        return 0;
    }
    *(leak ? &out->leaks_fixed : &out->corruptions_fixed) += 1;
    return qcow2_refcount_set(run->q, cluster, MIN(found, qcow2_refcount_max(run->q)));
}

/* The next cluster that has a count or a reference, at or behind this one. */
static uint64_t compare_next(const struct check_run *run, uint64_t cluster, uint64_t end)
{
    const struct qcow2 *q = run->q;
    uint64_t entries = qcow2_refblock_entries(q);
    while (cluster < end) {
        uint64_t block = cluster / entries, found = refmap_next(&run->map, cluster);
        if (found == cluster || (block < q->reftable_entries && q->reftable[block] != 0)) {
            return cluster;
        }
        cluster = MIN((block + 1) * entries, found < run->map.end ? found : end);
    }
    return end;
}

/* Behind the last cluster that a refcount block covers. */
static uint64_t compare_end(const struct check_run *run)
{
    const struct qcow2 *q = run->q;
    uint64_t blocks = q->reftable_entries;
    while (blocks > 0 && q->reftable[blocks - 1] == 0) {
        blocks--;
    }
    return MAX(run->map.end, blocks * qcow2_refblock_entries(q));
}

int check_compare(struct check_run *run)
{
    struct qcow2 *q = run->q;
    uint64_t end = compare_end(run), highest = 0;
    int result = 0;
    for (uint64_t at = compare_next(run, 0, end); at < end; at = compare_next(run, at + 1, end)) {
        uint64_t count = 0;
        uint32_t found = refmap_get(&run->map, at);
        result = qcow2_refcount(q, at, &count);
        if (result == 0 && count != found) {
            result = compare_differs(run, at, count, found);
        }
        if (result < 0) {
            run->out->errors++;
            return result;
        }
        highest = count > 0 || found > 0 ? at : highest;
    }
    run->out->image_end = (highest + 1) << q->cluster_bits;
    return 0;
}

/* Counts again, what was repaired meanwhile as it is now. */
static int check_recount(struct check_run *run)
{
    refmap_finish(&run->map);
    refmap_init(&run->map);
    run->silent = true;
    int result = check_walk(run);
    run->silent = false;
    return result;
}

/* Counts again, and writes tables that say that. */
static int check_run_rebuild(struct check_run *run)
{
    check_report(run, "Rebuilding refcount structure");
    int result = check_recount(run);
    return result == 0 ? check_rebuild(run) : result;
}

/* Bitmaps that make no sense: the image has none, then. */
static int check_drop_bitmaps(struct check_run *run, uint64_t damages)
{
    struct qcow2 *q = run->q;
    check_report(run, "Repairing the header: it leads to no bitmaps any more");
    q->header.autoclear &= ~(uint64_t)AUTOCLEAR_BITMAPS;
    int result = qcow2_write_head(q);
    if (result == 0) {
        run->out->corruptions_fixed += damages;
        result = check_recount(run);
    }
    return result;
}

/* Snapshots whose L1 table is lost go. The counts are right already. */
static int check_drop_snapshots(struct check_run *run)
{
    struct qcow2 *q = run->q;
    unsigned kept = 0, lost = 0;
    struct qcow2_snapshot *list = g_new0(struct qcow2_snapshot, q->snapshot_count + 1);
    unsigned good = q->snapshot_count - run->lost_snapshots->len;
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        bool is_lost = lost < run->lost_snapshots->len &&
                       g_array_index(run->lost_snapshots, unsigned, lost) == i;
        list[is_lost ? good + lost : kept] = q->snapshots[i];
        *(is_lost ? &lost : &kept) += 1;
    }
    g_free(q->snapshots);
    q->snapshots = list;
    int result = qcow2_snapshots_store(q, good);
    for (unsigned i = good; i < q->snapshot_count && result == 0; i++) {
        check_report(run, "Removing snapshot %s (%s)", list[i].id, list[i].name);
        g_free(list[i].id);
        g_free(list[i].name);
        g_free(list[i].extra);
    }
    q->snapshot_count = result == 0 ? good : q->snapshot_count;
    return result == 0 ? qcow2_settle(q) : result;
}

/* The copied flags, which depend on counts that are right. */
static int check_flags(struct check_run *run)
{
    struct node_check *out = run->out;
    uint64_t wrong = 0;
    bool whole = out->errors == 0 && out->corruptions == out->corruptions_fixed;
    bool mended = whole && out->leaks_fixed > 0 && out->leaks_fixed == out->leaks;
    int result =
        qcow2_tree_flags(run->q, out->repair_all, mended, &wrong, out->report, out->opaque);
    out->corruptions += wrong;
    if (result == 0 && out->repair_all) {
        out->corruptions_fixed += wrong;
    }
    return result;
}

/* All references, and what was wrong with those that lead to them. */
static int check_references(struct check_run *run)
{
    struct node_check *out = run->out;
    uint64_t damaged = out->corruptions - out->corruptions_fixed;
    int result = check_walk(run);
    if (result == 0 && run->bitmaps_damaged && out->repair_all) {
        damaged = out->corruptions - out->corruptions_fixed - damaged;
        result = check_drop_bitmaps(run, damaged);
    }
    return result;
}

static int check_all(struct check_run *run)
{
    struct node_check *out = run->out;
    uint64_t damaged;
    int result = check_references(run);
    damaged = out->corruptions - out->corruptions_fixed; /* that new counts do not mend */
    if (result == 0) {
        check_refcount_tables(run);
        if (!run->rebuild || !out->repair_all) {
            result = check_compare(run);
        }
    }
    if (result == 0 && run->rebuild && out->repair_all) {
        result = check_run_rebuild(run);
        if (result == 0) { /* every count is right now */
            out->corruptions_fixed = out->corruptions - damaged;
            out->leaks_fixed = out->leaks;
        }
    }
    if (result == 0 && out->repair_all && run->lost_snapshots->len > 0) {
        result = check_drop_snapshots(run);
    }
    return result == 0 && !run->lost ? check_flags(run) : result;
}

/* After a repair: all is written, and the marks that somebody left are gone. */
static int check_finish(struct check_run *run)
{
    struct qcow2 *q = run->q;
    struct node_check *out = run->out;
    int result = qcow2_settle(q);
    q->free_hint = 0;
    if (result == 0) {
        slice_cache_clear(&q->tables); /* the flags were changed behind it */
    }
    if (result == 0 && out->repair_all && out->errors == 0 &&
        out->corruptions == out->corruptions_fixed) {
        uint64_t marks = INCOMPATIBLE_CORRUPT | (q->lazy && q->prepared ? 0 : INCOMPATIBLE_DIRTY);
        q->header.incompatible &= ~marks;
        result = qcow2_write_head(q);
        if (result == 0) {
            result = qcow2_sync(q);
        }
    }
    return result;
}

int qcow2_check_inside(struct qcow2 *q, struct node_check *check)
{
    struct check_run run = { .q = q, .out = check, .file_end = node_size(q->file) };
    bool repair = check->repair_all || check->repair_leaks;
    int result = 0;
    refmap_init(&run.map);
    refmap_init(&run.fixed);
    run.lost_snapshots = g_array_new(FALSE, FALSE, sizeof(unsigned));
    check->total_clusters = qcow2_clusters(q, node_size(q->node));
    if (repair && !q->writable) {
        result = FILE_ERROR_READ_ONLY;
    }
    if (result == 0 && q->prepared) {
        result = qcow2_settle(q);
    }
    if (result == 0) {
        slice_cache_clear(&q->tables);
        result = check_all(&run);
    }
    if (result == 0 && repair) {
        result = check_finish(&run);
    }
    refmap_finish(&run.map);
    refmap_finish(&run.fixed);
    g_array_free(run.lost_snapshots, TRUE);
    return result;
}

int qcow2_check(struct block_node *node, struct node_check *check, GError **error)
{
    struct qcow2 *q = node_instance(node);
    if (!qcow2_not_taking(q, "check the image", error)) {
        return FILE_ERROR_UNSUPPORTED;
    }
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_check_inside(q, check);
    co_rwlock_unlock(&q->gate);
    if (result < 0) {
        qcow2_fails(q, result, "check the image", error);
    }
    return result;
}
