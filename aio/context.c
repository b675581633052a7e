/*
 * The context: one pass of the loop, and the protocol by which any thread makes it look again.
 *
 * Who adds work publishes it, sets `notified`, fences, and wakes the waiter if `notify_me` is not
 * 0. Who is about to sleep raises `notify_me`, fences, and sleeps only if `notified` is 0. One of
 * the two always sees the other. docs/aio.md has the whole of it, tests/models the proof.
 */
#include "aio/context.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

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

/* A number that no other live thread has; cheaper than host_thread_id. */
static uintptr_t thread_mark(void)
{
    static _Thread_local char mark;

    return (uintptr_t)&mark;
}

bool aio_context_is_home(const struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->home, memory_order_relaxed) == thread_mark();
}

void aio_context_set_home(struct aio_context *ctx)
{
    uintptr_t nobody = 0;

    if (!atomic_compare_exchange_strong(&ctx->home, &nobody, thread_mark())) {
        assert(aio_context_is_home(ctx) && "a context has one home thread");
    }
}

struct aio_context *aio_context_new_with(const char *name, const struct aio_waiter_ops *waiter,
                                         struct aio_clock *wait_clock, GError **error)
{
    struct aio_context *ctx = g_new0(struct aio_context, 1);

    ctx->name = g_strdup(name);
    ctx->wait_clock = wait_clock;
    if (!aio_handlers_init(ctx, waiter, error)) {
        g_free(ctx->name);
        g_free(ctx);
        return NULL;
    }
    atomic_init(&ctx->refs, 1);
    host_mutex_init(&ctx->timer_lock);
    aio_bh_queue_init(ctx);
    return ctx;
}

struct aio_context *aio_context_new(const char *name, GError **error)
{
    return aio_context_new_with(name, aio_waiter_default(), aio_clock_host(), error);
}

struct aio_context *aio_context_ref(struct aio_context *ctx)
{
    atomic_fetch_add(&ctx->refs, 1);
    return ctx;
}

void aio_context_unref(struct aio_context *ctx)
{
    unsigned left;

    if (!ctx || atomic_fetch_sub(&ctx->refs, 1) != 1) {
        return;
    }
    assert(ctx->depth == 0 && "unref inside of aio_poll");
    left = aio_bh_finish(ctx);
    left += aio_timers_finish(ctx);
    left += aio_handlers_finish(ctx);
    if (left > 0) {
        fprintf(stderr, "aio: %s: %u objects left behind\n", ctx->name, left);
        abort();
    }
    g_free(ctx->name);
    g_free(ctx);
}

const char *aio_context_name(const struct aio_context *ctx)
{
    return ctx->name;
}

void aio_context_set_lock(struct aio_context *ctx, struct host_mutex *lock)
{
    assert(ctx->depth == 0);
    ctx->lock = lock;
}

static void context_notify(struct aio_context *ctx, unsigned why)
{
    struct aio_waiter *waiter;

    atomic_fetch_or_explicit(&ctx->notified, why, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ctx->notify_me, memory_order_acquire) != 0) {
        waiter = atomic_load_explicit(&ctx->waiter, memory_order_acquire);
        atomic_fetch_add_explicit(&ctx->stats.wakes, 1, memory_order_relaxed);
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

/* Until when a blocking poll may sleep, now that notify_me is raised: 0 for not at all. */
static int64_t wait_deadline(struct aio_context *ctx)
{
    if (atomic_load_explicit(&ctx->notified, memory_order_acquire) || ctx->bh_first ||
        ctx->ready_first) {
        return 0;
    }
    return aio_timers_deadline(ctx);
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

/* The machine lock is free while the host waits: others get their turn there. */
static bool wait_unlocked(struct aio_context *ctx, int64_t until_ns)
{
    bool woken;

    if (ctx->lock) {
        host_mutex_unlock(ctx->lock);
    }
    woken = aio_handlers_wait(ctx, until_ns);
    atomic_fetch_sub_explicit(&ctx->notify_me, AIO_NOTIFY_ME_POLL, memory_order_release);
    if (ctx->lock) {
        host_mutex_lock(ctx->lock);
    }
    return woken;
}

/* Keeps count of waits that ended early or brought nothing. */
static bool wait_account(struct aio_context *ctx, int64_t began_ns, int64_t deadline_ns)
{
    int64_t now_ns = aio_clock_now_ns(ctx->wait_clock);

    if (now_ns < deadline_ns) {
        aio_count(&ctx->stats.early_wakeups);
    } else if (now_ns - began_ns >= SHORT_WAIT_NS) {
        ctx->fruitless = 0;
        return true;
    }
    if (ctx->fruitless < FRUITLESS_MAX) {
        ctx->fruitless++;
    }
    return now_ns >= deadline_ns;
}

/* The waiting half of a blocking pass. */
static struct wait_outcome wait_block(struct aio_context *ctx)
{
    int64_t began_ns = 0, deadline_ns;
    unsigned notified;
    bool woken;

    atomic_fetch_add_explicit(&ctx->notify_me, AIO_NOTIFY_ME_POLL, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    deadline_ns = wait_deadline(ctx);
    if (deadline_ns != 0) {
        aio_count(&ctx->stats.waits);
        began_ns = aio_clock_now_ns(ctx->wait_clock);
    }
    woken = wait_unlocked(ctx, wait_longer(ctx, deadline_ns));
    notified = atomic_exchange_explicit(&ctx->notified, 0, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst);
    if (woken && !notified) {
        aio_count(&ctx->stats.spurious_wakeups);
    }
    if (notified || ctx->ready_first || deadline_ns == 0) {
        return (struct wait_outcome){ (notified & AIO_ASKED) != 0, true };
    }
    return (struct wait_outcome){ false, wait_account(ctx, began_ns, deadline_ns) };
}

/* Runs everything that is due, in the contract's order. */
static bool context_dispatch(struct aio_context *ctx)
{
    bool progress = aio_bh_run(ctx);

    progress |= aio_handlers_run(ctx);
    progress |= aio_timers_run(ctx);
    return progress;
}

static bool poll_once(struct aio_context *ctx)
{
    aio_handlers_wait(ctx, 0);
    return context_dispatch(ctx);
}

/* A wait that ended before its time is waited again: the answer is true, or somebody asked. */
static bool poll_until_progress(struct aio_context *ctx)
{
    struct wait_outcome outcome;
    bool progress;

    ctx->fruitless = 0;
    do {
        outcome = wait_block(ctx);
        progress = outcome.worthwhile && context_dispatch(ctx);
        if (progress) {
            ctx->fruitless = 0;
        }
    } while (!progress && !outcome.asked);
    return progress;
}

bool aio_poll(struct aio_context *ctx, bool blocking)
{
    bool progress;

    aio_context_set_home(ctx);
    assert(ctx->depth < AIO_DEPTH_MAX && "polls nest without end");
    ctx->depth++;
    aio_count(&ctx->stats.passes);
    progress = blocking ? poll_until_progress(ctx) : poll_once(ctx);
    ctx->depth--;
    return progress;
}

void aio_wait_while(struct aio_context *ctx, aio_predicate_fn *waiting, void *opaque,
                    const char *what)
{
    (void)what;
    while (waiting(opaque)) {
        aio_poll(ctx, true);
    }
}
