/* The exact end of a wait on Windows: a high-resolution waitable timer. */
#pragma once

#include <windows.h>

#include <stdbool.h>
#include <stdint.h>

/* Makes the most exact waitable timer this system has; NULL on failure. */
HANDLE timeout_open(void);

/* Makes `timer` signalled once host_monotonic_ns() is `until_ns`, perhaps early by what the system
 * rounds away. */
void timeout_set(HANDLE timer, int64_t until_ns);
