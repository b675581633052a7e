/*
 * Clocks as objects. Nothing above platform/ reads the host's time except through one of these,
 * so that tests drive time by hand and a stopped machine stops its clock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/thread.h"

struct aio_clock;
struct aio_context;

/* What a clock is made of. A hand-driven clock for tests is another such table. */
struct aio_clock_ops {
    /* Current time in ns. Any thread, lock-free. */
    int64_t (*now_ns)(const struct aio_clock *clock);

    /* The host_monotonic_ns() at which the clock will show `time_ns`, as far as known now;
     * INT64_MAX if never (a stopped clock). A waiter that woke then looks at now_ns again. */
    int64_t (*host_deadline_ns)(const struct aio_clock *clock, int64_t time_ns);
};

/* Contexts that have timers on a clock which can start, stop or be set. */
struct aio_clock_users {
    struct host_mutex lock;
    struct aio_context **contexts;
    unsigned count;
};

struct aio_clock {
    const struct aio_clock_ops *ops;
    void *opaque;
    struct aio_clock_users *users; /* NULL: this clock only ever runs */
    /* Of the virtual clock: its time minus host_monotonic_ns() while running, its time while not.
     * `version` is odd during a change (seqlock). */
    _Atomic int64_t offset_ns;
    atomic_uint version;
    atomic_bool running;
};

/* The host's monotonic clock. One for the process. */
struct aio_clock *aio_clock_host(void);

/* The host's wall clock (ns since 1970); it may jump, and a timer on it fires at most a second
 * after the jump that made it due. One for the process. */
struct aio_clock *aio_clock_wall(void);

/* Makes a virtual clock that shows 0 and stands still. */
void aio_clock_init_virtual(struct aio_clock *clock);

/* Makes a clock from a table of one's own. Call aio_clock_changed after it jumped. */
void aio_clock_init_with(struct aio_clock *clock, const struct aio_clock_ops *ops, void *opaque);

/* Ends a clock made by one of the two above; no timer is armed on it. */
void aio_clock_finish(struct aio_clock *clock);

/* Lets a virtual clock run from where it stands. One thread at a time. */
void aio_clock_start(struct aio_clock *clock);

/* Stops a virtual clock where it is. One thread at a time. */
void aio_clock_stop(struct aio_clock *clock);

/* Sets what a stopped virtual clock shows (snapshots). */
void aio_clock_set(struct aio_clock *clock, int64_t now_ns);

/* Makes every context with timers on the clock compute its deadline again. Any thread. */
void aio_clock_changed(struct aio_clock *clock);

/* Current time of the clock in ns. Any thread, lock-free. */
int64_t aio_clock_now_ns(const struct aio_clock *clock);
