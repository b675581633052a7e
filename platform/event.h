/* A waitable flag that any thread may set: eventfd, a pipe, or a win32 manual-reset event. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "platform/handle.h"

struct host_event {
    struct host_handle handle; /* readable (posix) or signalled (win32) while set */
    intptr_t write_os;         /* where setting writes, if that is not the same object */
};

/* Makes a cleared event; false and `error` when the host has no more descriptors. */
bool host_event_init(struct host_event *event, GError **error);

/* Closes the event. Nobody may be waiting on it. */
void host_event_finish(struct host_event *event);

/* Sets it. Any thread; never blocks; setting a set event does nothing more. */
void host_event_set(struct host_event *event);

/* Clears it and tells whether it was set. */
bool host_event_test_and_clear(struct host_event *event);
