/*
 * Waitable handles of the completion port.
 *
 * Each is waited for once, by a wait completion packet or else by the system's thread pool, and
 * again after it was reported: that is looked at first, so that a handle which stays signalled is
 * reported again. Packets carry the handle's number: one that comes too late finds nobody.
 */
#include "aio-win32/packets.h"
#include "aio-win32/port.h"

#include "platform/error.h"

struct port_handle {
    struct port_waiter *port;
    struct aio_handler *handler;
    HANDLE handle;
    uintptr_t number;
    const struct packet_api *api; /* NULL: the thread pool waits */
    HANDLE packet;
    HANDLE wait;
    bool waited; /* a wait is under way */
    bool to_arm;
    struct port_handle *arm_next;
    struct port_handle **arm_link;
};

static void CALLBACK handle_signalled(void *opaque, BOOLEAN timed_out)
{
    struct port_handle *waited = opaque;

    (void)timed_out;
    PostQueuedCompletionStatus(waited->port->port, 0, PORT_HANDLE, (OVERLAPPED *)waited->number);
}

static bool handle_wait_start(struct port_handle *waited)
{
    HANDLE port = waited->port->port;

    if (waited->api) {
        return waited->api->associate(waited->packet, port, waited->handle, (void *)PORT_HANDLE,
                                      (void *)waited->number, 0, 0, NULL) >= 0;
    }
    return RegisterWaitForSingleObject(&waited->wait, waited->handle, handle_signalled, waited,
                                       INFINITE, WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD);
}

/* When this returns the system does not look at the handle any more. */
static void handle_wait_stop(struct port_handle *waited)
{
    if (waited->api && waited->waited) {
        waited->api->cancel(waited->packet, TRUE);
    }
    if (waited->wait) {
        UnregisterWaitEx(waited->wait, INVALID_HANDLE_VALUE);
        waited->wait = NULL;
    }
    waited->waited = false;
}

static void handle_to_arm(struct port_waiter *port, struct port_handle *waited)
{
    if (!waited->to_arm) {
        waited->to_arm = true;
        waited->arm_next = port->handles_to_arm;
        waited->arm_link = &port->handles_to_arm;
        if (waited->arm_next) {
            waited->arm_next->arm_link = &waited->arm_next;
        }
        port->handles_to_arm = waited;
    }
}

static void handle_not_to_arm(struct port_handle *waited)
{
    if (waited->to_arm) {
        waited->to_arm = false;
        *waited->arm_link = waited->arm_next;
        if (waited->arm_next) {
            waited->arm_next->arm_link = waited->arm_link;
        }
    }
}

static void handle_free(struct port_handle *waited)
{
    handle_wait_stop(waited);
    handle_not_to_arm(waited);
    if (waited->packet) {
        CloseHandle(waited->packet);
    }
    g_hash_table_remove(waited->port->handles, (void *)waited->number);
    waited->handler->backend[1] = NULL;
    g_free(waited);
}

static bool handle_add(struct port_waiter *port, struct aio_handler *handler, GError **error)
{
    struct port_handle *waited = g_new0(struct port_handle, 1);

    waited->port = port;
    waited->handler = handler;
    waited->handle = (HANDLE)handler->handle.os;
    waited->number = ++port->handle_last;
    waited->api = packet_api_get();
    handler->backend[1] = waited;
    g_hash_table_insert(port->handles, (void *)waited->number, waited);
    if ((waited->api && waited->api->create(&waited->packet, GENERIC_ALL, NULL) < 0) ||
        !handle_wait_start(waited)) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot wait for a handle: error %lu",
                       GetLastError());
        handle_free(waited);
        return false;
    }
    waited->waited = true;
    return true;
}

bool port_handle_update(struct port_waiter *port, struct aio_handler *handler, unsigned want,
                        GError **error)
{
    struct port_handle *waited = handler->backend[1];

    if (want && !waited) {
        return handle_add(port, handler, error);
    }
    if (!want && waited) {
        handle_free(waited);
    }
    return true;
}

/* Whether the handle is signalled still; else waits for it. A wait that cannot be made is a handle
 * that went bad: its handler is told and finds out. */
static bool handle_arm(struct port_handle *waited)
{
    handle_wait_stop(waited);
    if (WaitForSingleObject(waited->handle, 0) != WAIT_TIMEOUT) {
        return true;
    }
    waited->waited = handle_wait_start(waited);
    return !waited->waited;
}

bool port_handles_arm(struct port_waiter *port)
{
    struct port_handle *next;
    bool now = false;

    for (struct port_handle *waited = port->handles_to_arm; waited; waited = next) {
        next = waited->arm_next;
        if (handle_arm(waited)) {
            aio_handler_ready(waited->handler, port->base.ctx, AIO_READ | AIO_WRITE);
            now = true;
        } else {
            handle_not_to_arm(waited);
        }
    }
    return now;
}

void port_handle_completed(struct port_waiter *port, uintptr_t number)
{
    struct port_handle *waited = g_hash_table_lookup(port->handles, (void *)number);

    if (waited) {
        aio_handler_ready(waited->handler, port->base.ctx, AIO_READ | AIO_WRITE);
        handle_to_arm(port, waited);
    }
}
