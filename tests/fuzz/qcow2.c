/* Goal: whatever stands in a qcow2 image, looking at it, checking, reading, copying, repairing and
 * writing it ends soon, with an error or not, and takes little memory. */
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "emu/block/big_endian.h"
#include "emu/block/driver.h"
#include "platform/clock.h"
#include "tests/device/qcow2/disk.h"
#include "tests/fuzz/fuzz.h"

#define IMAGES     10u
#define DISK_SIZE  (256u << 10)
#define READ_MAX   (512u << 10)
#define COPY_MAX   (2u << 20)
#define COPY_STEPS 1000u
#define SECONDS    10 /* that an input may take on the slowest host */

/* Good images, to be damaged, and what they need besides. */
static struct {
    uint8_t *data;
    size_t size;
} images[IMAGES];

static struct {
    struct aio_context *ctx;
    struct thread_pool *pool;
} fuzz;

static const struct node_create kinds[IMAGES] = {
    { .cluster_size = 512, .compat = "0.10" },
    { .cluster_size = 512, .refcount_bits = 1, .compression = "zstd" },
    { .cluster_size = 1024, .refcount_bits = 64 },
    { .cluster_size = 4096, .lazy_refcounts = true },
    { .cluster_size = 4096, .refcount_bits = 4, .compression = "zstd" },
    { .cluster_size = 65536 },
    { .cluster_size = 1024, .data_file = "disk:data" },
    { .cluster_size = 512, .data_file = "disk:data", .data_file_raw = true },
    { .cluster_size = 512, .backing_path = "disk:base", .backing_format = "qcow2" },
    { .cluster_size = 1024 }, /* with bitmaps */
};

enum { IMAGE_BASE = 0, IMAGE_BACKED = 8, IMAGE_BITMAPS = 9 };

/* Of the input: what the image is opened with. */
static const struct node_create *kind;

static struct block_node *fuzz_open(unsigned flags)
{
    struct node_options options = {
        .path = "disk:fuzz", .format = "qcow2", .flags = flags, .data_file = kind->data_file
    };
    return node_open(fuzz.ctx, fuzz.pool, &options, NULL);
}

/* Puts a bitmap into an image, in place of the names of features: an extension of the header, a
 * directory, a table and one cluster of bits. */
static void make_bitmap(uint8_t **data, size_t *size)
{
    const size_t cluster = 1024, extension = 112;
    uint64_t directory = (*size + cluster - 1) / cluster * cluster;
    *size = directory + 3 * cluster;
    *data = g_realloc(*data, *size);
    memset(*data + directory, 0, 3 * cluster);
    (*data)[95] = 1; /* autoclear: the bitmaps are right */
    be_put32(*data + extension, 0x23852875);
    be_put32(*data + extension + 4, 24);
    be_put32(*data + extension + 8, 1);
    be_put64(*data + extension + 16, 32);
    be_put64(*data + extension + 24, directory);
    be_put64(*data + extension + 32, 0); /* the end of them */
    uint8_t *entry = *data + directory;
    be_put64(entry, directory + cluster);
    be_put32(entry + 8, 1);
    entry[16] = 1, entry[17] = 16, entry[19] = 8; /* type, granularity, length of the name */
    memcpy(entry + 24, "changed", 8);
    be_put64(entry + cluster, directory + 2 * cluster);
}

/* One image with something of everything in it. */
static void co_make(void *opaque)
{
    unsigned index = *(unsigned *)opaque;
    struct node_create options = kinds[index];
    kind = &kinds[index];
    g_autofree uint8_t *data = g_malloc(DISK_SIZE);
    struct node_snapshot snapshot = { .name = (char *)"name", .icount = UINT64_MAX };
    options.path = "disk:fuzz";
    options.size = DISK_SIZE;
    g_assert_true(node_create(fuzz.ctx, fuzz.pool, "qcow2", &options, NULL));
    struct block_node *node = fuzz_open(NODE_WRITE);
    for (size_t i = 0; i < DISK_SIZE; i++) {
        data[i] = (uint8_t)(i / 64 * 7);
    }
    g_assert_cmpint(node_write(node, 0, data, DISK_SIZE / 4, 0), ==, 0);
    node_write(node, DISK_SIZE / 2, data, DISK_SIZE / 4, REQUEST_COMPRESSED);
    node_driver(node)->snapshot_create(node, &snapshot, NULL);
    node_write_zeroes(node, 65536, 8192, 0);
    node_write(node, 30000, data, 5000, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    size_t size;
    const uint8_t *made = disk_get("disk:fuzz", &size);
    images[index].data = g_memdup2(made, size);
    images[index].size = size;
    if (index == IMAGE_BITMAPS) {
        make_bitmap(&images[index].data, &images[index].size);
    }
    if (index == IMAGE_BASE) {
        disk_put("disk:base", made, size);
    }
}

static void fuzz_begin(void)
{
    fuzz.ctx = aio_context_new("fuzz", NULL);
    fuzz.pool = thread_pool_new(fuzz.ctx, 1, NULL);
    disk_register();
    for (unsigned i = 0; i < IMAGES; i++) {
        block_run(fuzz.ctx, co_make, &i);
    }
}

/* Puts numbers where numbers are: wild ones, small ones, and places in the image. */
static void fuzz_damage(struct fuzz_input *input, uint8_t *data, size_t size)
{
    for (unsigned count = fuzz_byte(input) % 12 + 1; count > 0 && input->left > 0; count--) {
        unsigned how = fuzz_byte(input), bytes = how & 1 ? 8 : 4;
        size_t limit = how & 0x86 ? size : 112; /* one in eight hits the header */
        size_t at = fuzz_number(input, 3) % (limit - 8) / 4 * 4;
        uint64_t value = fuzz_number(input, 1 + (how >> 3 & 7));
        if (how & 0x40) { /* an offset, maybe with flags */
            value = value % (2 * size) / 512 * 512 | (value & 0x100 ? UINT64_C(1) << 63 : 0);
        }
        for (unsigned j = 0; j < bytes; j++) {
            data[at + j] = (uint8_t)(value >> 8 * (bytes - 1 - j));
        }
    }
}

static void fuzz_read(struct block_node *node)
{
    g_autofree uint8_t *data = g_malloc(READ_MAX);
    uint64_t size = node_size(node), part = MIN(size, READ_MAX);
    struct block_extent extent;
    node_read(node, 0, data, part);
    node_read(node, size - part, data, part);
    for (uint64_t at = 0, i = 0; i < 64 && at < size; i++, at += MAX(extent.size, 1)) {
        if (node_extent(node, at, size - at, &extent) < 0) {
            break;
        }
    }
}

/* Copies one extent to another image; how long it is, 0 at the end of what can be read. */
static uint64_t copy_extent(struct block_node *from, struct block_node *to, uint64_t at,
                            uint8_t *data, unsigned flags)
{
    struct block_extent extent;
    unsigned depth;
    uint64_t left = MIN(node_size(from), COPY_MAX) - at;
    if (node_extent_above(from, NULL, at, left, &extent, &depth) < 0 || extent.size == 0) {
        return 0;
    }
    uint64_t part = MIN(extent.size, READ_MAX);
    if (!(extent.status & EXTENT_ZERO) && node_read(from, at, data, part) == 0) {
        g_assert_cmpint(node_write(to, at, data, part, 0), ==, 0);
        if (flags != 0) {
            node_write(to, at, data, part, flags); /* whole clusters only */
        }
    }
    return part;
}

/* As img convert does: what cannot be read is left out, and the copy must be good. */
static void fuzz_copy(unsigned how)
{
    g_autofree uint8_t *data = g_malloc(READ_MAX);
    struct block_node *from = fuzz_open(0);
    if (from == NULL) {
        return;
    }
    uint64_t size = MIN(node_size(from), COPY_MAX), part = 1;
    struct node_create create = { .path = "disk:copy", .size = size, .cluster_size = 4096 };
    struct node_options open = { .path = "disk:copy", .format = "qcow2", .flags = NODE_WRITE };
    struct node_check check = { 0 };
    g_assert_true(node_create(fuzz.ctx, fuzz.pool, "qcow2", &create, NULL));
    struct block_node *to = node_open(fuzz.ctx, fuzz.pool, &open, NULL);
    unsigned flags = how & 32 ? REQUEST_COMPRESSED : 0;
    for (uint64_t at = 0, i = 0; at < size && part > 0 && i < COPY_STEPS; at += part, i++) {
        part = copy_extent(from, to, at, data, flags);
    }
    node_close(from);
    node_driver(to)->check(to, &check, NULL);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
    g_assert_cmpint(node_close(to), ==, 0);
}

static void fuzz_snapshots(struct block_node *node)
{
    const struct block_driver *driver = node_driver(node);
    struct node_snapshot *list = NULL;
    unsigned count = 0;
    if (driver->snapshot_list(node, &list, &count, NULL) && count > 0 &&
        driver->snapshot_open(node, list[0].id, NULL)) {
        fuzz_read(node);
    }
    node_snapshots_free(list, count);
}

static void fuzz_look(void)
{
    struct block_node *node = fuzz_open(NODE_CHECK);
    struct node_info info = { 0 };
    struct node_check check = { 0 };
    g_autoptr(GString) text = g_string_new(NULL);
    if (node == NULL) {
        return;
    }
    node_get_info(node, &info);
    info.print(node, text);
    json_decref(info.json);
    node_info_clear(&info);
    node_driver(node)->check(node, &check, NULL);
    fuzz_read(node);
    fuzz_snapshots(node);
    node_close(node);
}

static void fuzz_change(unsigned how)
{
    static uint8_t data[20000];
    struct block_node *node = fuzz_open(NODE_WRITE | NODE_RELEASE | (how & 1 ? NODE_CHECK : 0));
    struct node_snapshot snapshot = { .name = (char *)"new", .icount = UINT64_MAX };
    struct node_check check = { .repair_all = true };
    if (node == NULL) {
        return;
    }
    const struct block_driver *driver = node_driver(node);
    if (how & 2) {
        driver->check(node, &check, NULL);
    }
    if (node_size(node) > sizeof(data) * 4) {
        node_write(node, 1000, data, sizeof(data), 0);
        node_write_zeroes(node, 40000, 30000, how & 4 ? REQUEST_RELEASE : 0);
        node_discard(node, 0, 8192);
    }
    if (how & 8) {
        driver->snapshot_apply(node, "name", NULL);
        driver->snapshot_delete(node, "name", NULL);
        driver->snapshot_create(node, &snapshot, NULL);
    }
    if (how & 16) {
        node_truncate(node, DISK_SIZE * 2, NULL, NULL);
    }
    fuzz_read(node);
    node_close(node);
}

static void co_fuzz(void *opaque)
{
    struct fuzz_input *input = opaque;
    unsigned index = fuzz_byte(input) % IMAGES, how = fuzz_byte(input);
    int64_t end_ns = host_monotonic_ns() + SECONDS * INT64_C(1000000000);
    bool base = index == IMAGE_BACKED && (how & 64);
    unsigned hurt = base ? IMAGE_BASE : index; /* the image itself, or what is under it */
    g_autofree uint8_t *data = g_memdup2(images[hurt].data, images[hurt].size);
    size_t size = images[hurt].size;
    kind = &kinds[index];
    if (fuzz_byte(input) % 8 == 0) { /* a part of it */
        size = 512 + fuzz_number(input, 3) % (size - 512);
    }
    fuzz_damage(input, data, size);
    disk_put("disk:data", images[IMAGE_BASE].data, images[IMAGE_BASE].size);
    disk_put("disk:base", images[IMAGE_BASE].data, images[IMAGE_BASE].size);
    disk_put("disk:fuzz", images[index].data, images[index].size);
    disk_put(base ? "disk:base" : "disk:fuzz", data, size);
    fuzz_look();
    fuzz_copy(how);
    fuzz_change(how);
    g_assert_cmpint(host_monotonic_ns(), <, end_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    if (fuzz.ctx == NULL) {
        fuzz_begin();
    }
    block_run(fuzz.ctx, co_fuzz, &input);
    return 0;
}
