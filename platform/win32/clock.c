#include "platform/clock.h"

#include <stdatomic.h>

#include <windows.h>

/* FILETIME counts 100 ns ticks from 1601; Unix time starts this many ticks later. */
#define UNIX_EPOCH_TICKS 116444736000000000ll

/* Fixed at boot, so that threads which race to fill it in store the same number. */
static int64_t counts_per_second(void)
{
    static _Atomic int64_t cached;
    int64_t known = atomic_load_explicit(&cached, memory_order_relaxed);
    if (known == 0) {
        LARGE_INTEGER asked;
        QueryPerformanceFrequency(&asked);
        known = asked.QuadPart;
        atomic_store_explicit(&cached, known, memory_order_relaxed);
    }
    return known;
}

int64_t host_monotonic_ns(void)
{
    int64_t per_second = counts_per_second();
    LARGE_INTEGER count;
    QueryPerformanceCounter(&count);
    /* Whole seconds apart, so that the product cannot overflow after 10 minutes of uptime. */
    int64_t seconds = count.QuadPart / per_second;
    int64_t rest = count.QuadPart % per_second;
    return seconds * 1000000000 + rest * 1000000000 / per_second;
}

int64_t host_wall_ns(void)
{
    FILETIME t;
    GetSystemTimePreciseAsFileTime(&t);
    int64_t ticks = (int64_t)((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime);
    return (ticks - UNIX_EPOCH_TICKS) * 100;
}
