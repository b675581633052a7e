/* Goal: nodes do what their contract says, over files, memory and overlays, with any alignment. */
#include <string.h>

#include "emu/block/driver.h"
#include "tests/fake/file.h"

#define SIZE  200000u /* no whole number of sectors */
#define STEPS 400

static struct {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct node_options options;
    bool overlay;
    GError *error;
} t;

static void setup(void)
{
    t.ctx = aio_context_new("test", NULL);
    t.pool = thread_pool_new(t.ctx, 4, NULL);
}

static void finish(void)
{
    thread_pool_free(t.pool);
    aio_context_unref(t.ctx);
    fake_file_reset();
}

static void in_coroutine(coroutine_fn *fn)
{
    setup();
    block_run(t.ctx, fn, NULL);
    finish();
}

static struct block_node *open_node(const char *path, const char *format, unsigned flags)
{
    const struct node_options options = { .path = path, .format = format, .flags = flags };
    struct block_node *node = node_open(t.ctx, t.pool, &options, &t.error);
    g_assert_no_error(t.error);
    return node;
}

static void expect_refused(const char *path, const char *format, unsigned flags, const char *text)
{
    const struct node_options options = { .path = path, .format = format, .flags = flags };
    g_assert_null(node_open(t.ctx, t.pool, &options, &t.error));
    g_assert_nonnull(t.error);
    g_test_message("%s", t.error->message);
    g_assert_nonnull(strstr(t.error->message, text));
    g_clear_error(&t.error);
}

/* Splits memory into a few pieces of any size. */
static unsigned pieces(GRand *random, uint8_t *data, size_t size, struct host_vec *vec)
{
    unsigned count = 0;
    while (size > 0) {
        size_t part = count == 7 ? size : (size_t)g_rand_int_range(random, 1, (gint32)size + 1);
        vec[count++] = (struct host_vec){ data, part };
        data += part;
        size -= part;
    }
    return count;
}

static void random_step(GRand *random, struct block_node *node, uint8_t *model, uint32_t size)
{
    uint32_t offset = (uint32_t)g_rand_int_range(random, 0, (gint32)size);
    uint32_t length = (uint32_t)g_rand_int_range(random, 1, 30000);
    struct host_vec vec[8];
    length = MIN(length, size - offset);
    g_autofree uint8_t *data = g_malloc(length);
    unsigned count = pieces(random, data, length, vec);
    memset(data, g_rand_int_range(random, 0, 256), length);
    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        memset(model + offset, 0, length);
        g_assert_cmpint(node_write_zeroes(node, offset, length, 0), ==, 0);
        break;
    case 1:
        memcpy(model + offset, data, length);
        g_assert_cmpint(node_write_vec(node, offset, length, vec, count, 0), ==, 0);
        break;
    default:
        g_assert_cmpint(node_read_vec(node, offset, length, vec, count), ==, 0);
        g_assert_cmpmem(data, length, model + offset, length);
        break;
    }
}

static void random_steps(void *opaque)
{
    struct block_node *node = opaque;
    uint32_t size = (uint32_t)node_size(node);
    g_autofree uint8_t *model = g_malloc(size);
    GRand *random = g_rand_new_with_seed(23);
    g_assert_cmpint(node_read(node, 0, model, size), ==, 0);
    for (unsigned i = 0; i < STEPS; i++) {
        random_step(random, node, model, size);
    }
    g_autofree uint8_t *now = g_malloc(size);
    g_assert_cmpint(node_read(node, 0, now, size), ==, 0);
    g_assert_true(memcmp(now, model, size) == 0);
    g_rand_free(random);
}

static void put_image(size_t size)
{
    g_autofree uint8_t *data = g_malloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    fake_file_put("disk", data, size);
}

static void co_random(void *opaque)
{
    static const struct {
        const char *path, *format;
        size_t size;
        unsigned flags;
        bool overlay;
    } rows[] = {
        { "disk", "raw", SIZE, NODE_WRITE, false },
        { "disk", NULL, SIZE, NODE_WRITE, false },
        { "disk", "file", SIZE, NODE_WRITE, false },
        { "disk", "raw", 200704, NODE_WRITE | NODE_DIRECT, false },
        { "disk", "raw", SIZE, NODE_WRITE | NODE_DIRECT, false },
        { "memory:200000", "raw", SIZE, NODE_WRITE, false },
        { "memory:200000", NULL, SIZE, NODE_WRITE, false },
        { "memory:200000", "memory", SIZE, NODE_WRITE | NODE_RELEASE, false },
        { "disk", "raw", SIZE, 0, true },
        { "memory:200000", "memory", SIZE, 0, true },
    };
    (void)opaque;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        put_image(rows[i].size);
        struct block_node *node = open_node(rows[i].path, rows[i].format, rows[i].flags);
        node = rows[i].overlay ? node_open_overlay(node) : node;
        random_steps(node);
        g_assert_cmpint(node_close(node), ==, 0);
    }
}

static void test_random(void)
{
    in_coroutine(co_random);
}

/* What is written over an image stays in memory. */
static void co_overlay(void *opaque)
{
    struct block_extent extent;
    unsigned depth;
    uint8_t byte = 1;
    size_t length;
    (void)opaque;
    put_image(SIZE);
    g_autofree uint8_t *before = fake_file_get("disk", &length);
    struct block_node *node = node_open_overlay(open_node("disk", "raw", 0));
    g_assert_cmpint(node_write(node, 5000, &byte, 1, REQUEST_FUA), ==, 0);
    g_assert_cmpint(node_extent(node, 0, SIZE, &extent), ==, 0);
    g_assert_cmpuint(extent.size, ==, 4096);
    g_assert_cmpuint(extent.status & EXTENT_ALLOCATED, ==, 0);
    g_assert_cmpint(node_extent_above(node, NULL, 0, SIZE, &extent, &depth), ==, 0);
    g_assert_cmpuint(extent.size, ==, 4096);
    g_assert_cmpuint(extent.status & EXTENT_DATA, !=, 0);
    g_assert_cmpuint(depth, ==, 1);
    g_assert_cmpint(node_extent_above(node, NULL, 5000, SIZE, &extent, &depth), ==, 0);
    g_assert_cmpuint(depth, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    g_autofree uint8_t *after = fake_file_get("disk", &length);
    g_assert_cmpuint(length, ==, SIZE);
    g_assert_true(memcmp(before, after, SIZE) == 0);
}

static void test_overlay(void)
{
    in_coroutine(co_overlay);
}

static void co_bounds(void *opaque)
{
    uint8_t data[1024] = { 0 };
    (void)opaque;
    put_image(SIZE);
    struct block_node *node = open_node("disk", "raw", NODE_WRITE);
    g_assert_cmpuint(node_size(node), ==, (SIZE + 511) / 512 * 512);
    uint64_t end = node_size(node);
    g_assert_cmpint(node_read(node, end - 512, data, 1024), ==, FILE_ERROR_IO);
    g_assert_cmpint(node_write(node, end, data, 1, 0), <, 0);
    g_assert_cmpint(node_write_zeroes(node, 0, UINT64_MAX, 0), <, 0);
    g_assert_cmpint(node_write(node, end - 512, data, 512, 0), ==, 0);
    g_assert_cmpuint(node_size(node_file(node)), ==, end);
    node_close(node);
    node = open_node("disk", "raw", 0);
    g_assert_cmpint(node_write(node, 0, data, 512, 0), ==, FILE_ERROR_READ_ONLY);
    node_close(node);
}

static void test_bounds(void)
{
    in_coroutine(co_bounds);
}

static unsigned magic_probe(const uint8_t *data, size_t size)
{
    return size >= 4 && memcmp(data, "MAGC", 4) == 0 ? 100 : 0;
}

static bool magic_open(struct block_node *node, const struct node_options *options, GError **error)
{
    (void)options;
    node_set_size(node, 4096);
    return node_open_backing(node, "base", "magic", error);
}

static int magic_read(struct block_node *node, uint64_t offset, uint64_t size,
                      const struct host_vec *vec, unsigned count)
{
    (void)node, (void)offset;
    vec_clear(vec, count, 0, size);
    return 0;
}

/* A format whose images all stand on "base". */
static const struct block_driver magic_driver = {
    .name = "magic", .probe = magic_probe, .open = magic_open, .read = magic_read
};

/* A guessed format stays what it is, whatever the guest writes. */
static void co_probe(void *opaque)
{
    uint8_t data[512] = "MAGC";
    (void)opaque;
    put_image(SIZE);
    struct block_node *node = open_node("disk", NULL, NODE_WRITE);
    g_assert_cmpint(node_write(node, 0, data, 512, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(node_write(node, 0, data, 4, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(node_write(node, 512, data, 512, 0), ==, 0);
    node_close(node);
    node = open_node("disk", "raw", NODE_WRITE);
    g_assert_cmpint(node_write(node, 0, data, 512, 0), ==, 0);
    node_close(node);
    fake_file_put("base", data, sizeof(data));
    expect_refused("disk", NULL, 0, "stands on itself");
    expect_refused("base", "magic", NODE_WRITE, "can only be read");
    expect_refused("disk", "vhdx", 0, "no image format 'vhdx'");
    expect_refused("nothing", NULL, 0, "nothing");
    expect_refused("memory:x", "memory", 0, "memory:BYTES");
}

static void test_probe(void)
{
    block_driver_add(&magic_driver);
    in_coroutine(co_probe);
}

/* A failed flush is never made good by a later one; one with nothing to do costs nothing. */
static void co_flush(void *opaque)
{
    uint8_t data[512] = { 5 };
    (void)opaque;
    put_image(SIZE);
    struct block_node *node = open_node("disk", "raw", NODE_WRITE);
    g_assert_cmpint(node_flush(node), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 0);
    g_assert_cmpint(node_write(node, 0, data, 512, REQUEST_FUA), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 1);
    g_assert_cmpint(node_flush(node), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 1);
    g_assert_cmpint(node_write(node, 0, data, 512, 0), ==, 0);
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpint(node_flush(node), ==, FILE_ERROR_IO);
    g_assert_cmpint(node_flush(node), ==, FILE_ERROR_IO);
    g_assert_cmpint(node_close(node), ==, FILE_ERROR_IO);
}

static void test_flush(void)
{
    in_coroutine(co_flush);
}

static void co_create(void *opaque)
{
    struct node_create create = { .path = "new", .size = 70000 };
    (void)opaque;
    g_assert_true(node_create(t.ctx, t.pool, "raw", &create, &t.error));
    struct block_node *node = open_node("new", "raw", NODE_WRITE);
    g_assert_cmpuint(node_size(node_file(node)), ==, 70000);
    g_assert_cmpint(node_truncate(node, 140000, NULL, &t.error), ==, 0);
    g_assert_cmpint(node_truncate(node, 10, "metadata", &t.error), <, 0);
    g_clear_error(&t.error);
    g_assert_false(node_create(t.ctx, t.pool, "raw", &create, &t.error)); /* it is open */
    g_clear_error(&t.error);
    fake_file_fail(FAKE_FILE_TRUNCATE, 1, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(node_truncate(node, 200000, NULL, &t.error), ==, FILE_ERROR_NO_SPACE);
    g_clear_error(&t.error);
    g_assert_cmpuint(node_size(node), ==, (140000 + 511) / 512 * 512);
    node_close(node);
    create.backing_path = "base";
    g_assert_false(node_create(t.ctx, t.pool, "raw", &create, &t.error));
    g_clear_error(&t.error);
}

static void test_create(void)
{
    in_coroutine(co_create);
}

static struct block_node *shared;
static unsigned ended;

static void co_writer(void *opaque)
{
    uint8_t data[512];
    memset(data, GPOINTER_TO_INT(opaque), sizeof(data));
    for (unsigned i = 0; i < 20; i++) {
        node_gate(shared);
        g_assert_cmpint(node_write(shared, i * 700 + 3, data, sizeof(data), 0), ==, 0);
    }
    ended++;
}

static void co_open_shared(void *opaque)
{
    (void)opaque;
    shared = node_open_overlay(open_node("disk", "raw", 0));
}

static void co_close_shared(void *opaque)
{
    (void)opaque;
    node_close(shared);
}

static void co_work_drained(void *opaque)
{
    uint8_t data[100];
    (void)opaque;
    node_drain_begin(shared);
    g_assert_cmpint(node_read(shared, 0, data, sizeof(data)), ==, 0);
    node_drain_end(shared);
}

static bool writers_run(void *opaque)
{
    (void)opaque;
    return ended < 8;
}

/* While the graph is drained nothing is under way, whatever waits at its gate. */
static void test_drain(void)
{
    setup();
    put_image(SIZE);
    block_run(t.ctx, co_open_shared, NULL);
    for (int i = 1; i <= 8; i++) {
        aio_co_schedule(t.ctx, coroutine_create("writer", co_writer, GINT_TO_POINTER(i)));
    }
    while (ended < 2) {
        node_drain_begin(shared);
        g_assert_cmpuint(node_in_flight(shared), ==, 0);
        unsigned before = fake_file_count(FAKE_FILE_READ);
        while (aio_poll(t.ctx, false)) {
        }
        g_assert_cmpuint(fake_file_count(FAKE_FILE_READ), ==, before);
        block_run(t.ctx, co_work_drained, NULL);
        node_drain_end(shared);
        aio_poll(t.ctx, false);
        aio_poll(t.ctx, false);
    }
    aio_wait_while(t.ctx, writers_run, NULL, "writers");
    block_run(t.ctx, co_close_shared, NULL);
    finish();
}

#define GROWERS 24

static void co_grow(void *opaque)
{
    unsigned index = GPOINTER_TO_UINT(opaque);
    uint8_t data[3000];
    memset(data, (int)index, sizeof(data));
    int result = index % 2 ? node_write(shared, index * sizeof(data), data, sizeof(data), 0)
                           : node_write_zeroes(shared, index * sizeof(data), sizeof(data), 0);
    g_assert_cmpint(result, ==, 0);
    ended++;
}

static void co_open_file(void *opaque)
{
    (void)opaque;
    shared = open_node("disk", "file", NODE_WRITE);
}

static bool growers_run(void *opaque)
{
    (void)opaque;
    return ended < GROWERS;
}

/* A file that grows at many places at once loses nothing of what was written. */
static void test_growing(void)
{
    for (unsigned round = 0; round < 50; round++) {
        size_t size;
        setup();
        put_image(1000);
        ended = 0;
        block_run(t.ctx, co_open_file, NULL);
        for (unsigned i = 0; i < GROWERS; i++) {
            void *index = GUINT_TO_POINTER((i * 7 + round) % GROWERS);
            aio_co_schedule(t.ctx, coroutine_create("grow", co_grow, index));
        }
        aio_wait_while(t.ctx, growers_run, NULL, "growers");
        block_run(t.ctx, co_close_shared, NULL);
        g_autofree uint8_t *image = fake_file_get("disk", &size);
        g_assert_cmpuint(size, ==, GROWERS * 3000);
        for (unsigned i = 0; i < GROWERS * 3000; i++) {
            g_assert_cmpuint(image[i], ==, i / 3000 % 2 ? i / 3000 : 0);
        }
        finish();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/node/random", test_random);
    g_test_add_func("/node/overlay", test_overlay);
    g_test_add_func("/node/bounds", test_bounds);
    g_test_add_func("/node/flush", test_flush);
    g_test_add_func("/node/create", test_create);
    g_test_add_func("/node/drain", test_drain);
    g_test_add_func("/node/growing", test_growing);
    g_test_add_func("/node/probe", test_probe);
    return g_test_run();
}
