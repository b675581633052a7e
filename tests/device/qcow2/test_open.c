/* Goal: what a qcow2 image may not be opened with is said clearly; what it says of itself, what it
 * would measure, preallocation, external data files and the dirty mark are as they should be. */
#include <jansson.h>
#include <string.h>

#include "tests/device/qcow2/world.h"

#define SIZE (1u << 20)

/* An image with some bytes changed, and what must be said of it. */
struct damage {
    const char *what;
    unsigned at, size;
    uint64_t value; /* big endian in the file */
    unsigned flags;
    const char *says;
};

static const struct damage damages[] = {
    { "no magic", 0, 4, 0x514649fc, 0, "does not begin like one" },
    { "version 4", 4, 4, 4, 0, "version 4 is not supported" },
    { "tiny clusters", 20, 4, 8, 0, "512 bytes to 2 MiB" },
    { "huge clusters", 20, 4, 22, 0, "512 bytes to 2 MiB" },
    { "encrypted", 32, 4, 2, 0, "encrypted" },
    { "larger than its table", 24, 8, UINT64_C(1) << 50, 0, "L1 table is too small" },
    { "huge L1 table", 36, 4, 0x500000, 0, "larger than 32 MiB" },
    { "L1 table in the middle", 40, 8, 70000, 0, "cluster boundary" },
    { "L1 table far behind", 40, 8, UINT64_C(1) << 50, 0, "behind its end" },
    { "huge refcount table", 56, 4, 0x10000, 0, "larger than 8 MiB" },
    { "many snapshots", 60, 4, 0x20000, 0, "65536 snapshots" },
    { "unknown feature", 72, 8, UINT64_C(1) << 40, 0, "unknown, bit 40" },
    { "corrupt, to be written", 72, 8, 2, NODE_WRITE, "marked corrupt" },
    { "data file", 72, 8, 4, 0, "only opened if you name it" },
    { "subclusters", 72, 8, 16, 0, "extended L2" },
    { "compression without its bit", 104, 1, 1, 0, "contradict" },
    { "wide refcounts", 96, 4, 7, 0, "wider than 64 bits" },
    { "header length", 100, 4, 13, 0, "length of its header" },
    { "backing name outside", 8, 8, 70000, 0, "name of its backing file" },
};

static void co_damages(void *opaque)
{
    struct node_create options = { .path = "disk:image", .size = SIZE };
    (void)opaque;
    world_create(&options);
    size_t size;
    const uint8_t *good = disk_get("disk:image", &size);
    g_autofree uint8_t *copy = g_memdup2(good, size), *bad = g_malloc(size);
    for (unsigned i = 0; i < G_N_ELEMENTS(damages); i++) {
        const struct damage *damage = &damages[i];
        struct node_options open = { .path = "disk:bad",
                                     .format = "qcow2",
                                     .flags = damage->flags };
        GError *error = NULL;
        memcpy(bad, copy, size);
        for (unsigned j = 0; j < damage->size; j++) {
            bad[damage->at + j] = (uint8_t)(damage->value >> 8 * (damage->size - 1 - j));
        }
        disk_put("disk:bad", bad, size);
        g_assert_null(node_open(world.ctx, world.pool, &open, &error));
        g_test_message("%s: %s", damage->what, error->message);
        g_assert_nonnull(strstr(error->message, damage->says));
        g_assert_nonnull(strstr(error->message, "disk:bad"));
        g_clear_error(&error);
    }
}

/* The image's own table names a feature that only it knows. */
static void co_feature_name(void *opaque)
{
    struct node_create options = { .path = "disk:image", .size = SIZE };
    struct node_options open = { .path = "disk:bad", .format = "qcow2" };
    GError *error = NULL;
    size_t size;
    (void)opaque;
    world_create(&options);
    const uint8_t *good = disk_get("disk:image", &size);
    g_autofree uint8_t *bad = g_memdup2(good, size);
    uint8_t *name = bad + 112; /* behind the header */
    while (memcmp(name, "dirty bit", 9) != 0) {
        name++;
        g_assert_true(name < bad + 4096);
    }
    name[-1] = 33; /* the bit it is the name of */
    memcpy(name, "time travel", 12);
    bad[75] = 2; /* bit 33 */
    disk_put("disk:bad", bad, size);
    g_assert_null(node_open(world.ctx, world.pool, &open, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "time travel"));
    g_clear_error(&error);
}

static void co_backing_names(void *opaque)
{
    struct node_create options = { .path = "disk:image",
                                   .size = SIZE,
                                   .backing_path = "json:{\"driver\":\"file\"}",
                                   .backing_format = "raw" };
    struct node_options open = { .path = "disk:image", .format = "qcow2" };
    GError *error = NULL;
    (void)opaque;
    world_create(&options);
    g_assert_null(node_open(world.ctx, world.pool, &open, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "json:"));
    g_clear_error(&error);
    open.backing_path = ""; /* the user may do without it */
    struct block_node *node = node_open(world.ctx, world.pool, &open, &error);
    g_assert_no_error(error);
    g_assert_null(node_backing(node));
    node_close(node);
    options.backing_path = "disk:image"; /* itself */
    options.backing_format = "qcow2";
    world_create(&options);
    open.backing_path = NULL;
    g_assert_null(node_open(world.ctx, world.pool, &open, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "disk:image"));
    g_clear_error(&error);
}

static void expect_info(const char *compat, const char *compression, bool lazy, unsigned bits,
                        const char *text)
{
    struct node_create options = { .path = "disk:image",
                                   .size = SIZE,
                                   .compat = compat,
                                   .compression = compression,
                                   .lazy_refcounts = lazy,
                                   .refcount_bits = bits,
                                   .cluster_size = 4096 };
    struct node_info info = { 0 };
    g_autoptr(GString) out = g_string_new(NULL);
    world_create(&options);
    struct block_node *node = world_open("disk:image", 0);
    node_get_info(node, &info);
    info.print(node, out);
    g_assert_cmpstr(out->str, ==, text);
    g_assert_cmpuint(info.cluster_size, ==, 4096);
    g_assert_false(info.dirty);
    json_t *data = json_object_get(info.json, "data");
    g_assert_cmpstr(json_string_value(json_object_get(data, "compat")), ==, compat);
    g_assert_cmpint(json_integer_value(json_object_get(data, "refcount-bits")), ==, bits);
    json_decref(info.json);
    node_info_clear(&info);
    node_close(node);
}

/* As qemu-img 7.2 prints it. */
static void co_info(void *opaque)
{
    (void)opaque;
    expect_info("0.10", NULL, false, 16,
                "    compat: 0.10\n    compression type: zlib\n    refcount bits: 16\n");
    expect_info("1.1", "zstd", true, 1,
                "    compat: 1.1\n    compression type: zstd\n    lazy refcounts: true\n"
                "    refcount bits: 1\n    corrupt: false\n    extended l2: false\n");
}

/* As `qemu-img measure -O qcow2 --size` of 7.2 says. */
static void co_measure(void *opaque)
{
    static const struct {
        uint64_t size;
        uint32_t cluster;
        unsigned bits;
        uint64_t required, full;
    } sizes[] = {
        { 1u << 30, 65536, 16, 393216, 1074135040 },
        { UINT64_C(1) << 40, 65536, 16, 168034304, UINT64_C(1099679662080) },
        { 10u << 20, 512, 64, 339456, 10825216 },
        { 0, 65536, 16, 196608, 196608 },
    };
    const struct block_driver *qcow2 = block_driver_find("qcow2");
    (void)opaque;
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct node_create options = { .size = sizes[i].size,
                                       .cluster_size = sizes[i].cluster,
                                       .refcount_bits = sizes[i].bits };
        uint64_t required, full;
        g_assert_true(qcow2->measure(&options, 0, &required, &full, NULL));
        g_assert_cmpuint(required, ==, sizes[i].required);
        g_assert_cmpuint(full, ==, sizes[i].full);
    }
}

static void co_preallocation(void *opaque)
{
    static const char *const kinds[] = { "off", "metadata", "falloc", "full" };
    g_autofree uint8_t *zeros = g_malloc0(SIZE);
    (void)opaque;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct node_create options = {
            .path = "disk:image", .size = SIZE, .cluster_size = 4096, .preallocation = kinds[i]
        };
        struct block_extent extent;
        size_t size;
        world_create(&options);
        disk_get("disk:image", &size);
        struct block_node *node = world_open("disk:image", 0);
        struct node_check check = world_check(node, false);
        g_assert_cmpuint(check.corruptions + check.leaks, ==, 0);
        g_assert_cmpuint(check.allocated_clusters, ==, i == 0 ? 0 : SIZE / 4096);
        g_assert_true((size >= SIZE) == (i != 0));
        g_assert_cmpint(node_extent(node, 0, SIZE, &extent), ==, 0);
        g_assert_cmpuint(extent.status & EXTENT_DATA, ==, i == 0 ? 0 : EXTENT_DATA);
        world_compare(node, zeros, SIZE);
        node_close(node);
    }
}

static void co_data_file(void *opaque)
{
    struct node_create options = {
        .path = "disk:image", .size = SIZE, .data_file = "disk:data", .data_file_raw = true
    };
    struct node_options open = {
        .path = "disk:image", .format = "qcow2", .flags = NODE_WRITE, .data_file = "disk:data"
    };
    g_autofree uint8_t *model = g_malloc(SIZE);
    GError *error = NULL;
    size_t size;
    (void)opaque;
    world_create(&options);
    struct block_node *node = node_open(world.ctx, world.pool, &open, &error);
    g_assert_no_error(error);
    world_fill(model, SIZE);
    g_assert_cmpint(node_write(node, 0, model, SIZE, 0), ==, 0);
    memset(model + 60000, 0, 200000);
    g_assert_cmpint(node_write_zeroes(node, 60000, 200000, 0), ==, 0);
    world_compare(node, model, SIZE);
    g_assert_cmpint(node_close(node), ==, 0);
    const uint8_t *data = disk_get("disk:data", &size); /* raw: it shows the same */
    g_assert_true(size == SIZE && memcmp(data, model, SIZE) == 0);
    open.flags = 0;
    node = node_open(world.ctx, world.pool, &open, &error);
    struct node_check check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.leaks, ==, 0);
    world_compare(node, model, SIZE);
    node_close(node);
}

/* A writer that does not close leaves a mark; the next one repairs and takes it off. */
static void co_dirty(void *opaque)
{
    struct node_create options = { .path = "disk:image", .size = SIZE, .lazy_refcounts = true };
    uint8_t data[5000];
    size_t size;
    (void)opaque;
    world_create(&options);
    struct block_node *node = world_open("disk:image", NODE_WRITE);
    world_fill(data, sizeof(data));
    g_assert_cmpint(node_write(node, 100000, data, sizeof(data), 0), ==, 0);
    g_assert_cmpint(node_flush(node), ==, 0);
    const uint8_t *file = disk_get("disk:image", &size);
    g_assert_cmpuint(file[79] & 1, ==, 1);
    disk_put("disk:left", file, size);
    g_assert_cmpint(node_close(node), ==, 0);
    g_assert_cmpuint(disk_get("disk:image", &size)[79] & 1, ==, 0);
    node = world_open("disk:left", NODE_CHECK);
    g_assert_cmpuint(world_check(node, false).corruptions, >, 0);
    node_close(node);
    node = world_open("disk:left", NODE_WRITE);
    g_assert_cmpuint(world_check(node, false).corruptions, ==, 0);
    uint8_t read[sizeof(data)];
    g_assert_cmpint(node_read(node, 100000, read, sizeof(read)), ==, 0);
    g_assert_cmpmem(read, sizeof(read), data, sizeof(data));
    node_close(node);
    g_assert_cmpuint(disk_get("disk:left", &size)[79] & 1, ==, 0);
}

static void run(gconstpointer fn)
{
    world_begin(1);
    block_run(world.ctx, *(coroutine_fn *const *)fn, NULL);
    world_end();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        coroutine_fn *fn;
    } tests[] = {
        { "/qcow2/damages", co_damages },       { "/qcow2/feature-name", co_feature_name },
        { "/qcow2/backing", co_backing_names }, { "/qcow2/info", co_info },
        { "/qcow2/measure", co_measure },       { "/qcow2/preallocation", co_preallocation },
        { "/qcow2/data-file", co_data_file },   { "/qcow2/dirty", co_dirty },
    };
    g_test_init(&argc, &argv, NULL);
    disk_register();
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].name, &tests[i].fn, run);
    }
    return g_test_run();
}
