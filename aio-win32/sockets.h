/* Sockets of the plain waiter: all of them behind one event, their level looked at by WSAPoll. */
#pragma once

#include <winsock2.h>
#include <windows.h>

#include "aio/waiter.h"

struct socket_set {
    HANDLE event; /* set by the system when something may have come */
    bool changed;
    unsigned count;
    unsigned capacity;
    WSAPOLLFD *fds;
    struct aio_handler **handlers;
};

/* Makes an empty set. */
bool socket_set_init(struct socket_set *set, GError **error);

/* Ends a set. */
void socket_set_finish(struct socket_set *set);

/* Makes the socket set the event for every network event, or no more. Handlers' lock held. */
bool socket_set_update(struct socket_set *set, struct aio_handler *handler, unsigned want,
                       GError **error);

/* Builds the arrays anew if handlers changed. Handlers' lock held. */
void socket_set_prepare(struct socket_set *set, struct aio_context *ctx);

/* Clears the event, looks at every socket and reports those that are ready; true if one is. What
 * comes later sets the event. */
bool socket_set_look(struct socket_set *set, struct aio_context *ctx);

/* Whether some socket is to be written and was not writable at the last look: the system reports
 * that only after a send was refused, so the level must be looked at again from time to time. */
bool socket_set_write_blocked(const struct socket_set *set);
