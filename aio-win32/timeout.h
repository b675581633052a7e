/* The exact end of a wait on Windows: a high-resolution waitable timer. */
#pragma once

#include <windows.h>

#include <stdbool.h>
#include <stdint.h>

struct timeout {
    HANDLE timer;     /* signalled at the end; stays so when made with `stays` */
    int64_t until_ns; /* what it is set to */
};

/* Makes the most exact timer this system has, signalled until it is set again or, without `stays`,
 * for one waiter. False on failure. */
bool timeout_open(struct timeout *timeout, bool stays);

/* Closes it; accepts a zeroed struct. */
void timeout_close(struct timeout *timeout);

/* Makes it signalled once host_monotonic_ns() is `until_ns`, perhaps early by what the system
 * rounds away. Does nothing if it is set to that already and that time has not come. */
void timeout_set(struct timeout *timeout, int64_t until_ns);
