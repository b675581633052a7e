/* Goal: whichever request to the host fails, for every n of a run, nothing crashes or hangs, what
 * was flushed is there, and the image is whole: nothing worse than leaks, unless it is marked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device/qcow2/history.h"

#define STEPS      40u
#define SIZE       (96u << 10)
#define MOMENT_END (UINT64_MAX - 1)

static struct {
    struct block_node *node;
    struct history *history;
    unsigned runs, refused;
} t;

static void fault_write(uint64_t offset, uint64_t size, unsigned flags)
{
    g_autofree uint8_t *data = g_malloc(size);
    world_fill(data, size);
    unsigned change = history_begin(t.history, offset, size, data);
    history_ended(t.history, change, node_write(t.node, offset, data, size, flags) == 0);
}

static void fault_zero(uint64_t offset, uint64_t size, bool release)
{
    unsigned change = history_begin(t.history, offset, size, NULL);
    int result = node_write_zeroes(t.node, offset, size, release ? REQUEST_RELEASE : 0);
    history_ended(t.history, change, result == 0);
}

static void fault_flush(void)
{
    unsigned flush = history_flush(t.history);
    if (node_flush(t.node) == 0) {
        history_flushed(t.history, flush);
    }
}

static void fault_read(uint64_t offset, uint64_t size)
{
    g_autofree uint8_t *data = g_malloc(size);
    node_read(t.node, offset, data, size);
}

/* Takes one while the disk is written. */
static void fault_take(const struct node_snapshot *snapshot)
{
    const struct block_driver *driver = node_driver(t.node);
    g_autofree uint8_t *state = g_malloc(SIZE);
    size_t size = world_random(SIZE);
    world_fill(state, size);
    if (!driver->snapshot_begin(t.node, snapshot, NULL)) {
        return;
    }
    fault_write(0, 512 * (1 + world_random(SIZE / 512)), 0);
    bool kept = driver->snapshot_append(t.node, state, size) == 0;
    fault_flush();
    if (!kept || !driver->snapshot_keep(t.node, NULL)) {
        driver->snapshot_drop(t.node, NULL);
    }
}

static void fault_snapshot(void)
{
    static const struct node_snapshot snapshot = { .name = (char *)"s", .icount = UINT64_MAX };
    GError *error = NULL;
    const struct block_driver *driver = node_driver(t.node);
    if (world_random(2)) {
        driver->snapshot_create(t.node, &snapshot, &error);
    } else if (world_random(2)) {
        fault_take(&snapshot);
    } else {
        driver->snapshot_delete(t.node, "s", &error);
    }
    g_clear_error(&error);
}

static void fault_step(uint64_t cluster)
{
    uint64_t sectors = SIZE / 512, at = world_random(sectors);
    uint64_t count = 1 + world_random(MIN(sectors - at, 24));
    uint64_t first = at * 512 / cluster * cluster, whole = MIN(2 * cluster, SIZE - first);
    switch (world_random(10)) {
    case 0: fault_zero(at * 512, count * 512, world_random(2)); break;
    case 1: fault_write(first, whole, REQUEST_COMPRESSED); break;
    case 2: fault_flush(); break;
    case 3: fault_read(at * 512, count * 512); break;
    case 4: fault_snapshot(); break;
    default: fault_write(at * 512, count * 512, 0); break;
    }
}

/* What is left, with a host that works again. */
static void fault_verify(void)
{
    g_autofree uint8_t *data = g_malloc(SIZE);
    size_t size;
    const uint8_t *file = disk_get("disk:image", &size);
    bool dirty = (file[79] & 3) != 0; /* or corrupt: so that nobody writes before a repair */
    struct block_node *node = world_open("disk:image", NODE_CHECK);
    struct node_check check = world_check(node, false);
    g_assert_true(check.corruptions + check.errors == 0 || dirty);
    g_assert_cmpint(node_read(node, 0, data, SIZE), ==, 0);
    g_assert_true(history_allows(t.history, MOMENT_END, data, SIZE));
    g_assert_cmpint(node_close(node), ==, 0);
    node = world_open("disk:image", NODE_WRITE | NODE_CHECK);
    check = world_check(node, true);
    check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
    g_assert_cmpint(node_read(node, 0, data, SIZE), ==, 0);
    g_assert_true(history_allows(t.history, MOMENT_END, data, SIZE));
    g_assert_cmpint(node_close(node), ==, 0);
}

/* One run in which a request fails; `n` counts them. */
struct fault {
    uint32_t seed;
    unsigned n;
    int error;
    const char *kinds;
    bool failed;
};

static void co_fault(void *opaque)
{
    struct fault *fault = opaque;
    struct node_create options = { .path = "disk:image", .size = SIZE };
    struct node_options open = { .path = "disk:image", .format = "qcow2", .flags = NODE_WRITE };
    static const uint8_t zeros[SIZE];
    GError *error = NULL;
    options.cluster_size = 512u << fault->seed % 4;
    options.lazy_refcounts = fault->seed % 5 == 0;
    open.cache_size = fault->seed % 2;
    world_create(&options);
    t.history = history_new(zeros, SIZE);
    disk_fail(fault->n, fault->error, fault->kinds);
    t.node = node_open(world.ctx, world.pool, &open, &error);
    if (t.node != NULL) {
        for (unsigned i = 0; i < STEPS; i++) {
            fault_step(options.cluster_size);
        }
        unsigned flush = history_flush(t.history);
        if (node_close(t.node) == 0) {
            history_flushed(t.history, flush);
        }
    } else {
        g_assert_nonnull(error);
        g_clear_error(&error);
        t.refused++;
    }
    fault->failed = disk_failed();
    disk_fail(0, 0, "");
    fault_verify();
    history_free(t.history);
    t.runs++;
}

/* test_fault [FIRST SEED [SEEDS [EVERY n-th]]] */
int main(int argc, char **argv)
{
    static const struct fault kinds[] = {
        { .error = FILE_ERROR_IO, .kinds = "w" },
        { .error = FILE_ERROR_NO_SPACE, .kinds = "w" },
        { .error = FILE_ERROR_IO, .kinds = "f" },
        { .error = FILE_ERROR_IO, .kinds = "r" },
    };
    uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 26;
    unsigned every = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    disk_register();
    for (uint32_t seed = first; seed < first + count; seed++) {
        struct fault fault = kinds[seed % G_N_ELEMENTS(kinds)];
        fault.seed = seed;
        fault.n = 1;
        do {
            world_begin(seed);
            block_run(world.ctx, co_fault, &fault);
            world_end();
            fault.n += every;
        } while (fault.failed);
    }
    printf("%u runs, %u of them refused to open the image\n", t.runs, t.refused);
    return 0;
}
