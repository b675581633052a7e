/* The chardevs of a plan: what is behind serial port, consoles and monitors. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "aio/context.h"
#include "ui/plan.h"

struct streams;

/* How the chardevs and the end of the program know of each other. */
struct streams_events {
    void (*quit)(void *opaque);     /* Ctrl-a x */
    bool (*quitting)(void *opaque); /* nobody waits for connections any more */
    void *opaque;
};

/* Whether making them, or what sound goes to, changes anything outside: files, listening
 * sockets. */
bool streams_leave_traces(const struct plan *plan);

/* Makes all chardevs of the plan, waits for the connections that it says to wait for, and enters
 * them into its machine configuration: serial port and consoles. When `quitting` comes true on
 * another thread, that calls aio_notify. NULL and `error`: nothing is left. */
struct streams *streams_new(struct plan *plan, struct aio_context *ctx,
                            const struct streams_events *events, GError **error);

/* The front end for the monitor `index` of the plan. */
struct chardev *streams_monitor(struct streams *streams, guint index);

/* Closes all; accepts NULL. Nobody may be connected any more. */
void streams_free(struct streams *streams);
