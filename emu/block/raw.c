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

#define SECTOR_SIZE    512u
#define QUICK_SIZE_MAX 65536u  /* more would hold the loop for too long, */
#define QUICK_PASS_MAX 262144u /* and so would this in one pass of it */
#define QUICK_MISSES   16u

struct block {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct host_file *file;
    struct overlay *overlay; /* NULL: writes go to the file */
    char *path;
    bool read_only, sync_each, ignore_flush;
    uint64_t size; /* of the file when it was opened */
    /* Of the home thread: requests not yet done, and those of them that are read already. */
    unsigned in_flight;
    struct block_request *quick, **quick_end;
    struct aio_bh *quick_bh;
    size_t quick_size;     /* bytes in those requests */
    unsigned quick_misses; /* in a row, up to QUICK_MISSES; then it counts tries */

    struct host_mutex lock; /* guards the state of the requests, and what follows; a leaf */
    struct host_cond stopped;
    bool flush_failed; /* the host has lost writes: no later flush can be a promise */
};

int image_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                   uint64_t offset)
{
    int64_t got = file != NULL ? host_file_read_vec(file, vec, count, offset) : 0;
    if (got < 0) {
        return (int)got;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t part = MIN((size_t)got, vec[i].size);
        memset(vec[i].base + part, 0, vec[i].size - part);
        got -= (int64_t)part;
    }
    return 0;
}

int image_read(struct host_file *file, uint8_t *data, size_t size, uint64_t offset)
{
    return image_read_vec(file, &(struct host_vec){ data, size }, 1, offset);
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

static int raw_write(struct block *block, const struct block_request *request)
{
    int64_t result =
        host_file_write_vec(block->file, request->vec, request->vec_count, request->offset);
    if (result < 0) {
        return (int)result;
    }
    return block->sync_each ? raw_flush(block) : 0;
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
    bool write = request->op == BLOCK_WRITE;
    if (write && block->read_only) {
        return FILE_ERROR_READ_ONLY;
    }
    if (!raw_in_range(block, request)) {
        return FILE_ERROR_IO;
    }
    if (block->overlay != NULL) {
        return raw_transfer_overlay(block, request);
    }
    return write ? raw_write(block, request)
                 : image_read_vec(block->file, request->vec, request->vec_count, request->offset);
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

static void raw_complete(struct block_request *request, int result)
{
    struct block *block = request->block;
    assert(block->in_flight > 0 && result <= 0);
    block->in_flight--;
    request->state = BLOCK_IDLE;
    request->done(request, result);
}

static void raw_done(void *opaque, int64_t result)
{
    raw_complete(opaque, (int)result);
}

/* Completes what was read at once. Scheduled again before each, for a completion that polls. */
static void raw_quick_done(void *opaque)
{
    struct block *block = opaque;
    struct block_request *request;
    block->quick_size = 0;
    while ((request = block->quick) != NULL) {
        block->quick = request->next;
        if (block->quick != NULL) {
            aio_bh_schedule(block->quick_bh);
        } else {
            block->quick_end = &block->quick;
        }
        raw_complete(request, 0);
    }
}

static size_t raw_size(const struct block_request *request)
{
    size_t size = 0;
    for (unsigned i = 0; i < request->vec_count; i++) {
        size += request->vec[i].size;
    }
    return size;
}

/* Reads a little that the host has in its cache, without the way to a worker and back. After
 * misses it tries only now and then. */
static bool raw_read_quick(struct block *block, struct block_request *request)
{
    size_t size = raw_size(request);
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
    block->quick_size += size;
    request->next = NULL;
    *block->quick_end = request;
    block->quick_end = &request->next;
    aio_bh_schedule(block->quick_bh);
    return true;
}

static const char *const raw_names[] = {
    [BLOCK_READ] = "disk read",
    [BLOCK_WRITE] = "disk write",
    [BLOCK_FLUSH] = "disk flush",
};

void block_submit(struct block *block, struct block_request *request)
{
    request->block = block;
    request->state = BLOCK_IDLE;
    block->in_flight++;
    if (!raw_read_quick(block, request)) {
        request->state = BLOCK_QUEUED;
        thread_pool_submit_at(block->pool, raw_work, raw_done, request, raw_names[request->op],
                              G_STRLOC);
    }
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
    block->pool = pool;
    block->path = g_strdup(options->path != NULL ? options->path : "memory");
    block->read_only = options->read_only;
    block->sync_each = options->sync_each;
    block->ignore_flush = options->ignore_flush;
    block->quick_end = &block->quick;
    block->quick_bh = aio_bh_new(ctx, "block-quick", raw_quick_done, block);
    host_mutex_init(&block->lock);
    host_cond_init(&block->stopped);
    if (options->path == NULL || (options->snapshot && !options->read_only)) {
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
    aio_bh_delete(block->quick_bh);
    overlay_free(block->overlay);
    host_file_close(block->file);
    host_cond_finish(&block->stopped);
    host_mutex_finish(&block->lock);
    g_free(block->path);
    g_free(block);
}
