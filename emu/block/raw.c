/*
 * Raw images: requests go to the host as they come, many at a time, by whatever way it has for
 * files (aio/fileio.h). Their order is nobody's promise; a flush covers what was done before it.
 */
#include "emu/block/block.h"

#include <assert.h>
#include <string.h>

#include "emu/block/image.h"
#include "emu/block/overlay.h"
#include "platform/file.h"
#include "platform/thread.h"

#define SECTOR_SIZE    512u
#define QUICK_SIZE_MAX 65536u  /* more would hold the loop for too long, */
#define QUICK_PASS_MAX 262144u /* and so would this in one pass of it */
#define QUICK_MISSES   16u

struct block {
    struct aio_context *ctx;
    struct file_io *io;
    struct host_file *file;
    struct overlay *overlay; /* NULL: writes go to the file */
    char *path;
    bool read_only, sync_each, ignore_flush, discard;
    enum block_detect detect_zeroes;
    bool flush_failed; /* the host has lost writes: no later flush can be a promise */
    uint64_t size;     /* of the file when it was opened */
    /* Requests not yet done, and those of them whose result is there already. */
    unsigned in_flight;
    uint64_t submitted;
    struct block_request *answered, **answered_end;
    struct aio_bh *answered_bh;
    size_t quick_size;     /* bytes read at once in this pass */
    unsigned quick_misses; /* in a row, up to QUICK_MISSES; then it counts tries */

    struct host_mutex lock; /* guards who has the memory of a request; a leaf */
};

static int raw_transfer_overlay(struct block *block, const struct block_request *request)
{
    uint64_t offset = request->offset;
    int result = 0;
    for (unsigned i = 0; i < request->vec_count && result == 0; i++) {
        const struct host_vec *vec = &request->vec[i];
        result = request->op == BLOCK_WRITE
                     ? overlay_write(block->overlay, vec->base, vec->size, offset)
                     : overlay_read(block->overlay, vec->base, vec->size, offset);
        offset += vec->size;
    }
    return result;
}

static uint64_t raw_size(const struct block_request *request)
{
    uint64_t size = request->size;
    for (unsigned i = 0; i < request->vec_count; i++) {
        size += request->vec[i].size;
    }
    return size;
}

/* Bytes that the guest sees: whole sectors. */
static uint64_t raw_end(const struct block *block)
{
    return (block->size + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE;
}

/* Whether all of a transfer lies in the image. */
static bool raw_in_range(const struct block *block, const struct block_request *request)
{
    uint64_t end = raw_end(block);
    return request->offset <= end && raw_size(request) <= end - request->offset;
}

static bool raw_keeps_nothing(const struct block *block)
{
    return block->overlay != NULL || block->read_only || block->ignore_flush;
}

/* Whether there is something to do; if not, *ret_result is the answer. */
static bool raw_check(const struct block *block, const struct block_request *request,
                      int *ret_result)
{
    *ret_result = 0;
    if (request->op == BLOCK_FLUSH) {
        return !raw_keeps_nothing(block);
    }
    if (request->op != BLOCK_READ && block->read_only) {
        *ret_result = FILE_ERROR_READ_ONLY;
    } else if (!raw_in_range(block, request)) {
        *ret_result = FILE_ERROR_IO;
    }
    return *ret_result == 0 && (request->op != BLOCK_DISCARD || block->discard);
}

static void raw_complete(struct block_request *request, int result)
{
    struct block *block = request->block;
    assert(block->in_flight > 0 && result <= 0);
    block->in_flight--;
    request->done(request, result);
}

/* Completes what was answered at once. Scheduled again before each, for a completion that polls. */
static void raw_answered(void *opaque)
{
    struct block *block = opaque;
    struct block_request *request;
    block->quick_size = 0;
    while ((request = block->answered) != NULL) {
        block->answered = request->next;
        if (block->answered != NULL) {
            aio_bh_schedule(block->answered_bh);
        } else {
            block->answered_end = &block->answered;
        }
        raw_complete(request, request->result);
    }
}

/* Completes a request from the next pass. */
static void raw_answer(struct block_request *request, int result)
{
    struct block *block = request->block;
    request->result = result;
    request->next = NULL;
    *block->answered_end = request;
    block->answered_end = &request->next;
    aio_bh_schedule(block->answered_bh);
}

/* What a short read left, unless the memory was taken back. */
static void raw_clear_rest(struct block *block, struct block_request *request, uint64_t got)
{
    host_mutex_lock(&block->lock);
    for (unsigned i = 0; i < request->vec_count && !request->withdrawn; i++) {
        size_t part = (size_t)MIN(got, request->vec[i].size);
        memset(request->vec[i].base + part, 0, request->vec[i].size - part);
        got -= part;
    }
    host_mutex_unlock(&block->lock);
}

static void raw_flushed(struct file_request *file, int64_t result)
{
    struct block_request *request = file->opaque;
    struct block *block = request->block;
    block->flush_failed |= result < 0;
    raw_complete(request, block->flush_failed && result == 0 ? FILE_ERROR_IO : (int)result);
}

static void raw_flush(struct block_request *request)
{
    request->file.op = FILE_OP_FLUSH;
    request->file.vec_count = 0;
    request->file.done = raw_flushed;
    file_io_submit(request->block->io, &request->file);
}

static void raw_transferred(struct file_request *file, int64_t result)
{
    struct block_request *request = file->opaque;
    struct block *block = request->block;
    if (result >= 0 && request->op == BLOCK_READ && block->overlay == NULL) {
        raw_clear_rest(block, request, (uint64_t)result);
    }
    if (result >= 0 && request->op != BLOCK_READ && block->sync_each && !raw_keeps_nothing(block)) {
        raw_flush(request);
    } else {
        raw_complete(request, result < 0 ? (int)result : 0);
    }
}

/* On a worker. */
static int64_t raw_work(struct file_request *file)
{
    struct block_request *request = file->opaque;
    return raw_transfer_overlay(request->block, request);
}

/* On a worker. What lies behind the end of the file reads as zeros already. */
static int64_t raw_work_zeroes(struct file_request *file)
{
    struct block_request *request = file->opaque;
    struct block *block = request->block;
    uint64_t size = raw_size(request);
    if (block->overlay != NULL) {
        return overlay_write_zeros(block->overlay, request->offset, size);
    }
    size = MIN(size, block->size - MIN(block->size, request->offset));
    int result = host_file_zero(block->file, request->offset, size, request->release);
    if (result != FILE_ERROR_UNSUPPORTED) {
        return result;
    }
    return request->op == BLOCK_DISCARD ? 0 : image_write_zeros(block->file, request->offset, size);
}

/* Whether this makes zeros of a range, and then whether the host may take the room back. */
static bool raw_zeroes(const struct block *block, struct block_request *request)
{
    switch (request->op) {
    case BLOCK_DISCARD: request->release = true; return true;
    case BLOCK_ZEROES: request->release &= block->discard; return true;
    case BLOCK_WRITE:
        request->release = block->detect_zeroes == DETECT_RELEASE && block->discard;
        return block->detect_zeroes != DETECT_OFF &&
               image_is_zero(request->vec, request->vec_count);
    case BLOCK_READ:
    case BLOCK_FLUSH: break;
    }
    return false;
}

static void raw_transfer(struct block *block, struct block_request *request)
{
    enum file_op op = request->op == BLOCK_READ ? FILE_OP_READ : FILE_OP_WRITE;
    bool zeroes = raw_zeroes(block, request);
    request->file.op = zeroes || block->overlay != NULL ? FILE_OP_WORK : op;
    request->file.work = zeroes ? raw_work_zeroes : raw_work;
    request->file.vec = request->vec;
    request->file.vec_count = request->vec_count;
    request->file.offset = request->offset;
    request->file.done = raw_transferred;
    file_io_submit(block->io, &request->file);
}

/* Reads a little that the host has in its cache, without the way to a worker and back. After
 * misses it tries only now and then. */
static bool raw_read_quick(struct block *block, struct block_request *request)
{
    uint64_t size = raw_size(request);
    if (request->op != BLOCK_READ || block->overlay != NULL || size > QUICK_SIZE_MAX ||
        block->quick_size > QUICK_PASS_MAX - size ||
        (block->quick_misses >= QUICK_MISSES && ++block->quick_misses % QUICK_MISSES != 0)) {
        return false;
    }
    if (host_file_read_cached(block->file, request->vec, request->vec_count, request->offset) < 0) {
        block->quick_misses += block->quick_misses < QUICK_MISSES;
        return false;
    }
    block->quick_misses = 0;
    block->quick_size += (size_t)size;
    raw_answer(request, 0);
    return true;
}

uint64_t block_submitted(const struct block *block)
{
    return block->submitted;
}

void block_submit(struct block *block, struct block_request *request)
{
    int result;
    request->block = block;
    request->withdrawn = false;
    request->file = (struct file_request){ .file = block->file, .opaque = request };
    block->in_flight++;
    block->submitted++;
    if (!raw_check(block, request, &result)) {
        raw_answer(request, result);
    } else if (request->op == BLOCK_FLUSH) {
        raw_flush(request);
    } else if (!raw_read_quick(block, request)) {
        raw_transfer(block, request);
    }
}

void block_cancel(struct block *block, struct block_request *request)
{
    host_mutex_lock(&block->lock);
    request->withdrawn = true;
    host_mutex_unlock(&block->lock);
    file_io_withdraw(block->io, &request->file);
}

unsigned block_in_flight(const struct block *block)
{
    return block->in_flight;
}

static bool raw_busy(void *opaque)
{
    return ((struct block *)opaque)->in_flight > 0;
}

void block_drain(struct block *block)
{
    aio_wait_while(block->ctx, raw_busy, block, "disk requests in flight");
}

uint64_t block_size(const struct block *block)
{
    return block->size;
}

bool block_read_only(const struct block *block)
{
    return block->read_only;
}

bool block_discards(const struct block *block)
{
    return block->discard;
}

const char *block_path(const struct block *block)
{
    return block->path;
}

/* Opens and locks; false leaves nothing behind but an open file in `block`. */
static bool raw_open(struct block *block, const struct block_options *options, GError **error)
{
    bool write = !options->read_only && !options->snapshot;
    if (options->path == NULL) {
        block->size = options->memory_size;
        return true;
    }
    block->file =
        host_file_open(options->path, HOST_FILE_READ | (write ? HOST_FILE_WRITE : 0u), error);
    return block->file != NULL && host_file_lock(block->file, write, error) &&
           host_file_size(block->file, &block->size, error);
}

struct block *block_open_raw(struct aio_context *ctx, struct thread_pool *pool,
                             const struct block_options *options, GError **error)
{
    struct block *block = g_new0(struct block, 1);
    if (!raw_open(block, options, error)) {
        host_file_close(block->file);
        g_free(block);
        return NULL;
    }
    block->ctx = ctx;
    block->path = g_strdup(options->path != NULL ? options->path : "memory");
    block->read_only = options->read_only;
    block->sync_each = options->sync_each;
    block->ignore_flush = options->ignore_flush;
    block->discard = options->discard && !options->read_only && !options->snapshot;
    block->detect_zeroes = options->detect_zeroes;
    block->answered_end = &block->answered;
    block->answered_bh = aio_bh_new(ctx, "block-answered", raw_answered, block);
    host_mutex_init(&block->lock);
    if (options->path == NULL || (options->snapshot && !options->read_only)) {
        block->overlay = overlay_new(block->file, raw_end(block));
    }
    block->io = block->overlay ? file_io_new_with(ctx, pool, NULL, NULL) : file_io_new(ctx, pool);
    return block;
}

void block_close(struct block *block)
{
    if (block == NULL) {
        return;
    }
    block_drain(block);
    if (!raw_keeps_nothing(block)) {
        host_file_flush(block->file);
    }
    file_io_free(block->io);
    aio_bh_delete(block->answered_bh);
    overlay_free(block->overlay);
    host_file_close(block->file);
    host_mutex_finish(&block->lock);
    g_free(block->path);
    g_free(block);
}
