/*
 * Transfers: bounds, alignment, what a driver cannot do by itself.
 *
 * A write that a driver can only take in larger pieces reads what lies around it first. So that two
 * such writes do not undo each other, ranges are locked in nodes that need that.
 */
#include "emu/block/node.h"

#include <assert.h>
#include <string.h>

#include "emu/block/node_parts.h"

/* One step of what goes through memory of our own. */
#define STEP_SIZE ((uint64_t)1 << 20)

#define ZEROS_SIZE   65536u
#define ZEROS_PIECES 16u

static const uint8_t zeros[ZEROS_SIZE];

void node_enter(struct block_node *node)
{
    node->graph->in_flight++;
}

void node_leave(struct block_node *node)
{
    assert(node->graph->in_flight > 0);
    if (--node->graph->in_flight == 0) {
        co_queue_restart_all(&node->graph->quiet);
    }
}

static uint64_t round_down(uint64_t offset, uint32_t alignment)
{
    return offset - offset % alignment;
}

static uint64_t round_up(uint64_t offset, uint32_t alignment)
{
    return round_down(offset + alignment - 1, alignment);
}

/* Whether a request may be made at all: 0 or why not. */
static int node_check_range(const struct block_node *node, uint64_t offset, uint64_t size,
                            bool write)
{
    uint64_t end = node->driver->growable ? INT64_MAX - UINT32_MAX : node->size;
    assert(coroutine_in());
    if (write && (!node_writable(node) || node->driver->write == NULL)) {
        return FILE_ERROR_READ_ONLY;
    }
    if (offset > end || size > end - offset) {
        return write && node->driver->growable ? FILE_ERROR_NO_SPACE : FILE_ERROR_IO;
    }
    return 0;
}

/* A range in the way of a new one. */
static struct node_range *range_conflict(struct block_node *node, const struct node_range *range)
{
    for (struct node_range *other = node->ranges; other != NULL; other = other->next) {
        if ((other->whole || range->whole) && other->begin < range->end &&
            range->begin < other->end) {
            return other;
        }
    }
    return NULL;
}

static void range_lock(struct block_node *node, struct node_range *range)
{
    struct node_range *other;
    while ((other = range_conflict(node, range)) != NULL) {
        co_queue_wait(&other->waiters, NULL);
    }
    co_queue_init(&range->waiters);
    range->next = node->ranges;
    node->ranges = range;
}

static void range_unlock(struct block_node *node, struct node_range *range)
{
    struct node_range **link = &node->ranges;
    while (*link != range) {
        link = &(*link)->next;
    }
    *link = range->next;
    co_queue_restart_all(&range->waiters);
}

static int driver_transfer(struct block_node *node, uint64_t offset, uint64_t size,
                           const struct host_vec *vec, unsigned count, bool write, unsigned flags)
{
    if (!write) {
        return node->driver->read(node, offset, size, vec, count);
    }
    int result = node->driver->write(node, offset, size, vec, count, flags);
    if (node->driver->growable) { /* if it failed, too: a part may be there */
        node->size = MAX(node->size, offset + size);
    }
    return result;
}

/* Aligned, in steps that the driver takes. */
static int transfer_steps(struct block_node *node, uint64_t offset, uint64_t size,
                          const struct host_vec *vec, unsigned count, bool write, unsigned flags)
{
    uint64_t max = node->transfer_max != 0 ? node->transfer_max : size;
    uint64_t done = 0;
    int result = 0;
    if (size <= max && vec_size(vec, count) == size) {
        return driver_transfer(node, offset, size, vec, count, write, flags);
    }
    g_autofree struct host_vec *part = g_new(struct host_vec, count);
    while (done < size && result == 0) {
        uint64_t step = MIN(max, size - done);
        unsigned pieces = vec_slice(vec, count, done, step, part);
        result = driver_transfer(node, offset + done, step, part, pieces, write, flags);
        done += step;
    }
    return result;
}

/* One step that reads a wider range than was asked for. */
static int read_wide(struct block_node *node, uint64_t offset, uint64_t size,
                     const struct host_vec *vec, unsigned count, uint64_t done)
{
    uint64_t begin = round_down(offset, node->request_alignment);
    size_t wide = (size_t)(round_up(offset + size, node->request_alignment) - begin);
    g_autofree uint8_t *bounce = g_try_malloc(wide);
    if (bounce == NULL) {
        return FILE_ERROR_IO;
    }
    int result = transfer_steps(node, begin, wide, &(struct host_vec){ bounce, wide }, 1, false, 0);
    if (result == 0) {
        vec_copy_in(vec, count, done, bounce + (offset - begin), (size_t)size);
    }
    return result;
}

/* Reads the aligned pieces at both ends of a range that a write covers only in part. */
static int read_ends(struct block_node *node, uint64_t begin, size_t wide, uint64_t offset,
                     uint64_t size, uint8_t *bounce)
{
    uint32_t step = node->request_alignment;
    int result = 0;
    if (begin != offset) {
        result = node->driver->read(node, begin, step, &(struct host_vec){ bounce, step }, 1);
    }
    bool one = wide == step && begin != offset;
    if (result == 0 && begin + wide != offset + size && !one) {
        uint8_t *last = bounce + wide - step;
        result = node->driver->read(node, begin + wide - step, step,
                                    &(struct host_vec){ last, step }, 1);
    }
    return result;
}

/* One step that writes a wider range than was asked for, with what was there. */
static int write_wide(struct block_node *node, uint64_t offset, uint64_t size,
                      const struct host_vec *vec, unsigned count, uint64_t done, unsigned flags)
{
    uint64_t begin = round_down(offset, node->request_alignment);
    size_t wide = (size_t)(round_up(offset + size, node->request_alignment) - begin);
    struct node_range range = { .begin = begin, .end = begin + wide, .whole = true };
    g_autofree uint8_t *bounce = g_try_malloc(wide);
    if (bounce == NULL) {
        return FILE_ERROR_NO_SPACE;
    }
    range_lock(node, &range);
    int result = read_ends(node, begin, wide, offset, size, bounce);
    if (result == 0) {
        vec_copy_out(vec, count, done, bounce + (offset - begin), (size_t)size);
        result =
            transfer_steps(node, begin, wide, &(struct host_vec){ bounce, wide }, 1, true, flags);
    }
    range_unlock(node, &range);
    return result;
}

static int transfer_wide(struct block_node *node, uint64_t offset, uint64_t size,
                         const struct host_vec *vec, unsigned count, bool write, unsigned flags)
{
    int result = 0;
    for (uint64_t done = 0, step; done < size && result == 0; done += step) {
        step = MIN(size - done, STEP_SIZE - (offset + done) % node->request_alignment);
        result = write ? write_wide(node, offset + done, step, vec, count, done, flags)
                       : read_wide(node, offset + done, step, vec, count, done);
    }
    return result;
}

static int write_aligned(struct block_node *node, uint64_t offset, uint64_t size,
                         const struct host_vec *vec, unsigned count, unsigned flags)
{
    struct node_range range = { .begin = offset, .end = offset + size };
    range_lock(node, &range);
    int result = transfer_steps(node, offset, size, vec, count, true, flags);
    range_unlock(node, &range);
    return result;
}

static int transfer(struct block_node *node, uint64_t offset, uint64_t size,
                    const struct host_vec *vec, unsigned count, bool write, unsigned flags)
{
    if ((offset | size) % node->request_alignment != 0) {
        return transfer_wide(node, offset, size, vec, count, write, flags);
    }
    return write && node->request_alignment > 1
               ? write_aligned(node, offset, size, vec, count, flags)
               : transfer_steps(node, offset, size, vec, count, write, flags);
}

int node_read_vec(struct block_node *node, uint64_t offset, uint64_t size,
                  const struct host_vec *vec, unsigned count)
{
    int result = node_check_range(node, offset, size, false);
    if (result != 0 || size == 0) {
        return result;
    }
    node_enter(node);
    result = transfer(node, offset, size, vec, count, false, 0);
    node_leave(node);
    return result;
}

int node_write_vec(struct block_node *node, uint64_t offset, uint64_t size,
                   const struct host_vec *vec, unsigned count, unsigned flags)
{
    int result = node_check_range(node, offset, size, true);
    if (result != 0 || size == 0) {
        return result;
    }
    node_enter(node);
    result = transfer(node, offset, size, vec, count, true, flags & REQUEST_COMPRESSED);
    if (result == 0 && (flags & REQUEST_FUA) != 0) {
        result = node_flush(node);
    }
    node_leave(node);
    return result;
}

int node_read(struct block_node *node, uint64_t offset, void *data, size_t size)
{
    return node_read_vec(node, offset, size, &(struct host_vec){ data, size }, 1);
}

int node_write(struct block_node *node, uint64_t offset, const void *data, size_t size,
               unsigned flags)
{
    return node_write_vec(node, offset, size, &(struct host_vec){ (uint8_t *)data, size }, 1,
                          flags);
}

/* Zeros that nobody else makes. */
static int write_zeros(struct block_node *node, uint64_t offset, uint64_t size)
{
    struct host_vec vec[ZEROS_PIECES];
    int result = 0;
    for (unsigned i = 0; i < ZEROS_PIECES; i++) {
        vec[i] = (struct host_vec){ (uint8_t *)zeros, ZEROS_SIZE };
    }
    for (uint64_t done = 0, step; done < size && result == 0; done += step) {
        step = MIN(size - done, STEP_SIZE - (offset + done) % STEP_SIZE);
        result = transfer(node, offset + done, step, vec, ZEROS_PIECES, true, 0);
    }
    return result;
}

/* By the driver, in the middle where it can. */
static int zeroes_by_driver(struct block_node *node, uint64_t begin, uint64_t end, unsigned flags)
{
    struct node_range range = { .begin = begin, .end = end };
    if (node->driver->write_zeroes == NULL) {
        return FILE_ERROR_UNSUPPORTED;
    }
    if (node->request_alignment == 1) {
        return node->driver->write_zeroes(node, begin, end - begin, flags);
    }
    range_lock(node, &range);
    int result = node->driver->write_zeroes(node, begin, end - begin, flags);
    range_unlock(node, &range);
    return result;
}

static int zeroes_make(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags)
{
    uint64_t end = offset + size;
    uint64_t middle = round_up(offset, node->zeroes_alignment);
    uint64_t middle_end = end == node->size ? end : round_down(end, node->zeroes_alignment);
    int result = FILE_ERROR_UNSUPPORTED;
    if (middle < middle_end) {
        unsigned allowed = (node->flags & NODE_RELEASE) != 0 ? REQUEST_RELEASE : 0;
        result = zeroes_by_driver(node, middle, middle_end, flags & allowed);
    }
    bool whole = middle == offset && middle_end == end;
    if ((flags & REQUEST_NO_FALLBACK) != 0 && result == 0 && !whole) {
        result = FILE_ERROR_UNSUPPORTED; /* the ends are left */
    } else if (result == FILE_ERROR_UNSUPPORTED && (flags & REQUEST_NO_FALLBACK) == 0) {
        result = write_zeros(node, offset, size);
    } else if (result == 0) {
        result = write_zeros(node, offset, middle - offset);
        result = result == 0 ? write_zeros(node, middle_end, end - middle_end) : result;
    }
    return result;
}

int node_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags)
{
    int result = node_check_range(node, offset, size, true);
    if (result != 0 || size == 0) {
        return result;
    }
    node_enter(node);
    result = zeroes_make(node, offset, size, flags);
    if (result == 0 && node->driver->growable) {
        node->size = MAX(node->size, offset + size);
    }
    if (result == 0 && (flags & REQUEST_FUA) != 0) {
        result = node_flush(node);
    }
    node_leave(node);
    return result;
}

int node_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    uint32_t step = node->request_alignment;
    int result = node_check_range(node, offset, size, true);
    uint64_t begin = round_up(offset, step);
    uint64_t end = offset + size == node->size ? node->size : round_down(offset + size, step);
    if (result != 0 || begin >= end || (node->flags & NODE_RELEASE) == 0 ||
        node->driver->discard == NULL) {
        return result;
    }
    struct node_range range = { .begin = begin, .end = end };
    node_enter(node);
    range_lock(node, &range);
    result = node->driver->discard(node, begin, end - begin);
    range_unlock(node, &range);
    node_leave(node);
    return result == FILE_ERROR_UNSUPPORTED ? 0 : result;
}

/* `own`: what the driver does about its caches; NULL: nothing. */
static int node_flush_by(struct block_node *node, int (*own)(struct block_node *node))
{
    assert(coroutine_in());
    if (!node_writable(node)) {
        return 0;
    }
    bool ignored = node->driver->protocol && (node->flags & NODE_NO_FLUSH) != 0;
    node_enter(node);
    int result = own != NULL && !ignored ? own(node) : 0;
    if (result == 0 && node->data != NULL) {
        result = node_flush(node->data);
    }
    if (result == 0 && node->file != NULL) {
        result = node_flush(node->file);
    }
    node_leave(node);
    return result;
}

int node_flush(struct block_node *node)
{
    return node_flush_by(node, node->driver->flush);
}

int node_settle(struct block_node *node)
{
    const struct block_driver *driver = node->driver;
    return node_flush_by(node, driver->settle != NULL ? driver->settle : driver->flush);
}

int node_truncate(struct block_node *node, uint64_t size, const char *preallocation, GError **error)
{
    int result = node_writable(node) ? 0 : FILE_ERROR_READ_ONLY;
    if (result == 0 && node->driver->truncate == NULL) {
        result = FILE_ERROR_UNSUPPORTED;
    }
    if (result != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "cannot resize '%s': %s", node->path,
                    block_error_text(result));
        return result;
    }
    node_enter(node);
    result = node->driver->truncate(node, size, preallocation, error);
    node_leave(node);
    return result;
}
