/*
 * Raw images: every request is one job of the thread pool, which may work on many at a time. The
 * order of requests in flight is nobody's promise; a flush covers what was done before it.
 */
#include "emu/block/block.h"

#include <assert.h>
#include <string.h>

#include "emu/block/image.h"
#include "emu/block/overlay.h"
#include "platform/file.h"
#include "platform/thread.h"

#define SECTOR_SIZE 512u

struct block {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct host_file *file;
    struct overlay *overlay; /* NULL: writes go to the file */
    char *path;
    bool read_only, sync_each, ignore_flush;
    uint64_t size;      /* of the file when it was opened */
    unsigned in_flight; /* home thread */

    struct host_mutex lock; /* guards the state of the requests, and what follows; a leaf */
    struct host_cond stopped;
    bool flush_failed; /* the host has lost writes: no later flush can be a promise */
};

int image_read(struct host_file *file, uint8_t *data, size_t size, uint64_t offset)
{
    int64_t got = host_file_read(file, data, size, offset);
    if (got < 0) {
        return (int)got;
    }
    memset(data + got, 0, size - (size_t)got);
    return 0;
}

static int raw_flush(struct block *block)
{
    if (block->overlay != NULL || block->read_only || block->ignore_flush) {
        return 0;
    }
    int result = host_file_flush(block->file);
    host_mutex_lock(&block->lock);
    block->flush_failed |= result < 0;
    bool failed = block->flush_failed;
    host_mutex_unlock(&block->lock);
    return failed && result == 0 ? FILE_ERROR_IO : result;
}

static int raw_read(struct block *block, const struct block_vec *vec, uint64_t offset)
{
    return block->overlay != NULL ? overlay_read(block->overlay, vec->base, vec->size, offset)
                                  : image_read(block->file, vec->base, vec->size, offset);
}

static int raw_write(struct block *block, const struct block_vec *vec, uint64_t offset)
{
    if (block->overlay != NULL) {
        return overlay_write(block->overlay, vec->base, vec->size, offset);
    }
    int64_t result = host_file_write(block->file, vec->base, vec->size, offset);
    return result < 0 ? (int)result : 0;
}

/* Whether all of a transfer lies in the image. */
static bool raw_in_range(const struct block *block, const struct block_request *request)
{
    uint64_t left = (block->size + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE;
    if (request->offset > left) {
        return false;
    }
    left -= request->offset;
    for (unsigned i = 0; i < request->vec_count; i++) {
        if (request->vec[i].size > left) {
            return false;
        }
        left -= request->vec[i].size;
    }
    return true;
}

static int raw_transfer(struct block *block, const struct block_request *request)
{
    uint64_t offset = request->offset;
    bool write = request->op == BLOCK_WRITE;
    if (write && block->read_only) {
        return FILE_ERROR_READ_ONLY;
    }
    if (!raw_in_range(block, request)) {
        return FILE_ERROR_IO;
    }
    for (unsigned i = 0; i < request->vec_count; i++) {
        const struct block_vec *vec = &request->vec[i];
        int result = write ? raw_write(block, vec, offset) : raw_read(block, vec, offset);
        if (result < 0) {
            return result;
        }
        offset += vec->size;
    }
    return write && block->sync_each ? raw_flush(block) : 0;
}

/* On a worker. */
static int64_t raw_work(void *opaque)
{
    struct block_request *request = opaque;
    struct block *block = request->block;
    host_mutex_lock(&block->lock);
    bool cancelled = request->state == BLOCK_CANCELLED;
    if (!cancelled) {
        assert(request->state == BLOCK_QUEUED);
        request->state = BLOCK_RUNNING;
    }
    host_mutex_unlock(&block->lock);
    if (cancelled) {
        return FILE_ERROR_IO;
    }
    int result = request->op == BLOCK_FLUSH ? raw_flush(block) : raw_transfer(block, request);
    host_mutex_lock(&block->lock);
    request->state = BLOCK_IDLE;
    host_cond_broadcast(&block->stopped);
    host_mutex_unlock(&block->lock);
    return result;
}

static void raw_done(void *opaque, int64_t result)
{
    struct block_request *request = opaque;
    struct block *block = request->block;
    assert(block->in_flight > 0 && result <= 0);
    block->in_flight--;
    request->state = BLOCK_IDLE;
    request->done(request, (int)result);
}

void block_submit(struct block *block, struct block_request *request)
{
    request->block = block;
    request->state = BLOCK_QUEUED;
    block->in_flight++;
    thread_pool_submit(block->pool, raw_work, raw_done, request);
}

void block_cancel(struct block *block, struct block_request *request)
{
    host_mutex_lock(&block->lock);
    if (request->state == BLOCK_QUEUED) {
        request->state = BLOCK_CANCELLED;
    }
    while (request->state == BLOCK_RUNNING) {
        host_cond_wait(&block->stopped, &block->lock);
    }
    host_mutex_unlock(&block->lock);
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

const char *block_path(const struct block *block)
{
    return block->path;
}

/* Opens and locks; false leaves nothing behind but an open file in `block`. */
static bool raw_open(struct block *block, const struct block_options *options, GError **error)
{
    bool write = !options->read_only && !options->snapshot;
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
    block->pool = pool;
    block->path = g_strdup(options->path);
    block->read_only = options->read_only;
    block->sync_each = options->sync_each;
    block->ignore_flush = options->ignore_flush;
    host_mutex_init(&block->lock);
    host_cond_init(&block->stopped);
    if (options->snapshot && !options->read_only) {
        block->overlay =
            overlay_new(block->file, (block->size + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE);
    }
    return block;
}

void block_close(struct block *block)
{
    if (block == NULL) {
        return;
    }
    block_drain(block);
    raw_flush(block);
    overlay_free(block->overlay);
    host_file_close(block->file);
    host_cond_finish(&block->stopped);
    host_mutex_finish(&block->lock);
    g_free(block->path);
    g_free(block);
}
