/* Goal: a power cut at any moment, which keeps any part of what was not flushed, leaves an image
 * that a check finds nothing worse in than leaks, and that shows all that was flushed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device/qcow2/work.h"

#define LIVES      2u /* the next one begins with what a power cut left */
#define ROUNDS     8u
#define KEPT_MAX   3u
#define IMAGE_MAX  (512u << 10)
#define STALE_MAX  (300u << 10)
#define GROWTH_MAX (16u << 20)
#define BUILT_MAX  3000u /* clusters that are preallocated at once */
#define FILL_MAX   (128u << 10)
#define STATE_MAX  (256u << 10) /* bytes, about */

/* A snapshot, and from when to when it must be there. */
struct kept {
    char name[8];
    uint8_t *data;
    GByteArray *state; /* of the machine */
    uint64_t taken, deleted;
};

/* A change to the whole image of version 2, which has no mark for one that is on its way. */
struct change {
    uint64_t first, done; /* the first moment that may show it, and the first that does not */
};

static struct {
    struct node_create options;
    struct work work;
    struct kept kept[KEPT_MAX];
    unsigned kept_count, names;
    bool taking; /* the last one is in no list yet */
    bool appending;
    struct coroutine *waiter;
    GArray *changes; /* struct change */
    unsigned states, cuts, dirty, leaks;
} t;

static void open_image(void)
{
    t.work.node = world_open("disk:image", NODE_WRITE | NODE_RELEASE);
}

static bool is_old(void)
{
    return strcmp(t.options.compat, "0.10") == 0;
}

static void change_whole(uint64_t first)
{
    struct change change = { first, disk_moment() };
    if (is_old()) {
        g_array_append_val(t.changes, change);
    }
}

/* Whether nothing says that the image may not be whole at a moment. */
static bool change_covers(uint64_t moment)
{
    bool covers = false;
    for (unsigned i = 0; i < t.changes->len; i++) {
        const struct change *change = &g_array_index(t.changes, struct change, i);
        covers |= change->first <= moment && moment < change->done;
    }
    return covers;
}

/* At once, or in steps that end later. */
static void run_take(bool steps)
{
    struct kept *kept = &t.kept[t.kept_count];
    const struct block_driver *driver = node_driver(t.work.node);
    unsigned flush = history_flush(t.work.history);
    uint64_t begun = disk_moment();
    GError *error = NULL;
    g_snprintf(kept->name, sizeof(kept->name), "s%u", t.names++);
    struct node_snapshot snapshot = { .name = kept->name, .icount = UINT64_MAX };
    kept->data = work_read(&t.work);
    kept->state = g_byte_array_new();
    (steps ? driver->snapshot_begin : driver->snapshot_create)(t.work.node, &snapshot, &error);
    g_assert_no_error(error);
    change_whole(begun + 1);
    kept->taken = steps ? UINT64_MAX : disk_moment();
    t.taking = steps;
    kept->deleted = UINT64_MAX;
    history_flushed(t.work.history, flush);
    t.kept_count++;
}

static void kept_free(struct kept *kept)
{
    g_byte_array_unref(kept->state);
    g_free(kept->data);
}

/* The one that is being taken will not be there. */
static void kept_forget(void)
{
    kept_free(&t.kept[--t.kept_count]);
    t.taking = false;
}

/* More of the machine's state. */
static void append_run(void *opaque)
{
    struct kept *kept = opaque;
    g_autofree uint8_t *data = g_malloc(8 * t.work.cluster);
    for (uint64_t pieces = 1 + world_random(3); pieces > 0; pieces--) {
        size_t size = (size_t)world_random(8 * t.work.cluster);
        world_fill(data, size);
        g_byte_array_append(kept->state, data, (guint)size);
        g_assert_cmpint(node_driver(t.work.node)->snapshot_append(t.work.node, data, size), ==, 0);
    }
    t.appending = false;
    if (t.waiter != NULL) {
        aio_co_wake(t.waiter);
    }
}

/* The disk is used while the state is written. */
static void run_append(void)
{
    struct kept *kept = &t.kept[t.kept_count - 1];
    t.appending = kept->state->len < STATE_MAX;
    if (t.appending) {
        aio_co_schedule(world.ctx, coroutine_create("append", append_run, kept));
    }
    work_run(&t.work, world_random(2));
    if (t.appending) {
        t.waiter = coroutine_self();
        coroutine_yield();
        t.waiter = NULL;
    }
}

static void run_keep(void)
{
    unsigned flush = history_flush(t.work.history);
    GError *error = NULL;
    node_driver(t.work.node)->snapshot_keep(t.work.node, &error);
    g_assert_no_error(error);
    t.kept[t.kept_count - 1].taken = disk_moment();
    t.taking = false;
    history_flushed(t.work.history, flush);
}

static void run_drop(void)
{
    uint64_t begun = disk_moment();
    GError *error = NULL;
    node_driver(t.work.node)->snapshot_drop(t.work.node, &error);
    g_assert_no_error(error);
    change_whole(begun + 1);
    kept_forget();
}

static void run_apply(const struct kept *kept)
{
    GError *error = NULL;
    uint64_t begun = disk_moment();
    unsigned change = history_begin(t.work.history, 0, t.work.size, kept->data);
    node_driver(t.work.node)->snapshot_apply(t.work.node, kept->name, &error);
    g_assert_no_error(error);
    change_whole(begun + 1);
    history_ended(t.work.history, change, true);
    history_flushed(t.work.history, history_flush(t.work.history));
}

static void run_delete(struct kept *kept)
{
    GError *error = NULL;
    kept->deleted = disk_moment();
    node_driver(t.work.node)->snapshot_delete(t.work.node, kept->name, &error);
    g_assert_no_error(error);
    change_whole(kept->deleted + 1);
}

static void close_image(void)
{
    unsigned flush = history_flush(t.work.history);
    uint64_t begun = disk_moment();
    g_assert_cmpint(node_close(t.work.node), ==, 0);
    history_flushed(t.work.history, flush);
    if (t.taking) { /* closing gives it up */
        change_whole(begun + 1);
        kept_forget();
    }
}

static void run_reopen(void)
{
    close_image();
    open_image();
}

static bool has_snapshots(void)
{
    struct node_snapshot *list;
    unsigned count;
    g_assert_true(node_driver(t.work.node)->snapshot_list(t.work.node, &list, &count, NULL));
    node_snapshots_free(list, count);
    return count > 0;
}

/* One long write into new clusters, mostly: the refcount tables grow. */
static void run_fill(void)
{
    uint64_t at = world_random(t.work.size / 512) * 512;
    uint64_t size = MIN(FILL_MAX, t.work.size - at);
    g_autofree uint8_t *data = g_malloc(size);
    world_fill(data, size);
    unsigned change = history_begin(t.work.history, at, size, data);
    g_assert_cmpint(node_write(t.work.node, at, data, size, 0), ==, 0);
    history_ended(t.work.history, change, true);
}

/* More disk, or less, behind the part that is looked at. */
static void run_resize(void)
{
    unsigned flush = history_flush(t.work.history);
    uint64_t had = node_size(t.work.node);
    bool built = world_random(3) == 0;
    uint64_t most = built ? MIN(BUILT_MAX * t.work.cluster, GROWTH_MAX / 8) : GROWTH_MAX;
    uint64_t size = t.work.size + world_random(3) / 2 * (world_random(most) / 512 * 512);
    GError *error = NULL;
    uint8_t data[512];
    built = built && size > had;
    if (node_truncate(t.work.node, size, built ? "metadata" : NULL, &error) < 0) {
        g_assert_true(has_snapshots());
        g_clear_error(&error);
        return;
    }
    if (size != had) { /* then it was flushed, too */
        history_flushed(t.work.history, flush);
    }
    if (size > t.work.size) {
        world_fill(data, sizeof(data));
        g_assert_cmpint(node_write(t.work.node, size - 512, data, sizeof(data), 0), ==, 0);
    }
}

/* What can be done while a snapshot is being taken. */
static void run_taking(void)
{
    switch (world_random(9)) {
    case 0: run_drop(); break;
    case 1: run_reopen(); break;
    case 2: work_flush(&t.work); break;
    case 3: run_fill(); break;
    case 4:
    case 5: run_keep(); break;
    default: run_append(); break;
    }
}

static void run_round(void)
{
    struct kept *any = t.kept_count > 0 ? &t.kept[world_random(t.kept_count)] : NULL;
    bool there = any != NULL && any->deleted == UINT64_MAX;
    switch (world_random(16)) {
    case 0:
    case 1:
        if (t.kept_count < KEPT_MAX) {
            run_take(world_random(2));
        }
        break;
    case 2:
        if (there) {
            run_apply(any);
        }
        break;
    case 3:
        if (there) {
            run_delete(any);
        }
        break;
    case 4: work_flush(&t.work); break;
    case 5: run_reopen(); break;
    case 6: run_resize(); break;
    case 7:
    case 8: run_fill(); break;
    default: work_run(&t.work, world_random(2)); break;
    }
}

/* Whether a snapshot was there at a moment, and was not being deleted. */
static bool kept_at(const struct kept *kept, uint64_t moment)
{
    return kept->taken <= moment && kept->deleted > moment;
}

/* It shows what it was taken of. */
static void verify_kept(const struct kept *kept)
{
    g_autofree uint8_t *data = g_malloc(t.work.size);
    GError *error = NULL;
    struct block_node *node = world_open("disk:cut", 0);
    node_driver(node)->snapshot_open(node, kept->name, &error);
    g_assert_no_error(error);
    g_assert_cmpint(node_read(node, 0, data, t.work.size), ==, 0);
    g_assert_true(memcmp(data, kept->data, t.work.size) == 0);
    g_autofree uint8_t *state = g_malloc(kept->state->len + 1);
    g_assert_cmpint(node_driver(node)->state_read(node, 0, state, kept->state->len), ==, 0);
    g_assert_cmpmem(state, kept->state->len, kept->state->data, kept->state->len);
    g_assert_cmpint(node_close(node), ==, 0);
}

static void verify_all_kept(uint64_t moment)
{
    for (unsigned i = 0; i < t.kept_count; i++) {
        if (kept_at(&t.kept[i], moment)) {
            verify_kept(&t.kept[i]);
        }
    }
}

static void verify_contents(struct block_node *node, uint64_t moment)
{
    g_autofree uint8_t *data = g_malloc(t.work.size);
    g_assert_cmpint(node_read(node, 0, data, t.work.size), ==, 0);
    g_assert_true(history_allows(t.work.history, moment, data, t.work.size));
}

static void repair(const char *path)
{
    struct block_node *node = world_open(path, NODE_WRITE | NODE_CHECK);
    struct node_check check = world_check(node, true);
    g_assert_cmpuint(check.corruptions - check.corruptions_fixed + check.errors, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
}

/* The next writer finds an image that it can go on with. */
static void verify_writer(uint64_t moment)
{
    struct block_node *node = world_open("disk:cut", NODE_WRITE);
    uint8_t data[3000];
    verify_contents(node, moment);
    world_fill(data, sizeof(data));
    uint64_t offset = world_random(t.work.size - sizeof(data));
    g_assert_cmpint(node_write(node, offset, data, sizeof(data), 0), ==, 0);
    struct node_check check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.errors, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    repair("disk:cut"); /* the leaks */
    node = world_open("disk:cut", 0);
    check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
}

/* What else must hold; not of each state, to have time for more of them. */
static void verify_more(uint64_t moment, bool changing)
{
    verify_all_kept(moment);
    if (changing) {
        repair("disk:cut");
    }
    verify_writer(moment);
    verify_all_kept(moment);
}

static void verify_cut(uint64_t moment)
{
    size_t size;
    disk_cut(moment, world.random, "disk:cut");
    const uint8_t *data = disk_get("disk:cut", &size);
    bool marked = data[7] == 3 && (data[79] & 1) != 0; /* version, incompatible features */
    bool changing = change_covers(moment);
    struct block_node *node = world_open("disk:cut", NODE_CHECK);
    struct node_check check = world_check(node, false);
    if (marked || changing) {
        t.dirty++; /* the next writer repairs it, or the user */
    } else if (check.corruptions + check.errors > 0) {
        g_error("moment %" G_GUINT64_FORMAT ": corrupt, and not marked dirty", moment);
    }
    t.leaks += check.leaks > 0;
    verify_contents(node, moment);
    g_assert_cmpint(node_close(node), ==, 0);
    if (world_random(4) == 0) {
        verify_more(moment, changing);
    }
    t.states++;
}

/* A sector that nobody has used for long: zeros, anything, or what looks like a table. */
static void stale_fill(uint8_t *sector)
{
    uint64_t kind = world_random(5);
    memset(sector, 0, HISTORY_SECTOR);
    if (kind == 1) {
        world_fill(sector, HISTORY_SECTOR);
    }
    for (unsigned i = 0; kind == 2 && i < HISTORY_SECTOR; i += 8) {
        uint64_t entry = UINT64_C(1) << 63 | world_random(64) * t.work.cluster;
        entry = GUINT64_TO_BE(world_random(2) * entry);
        memcpy(sector + i, &entry, 8);
    }
}

/* The file is longer than what is used of it: so do leaks look that a check has taken back. */
static void make_stale(void)
{
    size_t size, stale = (size_t)world_random(STALE_MAX) / HISTORY_SECTOR * HISTORY_SECTOR;
    const uint8_t *data = disk_get("disk:image", &size);
    g_autofree uint8_t *more = g_malloc(size + stale);
    memcpy(more, data, size);
    for (size_t at = size; at < size + stale; at += HISTORY_SECTOR) {
        stale_fill(more + at);
    }
    disk_put("disk:image", more, size + stale);
}

/* Whether the refcount table of 64 entries for 64 clusters each is to be full soon. */
static bool is_crowded(uint32_t seed)
{
    return seed % 8 == 3;
}

static void make_options(uint32_t seed)
{
    t.options = world_options("disk:image", 0);
    t.options.compat = seed % 4 == 0 ? "0.10" : "1.1";
    t.options.lazy_refcounts = seed % 6 == 1;
    t.options.refcount_bits = seed % 4 == 0 ? 16 : world_random(3) == 0 ? 16 : 64;
    t.options.compression = seed % 4 == 0 ? NULL : t.options.compression;
    if (world_random(3) != 0) { /* tables are soon full */
        t.options.cluster_size = 512u << world_random(2);
    }
    if (is_crowded(seed)) {
        t.options.cluster_size = 512;
        t.options.refcount_bits = 64;
    }
    t.work.packs = seed % 3 == 0 && !is_crowded(seed);
    t.work.cluster = t.options.cluster_size;
    t.work.size = MIN(t.work.cluster * (20 + world_random(1000)), IMAGE_MAX) / 512 * 512;
    t.options.size = t.work.size;
}

/* Takes so much behind the part that is looked at that the refcount table is nearly full. */
static void make_crowd(void)
{
    uint64_t size = t.work.size + 3000 * t.work.cluster;
    size_t used, enough = (size_t)(4096 - 50 - world_random(200)) * t.work.cluster;
    GError *error = NULL;
    do {
        node_truncate(t.work.node, size, "metadata", &error);
        g_assert_no_error(error);
        size += 50 * t.work.cluster;
        disk_get("disk:image", &used);
    } while (used < enough);
}

/* A disk with something on it. */
static void make_image(uint32_t seed)
{
    g_autofree uint8_t *zeros = NULL;
    make_options(seed);
    zeros = g_malloc0(t.work.size);
    world_create(&t.options);
    make_stale();
    open_image();
    t.work.history = history_new(zeros, t.work.size);
    if (is_crowded(seed)) {
        make_crowd();
    }
    work_run(&t.work, false);
    g_assert_cmpint(node_close(t.work.node), ==, 0);
    history_free(t.work.history);
    t.kept_count = t.names = 0;
}

/* What the image shows now is what the history begins with. */
static void begin_life(void)
{
    g_autofree uint8_t *start = g_malloc(t.work.size);
    struct block_node *node = world_open("disk:image", NODE_CHECK);
    g_assert_cmpint(node_read(node, 0, start, t.work.size), ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    t.work.history = history_new(start, t.work.size);
    disk_record("disk:image");
}

/* A power cut whose image the next life begins with; whether it must be repaired by hand. */
static bool end_life(uint64_t moment)
{
    unsigned count = 0;
    bool changing = change_covers(moment);
    for (unsigned i = 0; i < t.kept_count; i++) {
        if (kept_at(&t.kept[i], moment)) {
            t.kept[i].taken = 0;
            t.kept[i].deleted = UINT64_MAX;
            t.kept[count++] = t.kept[i];
        } else {
            kept_free(&t.kept[i]);
        }
    }
    t.kept_count = count;
    g_array_set_size(t.changes, 0);
    disk_cut(moment, world.random, "disk:image");
    disk_record_end();
    history_free(t.work.history);
    return changing;
}

/* Cuts at random moments, or (0) four at every moment. */
static void verify_cuts(uint64_t end)
{
    disk_set_delays(0);
    for (unsigned i = 0; i < t.cuts; i++) {
        verify_cut(i % 4 == 0 ? disk_moment_of_head(world.random) : world_random(end + 1));
    }
    for (uint64_t i = 0; t.cuts == 0 && i < 4 * end; i++) {
        verify_cut(i / 4 + 1);
    }
}

static void co_crash(void *opaque)
{
    uint32_t seed = *(const uint32_t *)opaque;
    bool broken = false;
    t.changes = g_array_new(FALSE, FALSE, sizeof(struct change));
    make_image(seed);
    for (unsigned life = 0; life < LIVES; life++) {
        begin_life();
        if (broken) {
            repair("disk:image");
            change_whole(0); /* a cut may come before its first write */
        }
        open_image();
        for (unsigned i = 0; i < ROUNDS; i++) {
            if (t.taking) {
                run_taking();
            } else {
                run_round();
            }
        }
        close_image();
        uint64_t end = disk_moment();
        verify_cuts(end);
        broken = end_life(world_random(end + 1));
        disk_set_delays(seed + life + 1);
    }
    for (unsigned i = 0; i < t.kept_count; i++) {
        kept_free(&t.kept[i]);
    }
    g_array_free(t.changes, TRUE);
}

/* test_crash [FIRST SEED [SEEDS [CUTS OF EACH LIFE, 0: AT EVERY MOMENT]]] */
int main(int argc, char **argv)
{
    uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 24;
    t.cuts = argc > 3 ? (unsigned)atoi(argv[3]) : 50;
    disk_register();
    for (uint32_t seed = first; seed < first + count; seed++) {
        printf("seed %u\n", seed);
        fflush(stdout);
        world_begin(seed);
        disk_set_delays(seed);
        block_run(world.ctx, co_crash, &seed);
        world_end();
    }
    printf("%u states: %u marked dirty, %u with leaks\n", t.states, t.dirty, t.leaks);
    return 0;
}
