/*
 * File requests by io_uring: one ring a context, whose completions set an event that the context
 * handles. What the kernel does only in part is asked for again from where it stopped. The ring has
 * a lock: whoever must have a request's memory back looks for its end itself.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <sys/uio.h>

#include "aio/fileio.h"
#include "platform/error.h"
#include "platform/event.h"
#include "platform/thread.h"

#define RING_ENTRIES 256

/* More pieces than this go to the pool. */
#define PIECES_MAX 64

struct uring {
    struct io_uring ring;
    struct file_io *io;
    struct host_event event;
    struct host_mutex lock; /* guards the ring, and what follows */
    unsigned in_ring;       /* the completion queue must have room for all */
};

static_assert(sizeof(struct host_vec) == sizeof(struct iovec), "a host_vec is an iovec");

static enum file_error uring_error(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return FILE_ERROR_NO_SPACE;
    case EROFS:
    case EPERM:
    case EBADF: return FILE_ERROR_READ_ONLY;
    default: return FILE_ERROR_IO;
    }
}

/* Queues what is left of a request; false if the ring is full. */
static bool uring_queue(struct uring *uring, struct file_request *request)
{
    int fd = (int)host_file_os(request->file);
    struct io_uring_sqe *sqe =
        uring->in_ring < RING_ENTRIES ? io_uring_get_sqe(&uring->ring) : NULL;
    struct host_vec *vec = request->engine;
    uint64_t offset = request->offset + (uint64_t)request->moved;
    unsigned count;

    if (!sqe) {
        return false;
    }
    count = request->op == FILE_OP_FLUSH ? 0 : file_request_left(request, vec);
    if (request->op == FILE_OP_READ) {
        io_uring_prep_readv(sqe, fd, (struct iovec *)vec, count, offset);
    } else if (request->op == FILE_OP_WRITE) {
        io_uring_prep_writev(sqe, fd, (struct iovec *)vec, count, offset);
    } else {
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    }
    io_uring_sqe_set_data(sqe, request);
    uring->in_ring++;
    return true;
}

/* Hands the queue to the kernel; what it does not take now it takes with the next. */
static void uring_push(struct uring *uring)
{
    int pushed;

    do {
        pushed = io_uring_submit(&uring->ring);
    } while (pushed == -EINTR || pushed == -EAGAIN || pushed == -EBUSY);
    assert(pushed >= 0);
}

static void uring_end(struct file_request *request, int64_t result)
{
    g_clear_pointer(&request->engine, g_free);
    file_io_finish(request, result);
}

/* One completion. Signals and short transfers are not the caller's business. */
static void uring_completed(struct uring *uring, struct file_request *request, int result)
{
    bool again = result == -EINTR || result == -EAGAIN;

    uring->in_ring--;
    if (result > 0) {
        request->moved += result;
        again = request->moved < file_request_size(request);
    }
    if (again && uring_queue(uring, request)) {
        return;
    }
    if (again) {
        uring_end(request, FILE_ERROR_IO); /* not reached: its own entry has just become free */
    } else if (result < 0) {
        uring_end(request, uring_error(-result));
    } else if (result == 0 && request->op == FILE_OP_WRITE && file_request_size(request) > 0) {
        uring_end(request, FILE_ERROR_IO); /* a device that takes nothing */
    } else {
        uring_end(request, request->moved); /* of a read: the end of the file */
    }
}

/* Ends what the kernel has done so far. Lock held. */
static void uring_reap(struct uring *uring)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
        struct file_request *request = io_uring_cqe_get_data(cqe);
        int result = cqe->res;

        io_uring_cqe_seen(&uring->ring, cqe);
        uring_completed(uring, request, result);
    }
    uring_push(uring);
}

static void uring_ready(void *opaque)
{
    struct uring *uring = opaque;

    host_event_test_and_clear(&uring->event);
    host_mutex_lock(&uring->lock);
    uring_reap(uring);
    host_mutex_unlock(&uring->lock);
}

static void uring_settle(void *engine)
{
    struct uring *uring = engine;
    struct io_uring_cqe *cqe;

    host_mutex_lock(&uring->lock);
    if (uring->in_ring > 0) {
        io_uring_wait_cqe(&uring->ring, &cqe); /* a signal: the caller looks again */
        uring_reap(uring);
    }
    host_mutex_unlock(&uring->lock);
}

static bool uring_open(struct uring *uring, GError **error)
{
    int failed = io_uring_queue_init(RING_ENTRIES, &uring->ring, 0);

    if (failed < 0) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED, "no io_uring here: %s",
                              g_strerror(-failed));
    }
    failed = io_uring_register_eventfd(&uring->ring, (int)uring->event.write_os);
    if (failed < 0) {
        io_uring_queue_exit(&uring->ring);
        return host_error_set(error, HOST_ERROR_UNSUPPORTED, "io_uring takes no event: %s",
                              g_strerror(-failed));
    }
    if (!aio_set_fd_handler(file_io_context(uring->io), uring->event.handle, uring_ready, NULL,
                            uring, error)) {
        io_uring_queue_exit(&uring->ring);
        return false;
    }
    return true;
}

static void uring_free(struct uring *uring)
{
    host_mutex_finish(&uring->lock);
    g_free(uring);
}

static void *uring_start(struct file_io *io, GError **error)
{
    struct uring *uring = g_new0(struct uring, 1);

    uring->io = io;
    host_mutex_init(&uring->lock);
    if (!host_event_init(&uring->event, error)) {
        uring_free(uring);
        return NULL;
    }
    if (!uring_open(uring, error)) {
        host_event_finish(&uring->event);
        uring_free(uring);
        return NULL;
    }
    return uring;
}

static bool uring_submit(void *engine, struct file_request *request)
{
    struct uring *uring = engine;
    bool queued;

    if (request->vec_count > PIECES_MAX || host_file_os(request->file) < 0) {
        return false;
    }
    request->engine = g_new(struct host_vec, request->vec_count);
    host_mutex_lock(&uring->lock);
    queued = uring_queue(uring, request);
    if (queued) {
        uring_push(uring);
    }
    host_mutex_unlock(&uring->lock);
    if (!queued) {
        g_clear_pointer(&request->engine, g_free);
    }
    return queued;
}

static void uring_finish(void *engine)
{
    struct uring *uring = engine;

    assert(uring->in_ring == 0);
    aio_set_fd_handler(file_io_context(uring->io), uring->event.handle, NULL, NULL, NULL, NULL);
    io_uring_queue_exit(&uring->ring);
    host_event_finish(&uring->event);
    uring_free(uring);
}

static const struct file_engine_ops uring_ops = { "io_uring", uring_start, uring_submit,
                                                  uring_settle, uring_finish };

const struct file_engine_ops *file_engine_nth(unsigned index)
{
    return index == 0 ? &uring_ops : NULL;
}
