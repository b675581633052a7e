/* Every way out of the process, so that what was changed outside it can be put back. */
#pragma once

/* Must not wait for other threads: the process may be crashing. May be called twice. */
typedef void exits_restore_fn(void);

/* Calls `restore` before every end of the process that can be caught. */
void exits_guard(exits_restore_fn *restore);
