/*
 * Images that are nothing but the disk's bytes, in whole sectors. A disk whose format was guessed
 * must not become an image of another format by what the guest writes on it.
 */
#include "emu/block/driver.h"
#include "emu/block/node_parts.h"

#define SECTOR_SIZE 512u

/* A file that ends in the middle of a sector reads as zeros from there. */
static void raw_set_size(struct block_node *node)
{
    uint64_t size = node_size(node_file(node));
    uint64_t sectors = (size + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE;
    node_set_size(node, node_driver(node_file(node))->growable ? sectors : size);
}

static bool raw_open(struct block_node *node, const struct node_options *options, GError **error)
{
    (void)options, (void)error;
    raw_set_size(node);
    if (node_probed(node) && node_size(node) % SECTOR_SIZE == 0) {
        node_set_alignment(node, SECTOR_SIZE, SECTOR_SIZE, 0);
    }
    return true;
}

static int raw_read(struct block_node *node, uint64_t offset, uint64_t size,
                    const struct host_vec *vec, unsigned count)
{
    return node_read_vec(node_file(node), offset, size, vec, count);
}

/* Whether a write would make the image look like another format. */
static bool raw_disguises(struct block_node *node, uint64_t offset, uint64_t size,
                          const struct host_vec *vec, unsigned count)
{
    uint8_t first[SECTOR_SIZE] = { 0 };
    if (!node_probed(node) || offset >= SECTOR_SIZE) {
        return false;
    }
    size_t part = (size_t)MIN(size, SECTOR_SIZE - offset);
    size_t there = (size_t)MIN(node_size(node_file(node)), SECTOR_SIZE);
    if (part < SECTOR_SIZE && node_read(node_file(node), 0, first, there) != 0) {
        return true; /* who knows */
    }
    vec_copy_out(vec, count, 0, first + offset, part);
    return block_driver_probe(first, sizeof(first)) != &block_raw_driver;
}

static int raw_write(struct block_node *node, uint64_t offset, uint64_t size,
                     const struct host_vec *vec, unsigned count, unsigned flags)
{
    return raw_disguises(node, offset, size, vec, count)
               ? FILE_ERROR_READ_ONLY
               : node_write_vec(node_file(node), offset, size, vec, count, flags);
}

/* Nothing that reads as zeros anyway makes a file longer. */
static int raw_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags)
{
    uint64_t end = node_size(node_file(node));
    return node_write_zeroes(node_file(node), offset, MIN(size, end - MIN(end, offset)),
                             flags | REQUEST_NO_FALLBACK);
}

static int raw_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    uint64_t end = node_size(node_file(node));
    return node_discard(node_file(node), offset, MIN(size, end - MIN(end, offset)));
}

static int raw_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                        GError **error)
{
    int result = node_truncate(node_file(node), size, preallocation, error);
    if (result == 0) {
        raw_set_size(node);
    }
    return result;
}

/* What stands in the file is what the disk has; behind its end there are zeros. */
static int raw_extent(struct block_node *node, uint64_t offset, uint64_t size,
                      struct block_extent *ret_extent)
{
    int result = node_extent(node_file(node), offset, size, ret_extent);
    if (result == 0 && ret_extent->size == 0) {
        *ret_extent = (struct block_extent){ .size = size, .status = EXTENT_ZERO };
    }
    ret_extent->status |= EXTENT_ALLOCATED;
    return result;
}

static void raw_withdraw(struct block_node *node, const struct host_vec *vec, unsigned count)
{
    node_withdraw(node_file(node), vec, count);
}

static bool raw_create(struct aio_context *ctx, struct thread_pool *pool,
                       const struct node_create *options, GError **error)
{
    const struct block_driver *protocol = block_driver_for_path(options->path);
    if (options->backing_path != NULL || options->data_file != NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "'%s': raw images have no %s: use the format qcow2", options->path,
                    options->backing_path != NULL ? "backing file" : "external data file");
        return false;
    }
    return node_create(ctx, pool, protocol->name, options, error);
}

static bool raw_measure(const struct node_create *options, uint64_t data_size,
                        uint64_t *ret_required, uint64_t *ret_full, GError **error)
{
    (void)data_size, (void)error;
    *ret_required = *ret_full = options->size;
    return true;
}

const struct block_driver block_raw_driver = {
    .name = "raw",
    .open = raw_open,
    .read = raw_read,
    .write = raw_write,
    .write_zeroes = raw_write_zeroes,
    .discard = raw_discard,
    .truncate = raw_truncate,
    .extent = raw_extent,
    .withdraw = raw_withdraw,
    .create = raw_create,
    .measure = raw_measure,
};
