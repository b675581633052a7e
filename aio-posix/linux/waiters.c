/* The waiters of Linux: ppoll for small sets, epoll from 64 descriptors on. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "aio-posix/poll.h"
#include "platform/clock.h"
#include "platform/error.h"
#include "platform/event.h"

#define EPOLL_FROM  64
#define EPOLL_BATCH 256

struct epoll_waiter {
    struct aio_waiter base;
    struct host_event wake;
    int fd;
    struct epoll_event events[EPOLL_BATCH];
};

/* Some kernels under us have no epoll_pwait2: asked once. */
static atomic_bool pwait2_missing;

static struct timespec timespec_until(int64_t until_ns)
{
    int64_t left_ns = until_ns == 0 ? 0 : until_ns - host_monotonic_ns();

    left_ns = left_ns < 0 ? 0 : left_ns;
    return (struct timespec){ .tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000 };
}

int poll_until(struct pollfd *fds, nfds_t count, int64_t until_ns)
{
    struct timespec left = timespec_until(until_ns);

    return ppoll(fds, count, until_ns == INT64_MAX ? NULL : &left, NULL);
}

/* What epoll knows of a handler: the events it was told, which is 0 when it has none. */
static uint32_t epoll_told(const struct aio_handler *handler)
{
    return (uint32_t)(uintptr_t)handler->backend[1];
}

static bool epoll_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                         GError **error)
{
    struct epoll_waiter *poller = (struct epoll_waiter *)waiter;
    uint32_t told = epoll_told(handler);
    struct epoll_event event = {
        .events = (want & AIO_READ ? EPOLLIN : 0u) | (want & AIO_WRITE ? EPOLLOUT : 0u),
        .data.ptr = handler,
    };
    int what = !want ? EPOLL_CTL_DEL : told ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (!want && !told) {
        return true;
    }
    if (epoll_ctl(poller->fd, what, (int)handler->handle.os, &event) < 0 && want) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot wait for descriptor %d: %s",
                       (int)handler->handle.os, g_strerror(errno));
        return false;
    }
    handler->backend[1] = (void *)(uintptr_t)event.events;
    return true;
}

static unsigned epoll_io(uint32_t events)
{
    return (events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? AIO_READ : 0u) |
           (events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? AIO_WRITE : 0u);
}

/* epoll_wait until an absolute time, exact to the nanosecond; may end early. */
static int epoll_until(struct epoll_waiter *poller, int64_t until_ns)
{
    struct timespec left = timespec_until(until_ns);
    struct pollfd self = { .fd = poller->fd, .events = POLLIN };
    int count;

    if (until_ns == 0) {
        return epoll_wait(poller->fd, poller->events, EPOLL_BATCH, 0);
    }
    if (!atomic_load_explicit(&pwait2_missing, memory_order_relaxed)) {
        count = epoll_pwait2(poller->fd, poller->events, EPOLL_BATCH,
                             until_ns == INT64_MAX ? NULL : &left, NULL);
        if (count >= 0 || errno != ENOSYS) {
            return count;
        }
        atomic_store_explicit(&pwait2_missing, true, memory_order_relaxed);
    }
    if (poll_until(&self, 1, until_ns) <= 0) {
        return 0;
    }
    return epoll_wait(poller->fd, poller->events, EPOLL_BATCH, 0);
}

static bool epoll_waiter_wait(struct aio_waiter *waiter, int64_t until_ns)
{
    struct epoll_waiter *poller = (struct epoll_waiter *)waiter;
    int count = epoll_until(poller, until_ns);
    bool woken = false;

    if (count <= 0) {
        return false;
    }
    aio_handlers_lock(waiter->ctx);
    for (int i = 0; i < count; i++) {
        struct epoll_event *event = &poller->events[i];

        if (event->data.ptr) {
            aio_handler_ready(event->data.ptr, waiter->ctx, epoll_io(event->events));
        } else {
            woken = true;
        }
    }
    aio_handlers_unlock(waiter->ctx);
    return woken && host_event_test_and_clear(&poller->wake);
}

static void epoll_waiter_wake(struct aio_waiter *waiter)
{
    host_event_set(&((struct epoll_waiter *)waiter)->wake);
}

/* One descriptor stands for all: it is readable while one of them is ready. */
static unsigned epoll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now)
{
    (void)ret_now;
    if (max > 0) {
        fds[0] = (GPollFD){ .fd = ((struct epoll_waiter *)waiter)->fd, .events = G_IO_IN };
    }
    return 1;
}

static void epoll_finish(struct aio_waiter *waiter)
{
    struct epoll_waiter *poller = (struct epoll_waiter *)waiter;

    host_event_finish(&poller->wake);
    if (poller->fd >= 0) {
        close(poller->fd);
    }
    g_free(poller);
}

static bool epoll_open(struct epoll_waiter *poller, GError **error)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->fd >= 0 &&
        epoll_ctl(poller->fd, EPOLL_CTL_ADD, (int)poller->wake.handle.os, &event) == 0) {
        return true;
    }
    host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot make an epoll: %s", g_strerror(errno));
    return false;
}

static struct aio_waiter *epoll_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                                      GError **error)
{
    struct epoll_waiter *poller = g_new0(struct epoll_waiter, 1);

    poller->base = (struct aio_waiter){ ops, ctx };
    if (!host_event_init(&poller->wake, error)) {
        g_free(poller);
        return NULL;
    }
    if (!epoll_open(poller, error)) {
        epoll_finish(&poller->base);
        return NULL;
    }
    return &poller->base;
}

#define PPOLL_FUNCTIONS                                                                            \
    .name = "ppoll", .start = poll_start, .update = poll_update, .wait = poll_wait,                \
    .wake = poll_wake, .poll_fds = poll_fds, .finish = poll_finish
#define EPOLL_FUNCTIONS                                                                            \
    .name = "epoll", .start = epoll_start, .update = epoll_update, .wait = epoll_waiter_wait,      \
    .wake = epoll_waiter_wake, .poll_fds = epoll_fds, .finish = epoll_finish

static const struct aio_waiter_ops ppoll_only = { PPOLL_FUNCTIONS };
static const struct aio_waiter_ops epoll_only = { EPOLL_FUNCTIONS };
static const struct aio_waiter_ops epoll_ops = { EPOLL_FUNCTIONS, .smaller = &ppoll_only };
static const struct aio_waiter_ops ppoll_ops = { PPOLL_FUNCTIONS, .larger_from = EPOLL_FROM,
                                                 .larger = &epoll_ops };

const struct aio_waiter_ops *aio_waiter_default(void)
{
    return &ppoll_ops;
}

const struct aio_waiter_ops *aio_waiter_nth(unsigned index)
{
    static const struct aio_waiter_ops *const all[] = { &ppoll_only, &epoll_only };

    return index < G_N_ELEMENTS(all) ? all[index] : NULL;
}
