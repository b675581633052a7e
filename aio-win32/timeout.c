/* The end of a wait: whole milliseconds, and ticks of 15.6 of them, are too coarse. */
#include "aio-win32/timeout.h"

#include <assert.h>

#include "platform/clock.h"

/* Windows 10 1803 and later; the tick rate of older timers is the best those have. */
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

HANDLE timeout_open(void)
{
    HANDLE timer = CreateWaitableTimerExW(
        NULL, NULL, CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
        TIMER_ALL_ACCESS);

    if (!timer) {
        timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_MANUAL_RESET,
                                       TIMER_ALL_ACCESS);
    }
    return timer;
}

void timeout_set(HANDLE timer, int64_t until_ns)
{
    int64_t left_ns = until_ns - host_monotonic_ns();
    LARGE_INTEGER due;
    BOOL done;

    /* Negative is relative, in units of 100 ns; a timer of 0 would be absolute. */
    due.QuadPart = left_ns <= 100 ? -1 : -((left_ns + 99) / 100);
    done = SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
    assert(done);
}
