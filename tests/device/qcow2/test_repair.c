/* Goal: whatever is wrong with tables and counts of an image, check -r all makes it one that a
 * check finds nothing in, and all that the damage did not hit is still there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/block/big_endian.h"
#include "tests/device/qcow2/batch.h"

#define COPIED     (UINT64_C(1) << 63)
#define COMPRESSED (UINT64_C(1) << 62)
#define OFFSET     UINT64_C(0x00fffffffffffe00)
#define FAR        (UINT64_C(1) << 45)
#define DAMAGES    5u

static struct {
    struct node_create options;
    struct disk_model model;
    uint8_t *file; /* the image, to be damaged */
    size_t file_size;
    uint8_t *lost; /* by guest cluster */
    uint64_t cluster, clusters, per_table;
    uint64_t found, fixed;
    const char *dump;
} t;

/* Where in the file a table of the header begins. */
static uint64_t table_at(unsigned field)
{
    return be_get64(t.file + field);
}

static uint64_t l1_entries(void)
{
    return be_get32(t.file + 36);
}

static uint64_t l1_at(uint64_t index)
{
    return table_at(40) + index * 8;
}

static void lose(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count && i < t.clusters; i++) {
        t.lost[i] = 1;
    }
}

/* A place in the L2 tables that something is at, and what the disk would lose with it; false if
 * there is nothing so. */
static bool pick_l2(uint64_t *ret_at)
{
    uint64_t index = world_random(l1_entries());
    uint64_t table = be_get64(t.file + l1_at(index)) & OFFSET, in = world_random(t.per_table);
    for (unsigned tries = 0; table != 0 && tries < 50; tries++, in = world_random(t.per_table)) {
        *ret_at = table + in * 8;
        if (*ret_at + 8 <= t.file_size && be_get64(t.file + *ret_at) != 0) {
            lose(index * t.per_table + in, 1);
            return true;
        }
    }
    return false;
}

/* Another value for an L2 entry. (What only unpacking would find is nothing for a check.) */
static uint64_t damage_entry(uint64_t entry)
{
    bool narrow = t.options.refcount_bits != 0 && t.options.refcount_bits < 8;
    if ((entry & COMPRESSED) && world_random(2)) {
        return entry | COPIED;
    }
    entry &= ~COMPRESSED;
    switch (world_random(7)) {
    case 0: return entry | (t.cluster >> 1 & OFFSET) | COPIED;
    case 1: return FAR + world_random(1000) * t.cluster + COPIED;
    case 2: return entry | UINT64_C(0x2100000000000040);
    case 3: return COMPRESSED | FAR >> 3;
    case 4: return entry ^ COPIED;
    case 5: return narrow ? 0 : world_random(t.file_size / t.cluster) * t.cluster;
    default: return narrow ? 0 : world_random(UINT64_MAX) & ~COMPRESSED;
    }
}

static void damage_l2(void)
{
    uint64_t at;
    if (pick_l2(&at)) {
        be_put64(t.file + at, damage_entry(be_get64(t.file + at)));
    }
}

static void damage_l1(void)
{
    uint64_t entries = l1_entries(), index = world_random(entries), other = world_random(entries);
    uint8_t *at = t.file + l1_at(index);
    uint64_t entry = be_get64(at);
    lose(index * t.per_table, t.per_table);
    switch (world_random(6)) {
    case 0: entry |= (t.cluster >> 1 & OFFSET) | COPIED; break;
    case 1: entry = FAR | COPIED; break;
    case 2: entry |= UINT64_C(0x4100000000000040); break;
    case 3: entry = table_at(48) | COPIED; break; /* the refcount table */
    case 4: entry = COPIED; break;
    default:
        entry = be_get64(t.file + l1_at(other));
        lose(other * t.per_table, t.per_table);
        break;
    }
    be_put64(at, entry);
}

/* Counts that are wrong, too high or too low. */
static void damage_counts(void)
{
    uint64_t block = be_get64(t.file + table_at(48));
    if (block != 0 && block + t.cluster <= t.file_size) {
        for (uint64_t count = 1 + world_random(8); count > 0; count--) {
            t.file[block + world_random(MIN(t.cluster, 256))] = (uint8_t)world_random(256);
        }
    }
}

static void damage_reftable(void)
{
    static const uint64_t values[] = { 0, 0x1ff, FAR, 512 };
    be_put64(t.file + table_at(48) + world_random(2) * 8, values[world_random(4)]);
}

static void damage_snapshots(void)
{
    if (be_get32(t.file + 60) > 0) {
        be_put64(t.file + table_at(64), world_random(2) ? FAR : t.cluster / 2 + 8);
    }
}

static void damage(void)
{
    switch (world_random(10)) {
    case 0: damage_counts(); break;
    case 1: damage_reftable(); break;
    case 2: damage_snapshots(); break;
    case 3:
    case 4: damage_l1(); break;
    default: damage_l2(); break;
    }
}

/* An image with something of everything. */
static void make_image(void)
{
    struct node_snapshot snapshot = { .name = (char *)"s", .icount = UINT64_MAX };
    t.options = world_options("disk:image", 0);
    t.cluster = t.options.cluster_size;
    t.clusters = MIN(20 + world_random(600), (1u << 20) / t.cluster + 1);
    t.options.size = t.clusters * t.cluster;
    t.per_table = t.cluster / 8;
    t.model = (struct disk_model){ g_malloc0(t.options.size), t.options.size, false,
                                   t.options.cluster_size };
    world_create(&t.options);
    struct block_node *node = world_open("disk:image", NODE_WRITE | NODE_RELEASE);
    for (unsigned i = 0; i < 5; i++) {
        batch_run(node, &t.model, 12);
        if (i == 2 && world_random(2)) { /* may be refused: counts are narrow */
            node_driver(node)->snapshot_create(node, &snapshot, NULL);
        }
    }
    g_assert_cmpint(node_close(node), ==, 0);
}

/* What the damage did not hit. */
static void verify_rest(struct block_node *node)
{
    g_autofree uint8_t *data = g_malloc(t.model.size);
    g_assert_cmpint(node_read(node, 0, data, t.model.size), ==, 0);
    for (uint64_t i = 0; i < t.clusters; i++) {
        if (!t.lost[i] && memcmp(data + i * t.cluster, t.model.data + i * t.cluster, t.cluster)) {
            g_error("cluster %" G_GUINT64_FORMAT " is not what it was", i);
        }
    }
    if (t.dump != NULL) {
        memcpy(t.model.data, data, t.model.size);
    }
}

/* Snapshots that are left can be read, and be removed. */
static void verify_snapshots(struct block_node *node)
{
    struct node_snapshot *list;
    unsigned count;
    g_assert_true(node_driver(node)->snapshot_list(node, &list, &count, NULL));
    if (count > 0) {
        g_autofree uint8_t *data = g_malloc(t.model.size);
        g_assert_true(node_driver(node)->snapshot_open(node, list[0].id, NULL));
        g_assert_cmpint(node_read(node, 0, data, node_size(node)), ==, 0);
    }
    node_snapshots_free(list, count);
}

static void verify(void)
{
    struct block_node *node = world_open("disk:image", NODE_WRITE | NODE_CHECK);
    struct node_check check = world_check(node, true);
    t.found += check.corruptions + check.leaks;
    t.fixed += check.corruptions_fixed + check.leaks_fixed;
    g_assert_cmpuint(check.errors, ==, 0);
    g_assert_cmpuint(check.corruptions_fixed + check.leaks_fixed, ==,
                     check.corruptions + check.leaks);
    check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    node = world_open("disk:image", 0);
    verify_rest(node);
    verify_snapshots(node);
    g_assert_cmpint(node_close(node), ==, 0);
}

/* The image can be used again. (Where a cluster stands for two parts of the disk, one of them keeps
 * a flag that says so when the other has got its own.) */
static void verify_use(void)
{
    struct block_node *node = world_open("disk:image", NODE_WRITE | NODE_RELEASE);
    g_assert_cmpint(node_read(node, 0, t.model.data, t.model.size), ==, 0);
    batch_run(node, &t.model, 12);
    world_compare(node, t.model.data, t.model.size);
    struct node_check check = world_check(node, true);
    g_assert_cmpuint(check.corruptions - check.corruptions_fixed + check.errors, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
}

static void co_repair(void *opaque)
{
    uint32_t seed = *(const uint32_t *)opaque;
    make_image();
    const uint8_t *made = disk_get("disk:image", &t.file_size);
    t.file = g_memdup2(made, t.file_size);
    t.lost = g_new0(uint8_t, t.clusters);
    for (uint64_t i = 1 + world_random(DAMAGES); i > 0; i--) {
        damage();
    }
    disk_put("disk:image", t.file, t.file_size);
    verify();
    if (t.dump != NULL) {
        size_t size;
        const uint8_t *file = disk_get("disk:image", &size);
        world_dump(t.dump, seed, "image", file, size);
        world_dump(t.dump, seed, "model", t.model.data, t.model.size);
    }
    verify_use();
    g_free(t.model.data);
    g_free(t.file);
    g_free(t.lost);
}

/* test_repair [FIRST SEED [SEEDS [- [FOLDER FOR THE IMAGES]]]] */
int main(int argc, char **argv)
{
    uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 300;
    t.dump = argc > 4 ? argv[4] : NULL;
    disk_register();
    for (uint32_t seed = first; seed < first + count; seed++) {
        world_begin(seed);
        block_run(world.ctx, co_repair, &seed);
        world_end();
    }
    printf("%" G_GUINT64_FORMAT " damages found, %" G_GUINT64_FORMAT " repaired\n", t.found,
           t.fixed);
    return 0;
}
