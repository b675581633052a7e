/* Every way out of the process, so that what was changed outside it can be put back. */
#pragma once

#include <stdbool.h>

/* Async-signal-safe. `leaving` is false before a stop (SIGTSTP) and true before an end. */
typedef void exits_restore_fn(bool leaving);

/* Calls `restore` before any end or stop of the process that can be caught, and `again` when it
 * goes on after a stop. Once per process. */
void exits_guard(exits_restore_fn *restore, void (*again)(void));
