/* The end of a wait: whole milliseconds, and ticks of 15.6 of them, are too coarse. */
#include "aio-win32/timeout.h"

#include <assert.h>

#include "platform/clock.h"

/* Windows 10 1803 and later; the tick rate of older timers is the best those have. */
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

bool timeout_open(struct timeout *timeout, bool stays)
{
    DWORD flags = stays ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0;

    timeout->until_ns = 0;
    timeout->timer = CreateWaitableTimerExW(
        NULL, NULL, flags | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    if (!timeout->timer) {
        timeout->timer = CreateWaitableTimerExW(NULL, NULL, flags, TIMER_ALL_ACCESS);
    }
    return timeout->timer != NULL;
}

void timeout_close(struct timeout *timeout)
{
    if (timeout->timer) {
        CloseHandle(timeout->timer);
    }
}

void timeout_set(struct timeout *timeout, int64_t until_ns)
{
    int64_t left_ns = until_ns - host_monotonic_ns();
    LARGE_INTEGER due;
    BOOL done;

    if (until_ns == timeout->until_ns && left_ns > 0) {
        return;
    }
    /* Negative is relative, in units of 100 ns; a timer of 0 would be absolute. */
    due.QuadPart = left_ns <= 100 ? -1 : -((left_ns + 99) / 100);
    done = SetWaitableTimer(timeout->timer, &due, 0, NULL, NULL, FALSE);
    assert(done);
    timeout->until_ns = until_ns;
}
