/*
 * Sockets of the plain waiter.
 *
 * WSAEventSelect is an edge: a read event is recorded once and again only after a receive. So the
 * level is looked at with WSAPoll before every wait, after the event was cleared: what comes
 * between the look and the wait finds the event clear and sets it. That a full socket has room
 * again is recorded only after a send was refused; so the socket driver is asked for it, and sets
 * the same event.
 */
#include "aio-win32/sockets.h"

#include "aio-win32/afd.h"
#include "platform/error.h"

#define NETWORK_EVENTS (FD_READ | FD_ACCEPT | FD_CLOSE | FD_WRITE | FD_CONNECT | FD_OOB)

/* One socket; lives until it is removed and the driver's answer has come. */
struct set_socket {
    OVERLAPPED overlapped; /* of a question that was asked, answered or not */
    struct afd_poll poll;
    HANDLE handle; /* the driver's */
    struct set_socket *next;
};

bool socket_set_init(struct socket_set *set, GError **error)
{
    *set = (struct socket_set){ .event = CreateEventW(NULL, TRUE, FALSE, NULL), .changed = true };
    if (!set->event) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot make an event for sockets: error %lu",
                       GetLastError());
        return false;
    }
    return true;
}

/* Frees what was removed and is not asked for any more; true if that is all of it. */
static bool removed_free(struct socket_set *set)
{
    struct set_socket **link = &set->removed;

    while (*link) {
        struct set_socket *socket = *link;

        if (HasOverlappedIoCompleted(&socket->overlapped)) {
            *link = socket->next;
            g_free(socket);
        } else {
            link = &socket->next;
        }
    }
    return !set->removed;
}

void socket_set_finish(struct socket_set *set)
{
    while (ResetEvent(set->event) && !removed_free(set)) { /* all were cancelled */
        WaitForSingleObject(set->event, INFINITE);
    }
    if (set->afd) {
        CloseHandle(set->afd);
    }
    if (set->event) {
        CloseHandle(set->event);
    }
    g_free(set->fds);
    g_free(set->handlers);
}

static bool socket_add(struct socket_set *set, struct aio_handler *handler, GError **error)
{
    SOCKET socket = (SOCKET)handler->handle.os;
    struct set_socket *added;

    if (!set->afd) {
        set->afd = afd_open(error);
        if (!set->afd) {
            return false;
        }
    }
    if (WSAEventSelect(socket, set->event, NETWORK_EVENTS) != 0) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot wait for a socket: error %d",
                       WSAGetLastError());
        return false;
    }
    added = g_new0(struct set_socket, 1);
    added->handle = afd_socket(socket);
    handler->backend[0] = added;
    return true;
}

static void socket_remove(struct socket_set *set, struct aio_handler *handler)
{
    struct set_socket *removed = handler->backend[0];

    WSAEventSelect((SOCKET)handler->handle.os, NULL, 0);
    handler->backend[0] = NULL;
    if (!HasOverlappedIoCompleted(&removed->overlapped)) {
        CancelIoEx(set->afd, &removed->overlapped);
    }
    removed->next = set->removed;
    set->removed = removed;
}

bool socket_set_update(struct socket_set *set, struct aio_handler *handler, unsigned want,
                       GError **error)
{
    set->changed = true;
    if (want && !handler->backend[0]) {
        return socket_add(set, handler, error);
    }
    if (!want && handler->backend[0]) {
        socket_remove(set, handler);
    }
    return true;
}

void socket_set_prepare(struct socket_set *set, struct aio_context *ctx)
{
    unsigned all_count;
    struct aio_handler **all = aio_handlers_all(ctx, &all_count);

    if (!set->changed) {
        return;
    }
    removed_free(set);
    set->changed = false;
    set->count = 0;
    if (all_count > set->capacity) {
        set->capacity = all_count * 2;
        set->fds = g_renew(WSAPOLLFD, set->fds, set->capacity);
        set->handlers = g_renew(struct aio_handler *, set->handlers, set->capacity);
    }
    for (unsigned i = 0; i < all_count; i++) {
        if (all[i]->handle.kind == HOST_HANDLE_SOCKET) {
            set->handlers[set->count] = all[i];
            set->fds[set->count++] = (WSAPOLLFD){
                .fd = (SOCKET)all[i]->handle.os,
                .events = (SHORT)((all[i]->want & AIO_READ ? POLLRDNORM : 0) |
                                  (all[i]->want & AIO_WRITE ? POLLWRNORM : 0)),
            };
        }
    }
}

static unsigned socket_io(SHORT revents)
{
    return (revents & (POLLRDNORM | POLLHUP | POLLERR | POLLNVAL) ? AIO_READ : 0u) |
           (revents & (POLLWRNORM | POLLHUP | POLLERR | POLLNVAL) ? AIO_WRITE : 0u);
}

static bool level_look(struct socket_set *set, struct aio_context *ctx)
{
    ResetEvent(set->event);
    if (WSAPoll(set->fds, set->count, 0) <= 0) {
        return false;
    }
    aio_handlers_lock(ctx);
    for (unsigned i = 0; i < set->count; i++) {
        if (set->fds[i].revents) {
            aio_handler_ready(set->handlers[i], ctx, socket_io(set->fds[i].revents));
        }
    }
    aio_handlers_unlock(ctx);
    return true;
}

/* Asks the driver for room in sockets that are to be written and were full at the last look; true
 * if it was asked anew: that cleared the event. An old record of room is taken out, because some
 * systems (Wine) set the event for it again and again. */
static bool room_ask(struct socket_set *set, struct aio_context *ctx)
{
    WSANETWORKEVENTS record;
    bool asked = false;

    aio_handlers_lock(ctx);
    for (unsigned i = 0; i < set->count; i++) {
        struct set_socket *socket = set->handlers[i]->backend[0];

        if (socket && (set->fds[i].events & POLLWRNORM) &&
            HasOverlappedIoCompleted(&socket->overlapped)) {
            WSAEnumNetworkEvents(set->fds[i].fd, NULL, &record);
            socket->overlapped = (OVERLAPPED){ .hEvent = set->event };
            asked |=
                afd_ask(set->afd, socket->handle, AFD_WRITABLE, &socket->poll, &socket->overlapped);
        }
    }
    aio_handlers_unlock(ctx);
    return asked;
}

bool socket_set_look(struct socket_set *set, struct aio_context *ctx)
{
    return set->count > 0 && (level_look(set, ctx) || (room_ask(set, ctx) && level_look(set, ctx)));
}
