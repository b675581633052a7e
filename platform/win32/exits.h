/* Every way out of the process, so that what was changed outside it can be put back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <windows.h>

#include "platform/crash.h"

/* The code of an exception that is none: abort() was called. */
#define EXITS_ABORTED 0xe0540001

/* Must not wait for other threads: the process may be crashing. May be called twice. */
typedef void exits_restore_fn(void);

struct exits_crash {
    EXCEPTION_POINTERS *pointers;
    uintptr_t stack_low, stack_high; /* of the thread that crashed */
};

/* Called on the thread that crashes, which may have little stack left. */
typedef void exits_crash_fn(const struct exits_crash *crash);

/* Calls `fn` when the process crashes, before it ends as it would without. */
void exits_on_crash(exits_crash_fn *fn);

/* Lets whoever called host_on_crash write to `sink`, the first time. */
void exits_crash_more(host_crash_put_fn *put, void *sink);

/* Calls `restore` before every end of the process that can be caught. */
void exits_guard(exits_restore_fn *restore);

/* Calls `fn` for Ctrl-C first; when it returns true, that was no request to end. */
void exits_on_interrupt(bool (*fn)(void));
