/* Event notifiers: a host event whose handler gets the notifier itself. */
#include "aio/notifier.h"

#include <stddef.h>

#include "aio/context.h"

bool event_notifier_init(struct event_notifier *notifier, bool set, GError **error)
{
    notifier->fn = NULL;
    if (!host_event_init(&notifier->event, error)) {
        return false;
    }
    if (set) {
        host_event_set(&notifier->event);
    }
    return true;
}

void event_notifier_cleanup(struct event_notifier *notifier)
{
    host_event_finish(&notifier->event);
}

void event_notifier_set(struct event_notifier *notifier)
{
    host_event_set(&notifier->event);
}

bool event_notifier_test_and_clear(struct event_notifier *notifier)
{
    return host_event_test_and_clear(&notifier->event);
}

static void notifier_ready(void *opaque)
{
    struct event_notifier *notifier = opaque;

    notifier->fn(notifier);
}

bool aio_set_event_notifier_named(struct aio_context *ctx, const char *name,
                                  struct event_notifier *notifier, event_notifier_fn *fn,
                                  GError **error)
{
    event_notifier_fn *before = notifier->fn;

    if (fn) {
        notifier->fn = fn;
    }
    if (aio_set_fd_handler_named(ctx, name, notifier->event.handle, fn ? notifier_ready : NULL,
                                 NULL, notifier, error)) {
        return true;
    }
    notifier->fn = before;
    return false;
}
