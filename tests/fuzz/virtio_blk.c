/* Goal: no driver can make a disk crash, hang or reach memory it should not. */
#include <string.h>

#include <glib.h>

#include "tests/fake/file.h"
#include "tests/fuzz/virtio.h"

#define DISK_SIZE 100000u /* not a multiple of a sector */

static struct thread_pool *pool;
static struct block *block;

static struct virtio_device *blk_make(struct driver *d)
{
    static const uint8_t image[DISK_SIZE];
    const struct block_options options = { .path = "disk", .format = "raw" };
    fake_file_reset();
    fake_file_put("disk", image, sizeof(image));
    pool = thread_pool_new(d->ctx, 2, NULL);
    block = block_open(d->ctx, pool, &options, NULL);
    g_assert_nonnull(block);
    return virtio_blk_new("disk0", &d->services, block, "serial", 2, NULL);
}

static void blk_finish(struct driver *d)
{
    size_t size;
    (void)d;
    block_close(block);
    thread_pool_free(pool);
    g_free(fake_file_get("disk", &size));
    g_assert_cmpuint(size, <=, (DISK_SIZE + 511) / 512 * 512); /* a disk does not grow */
}

/* The host's file fails now and then. */
static void blk_outside(struct driver *d, struct fuzz_input *input)
{
    static const enum fake_file_call calls[] = { FAKE_FILE_READ, FAKE_FILE_WRITE, FAKE_FILE_FLUSH };
    (void)d;
    fake_file_fail(calls[fuzz_byte(input) % G_N_ELEMENTS(calls)], 1 + fuzz_byte(input) % 4,
                   FILE_ERROR_IO);
}

static uint32_t blk_header(uint8_t *header, struct fuzz_input *input)
{
    static const uint32_t types[] = { 0, 1, 0, 1, 4, 8, 11, 13 };
    uint32_t type = types[fuzz_byte(input) % G_N_ELEMENTS(types)];
    uint64_t sector = fuzz_byte(input) % 16 == 0 ? fuzz_number(input, 8) : fuzz_byte(input);
    memcpy(header, &type, 4);
    memcpy(header + 8, &sector, 8);
    return 16;
}

const struct fuzz_device fuzz_device = {
    .make = blk_make,
    .finish = blk_finish,
    .outside = blk_outside,
    .header = blk_header,
    .header_size = 16,
};
