/* Sockets of the plain waiter: all of them behind one event, their level looked at by WSAPoll. */
#pragma once

#include <winsock2.h>
#include <windows.h>

#include "aio/waiter.h"

struct set_socket;

struct socket_set {
    HANDLE event;               /* set by the system when something may have come */
    HANDLE afd;                 /* asked for room in full sockets; NULL until there is a socket */
    struct set_socket *removed; /* with a question that is not answered yet */
    bool changed;
    unsigned count;
    unsigned capacity;
    WSAPOLLFD *fds;
    struct aio_handler **handlers;
};

/* Makes an empty set. */
bool socket_set_init(struct socket_set *set, GError **error);

/* Ends a set that no socket is in. */
void socket_set_finish(struct socket_set *set);

/* Makes the socket set the event for every network event, or no more. Handlers' lock held. */
bool socket_set_update(struct socket_set *set, struct aio_handler *handler, unsigned want,
                       GError **error);

/* Builds the arrays anew if handlers changed. Handlers' lock held. */
void socket_set_prepare(struct socket_set *set, struct aio_context *ctx);

/* Clears the event, looks at every socket and reports those that are ready; true if one is. What
 * comes later sets the event. Home thread. */
bool socket_set_look(struct socket_set *set, struct aio_context *ctx);
