/*
 * The plain waiter: one array for WaitForMultipleObjects, rebuilt when handlers changed.
 *
 * [0] is the wake event, [1] the sockets' event if there are sockets, then the handles, and last
 * the timer while a wait has an end.
 */
#include "aio-win32/wfmo.h"

#include <assert.h>

#include <winsock2.h>
#include <windows.h>

#include "aio-win32/sockets.h"
#include "aio-win32/timeout.h"
#include "platform/error.h"
#include "platform/event.h"

struct wfmo_waiter {
    struct aio_waiter base;
    struct host_event wake;
    struct timeout timeout;
    struct socket_set sockets;
    unsigned handle_count; /* wanted now; under the handlers' lock, as is `changed` */
    bool changed;
    DWORD first;  /* index of the first handler's handle */
    DWORD length; /* of the array, without the timer */
    HANDLE array[MAXIMUM_WAIT_OBJECTS];
    struct aio_handler *handlers[MAXIMUM_WAIT_OBJECTS];
};

static_assert(WFMO_HANDLES_MAX + 3 <= MAXIMUM_WAIT_OBJECTS, "the array holds all");

struct aio_waiter *wfmo_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error)
{
    struct wfmo_waiter *wfmo = g_new0(struct wfmo_waiter, 1);

    wfmo->base = (struct aio_waiter){ ops, ctx };
    wfmo->changed = true;
    if (!host_event_init(&wfmo->wake, error)) {
        g_free(wfmo);
        return NULL;
    }
    if (!timeout_open(&wfmo->timeout, true)) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot make a timer: error %lu",
                       GetLastError());
        wfmo_finish(&wfmo->base);
        return NULL;
    }
    if (!socket_set_init(&wfmo->sockets, error)) {
        wfmo_finish(&wfmo->base);
        return NULL;
    }
    return &wfmo->base;
}

void wfmo_finish(struct aio_waiter *waiter)
{
    struct wfmo_waiter *wfmo = (struct wfmo_waiter *)waiter;

    host_event_finish(&wfmo->wake);
    timeout_close(&wfmo->timeout);
    socket_set_finish(&wfmo->sockets);
    g_free(wfmo);
}

bool wfmo_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error)
{
    struct wfmo_waiter *wfmo = (struct wfmo_waiter *)waiter;
    bool registered = handler->backend[0] != NULL;

    if (handler->handle.kind == HOST_HANDLE_SOCKET) {
        if (!socket_set_update(&wfmo->sockets, handler, want, error)) {
            return false;
        }
    } else if (want && !registered) {
        if (wfmo->handle_count == WFMO_HANDLES_MAX) {
            host_error_set(error, HOST_ERROR_EXHAUSTED,
                           "cannot wait for more than %u handles at once", WFMO_HANDLES_MAX);
            return false;
        }
        wfmo->handle_count++;
        handler->backend[0] = wfmo;
    } else if (!want && registered) {
        wfmo->handle_count--;
        handler->backend[0] = NULL;
    }
    wfmo->changed = true;
    return true;
}

/* Handlers' lock held. */
static void wfmo_rebuild(struct wfmo_waiter *wfmo)
{
    unsigned count;
    struct aio_handler **all = aio_handlers_all(wfmo->base.ctx, &count);

    socket_set_prepare(&wfmo->sockets, wfmo->base.ctx);
    wfmo->length = 0;
    wfmo->array[wfmo->length++] = (HANDLE)wfmo->wake.handle.os;
    if (wfmo->sockets.count > 0) {
        wfmo->array[wfmo->length++] = wfmo->sockets.event;
    }
    wfmo->first = wfmo->length;
    for (unsigned i = 0; i < count; i++) {
        if (all[i]->handle.kind != HOST_HANDLE_SOCKET && all[i]->backend[0] == wfmo) {
            wfmo->handlers[wfmo->length] = all[i];
            wfmo->array[wfmo->length++] = (HANDLE)all[i]->handle.os;
        }
    }
    wfmo->changed = false;
}

/* Reports the handle at `index` and every later one that is signalled too: the system tells only
 * of the first. */
static void wfmo_report(struct wfmo_waiter *wfmo, DWORD index)
{
    aio_handlers_lock(wfmo->base.ctx);
    while (index < wfmo->length) {
        DWORD waited;

        if (index >= wfmo->first) {
            aio_handler_ready(wfmo->handlers[index], wfmo->base.ctx, AIO_READ | AIO_WRITE);
        }
        if (++index == wfmo->length) {
            break;
        }
        waited = WaitForMultipleObjects(wfmo->length - index, &wfmo->array[index], FALSE, 0);
        if (waited >= WAIT_OBJECT_0 + wfmo->length - index) {
            break;
        }
        index += waited - WAIT_OBJECT_0;
    }
    aio_handlers_unlock(wfmo->base.ctx);
}

/* Waits on the array and, unless it has no end, on the timer behind it. */
static DWORD wfmo_wait_array(struct wfmo_waiter *wfmo, int64_t until_ns)
{
    DWORD count = wfmo->length;

    if (until_ns == 0) {
        return WaitForMultipleObjects(count, wfmo->array, FALSE, 0);
    }
    if (until_ns != INT64_MAX) {
        timeout_set(&wfmo->timeout, until_ns);
        wfmo->array[count++] = wfmo->timeout.timer;
    }
    return WaitForMultipleObjects(count, wfmo->array, FALSE, INFINITE);
}

bool wfmo_wait(struct aio_waiter *waiter, int64_t until_ns)
{
    struct wfmo_waiter *wfmo = (struct wfmo_waiter *)waiter;
    DWORD index;

    aio_handlers_lock(waiter->ctx);
    if (wfmo->changed) {
        wfmo_rebuild(wfmo);
    }
    aio_handlers_unlock(waiter->ctx);
    if (socket_set_look(&wfmo->sockets, waiter->ctx)) {
        until_ns = 0;
    }
    index = wfmo_wait_array(wfmo, until_ns) - WAIT_OBJECT_0;
    if (index < wfmo->length) {
        wfmo_report(wfmo, index);
    }
    if (until_ns != 0) {
        socket_set_look(&wfmo->sockets, waiter->ctx);
    }
    return host_event_test_and_clear(&wfmo->wake);
}

void wfmo_wake(struct aio_waiter *waiter)
{
    host_event_set(&((struct wfmo_waiter *)waiter)->wake);
}

unsigned wfmo_poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now)
{
    struct wfmo_waiter *wfmo = (struct wfmo_waiter *)waiter;

    aio_handlers_lock(waiter->ctx);
    if (wfmo->changed) {
        wfmo_rebuild(wfmo);
    }
    aio_handlers_unlock(waiter->ctx);
    *ret_now |= socket_set_look(&wfmo->sockets, waiter->ctx);
    for (unsigned i = 0; i < wfmo->length && i < max; i++) {
        fds[i] = (GPollFD){ .fd = (intptr_t)wfmo->array[i], .events = G_IO_IN };
    }
    return wfmo->length;
}
