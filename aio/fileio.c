#include "aio/fileio.h"

#include <assert.h>

#include "aio/coroutine.h"
#include "platform/thread.h"

/* Where a request is: not yet begun on a worker, with the host or a worker, or nowhere. */
enum file_stage { FILE_OVER, FILE_QUEUED, FILE_BEGUN, FILE_WITHDRAWN };

struct file_io {
    struct aio_context *ctx;
    struct thread_pool *pool;
    const struct file_engine_ops *ops; /* NULL: the pool alone */
    void *engine;
    unsigned in_flight; /* home thread */
    unsigned running;   /* passes over finished requests, nested ones too; home thread */
    bool freed;         /* by a completion: the pass it came from ends it */
    struct aio_bh *bh;
    struct host_mutex lock;        /* guards the stage of requests, and what follows; a leaf */
    struct host_cond over;         /* some request */
    struct file_request *finished; /* oldest first */
    struct file_request **finished_last;
};

static struct file_request *finished_pop(struct file_io *io)
{
    struct file_request *request;

    host_mutex_lock(&io->lock);
    request = io->finished;
    if (request) {
        io->finished = request->next;
        if (!io->finished) {
            io->finished_last = &io->finished;
        } else {
            aio_bh_schedule(io->bh); /* for a completion that polls */
        }
    }
    host_mutex_unlock(&io->lock);
    return request;
}

static void io_release(struct file_io *io)
{
    host_cond_finish(&io->over);
    host_mutex_finish(&io->lock);
    aio_context_unref(io->ctx);
    g_free(io);
}

static void finished_run(void *opaque)
{
    struct file_io *io = opaque;
    struct file_request *request;

    io->running++;
    while (!io->freed && (request = finished_pop(io))) {
        io->in_flight--;
        aio_request_end(&request->tracked);
        request->done(request, request->result);
    }
    io->running--;
    if (io->freed && io->running == 0) {
        io_release(io);
    }
}

void file_io_finish(struct file_request *request, int64_t result)
{
    struct file_io *io = request->io;

    request->result = result;
    request->next = NULL;
    aio_request_waits_on(&request->tracked, AIO_ON_BH, io->bh);
    host_mutex_lock(&io->lock);
    *io->finished_last = request;
    io->finished_last = &request->next;
    request->stage = FILE_OVER;
    host_cond_broadcast(&io->over);
    aio_bh_schedule(io->bh);
    host_mutex_unlock(&io->lock);
}

struct file_io *file_io_new_with(struct aio_context *ctx, struct thread_pool *pool,
                                 const struct file_engine_ops *ops, GError **error)
{
    struct file_io *io = g_new0(struct file_io, 1);

    io->ctx = aio_context_ref(ctx);
    io->pool = pool;
    io->finished_last = &io->finished;
    host_mutex_init(&io->lock);
    host_cond_init(&io->over);
    io->bh = aio_bh_new(ctx, "file-io", finished_run, io);
    if (ops) {
        io->engine = ops->start(io, error);
        if (!io->engine) {
            file_io_free(io);
            return NULL;
        }
        io->ops = ops;
    }
    return io;
}

struct file_io *file_io_new(struct aio_context *ctx, struct thread_pool *pool)
{
    struct file_io *io = NULL;
    const struct file_engine_ops *ops;

    for (unsigned i = 0; !io && (ops = file_engine_nth(i)); i++) {
        io = file_io_new_with(ctx, pool, ops, NULL);
    }
    return io ? io : file_io_new_with(ctx, pool, NULL, NULL);
}

static bool io_busy(void *opaque)
{
    return ((struct file_io *)opaque)->in_flight > 0;
}

void file_io_free(struct file_io *io)
{
    if (!io) {
        return;
    }
    aio_wait_while(io->ctx, io_busy, io, "file requests are in flight");
    if (io->ops) {
        io->ops->finish(io->engine);
    }
    aio_bh_delete(io->bh);
    io->freed = true;
    if (io->running == 0) {
        io_release(io);
    }
}

const char *file_io_name(const struct file_io *io)
{
    return io->ops ? io->ops->name : "pool";
}

struct aio_context *file_io_context(const struct file_io *io)
{
    return io->ctx;
}

int64_t file_request_size(const struct file_request *request)
{
    int64_t size = 0;

    for (unsigned i = 0; i < request->vec_count; i++) {
        size += (int64_t)request->vec[i].size;
    }
    return size;
}

unsigned file_request_left(const struct file_request *request, struct host_vec *vec)
{
    uint64_t skip = (uint64_t)request->moved;
    unsigned count = 0;

    for (unsigned i = 0; i < request->vec_count; i++) {
        uint64_t here = skip < request->vec[i].size ? skip : request->vec[i].size;

        skip -= here;
        if (here < request->vec[i].size) {
            vec[count++] = (struct host_vec){ request->vec[i].base + here,
                                              request->vec[i].size - (size_t)here };
        }
    }
    return count;
}

static int64_t pool_do(struct file_request *request)
{
    switch (request->op) {
    case FILE_OP_READ:
        return host_file_read_vec(request->file, request->vec, request->vec_count, request->offset);
    case FILE_OP_WRITE:
        return host_file_write_vec(request->file, request->vec, request->vec_count,
                                   request->offset);
    case FILE_OP_FLUSH: return host_file_flush(request->file);
    case FILE_OP_WORK: break;
    }
    return request->work(request);
}

/* On a worker. */
static int64_t pool_work(void *opaque)
{
    struct file_request *request = opaque;
    struct file_io *io = request->io;
    bool begun;
    int64_t result;

    host_mutex_lock(&io->lock);
    begun = request->stage == FILE_QUEUED;
    if (begun) {
        request->stage = FILE_BEGUN;
    }
    host_mutex_unlock(&io->lock);
    result = begun ? pool_do(request) : FILE_ERROR_IO;
    host_mutex_lock(&io->lock);
    request->stage = FILE_OVER;
    host_cond_broadcast(&io->over);
    host_mutex_unlock(&io->lock);
    return result;
}

static void pool_done(void *opaque, int64_t result)
{
    struct file_request *request = opaque;

    request->io->in_flight--;
    aio_request_end(&request->tracked);
    request->done(request, result);
}

static void request_stage(struct file_request *request, enum file_stage stage, bool pooled)
{
    host_mutex_lock(&request->io->lock);
    request->stage = stage;
    request->pooled = pooled;
    host_mutex_unlock(&request->io->lock);
}

void file_io_submit_at(struct file_io *io, struct file_request *request, const char *site)
{
    static const char *const kinds[] = { "file-read", "file-write", "file-flush", "file-work" };
    bool engine = io->ops && request->op != FILE_OP_WORK;

    request->io = io;
    request->moved = 0;
    io->in_flight++;
    aio_request_begin_at(&request->tracked, io->ctx, kinds[request->op], site);
    aio_request_waits_on(&request->tracked, AIO_ON_HOST, file_io_name(io));
    request_stage(request, FILE_BEGUN, false);
    if (!engine || !io->ops->submit(io->engine, request)) {
        request_stage(request, FILE_QUEUED, true);
        aio_request_waits_on(&request->tracked, AIO_ON_WORKER, "file request");
        thread_pool_submit(io->pool, pool_work, pool_done, request);
    }
}

/* Whether the host may touch the request's memory, and the engine is needed for its end. */
static bool request_begun(struct file_io *io, struct file_request *request)
{
    bool begun;

    host_mutex_lock(&io->lock);
    if (request->stage == FILE_QUEUED) {
        request->stage = FILE_WITHDRAWN;
    }
    begun = request->stage == FILE_BEGUN;
    while (begun && (request->pooled || !io->ops->settle)) {
        host_cond_wait(&io->over, &io->lock);
        begun = request->stage == FILE_BEGUN;
    }
    host_mutex_unlock(&io->lock);
    return begun;
}

void file_io_withdraw(struct file_io *io, struct file_request *request)
{
    while (request_begun(io, request)) {
        io->ops->settle(io->engine);
    }
}

struct co_request {
    struct coroutine *co;
    int64_t result;
};

static void co_done(struct file_request *request, int64_t result)
{
    struct co_request *waiting = request->opaque;

    waiting->result = result;
    aio_co_wake(waiting->co);
}

int64_t file_io_submit_co(struct file_io *io, struct file_request *request)
{
    struct co_request waiting = { .co = coroutine_self() };

    assert(waiting.co);
    request->done = co_done;
    request->opaque = &waiting;
    file_io_submit(io, request);
    coroutine_yield();
    return waiting.result;
}
