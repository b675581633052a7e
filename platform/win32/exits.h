/* Every way out of the process, so that what was changed outside it can be put back. */
#pragma once

#include <stdbool.h>

/* Must not wait for other threads: the process may be crashing. May be called twice. */
typedef void exits_restore_fn(void);

/* Calls `restore` before every end of the process that can be caught. */
void exits_guard(exits_restore_fn *restore);

/* Calls `fn` for Ctrl-C first; when it returns true, that was no request to end. */
void exits_on_interrupt(bool (*fn)(void));
