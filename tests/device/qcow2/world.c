#include "tests/device/qcow2/world.h"

#include <stdio.h>
#include <string.h>

#include "platform/file.h"

struct image_world world;

void world_begin(uint32_t seed)
{
    world.ctx = aio_context_new("test", NULL);
    world.pool = thread_pool_new(world.ctx, 2, NULL);
    world.random = g_rand_new_with_seed(seed);
    g_test_message("seed %u", seed);
}

void world_end(void)
{
    g_rand_free(world.random);
    thread_pool_free(world.pool);
    aio_context_unref(world.ctx);
    disk_reset();
}

uint64_t world_random(uint64_t limit)
{
    uint64_t value = (uint64_t)g_rand_int(world.random) << 32 | g_rand_int(world.random);
    return value % limit;
}

struct node_create world_options(const char *path, uint64_t size)
{
    struct node_create options = { .path = path, .size = size };
    options.cluster_size = 512u << world_random(8);
    options.compat = world_random(4) == 0 ? "0.10" : "1.1";
    if (strcmp(options.compat, "1.1") == 0) {
        options.refcount_bits = 1u << world_random(7);
        options.compression = world_random(2) ? "zstd" : "zlib";
        options.lazy_refcounts = world_random(4) == 0;
    }
    return options;
}

void world_create(const struct node_create *options)
{
    GError *error = NULL;
    node_create(world.ctx, world.pool, "qcow2", options, &error);
    g_assert_no_error(error);
}

struct block_node *world_open(const char *path, unsigned flags)
{
    GError *error = NULL;
    struct node_options options = { .path = path, .format = "qcow2", .flags = flags };
    options.cache_size = world_random(2) ? 0 : 1; /* a tiny one, too */
    struct block_node *node = node_open(world.ctx, world.pool, &options, &error);
    g_assert_no_error(error);
    return node;
}

void world_fill(uint8_t *data, size_t size)
{
    uint32_t value = g_rand_int(world.random);
    bool flat = world_random(3) == 0; /* so that something can be compressed */
    for (size_t i = 0; i < size; i++) {
        if (!flat || i % 64 == 0) {
            value = value * 1664525 + 1013904223;
        }
        data[i] = (uint8_t)(value >> 24);
    }
}

static void check_print(void *opaque, const char *line)
{
    unsigned *lines = opaque;
    if ((*lines)++ < 20) {
        g_test_message("  %s", line);
    }
}

struct node_check world_check(struct block_node *node, bool repair)
{
    unsigned lines = 0;
    GError *error = NULL;
    struct node_check check = {
        .repair_all = repair, .repair_leaks = repair, .report = check_print, .opaque = &lines
    };
    node_driver(node)->check(node, &check, &error);
    g_assert_no_error(error);
    return check;
}

void world_compare(struct block_node *node, const uint8_t *model, size_t size)
{
    g_autofree uint8_t *data = g_malloc(size);
    g_assert_cmpuint(node_size(node), ==, size);
    g_assert_cmpint(node_read(node, 0, data, size), ==, 0);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != model[i]) {
            g_error("differs at %zx: %02x, not %02x", i, data[i], model[i]);
        }
    }
}

void world_dump(const char *folder, uint32_t seed, const char *name, const uint8_t *data,
                size_t size)
{
    g_autofree char *path = g_strdup_printf("%s/%u-%s", folder, seed, name);
    GError *error = NULL;
    host_file_save(path, data, size, &error);
    g_assert_no_error(error);
}
