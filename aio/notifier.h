/* Event notifiers: a waitable flag with a handler on a context. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "platform/event.h"

struct aio_context;
struct event_notifier;

typedef void event_notifier_fn(struct event_notifier *notifier);

/* Embed it and find the owner with container arithmetic. */
struct event_notifier {
    struct host_event event;
    event_notifier_fn *fn; /* of the handler; the context's */
};

/* Makes a notifier, set or not; false and `error` when the host has no more descriptors. */
bool event_notifier_init(struct event_notifier *notifier, bool set, GError **error);

/* Ends a notifier that no context handles any more. */
void event_notifier_cleanup(struct event_notifier *notifier);

/* Any thread, never blocks. */
void event_notifier_set(struct event_notifier *notifier);

/* Clears it; true if it was set. Its handler must call this, or it is called again. */
bool event_notifier_test_and_clear(struct event_notifier *notifier);

/* Calls `fn` from aio_poll while the notifier is set; NULL removes. False and `error` when the
 * waiter is full (then nothing changed). */
#define aio_set_event_notifier(ctx, notifier, fn, error)                                           \
    aio_set_event_notifier_named(ctx, #fn, notifier, fn, error)

/* The same with a name for reports, which is static. */
bool aio_set_event_notifier_named(struct aio_context *ctx, const char *name,
                                  struct event_notifier *notifier, event_notifier_fn *fn,
                                  GError **error);
