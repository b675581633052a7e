/* The plain waiter: poll(2) over an array that is rebuilt when handlers changed. */
#include "aio-posix/poll.h"

#include <assert.h>

#include "platform/event.h"

struct poll_waiter {
    struct aio_waiter base;
    struct host_event wake;
    bool changed; /* under the handlers' lock */
    unsigned count;
    unsigned capacity;
    struct pollfd *fds;            /* [0] is the wake event */
    struct aio_handler **handlers; /* handlers[i] is behind fds[i + 1] */
};

struct aio_waiter *poll_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error)
{
    struct poll_waiter *poller = g_new0(struct poll_waiter, 1);

    poller->base = (struct aio_waiter){ ops, ctx };
    if (!host_event_init(&poller->wake, error)) {
        g_free(poller);
        return NULL;
    }
    poller->changed = true;
    return &poller->base;
}

bool poll_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error)
{
    (void)handler;
    (void)want;
    (void)error;
    ((struct poll_waiter *)waiter)->changed = true;
    return true;
}

static short poll_events(unsigned want)
{
    return (short)((want & AIO_READ ? POLLIN : 0) | (want & AIO_WRITE ? POLLOUT : 0));
}

/* Hang-up and failure are readable, and an end for whoever writes. */
static unsigned poll_io(short revents)
{
    return (revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? AIO_READ : 0u) |
           (revents & (POLLOUT | POLLHUP | POLLERR | POLLNVAL) ? AIO_WRITE : 0u);
}

static void poll_rebuild(struct poll_waiter *poller)
{
    struct aio_handler **all = aio_handlers_all(poller->base.ctx, &poller->count);

    if (poller->count >= poller->capacity) {
        poller->capacity = poller->count * 2 + 16;
        poller->fds = g_renew(struct pollfd, poller->fds, poller->capacity + 1);
        poller->handlers = g_renew(struct aio_handler *, poller->handlers, poller->capacity);
    }
    poller->fds[0] = (struct pollfd){ .fd = (int)poller->wake.handle.os, .events = POLLIN };
    for (unsigned i = 0; i < poller->count; i++) {
        poller->handlers[i] = all[i];
        poller->fds[i + 1] =
            (struct pollfd){ .fd = (int)all[i]->handle.os, .events = poll_events(all[i]->want) };
    }
    poller->changed = false;
}

static void poll_report(struct poll_waiter *poller)
{
    aio_handlers_lock(poller->base.ctx);
    for (unsigned i = 0; i < poller->count; i++) {
        short revents = poller->fds[i + 1].revents;

        if (revents) {
            aio_handler_ready(poller->handlers[i], poller->base.ctx, poll_io(revents));
        }
    }
    aio_handlers_unlock(poller->base.ctx);
}

bool poll_wait(struct aio_waiter *waiter, int64_t until_ns)
{
    struct poll_waiter *poller = (struct poll_waiter *)waiter;
    int ready;

    aio_handlers_lock(waiter->ctx);
    if (poller->changed) {
        poll_rebuild(poller);
    }
    aio_handlers_unlock(waiter->ctx);
    ready = poll_until(poller->fds, poller->count + 1, until_ns);
    if (ready <= 0) {
        return false;
    }
    if (ready > 1 || !poller->fds[0].revents) {
        poll_report(poller);
    }
    return poller->fds[0].revents && host_event_test_and_clear(&poller->wake);
}

void poll_wake(struct aio_waiter *waiter)
{
    host_event_set(&((struct poll_waiter *)waiter)->wake);
}

static_assert(POLLIN == G_IO_IN && POLLOUT == G_IO_OUT, "glib's poll is the host's");

unsigned poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now)
{
    struct poll_waiter *poller = (struct poll_waiter *)waiter;

    (void)ret_now;
    aio_handlers_lock(waiter->ctx);
    if (poller->changed) {
        poll_rebuild(poller);
    }
    aio_handlers_unlock(waiter->ctx);
    for (unsigned i = 0; i <= poller->count && i < max; i++) {
        fds[i] = (GPollFD){ .fd = poller->fds[i].fd, .events = (gushort)poller->fds[i].events };
    }
    return poller->count + 1;
}

void poll_finish(struct aio_waiter *waiter)
{
    struct poll_waiter *poller = (struct poll_waiter *)waiter;

    host_event_finish(&poller->wake);
    g_free(poller->fds);
    g_free(poller->handlers);
    g_free(poller);
}
