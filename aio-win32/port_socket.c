/*
 * Sockets of the completion port: polls of the socket driver, AFD, which are level-triggered and
 * answer once.
 * An answered poll is asked again before the next wait; a poll that is pending for too little is
 * cancelled and asked again when the cancellation has come.
 */
#include "aio-win32/afd.h"
#include "aio-win32/port.h"

#include <assert.h>

#include "platform/error.h"

/* Lives until its handler is removed and no request is pending. */
struct port_socket {
    OVERLAPPED overlapped; /* first: completions point here */
    struct afd_poll poll;
    HANDLE handle;               /* of the provider at the bottom */
    struct aio_handler *handler; /* NULL once removed */
    unsigned want;
    unsigned asked; /* what the pending request is for; 0: none is pending */
    bool to_arm;
    struct port_socket *arm_next;
};

bool port_sockets_start(struct port_waiter *port, GError **error)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data); /* counted: a handle may come before any socket does */
    port->afd = afd_open(error);
    if (!port->afd) {
        return false;
    }
    if (!CreateIoCompletionPort(port->afd, port->port, PORT_SOCKET, 0)) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "the socket driver takes no completion port: error %lu",
                              GetLastError());
    }
    return true;
}

void port_sockets_finish(struct port_waiter *port)
{
    if (port->afd) {
        CloseHandle(port->afd);
    }
    WSACleanup();
}

static void socket_to_arm(struct port_waiter *port, struct port_socket *polled)
{
    if (!polled->to_arm) {
        polled->to_arm = true;
        polled->arm_next = port->sockets_to_arm;
        port->sockets_to_arm = polled;
    }
}

static struct port_socket *socket_add(struct port_waiter *port, struct aio_handler *handler,
                                      GError **error)
{
    struct port_socket *polled;
    SOCKET socket = (SOCKET)handler->handle.os;
    int type, length = sizeof(type);

    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, (char *)&type, &length) != 0) {
        host_error_set(error, HOST_ERROR_WRONG_TYPE, "cannot wait for a socket: error %d",
                       WSAGetLastError());
        return NULL;
    }
    polled = g_new0(struct port_socket, 1);
    polled->handle = afd_socket(socket);
    polled->handler = handler;
    handler->backend[1] = polled;
    socket_to_arm(port, polled);
    return polled;
}

static void socket_free_unused(struct port_socket *polled)
{
    if (!polled->handler && !polled->asked && !polled->to_arm) {
        g_free(polled);
    }
}

static ULONG afd_events(unsigned want)
{
    return (want & AIO_READ ? AFD_READABLE : 0u) | (want & AIO_WRITE ? AFD_WRITABLE : 0u);
}

bool port_socket_update(struct port_waiter *port, struct aio_handler *handler, unsigned want,
                        GError **error)
{
    struct port_socket *polled = handler->backend[1];

    if (!polled) {
        if (!want) {
            return true;
        }
        polled = socket_add(port, handler, error);
        if (!polled) {
            return false;
        }
    }
    polled->want = want;
    if (polled->asked && (!want || (want & ~polled->asked))) {
        CancelIoEx(port->afd, &polled->overlapped); /* asked again when that has come */
    }
    if (!want) {
        handler->backend[1] = NULL;
        polled->handler = NULL;
        socket_free_unused(polled);
    }
    return true;
}

static void socket_arm(struct port_waiter *port, struct port_socket *polled)
{
    polled->overlapped = (OVERLAPPED){ 0 };
    polled->asked = polled->want;
    port->sockets_pending++;
    if (!afd_ask(port->afd, polled->handle, afd_events(polled->want), &polled->poll,
                 &polled->overlapped)) {
        /* No packet will come. The socket is of no use any more: let the handler find out. */
        port->sockets_pending--;
        polled->asked = 0;
        aio_handler_ready(polled->handler, port->base.ctx, AIO_READ | AIO_WRITE);
        socket_to_arm(port, polled);
    }
}

void port_sockets_arm(struct port_waiter *port)
{
    struct port_socket *next = port->sockets_to_arm;

    port->sockets_to_arm = NULL;
    while (next) {
        struct port_socket *polled = next;

        next = polled->arm_next;
        polled->to_arm = false;
        if (polled->handler && !polled->asked) {
            socket_arm(port, polled);
        } else {
            socket_free_unused(polled);
        }
    }
}

void port_socket_completed(struct port_waiter *port, OVERLAPPED *overlapped)
{
    struct port_socket *polled = (struct port_socket *)overlapped;
    bool answered = overlapped->Internal == 0 && polled->poll.count > 0; /* STATUS_SUCCESS */
    ULONG events = answered ? polled->poll.sockets[0].events : 0;

    assert(polled->asked && port->sockets_pending > 0);
    port->sockets_pending--;
    polled->asked = 0;
    if (!polled->handler) {
        socket_free_unused(polled);
        return;
    }
    if (events) {
        aio_handler_ready(polled->handler, port->base.ctx,
                          (events & AFD_READABLE ? AIO_READ : 0u) |
                              (events & AFD_WRITABLE ? AIO_WRITE : 0u));
    }
    socket_to_arm(port, polled);
}
