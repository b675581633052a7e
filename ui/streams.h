/* The chardevs of a plan: what is behind serial port, consoles and monitors. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "aio/context.h"
#include "ui/plan.h"

struct streams;

/* Whether making them, or what sound goes to, changes anything outside: files, listening
 * sockets. */
bool streams_leave_traces(const struct plan *plan);

/* Makes all chardevs of the plan and enters them into its machine configuration: serial port and
 * consoles. `quit` is called for Ctrl-a x. NULL and `error`: nothing is left. */
struct streams *streams_new(struct plan *plan, struct aio_context *ctx, void (*quit)(void *opaque),
                            void *opaque, GError **error);

/* The front end for the monitor `index` of the plan. */
struct chardev *streams_monitor(struct streams *streams, guint index);

/* Closes all; accepts NULL. Nobody may be connected any more. */
void streams_free(struct streams *streams);
