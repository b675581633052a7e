/* One-shot timers of a context. Fire from aio_poll only, never early, FIFO at equal deadlines. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/clock.h"

struct aio_context;
struct aio_timer_list;

typedef void aio_timer_fn(void *opaque);

/* Embed it. Fields belong to the context. */
struct aio_timer {
    struct aio_timer_list *list;
    struct aio_context *ctx;
    struct aio_clock *clock;
    aio_timer_fn *fn;
    void *opaque;
    const char *name;
    _Atomic int64_t expire_ns; /* -1 when not armed */
    uint32_t heap_slot;        /* place in the context's heap for this clock, or one of timer.c's */
    uint64_t sequence;         /* order among equal deadlines */
    struct aio_timer *queue_next;
    struct aio_timer *queue_prev;
};

/* Prepares a timer that is not armed. `name` is static. */
void timer_init(struct aio_timer *timer, struct aio_context *ctx, struct aio_clock *clock,
                const char *name, aio_timer_fn *fn, void *opaque);

/* Arms (or moves) it to an absolute time of its clock, at least 0. Any thread. */
void timer_mod(struct aio_timer *timer, int64_t expire_ns);

/* Arms it, or moves it only if that makes it earlier. Any thread. */
void timer_mod_anticipate(struct aio_timer *timer, int64_t expire_ns);

/* Disarms it. Any thread; does not wait for a callback that is running. */
void timer_del(struct aio_timer *timer);

/* Whether it is armed. Any thread. */
bool timer_pending(const struct aio_timer *timer);

/* Makes a context let go of a clock that is about to end: its timers on that clock are not armed
 * and not used any more. Home thread, not inside a callback. */
void aio_context_drop_clock(struct aio_context *ctx, struct aio_clock *clock);

/* When it will fire, in ns of its clock; -1 when not armed. */
int64_t timer_expire_ns(const struct aio_timer *timer);
