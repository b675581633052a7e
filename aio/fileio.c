#include "aio/fileio.h"

#include <assert.h>

#include "aio/coroutine.h"
#include "aio/lock.h"

struct file_io {
    struct aio_context *ctx;
    struct thread_pool *pool;
    const struct file_engine_ops *ops; /* NULL: the pool alone */
    void *engine;
    unsigned in_flight; /* home thread */
    struct aio_bh *bh;
    struct aio_lock lock;          /* guards what follows */
    struct file_request *finished; /* oldest first */
    struct file_request **finished_last;
};

static struct file_request *finished_pop(struct file_io *io)
{
    struct file_request *request;

    aio_lock_take(&io->lock);
    request = io->finished;
    if (request) {
        io->finished = request->next;
        if (!io->finished) {
            io->finished_last = &io->finished;
        } else {
            aio_bh_schedule(io->bh); /* for a completion that polls */
        }
    }
    aio_lock_give(&io->lock);
    return request;
}

static void finished_run(void *opaque)
{
    struct file_io *io = opaque;
    struct file_request *request;

    while ((request = finished_pop(io))) {
        io->in_flight--;
        aio_request_end(&request->tracked);
        request->done(request, request->result);
    }
}

void file_io_finish(struct file_request *request, int64_t result)
{
    struct file_io *io = request->io;

    request->result = result;
    request->next = NULL;
    aio_request_waits_on(&request->tracked, AIO_ON_BH, io->bh);
    aio_lock_take(&io->lock);
    *io->finished_last = request;
    io->finished_last = &request->next;
    aio_bh_schedule(io->bh);
    aio_lock_give(&io->lock);
}

struct file_io *file_io_new_with(struct aio_context *ctx, struct thread_pool *pool,
                                 const struct file_engine_ops *ops, GError **error)
{
    struct file_io *io = g_new0(struct file_io, 1);

    io->ctx = aio_context_ref(ctx);
    io->pool = pool;
    io->finished_last = &io->finished;
    aio_lock_init(&io->lock);
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
    aio_lock_finish(&io->lock);
    aio_context_unref(io->ctx);
    g_free(io);
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

static int64_t pool_work(void *opaque)
{
    struct file_request *request = opaque;

    switch (request->op) {
    case FILE_OP_READ:
        return host_file_read_vec(request->file, request->vec, request->vec_count, request->offset);
    case FILE_OP_WRITE:
        return host_file_write_vec(request->file, request->vec, request->vec_count,
                                   request->offset);
    case FILE_OP_FLUSH: break;
    }
    return host_file_flush(request->file);
}

static void pool_done(void *opaque, int64_t result)
{
    struct file_request *request = opaque;

    request->io->in_flight--;
    aio_request_end(&request->tracked);
    request->done(request, result);
}

void file_io_submit(struct file_io *io, struct file_request *request)
{
    static const char *const kinds[] = { "file-read", "file-write", "file-flush" };

    request->io = io;
    request->moved = 0;
    io->in_flight++;
    aio_request_begin(&request->tracked, io->ctx, kinds[request->op]);
    aio_request_waits_on(&request->tracked, AIO_ON_HOST, file_io_name(io));
    if (!io->ops || !io->ops->submit(io->engine, request)) {
        aio_request_waits_on(&request->tracked, AIO_ON_WORKER, "file request");
        thread_pool_submit(io->pool, pool_work, pool_done, request);
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
