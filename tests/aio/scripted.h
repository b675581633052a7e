/* A world by hand: a clock that only waits move, and a waiter whose host misbehaves on request. */
#pragma once

#include "aio/context.h"
#include "aio/waiter.h"

struct scripted_world;

/* What one host wait does. */
struct scripted_wait {
    int64_t early_ns;   /* ends this long before its time; INT64_MAX: at once */
    int64_t late_ns;    /* or that much after */
    bool spurious_wake; /* claims to have been woken */
    void (*during)(struct scripted_world *world); /* what happens meanwhile; NULL: nothing */
};

struct scripted_world {
    struct aio_waiter_ops ops; /* for aio_context_new_with */
    struct aio_clock clock;
    int64_t now_ns;

    /* The first `script_count` waits that may sleep do this, all later ones `otherwise`. */
    const struct scripted_wait *script;
    unsigned script_count;
    struct scripted_wait otherwise;
    int64_t tick_ns; /* waits end on multiples of it, if not 0 */

    unsigned waits;         /* that might sleep */
    unsigned waits_at_once; /* that did not advance the clock */
    unsigned wakes;
    int64_t longest_ns;
    bool woken;
    unsigned updates;
    unsigned fail_update; /* this call of update fails, counted from 1 */
    unsigned fail_start;
    unsigned starts;
    struct aio_handler *signalled; /* reported by every wait while wanted */
    void *opaque;
};

/* Makes a world at time 1 s whose host behaves. */
void scripted_init(struct scripted_world *world);

/* Ends it; its contexts are gone. */
void scripted_finish(struct scripted_world *world);

/* A context that lives in it. */
struct aio_context *scripted_context(struct scripted_world *world);
