/* Every way out of the process, so that what was changed outside it can be put back. */
#pragma once

#include <stdbool.h>

#include "platform/crash.h"

/* Async-signal-safe. `leaving` is false before a stop (SIGTSTP) and true before an end. */
typedef void exits_restore_fn(bool leaving);

struct exits_crash {
    int number;          /* of the signal */
    const void *address; /* what could not be reached, for those signals that have it */
};

/* Async-signal-safe, and must not wait for other threads. */
typedef void exits_crash_fn(const struct exits_crash *crash);

/* Calls `fn` once when the process crashes, on the thread that does. */
void exits_on_crash(exits_crash_fn *fn);

/* Lets whoever called host_on_crash write to `sink`, the first time. */
void exits_crash_more(host_crash_put_fn *put, void *sink);

/* Calls `restore` before any end or stop of the process that can be caught, and `again` when it
 * goes on after a stop. Once per process. */
void exits_guard(exits_restore_fn *restore, void (*again)(void));
