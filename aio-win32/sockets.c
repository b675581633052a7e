/*
 * Sockets of the plain waiter.
 *
 * WSAEventSelect is an edge: a read event is recorded once and again only after a receive. So the
 * level is looked at with WSAPoll before every wait, after the event was cleared: what comes
 * between the look and the wait finds the event clear and sets it.
 */
#include "aio-win32/sockets.h"

#include "platform/error.h"

#define NETWORK_EVENTS (FD_READ | FD_ACCEPT | FD_CLOSE | FD_WRITE | FD_CONNECT | FD_OOB)

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

void socket_set_finish(struct socket_set *set)
{
    if (set->event) {
        CloseHandle(set->event);
    }
    g_free(set->fds);
    g_free(set->handlers);
}

bool socket_set_update(struct socket_set *set, struct aio_handler *handler, unsigned want,
                       GError **error)
{
    SOCKET socket = (SOCKET)handler->handle.os;
    bool registered = handler->backend[0] != NULL;

    set->changed = true;
    if (!want && registered) {
        WSAEventSelect(socket, NULL, 0);
        handler->backend[0] = NULL;
    } else if (want && !registered) {
        if (WSAEventSelect(socket, set->event, NETWORK_EVENTS) != 0) {
            host_error_set(error, HOST_ERROR_EXHAUSTED, "cannot wait for a socket: error %d",
                           WSAGetLastError());
            return false;
        }
        handler->backend[0] = set;
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

bool socket_set_look(struct socket_set *set, struct aio_context *ctx)
{
    if (set->count == 0) {
        return false;
    }
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

bool socket_set_write_blocked(const struct socket_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        if ((set->fds[i].events & POLLWRNORM) && !(set->fds[i].revents & POLLWRNORM)) {
            return true;
        }
    }
    return false;
}
