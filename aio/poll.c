/*
 * One pass of the loop, and the protocol by which any thread makes it look again.
 *
 * Who adds work publishes it, sets `notified`, fences, and wakes the waiter if `notify_me` is not
 * 0. Who is about to sleep raises `notify_me`, fences, and sleeps only if `notified` is 0. One of
 * the two always sees the other. docs/aio.md has the whole of it, tests/models the proof.
 */
#include <assert.h>

#include "aio/coroutine.h"
#include "aio/loop.h"

/* From the third fruitless wait in a row each next one is made longer, up to 2^10 ms. */
#define FRUITLESS_MAX 12u
#define LONGER_FROM   2u
#define LONGER_NS     INT64_C(1000000)

/* A wait shorter than this that brought nothing is fruitless even if it reached its end. */
#define SHORT_WAIT_NS INT64_C(100000)

/* What a wait brought besides ready handlers. */
struct wait_outcome {
    bool asked;      /* aio_notify was called: a blocking poll returns */
    bool worthwhile; /* something may be there to run */
};

static void context_notify(struct aio_context *ctx, unsigned why)
{
    struct aio_waiter *waiter;

    atomic_fetch_or_explicit(&ctx->notified, why, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ctx->notify_me, memory_order_acquire) != 0) {
        waiter = atomic_load_explicit(&ctx->waiter, memory_order_acquire);
        atomic_fetch_add_explicit(&ctx->stats.wakes, 1, memory_order_relaxed);
        atomic_store_explicit(&ctx->waking, true, memory_order_relaxed);
        waiter->ops->wake(waiter);
    }
}

void aio_kick(struct aio_context *ctx)
{
    context_notify(ctx, AIO_KICKED);
}

void aio_notify(struct aio_context *ctx)
{
    context_notify(ctx, AIO_KICKED | AIO_ASKED);
}

unsigned aio_notified_take(struct aio_context *ctx)
{
    unsigned notified = atomic_exchange_explicit(&ctx->notified, 0, memory_order_acq_rel);

    atomic_thread_fence(memory_order_seq_cst);
    return notified;
}

/* Whether there is something to run that no deadline tells of. */
static bool work_pending(const struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->notified, memory_order_acquire) || ctx->bh_first ||
           ctx->ready_first;
}

int64_t aio_wait_deadline(struct aio_context *ctx)
{
    return work_pending(ctx) ? 0 : aio_timers_deadline(ctx);
}

/* Asks for more than is needed after waits that brought nothing, so that a host whose waits end
 * early, or a clock that runs differently than it says, costs a few waits and not a spin. */
static int64_t wait_longer(const struct aio_context *ctx, int64_t deadline_ns)
{
    int64_t more_ns;

    if (ctx->fruitless < LONGER_FROM || deadline_ns == 0 || deadline_ns == INT64_MAX) {
        return deadline_ns;
    }
    more_ns = LONGER_NS << (ctx->fruitless - LONGER_FROM);
    return deadline_ns < INT64_MAX - more_ns ? deadline_ns + more_ns : INT64_MAX;
}

static void state_set(struct aio_context *ctx, enum aio_state state)
{
    atomic_store_explicit(&ctx->state, state, memory_order_relaxed);
}

/* The machine lock is free while the host waits: others get their turn there. */
static bool wait_unlocked(struct aio_context *ctx, int64_t until_ns)
{
    bool woken = false;

    atomic_store_explicit(&ctx->state_until_ns, until_ns, memory_order_relaxed);
    state_set(ctx, AIO_WAITING);
    if (ctx->lock) {
        host_mutex_unlock(ctx->lock);
    }
    if (until_ns != 0 || atomic_load_explicit(&ctx->handler_count, memory_order_relaxed) > 0) {
        woken = aio_handlers_wait(ctx, until_ns);
    }
    atomic_fetch_sub_explicit(&ctx->notify_me, AIO_NOTIFY_ME_POLL, memory_order_release);
    if (ctx->lock) {
        state_set(ctx, AIO_LOCKED_OUT);
        host_mutex_lock(ctx->lock);
    }
    state_set(ctx, AIO_DISPATCHING);
    return woken;
}

/* Keeps count of waits that nobody ended; true if one reached its time. */
static bool wait_account(struct aio_context *ctx, int64_t began_ns, int64_t deadline_ns)
{
    if (ctx->now_ns < deadline_ns) {
        aio_count(&ctx->stats.early_wakeups);
        aio_trace_add(ctx, AIO_EVENT_EARLY, NULL, ctx->now_ns,
                      deadline_ns == INT64_MAX ? 0 : deadline_ns - ctx->now_ns);
    } else if (ctx->now_ns - began_ns >= SHORT_WAIT_NS) {
        ctx->fruitless = 0;
        return true;
    }
    if (ctx->fruitless < FRUITLESS_MAX) {
        ctx->fruitless++;
    }
    return ctx->now_ns >= deadline_ns;
}

/* The time of a wait, for the ring and for adaptive polling. */
static void wait_ended(struct aio_context *ctx, int64_t began_ns, bool slept, bool woken,
                       unsigned notified)
{
    ctx->now_ns = aio_clock_now_ns(ctx->wait_clock);
    if (woken && !notified) {
        aio_count(&ctx->stats.spurious_wakeups);
        aio_trace_add(ctx, AIO_EVENT_SPURIOUS, NULL, ctx->now_ns, ctx->now_ns - began_ns);
    }
    if (slept) {
        aio_trace_add(ctx, AIO_EVENT_WAIT,
                      notified           ? "notified"
                      : ctx->ready_first ? "handler ready"
                                         : "over",
                      ctx->now_ns, ctx->now_ns - began_ns);
    }
    if (ctx->polling.max_ns > 0) {
        aio_busy_poll_learn(ctx, ctx->now_ns - began_ns, notified != 0);
    }
}

/* The waiting half of a blocking pass. */
static struct wait_outcome wait_block(struct aio_context *ctx)
{
    int64_t began_ns = ctx->now_ns = aio_clock_now_ns(ctx->wait_clock);
    int64_t deadline_ns = 0;
    unsigned notified;
    bool woken;

    if (ctx->polling.max_ns > 0 && !work_pending(ctx)) {
        aio_busy_poll(ctx, aio_timers_deadline(ctx));
    }
    atomic_store_explicit(&ctx->waking, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&ctx->notify_me, AIO_NOTIFY_ME_POLL, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    deadline_ns = aio_wait_deadline(ctx);
    if (deadline_ns != 0) {
        aio_count(&ctx->stats.waits);
    }
    woken = wait_unlocked(ctx, wait_longer(ctx, deadline_ns));
    notified = aio_notified_take(ctx);
    wait_ended(ctx, began_ns, deadline_ns != 0, woken, notified);
    if (notified || ctx->ready_first || deadline_ns == 0) {
        return (struct wait_outcome){ (notified & AIO_ASKED) != 0, true };
    }
    return (struct wait_outcome){ false, wait_account(ctx, began_ns, deadline_ns) };
}

bool aio_dispatch(struct aio_context *ctx)
{
    bool progress = aio_bh_run(ctx);

    progress |= aio_handlers_run(ctx);
    progress |= aio_timers_run(ctx);
    return progress;
}

static bool poll_once(struct aio_context *ctx)
{
    ctx->now_ns = aio_clock_now_ns(ctx->wait_clock);
    aio_busy_poll_look(ctx);
    aio_handlers_wait(ctx, 0);
    return aio_dispatch(ctx);
}

/* A wait that ended before its time is waited again: the answer is true, or somebody asked. */
static bool poll_until_progress(struct aio_context *ctx)
{
    struct wait_outcome outcome;
    bool progress;

    ctx->fruitless = 0;
    do {
        outcome = wait_block(ctx);
        progress = outcome.worthwhile && aio_dispatch(ctx);
        if (progress) {
            ctx->fruitless = 0;
        }
    } while (!progress && !outcome.asked);
    return progress;
}

bool aio_poll(struct aio_context *ctx, bool blocking)
{
    unsigned depth = atomic_load_explicit(&ctx->depth, memory_order_relaxed);
    struct aio_context *outer;
    bool progress;

    aio_context_set_home(ctx);
    assert(depth < AIO_DEPTH_MAX && "polls nest without end");
    assert(!coroutine_in() && "a coroutine yields, it does not poll");
    outer = aio_context_enter(ctx);
    atomic_store_explicit(&ctx->depth, depth + 1, memory_order_relaxed);
    aio_count(depth ? &ctx->stats.nested : &ctx->stats.passes);
    state_set(ctx, AIO_DISPATCHING);
    progress = blocking ? poll_until_progress(ctx) : poll_once(ctx);
    state_set(ctx, depth ? AIO_DISPATCHING : AIO_OUTSIDE);
    atomic_store_explicit(&ctx->depth, depth, memory_order_relaxed);
    aio_context_leave(outer);
    return progress;
}

static void waiting_push(struct aio_context *ctx, struct aio_waiting *waiting)
{
    waiting->began_ns = aio_clock_now_ns(ctx->wait_clock);
    waiting->inside_of = atomic_load_explicit(&ctx->running.name, memory_order_relaxed);
    aio_lock_take(&ctx->inspect_lock);
    waiting->outer = ctx->waitings;
    ctx->waitings = waiting;
    aio_lock_give(&ctx->inspect_lock);
}

static void waiting_pop(struct aio_context *ctx, struct aio_waiting *waiting)
{
    aio_lock_take(&ctx->inspect_lock);
    assert(ctx->waitings == waiting);
    ctx->waitings = waiting->outer;
    aio_lock_give(&ctx->inspect_lock);
}

void aio_wait_while_at(struct aio_context *ctx, aio_predicate_fn *waiting, void *opaque,
                       const char *what, const char *site)
{
    struct aio_waiting self = { .what = what, .site = site };

    waiting_push(ctx, &self);
    while (waiting(opaque)) {
        aio_poll(ctx, true);
    }
    waiting_pop(ctx, &self);
}
