/*
 * The protocol of all others: a file or device of the host, by whatever way the host has for many
 * transfers at a time (aio/fileio.h). Their order is nobody's promise; a flush covers what was done
 * before it, and once one has failed no later one can be a promise.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "aio/fileio.h"
#include "emu/block/node_parts.h"
#include "platform/error.h"

#define QUICK_SIZE_MAX 131072u /* more would hold the loop for too long, */
#define QUICK_PASS_MAX 524288u /* and so would this in one pass of it */
#define QUICK_MISSES   16u
#define FILL_SIZE      65536u
#define ALIGNMENT_MAX  4096u

/* A request with the host, on its coroutine's stack. */
struct file_job {
    struct file_request request; /* the first member */
    bool withdrawn;
    uint64_t size;
    bool release;
    const char *preallocation;
    struct file_job *next, **link;
};

struct file_node {
    struct host_file *file;
    struct file_io *io;
    uint32_t alignment; /* of memory, where the page cache is gone around */
    bool flush_failed;
    uint64_t written, flushed; /* writes that were done, and those of them that a flush covers */
    size_t quick_size;         /* bytes read at once in this pass */
    unsigned quick_misses;     /* in a row, up to QUICK_MISSES; then it counts tries */
    struct aio_bh *quick_bh;
    struct file_job *jobs;
};

static void file_next_pass(void *opaque)
{
    ((struct file_node *)opaque)->quick_size = 0;
}

static bool file_open_host(struct file_node *file, const char *path, unsigned mode,
                           uint64_t *ret_size, GError **error)
{
    file->file = host_file_open(path, mode, error);
    return file->file != NULL && host_file_size(file->file, ret_size, error);
}

/* Around the cache only if the last bytes can be had so, too. */
static bool file_open_best(struct file_node *file, const struct node_options *options,
                           uint64_t *ret_size, GError **error)
{
    unsigned mode = HOST_FILE_READ | (options->flags & NODE_WRITE ? HOST_FILE_WRITE : 0u);
    unsigned direct = options->flags & NODE_DIRECT ? HOST_FILE_DIRECT : 0u;
    if (!file_open_host(file, options->path, mode | direct, ret_size, error)) {
        return false;
    }
    if (*ret_size % host_file_alignment(file->file) == 0) {
        return true;
    }
    host_file_close(file->file);
    return file_open_host(file, options->path, mode, ret_size, error);
}

static bool file_open(struct block_node *node, const struct node_options *options, GError **error)
{
    struct file_node *file = node_instance(node);
    bool locks = (options->flags & (NODE_FORCE_SHARE | NODE_NO_LOCK)) == 0;
    uint64_t size;
    if (!file_open_best(file, options, &size, error) ||
        (locks && !host_file_lock_image(file->file, node_writable(node), error))) {
        host_file_close(file->file);
        return false;
    }
    file->alignment = host_file_alignment(file->file);
    assert(file->alignment <= ALIGNMENT_MAX);
    file->io = file_io_new(node_context(node), node_pool(node));
    file->quick_bh = aio_bh_new(node_context(node), "file-next-pass", file_next_pass, file);
    node_set_alignment(node, file->alignment, 1, 0);
    node_set_size(node, size);
    return true;
}

struct host_file *block_file_host(struct block_node *node)
{
    return ((struct file_node *)node_instance(node))->file;
}

static int file_close(struct block_node *node)
{
    struct file_node *file = node_instance(node);
    assert(file->jobs == NULL);
    aio_bh_delete(file->quick_bh);
    file_io_free(file->io);
    host_file_close(file->file);
    return 0;
}

/* Does it and waits; what file_io says. */
static int64_t file_do(struct file_node *file, struct file_job *job)
{
    job->request.file = file->file;
    job->next = file->jobs;
    job->link = &file->jobs;
    if (job->next != NULL) {
        job->next->link = &job->next;
    }
    file->jobs = job;
    int64_t result = file_io_submit_co(file->io, &job->request);
    *job->link = job->next;
    if (job->next != NULL) {
        job->next->link = job->link;
    }
    return result;
}

static int64_t file_transfer(struct file_node *file, struct file_job *job, enum file_op op,
                             uint64_t offset, const struct host_vec *vec, unsigned count)
{
    job->request =
        (struct file_request){ .op = op, .offset = offset, .vec = vec, .vec_count = count };
    return file_do(file, job);
}

static int64_t file_work(struct file_node *file, struct file_job *job, file_work_fn *work)
{
    job->request.op = FILE_OP_WORK;
    job->request.work = work;
    return file_do(file, job);
}

/* Reads a little that the host has in its cache, without the way to a worker and back. After
 * misses it tries only now and then. */
static bool file_read_quick(struct file_node *file, uint64_t offset, uint64_t size,
                            const struct host_vec *vec, unsigned count)
{
    if (size > QUICK_SIZE_MAX || file->alignment > 1 || file->quick_size > QUICK_PASS_MAX - size ||
        (file->quick_misses >= QUICK_MISSES && ++file->quick_misses % QUICK_MISSES != 0)) {
        return false;
    }
    if (host_file_read_cached(file->file, vec, count, offset) < 0) {
        file->quick_misses += file->quick_misses < QUICK_MISSES;
        return false;
    }
    if (file->quick_size == 0) {
        aio_bh_schedule(file->quick_bh);
    }
    file->quick_misses = 0;
    file->quick_size += (size_t)size;
    return true;
}

/* Whether the host takes the memory as it is. */
static bool file_takes(const struct file_node *file, const struct host_vec *vec, unsigned count)
{
    uintptr_t bits = 0;
    for (unsigned i = 0; i < count; i++) {
        bits |= (uintptr_t)vec[i].base | vec[i].size;
    }
    return (bits & (file->alignment - 1)) == 0;
}

/* Transfers through memory that the host takes. */
static int64_t file_bounce(struct file_node *file, enum file_op op, uint64_t offset, uint64_t size,
                           const struct host_vec *vec, unsigned count)
{
    struct file_job job = { 0 };
    g_autofree uint8_t *memory = g_try_malloc((size_t)size + file->alignment);
    if (memory == NULL) {
        return op == FILE_OP_READ ? FILE_ERROR_IO : FILE_ERROR_NO_SPACE;
    }
    uint8_t *base = memory + (-(uintptr_t)memory & (file->alignment - 1));
    if (op == FILE_OP_WRITE) {
        vec_copy_out(vec, count, 0, base, (size_t)size);
    }
    int64_t got =
        file_transfer(file, &job, op, offset, &(struct host_vec){ base, (size_t)size }, 1);
    if (op == FILE_OP_READ && got > 0) {
        vec_copy_in(vec, count, 0, base, (size_t)got);
    }
    return got;
}

static int file_read(struct block_node *node, uint64_t offset, uint64_t size,
                     const struct host_vec *vec, unsigned count)
{
    struct file_node *file = node_instance(node);
    struct file_job job = { 0 };
    int64_t got;
    if (file_read_quick(file, offset, size, vec, count)) {
        return 0;
    }
    got = file_takes(file, vec, count) ? file_transfer(file, &job, FILE_OP_READ, offset, vec, count)
                                       : file_bounce(file, FILE_OP_READ, offset, size, vec, count);
    if (got >= 0 && (uint64_t)got < size && !job.withdrawn) {
        vec_clear(vec, count, (uint64_t)got, size - (uint64_t)got);
    }
    return got < 0 ? (int)got : 0;
}

static int file_write(struct block_node *node, uint64_t offset, uint64_t size,
                      const struct host_vec *vec, unsigned count, unsigned flags)
{
    struct file_node *file = node_instance(node);
    struct file_job job = { 0 };
    int64_t result;
    if ((flags & REQUEST_COMPRESSED) != 0) {
        return FILE_ERROR_UNSUPPORTED;
    }
    result = file_takes(file, vec, count)
                 ? file_transfer(file, &job, FILE_OP_WRITE, offset, vec, count)
                 : file_bounce(file, FILE_OP_WRITE, offset, size, vec, count);
    file->written++;
    return result < 0 ? (int)result : 0;
}

/* On a worker. */
static int64_t file_work_zeroes(struct file_request *request)
{
    struct file_job *job = (struct file_job *)request;
    return host_file_zero(request->file, request->offset, job->size, job->release);
}

/* Moves the end by a write of the last zeros of a range: to set the length could cut off what
 * somebody else writes behind it at the same time. */
static int64_t file_grow(struct file_node *file, uint64_t end)
{
    static uint8_t zeros[ALIGNMENT_MAX];
    struct host_vec last = { zeros, file->alignment };
    struct file_job job = { 0 };
    return file_takes(file, &last, 1)
               ? file_transfer(file, &job, FILE_OP_WRITE, end - last.size, &last, 1)
               : file_bounce(file, FILE_OP_WRITE, end - last.size, last.size, &last, 1);
}

/* What lies behind the end reads as zeros already, but then the end must move. */
static int file_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size,
                             unsigned flags)
{
    struct file_node *file = node_instance(node);
    uint64_t end = node_size(node);
    struct file_job job = { .size = MIN(size, end - MIN(end, offset)),
                            .release = (flags & REQUEST_RELEASE) != 0 };
    job.request.offset = offset;
    int64_t result = job.size > 0 ? file_work(file, &job, file_work_zeroes) : 0;
    if (result == 0 && offset + size > node_size(node)) {
        result = file_grow(file, offset + size);
    }
    file->written++;
    return result < 0 ? (int)result : 0;
}

static int file_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    struct file_node *file = node_instance(node);
    uint64_t end = node_size(node);
    struct file_job job = { .size = MIN(size, end - MIN(end, offset)), .release = true };
    job.request.offset = offset;
    file->written++;
    return job.size > 0 ? (int)file_work(file, &job, file_work_zeroes) : 0;
}

static int file_flush(struct block_node *node)
{
    struct file_node *file = node_instance(node);
    struct file_job job = { 0 };
    uint64_t covers = file->written;
    if (file->flush_failed) {
        return FILE_ERROR_IO; /* the host has dropped what it could not write */
    }
    if (file->flushed == covers) {
        return 0;
    }
    int64_t result = file_transfer(file, &job, FILE_OP_FLUSH, 0, NULL, 0);
    if (result == FILE_ERROR_NO_SPACE && file->alignment > 1) {
        return FILE_ERROR_NO_SPACE; /* there is no page cache that could have dropped anything */
    }
    if (result < 0) {
        file->flush_failed = true;
    } else {
        file->flushed = MAX(file->flushed, covers);
    }
    return result < 0 ? (int)result : file->flush_failed ? FILE_ERROR_IO : 0;
}

/* On a worker: a new length, and room for it where that is wanted. */
static int64_t file_work_truncate(struct file_request *request)
{
    static const uint8_t zeros[FILL_SIZE];
    const struct file_job *job = (const struct file_job *)request;
    uint64_t had = request->offset, end = MAX(job->size, had);
    int64_t result = host_file_truncate(request->file, job->size);
    if (result == 0 && g_strcmp0(job->preallocation, "falloc") == 0) {
        result = host_file_allocate(request->file, had, end - had);
    } else if (g_strcmp0(job->preallocation, "full") == 0) {
        for (uint64_t at = had; at < end && result >= 0; at += FILL_SIZE) {
            result = host_file_write(request->file, zeros, (size_t)MIN(end - at, FILL_SIZE), at);
        }
    }
    if (result < 0) {
        host_file_truncate(request->file, had);
    }
    return result < 0 ? result : 0;
}

static int file_refuse_size(const struct block_node *node, int result, uint64_t size,
                            const char *preallocation, GError **error)
{
    bool room = preallocation != NULL && strcmp(preallocation, "off") != 0;
    if (result == FILE_ERROR_NO_SPACE && !room) {
        host_error_set(error, HOST_ERROR_TOO_LARGE,
                       "cannot make '%s' %" PRIu64 " bytes long: that is more than a file may have "
                       "where it lies",
                       node_path(node), size);
    } else {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot make '%s' %" PRIu64 " bytes long: %s",
                       node_path(node), size, block_error_text(result));
    }
    return result;
}

static bool file_knows_preallocation(const char *name)
{
    return name == NULL || strcmp(name, "off") == 0 || strcmp(name, "falloc") == 0 ||
           strcmp(name, "full") == 0;
}

static int file_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                         GError **error)
{
    struct file_job job = { .size = size, .preallocation = preallocation };
    struct file_node *file = node_instance(node);
    if (!file_knows_preallocation(preallocation)) {
        host_error_set(error, HOST_ERROR_UNSUPPORTED,
                       "preallocation=%s is nothing that a plain file has: use off, falloc or full",
                       preallocation);
        return FILE_ERROR_UNSUPPORTED;
    }
    job.request.offset = node_size(node);
    int result = (int)file_work(file, &job, file_work_truncate);
    file->written++;
    if (result < 0) {
        return file_refuse_size(node, result, size, preallocation, error);
    }
    node_set_size(node, size);
    return 0;
}

static int file_extent(struct block_node *node, uint64_t offset, uint64_t size,
                       struct block_extent *ret_extent)
{
    struct file_node *file = node_instance(node);
    bool data = true;
    if (host_file_extent(file->file, offset, size, &size, &data) != 0) {
        data = true; /* who cannot tell has bytes to read */
    }
    *ret_extent = (struct block_extent){
        .size = size,
        .status = (data ? EXTENT_DATA : EXTENT_ZERO) | EXTENT_ALLOCATED | EXTENT_OFFSET,
        .host_offset = offset,
        .file = node,
    };
    return 0;
}

static bool vec_overlaps(const struct host_vec *a, unsigned a_count, const struct host_vec *b,
                         unsigned b_count)
{
    for (unsigned i = 0; i < a_count; i++) {
        for (unsigned k = 0; k < b_count; k++) {
            if (a[i].base < b[k].base + b[k].size && b[k].base < a[i].base + a[i].size) {
                return true;
            }
        }
    }
    return false;
}

static void file_withdraw(struct block_node *node, const struct host_vec *vec, unsigned count)
{
    struct file_node *file = node_instance(node);
    for (struct file_job *job = file->jobs; job != NULL; job = job->next) {
        if (vec_overlaps(job->request.vec, job->request.vec_count, vec, count)) {
            job->withdrawn = true;
            file_io_withdraw(file->io, &job->request);
        }
    }
}

static void file_info(struct block_node *node, struct node_info *ret_info)
{
    ret_info->actual_size = host_file_allocated(((struct file_node *)node_instance(node))->file);
}

/* Opens what is there, or makes it; nothing is thrown away before it is ours alone. */
static struct block_node *file_create_open(struct aio_context *ctx, struct thread_pool *pool,
                                           const char *path, bool *ret_made, GError **error)
{
    unsigned mode = HOST_FILE_READ | HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE;
    GError *why = NULL;
    struct host_file *file = host_file_open(path, mode, &why);
    *ret_made = file != NULL;
    host_file_close(file);
    if (file == NULL && !g_error_matches(why, host_error_quark(), HOST_ERROR_EXISTS) &&
        !g_error_matches(why, host_error_quark(), HOST_ERROR_WRONG_TYPE)) {
        g_propagate_error(error, why);
        return NULL;
    }
    g_clear_error(&why);
    return node_open(ctx, pool, &(struct node_options){ path, "file", NODE_WRITE }, error);
}

static bool file_create(struct aio_context *ctx, struct thread_pool *pool,
                        const struct node_create *options, GError **error)
{
    bool made;
    struct block_node *node = file_create_open(ctx, pool, options->path, &made, error);
    if (node == NULL) {
        return false;
    }
    enum host_file_type type = HOST_FILE_REGULAR;
    host_file_type(options->path, &type, NULL);
    bool done = type == HOST_FILE_BLOCK ||
                (node_truncate(node, 0, NULL, error) == 0 &&
                 node_truncate(node, options->size, options->preallocation, error) == 0);
    node_close(node);
    if (!done && made) {
        host_file_remove(options->path, NULL);
    }
    return done;
}

const struct block_driver block_file_driver = {
    .name = "file",
    .protocol = true,
    .growable = true,
    .instance_size = sizeof(struct file_node),
    .open = file_open,
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .write_zeroes = file_write_zeroes,
    .discard = file_discard,
    .flush = file_flush,
    .truncate = file_truncate,
    .extent = file_extent,
    .withdraw = file_withdraw,
    .create = file_create,
    .info = file_info,
};
