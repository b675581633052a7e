/*
 * The scalable waiter of Windows: one completion port that sockets, handles, the timer and wakes
 * all report to.
 */
#pragma once

#include <winsock2.h>
#include <windows.h>

#include <stdatomic.h>

#include "aio-win32/timeout.h"
#include "aio/waiter.h"

/* What a completion is about: the key of its packet. */
enum port_key { PORT_WAKE = 1, PORT_TIMER, PORT_SOCKET, PORT_HANDLE };

struct port_socket;
struct port_handle;

struct port_waiter {
    struct aio_waiter base;
    HANDLE port;

    /* Wake: at most one packet is on its way; cleared when that is taken out. */
    atomic_bool wake_posted;

    /* The end of a wait. */
    struct timeout timeout;
    HANDLE timer_wait;

    /* Sockets: what polls them, and those to be asked for (again). Handlers' lock. */
    HANDLE afd;
    unsigned sockets_pending;
    struct port_socket *sockets_to_arm;

    /* Handles by the number their packets carry, and those to be waited for (again). */
    GHashTable *handles;
    uintptr_t handle_last;
    struct port_handle *handles_to_arm;
};

/* The waiter's functions, for the tables of waiters.c; see struct aio_waiter_ops. */
struct aio_waiter *port_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error);

/* See struct aio_waiter_ops. */
bool port_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error);

/* See struct aio_waiter_ops. */
bool port_wait(struct aio_waiter *waiter, int64_t until_ns);

/* See struct aio_waiter_ops. */
void port_wake(struct aio_waiter *waiter);

/* See struct aio_waiter_ops: the port itself, which is signalled while a packet is in it. */
unsigned port_poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now);

/* See struct aio_waiter_ops. */
void port_finish(struct aio_waiter *waiter);

/* Opens what polls sockets. */
bool port_sockets_start(struct port_waiter *port, GError **error);

/* Closes it, once nothing is pending. */
void port_sockets_finish(struct port_waiter *port);

/* `update` of a socket. Handlers' lock held, as for all that follow. */
bool port_socket_update(struct port_waiter *port, struct aio_handler *handler, unsigned want,
                        GError **error);

/* Asks for the sockets whose last answer was used up, and the new ones. Home thread. */
void port_sockets_arm(struct port_waiter *port);

/* An answer has come. Home thread. */
void port_socket_completed(struct port_waiter *port, OVERLAPPED *overlapped);

/* `update` of a waitable handle. */
bool port_handle_update(struct port_waiter *port, struct aio_handler *handler, unsigned want,
                        GError **error);

/* Waits for the handles that were signalled last, and the new ones; reports those that still are
 * and returns true if there is one. Home thread. */
bool port_handles_arm(struct port_waiter *port);

/* The handle with this number was signalled, unless it is gone. Home thread. */
void port_handle_completed(struct port_waiter *port, uintptr_t number);
