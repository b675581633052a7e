#include "aio-win32/port.h"

#include <assert.h>

#include "platform/clock.h"
#include "platform/error.h"

#define PORT_BATCH 128

/* Runs on a thread of the system's pool each time the timer is signalled. */
static void CALLBACK timer_signalled(void *opaque, BOOLEAN timed_out)
{
    struct port_waiter *port = opaque;

    (void)timed_out;
    PostQueuedCompletionStatus(port->port, 0, PORT_TIMER, NULL);
}

static bool port_open(struct port_waiter *port, GError **error)
{
    port->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (!port->port) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED,
                              "cannot make a completion port: error %lu", GetLastError());
    }
    if (!timeout_open(&port->timeout, false) ||
        !RegisterWaitForSingleObject(&port->timer_wait, port->timeout.timer, timer_signalled, port,
                                     INFINITE, WT_EXECUTEINWAITTHREAD)) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot make a timer: error %lu",
                              GetLastError());
    }
    return port_sockets_start(port, error);
}

struct aio_waiter *port_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error)
{
    struct port_waiter *port = g_new0(struct port_waiter, 1);

    port->base = (struct aio_waiter){ ops, ctx };
    port->handles = g_hash_table_new(NULL, NULL);
    if (!port_open(port, error)) {
        port_finish(&port->base);
        return NULL;
    }
    return &port->base;
}

bool port_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error)
{
    struct port_waiter *port = (struct port_waiter *)waiter;

    return handler->handle.kind == HOST_HANDLE_SOCKET
               ? port_socket_update(port, handler, want, error)
               : port_handle_update(port, handler, want, error);
}

/* Handles one packet; true if it was a wake. */
static bool port_packet(struct port_waiter *port, const OVERLAPPED_ENTRY *entry)
{
    switch ((enum port_key)entry->lpCompletionKey) {
    case PORT_WAKE:
        /* Cleared before anybody reads what was notified: who comes later posts again. */
        atomic_store(&port->wake_posted, false);
        return true;
    case PORT_TIMER: break; /* the loop looks at its clock */
    case PORT_SOCKET: port_socket_completed(port, entry->lpOverlapped); break;
    case PORT_HANDLE: port_handle_completed(port, (uintptr_t)entry->lpOverlapped); break;
    }
    return false;
}

/* Takes what is in the port, waiting for the first packet if `milliseconds` say so; *ret_count are
 * those that were not the timer's. */
static bool port_take(struct port_waiter *port, DWORD milliseconds, unsigned *ret_count)
{
    OVERLAPPED_ENTRY entries[PORT_BATCH];
    ULONG count = 0;
    bool woken = false;

    *ret_count = 0;
    if (!GetQueuedCompletionStatusEx(port->port, entries, PORT_BATCH, &count, milliseconds,
                                     FALSE)) {
        return false;
    }
    aio_handlers_lock(port->base.ctx);
    for (ULONG i = 0; i < count; i++) {
        *ret_count += entries[i].lpCompletionKey != PORT_TIMER;
        woken |= port_packet(port, &entries[i]);
    }
    aio_handlers_unlock(port->base.ctx);
    return woken;
}

static bool port_arm(struct port_waiter *port)
{
    bool now;

    aio_handlers_lock(port->base.ctx);
    port_sockets_arm(port);
    now = port_handles_arm(port);
    aio_handlers_unlock(port->base.ctx);
    return now;
}

bool port_wait(struct aio_waiter *waiter, int64_t until_ns)
{
    struct port_waiter *port = (struct port_waiter *)waiter;
    unsigned count;
    bool woken;

    if (port_arm(port)) {
        until_ns = 0;
    }
    if (until_ns != 0 && until_ns != INT64_MAX) {
        timeout_set(&port->timeout, until_ns);
    }
    do {
        woken = port_take(port, until_ns == 0 ? 0 : INFINITE, &count);
        /* The timer of an earlier wait may have fired while nobody waited. */
    } while (until_ns != 0 && count == 0 && host_monotonic_ns() < until_ns);
    return woken;
}

void port_wake(struct aio_waiter *waiter)
{
    struct port_waiter *port = (struct port_waiter *)waiter;

    if (!atomic_exchange(&port->wake_posted, true)) {
        BOOL done = PostQueuedCompletionStatus(port->port, 0, PORT_WAKE, NULL);

        assert(done);
    }
}

unsigned port_poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now)
{
    struct port_waiter *port = (struct port_waiter *)waiter;

    *ret_now |= port_arm(port);
    if (max > 0) {
        fds[0] = (GPollFD){ .fd = (intptr_t)port->port, .events = G_IO_IN };
    }
    return 1;
}

void port_finish(struct aio_waiter *waiter)
{
    struct port_waiter *port = (struct port_waiter *)waiter;
    unsigned count;

    while (port->sockets_pending > 0) { /* all were cancelled: their packets are on the way */
        port_take(port, INFINITE, &count);
    }
    if (port->timer_wait) {
        UnregisterWaitEx(port->timer_wait, INVALID_HANDLE_VALUE);
    }
    timeout_close(&port->timeout);
    port_sockets_finish(port);
    if (port->port) {
        CloseHandle(port->port);
    }
    g_hash_table_unref(port->handles);
    g_free(port);
}
