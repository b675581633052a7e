/* Host time. The only clocks the emulator reads; everything above gets time from an aio_clock. */
#pragma once

#include <stdint.h>

/* Nanoseconds that never go backwards, from an arbitrary start. Any thread. */
int64_t host_monotonic_ns(void);

/* Wall-clock nanoseconds since 1970-01-01 UTC; may step. Any thread. */
int64_t host_wall_ns(void);
