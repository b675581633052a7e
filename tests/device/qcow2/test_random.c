/* Goal: an image shows what was written to it, whatever is done to it in whatever order, and a
 * check finds nothing: all cluster sizes, versions, refcounts, backing images, snapshots, sizes. */
#include <stdio.h>
#include <string.h>

#include "tests/device/qcow2/batch.h"

#define SNAPSHOTS_MAX 4u
#define STATE_SIZE    20000u

struct kept {
    char *name;
    uint8_t *data, *state;
    size_t size;
    bool has_state;
};

static struct {
    struct node_create options;
    struct disk_model model;
    struct kept kept[SNAPSHOTS_MAX];
    unsigned kept_count, names;
    struct block_node *node;
    uint8_t *backing;
    size_t backing_size;
    unsigned steps;
    const char *dump;
    uint32_t seed;
} t;

static void open_image(void)
{
    t.node = world_open(t.options.path, NODE_WRITE | NODE_RELEASE);
}

static void step_reopen(void)
{
    g_assert_cmpint(node_close(t.node), ==, 0);
    if (world_random(2)) {
        t.node = world_open(t.options.path, 0);
        struct node_check check = world_check(t.node, false);
        g_assert_cmpuint(check.corruptions + check.leaks + check.errors, ==, 0);
        world_compare(t.node, t.model.data, t.model.size);
        g_assert_cmpint(node_close(t.node), ==, 0);
    }
    open_image();
}

/* Clusters with many compressed ones in them may have no room for one more snapshot of those. */
static bool counts_are_narrow(void)
{
    return t.options.refcount_bits != 0 && t.options.refcount_bits <= 8;
}

static void step_take(void)
{
    g_autofree char *name = g_strdup_printf("s%u", t.names++);
    struct node_snapshot snapshot = { .name = name, .date_s = 1, .icount = UINT64_MAX };
    struct kept *kept = &t.kept[t.kept_count];
    GError *error = NULL;
    *kept = (struct kept){ .name = g_strdup(name),
                           .data = g_memdup2(t.model.data, t.model.size),
                           .size = t.model.size,
                           .state = g_malloc(STATE_SIZE),
                           .has_state = world_random(2) };
    if (kept->has_state) {
        world_fill(kept->state, STATE_SIZE);
        g_assert_cmpint(node_driver(t.node)->state_write(t.node, 0, kept->state, STATE_SIZE), ==,
                        0);
        snapshot.state_size = STATE_SIZE;
    }
    if (node_driver(t.node)->snapshot_create(t.node, &snapshot, &error)) {
        t.kept_count++;
        return;
    }
    g_assert_true(counts_are_narrow());
    g_clear_error(&error);
    g_free(kept->name);
    g_free(kept->data);
    g_free(kept->state);
    step_reopen();
}

static void kept_free(struct kept *kept)
{
    g_free(kept->name);
    g_free(kept->data);
    g_free(kept->state);
}

static void step_apply(void)
{
    struct kept *kept = &t.kept[world_random(t.kept_count)];
    uint8_t state[STATE_SIZE];
    GError *error = NULL;
    if (!node_driver(t.node)->snapshot_apply(t.node, kept->name, &error)) {
        g_assert_true(counts_are_narrow());
        g_clear_error(&error);
        step_reopen();
        return;
    }
    g_free(t.model.data);
    t.model.data = g_memdup2(kept->data, kept->size);
    t.model.size = kept->size;
    world_compare(t.node, t.model.data, t.model.size);
    if (kept->has_state) {
        g_assert_cmpint(node_driver(t.node)->state_read(t.node, 0, state, STATE_SIZE), ==, 0);
        g_assert_true(memcmp(state, kept->state, STATE_SIZE) == 0);
    }
}

static void step_delete(void)
{
    unsigned index = (unsigned)world_random(t.kept_count);
    GError *error = NULL;
    node_driver(t.node)->snapshot_delete(t.node, t.kept[index].name, &error);
    g_assert_no_error(error);
    kept_free(&t.kept[index]);
    t.kept[index] = t.kept[--t.kept_count];
}

/* Another program may look at a snapshot at any time after a flush. */
static void step_look(void)
{
    struct kept *kept = &t.kept[world_random(t.kept_count)];
    GError *error = NULL;
    g_assert_cmpint(node_flush(t.node), ==, 0);
    struct block_node *node = world_open(t.options.path, 0);
    node_driver(node)->snapshot_open(node, kept->name, &error);
    g_assert_no_error(error);
    world_compare(node, kept->data, kept->size);
    g_assert_cmpint(node_close(node), ==, 0);
}

static void step_resize(void)
{
    size_t size = (size_t)(1 + world_random(2 * t.model.size / 512 + 8)) * 512;
    GError *error = NULL;
    int result = node_truncate(t.node, size, NULL, &error);
    if (t.kept_count > 0 && (size < t.model.size || strcmp(t.options.compat, "0.10") == 0)) {
        g_assert_cmpint(result, <, 0);
        g_clear_error(&error);
        return;
    }
    if (result == FILE_ERROR_UNSUPPORTED && t.backing != NULL && t.model.shows_backing) {
        g_clear_error(&error);
        return;
    }
    g_assert_no_error(error);
    t.model.data = g_realloc(t.model.data, size);
    if (size > t.model.size) {
        memset(t.model.data + t.model.size, 0, size - t.model.size);
    }
    t.model.size = size;
}

static void step_check(void)
{
    struct node_check check = world_check(t.node, false);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
}

static void step(void)
{
    switch (world_random(t.kept_count > 0 ? 40 : 34)) {
    case 0: step_reopen(); break;
    case 1:
        if (t.kept_count < SNAPSHOTS_MAX) {
            step_take();
        }
        break;
    case 2: step_check(); break;
    case 3: g_assert_cmpint(node_flush(t.node), ==, 0); break;
    case 4: step_resize(); break;
    case 5: world_compare(t.node, t.model.data, t.model.size); break;
    case 36: step_apply(); break;
    case 37: step_delete(); break;
    case 38: step_look(); break;
    default: batch_run(t.node, &t.model, 12); break;
    }
}

static void make_backing(void)
{
    t.backing_size = (size_t)world_random(2 * t.options.size / 512) * 512 + 512;
    t.backing = g_malloc(t.backing_size);
    world_fill(t.backing, t.backing_size);
    disk_put("disk:base", t.backing, t.backing_size);
    t.options.backing_path = "disk:base";
    t.options.backing_format = "raw";
}

static void begin_image(void)
{
    uint64_t clusters = 1 + world_random(300);
    t.options = world_options("disk:image", 0);
    t.options.size = MIN(clusters * t.options.cluster_size, 3u << 20) / 512 * 512;
    t.options.size -= t.options.size > 4096 ? world_random(4) * 512 : 0;
    t.model = (struct disk_model){ g_malloc0(t.options.size), t.options.size, false,
                                   t.options.cluster_size };
    if (world_random(3) == 0) {
        make_backing();
        memcpy(t.model.data, t.backing, MIN(t.backing_size, t.model.size));
        t.model.shows_backing = strcmp(t.options.compat, "0.10") == 0;
    }
    g_test_message("cluster %u size %" G_GUINT64_FORMAT " compat %s refcounts %u backing %zu",
                   t.options.cluster_size, t.options.size, t.options.compat,
                   t.options.refcount_bits, t.backing_size);
    world_create(&t.options);
    open_image();
}

/* Leaves the image and what it must show for another program to look at. */
static void dump_image(void)
{
    static const char *const names[] = { "disk:image", "disk:base" };
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        size_t size;
        const uint8_t *data = disk_get(names[i], &size);
        if (data != NULL) {
            world_dump(t.dump, t.seed, names[i] + 5, data, size);
        }
    }
    world_dump(t.dump, t.seed, "model", t.model.data, t.model.size);
}

/* The backing image lies beside it, under the name that it has there. */
static void dump_rename(void)
{
    g_autofree char *name = g_strdup_printf("%u-base", t.seed);
    GError *error = NULL;
    if (t.dump != NULL && t.backing != NULL) {
        node_driver(t.node)->change_backing(t.node, name, "raw", &error);
        g_assert_no_error(error);
    }
}

static void co_random(void *opaque)
{
    (void)opaque;
    begin_image();
    for (unsigned i = 0; i < t.steps; i++) {
        step();
    }
    world_compare(t.node, t.model.data, t.model.size);
    while (t.kept_count > 0 && t.dump == NULL) {
        step_delete();
    }
    step_reopen();
    step_check();
    dump_rename();
    g_assert_cmpint(node_close(t.node), ==, 0);
    if (t.dump != NULL) {
        dump_image();
    }
    while (t.kept_count > 0) {
        kept_free(&t.kept[--t.kept_count]);
    }
    g_clear_pointer(&t.backing, g_free);
    t.backing_size = 0;
    g_free(t.model.data);
}

static void run(uint32_t seed)
{
    world_begin(seed);
    t.seed = seed;
    disk_set_delays(seed % 3 == 0 ? 0 : seed);
    block_run(world.ctx, co_random, NULL);
    world_end();
}

/* test_random [FIRST SEED [SEEDS [STEPS [FOLDER FOR THE IMAGES]]]] */
int main(int argc, char **argv)
{
    uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 40;
    t.steps = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    t.dump = argc > 4 ? argv[4] : NULL;
    disk_register();
    for (uint32_t seed = first; seed < first + count; seed++) {
        printf("seed %u\n", seed);
        fflush(stdout);
        run(seed);
    }
    return 0;
}
