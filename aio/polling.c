/*
 * Adaptive polling: before it sleeps, a blocking poll looks for work itself as long as that paid
 * lately, for each polled handler and for the notified flag alone.
 *
 * Between `begin` and `end` the other side need not signal. So `end` comes before every sleep, and
 * one more look after it.
 */
#include <assert.h>

#include "aio/loop.h"

#define POLL_START_NS INT64_C(4000)
#define POLL_GROW     2
#define POLL_IDLE_NS  INT64_C(7000000000)

void aio_context_set_poll_max(struct aio_context *ctx, int64_t max_ns)
{
    assert(max_ns >= 0);
    ctx->polling.max_ns = max_ns;
    ctx->polling.notified_ns = 0;
}

static bool poller_look(struct aio_context *ctx, struct aio_poller *poller)
{
    if (poller->running || !poller->fns->poll(poller->handler->opaque)) {
        return false;
    }
    aio_handlers_lock(ctx);
    aio_handler_ready(poller->handler, ctx, AIO_POLLED);
    aio_handlers_unlock(ctx);
    return true;
}

static bool pollers_look(struct aio_context *ctx)
{
    bool came = false;

    for (struct aio_poller *poller = ctx->polling.active; poller; poller = poller->next) {
        came |= poller_look(ctx, poller);
    }
    return came;
}

static void poller_begin(struct aio_poller *poller)
{
    if (poller->fns->begin) {
        poller->fns->begin(poller->handler->opaque);
    }
}

static void poller_end(struct aio_poller *poller)
{
    if (poller->fns->end) {
        poller->fns->end(poller->handler->opaque);
    }
}

static void polling_start(struct aio_context *ctx)
{
    if (ctx->polling.started) {
        return;
    }
    ctx->polling.started = true;
    for (struct aio_poller *poller = ctx->polling.active; poller; poller = poller->next) {
        poller_begin(poller);
    }
}

bool aio_busy_poll_stop(struct aio_context *ctx)
{
    if (!ctx->polling.started) {
        return false;
    }
    ctx->polling.started = false;
    for (struct aio_poller *poller = ctx->polling.active; poller; poller = poller->next) {
        poller_end(poller);
    }
    return pollers_look(ctx);
}

void aio_busy_poll_look(struct aio_context *ctx)
{
    if (ctx->polling.started) {
        pollers_look(ctx);
    }
}

/* How long polling paid lately. */
static int64_t polling_ns(const struct aio_context *ctx)
{
    int64_t longest_ns = ctx->polling.notified_ns;

    for (struct aio_poller *poller = ctx->polling.active; poller; poller = poller->next) {
        longest_ns = MAX(longest_ns, poller->poll_ns);
    }
    return longest_ns;
}

static bool polling_came(struct aio_context *ctx)
{
    return pollers_look(ctx) || atomic_load_explicit(&ctx->notified, memory_order_acquire);
}

void aio_busy_poll(struct aio_context *ctx, int64_t deadline_ns)
{
    int64_t now_ns = ctx->now_ns;
    int64_t end_ns = now_ns + polling_ns(ctx);
    bool came = false;

    if (end_ns == now_ns) {
        aio_busy_poll_stop(ctx);
        return;
    }
    atomic_store_explicit(&ctx->state, AIO_POLLING, memory_order_relaxed);
    polling_start(ctx);
    while (!(came = polling_came(ctx)) && now_ns < MIN(end_ns, deadline_ns)) {
        now_ns = aio_clock_now_ns(ctx->wait_clock);
    }
    if (came) {
        aio_count(&ctx->stats.polled);
    } else {
        aio_busy_poll_stop(ctx);
    }
}

/* Nearer to what would have been enough, if that is allowed; else polling does not pay. */
static int64_t polling_adjust(const struct aio_context *ctx, int64_t poll_ns, int64_t block_ns)
{
    if (block_ns <= poll_ns) {
        return poll_ns;
    }
    if (block_ns > ctx->polling.max_ns) {
        return 0;
    }
    return MIN(MAX(poll_ns * POLL_GROW, POLL_START_NS), ctx->polling.max_ns);
}

static void poller_activate(struct aio_context *ctx, struct aio_poller *poller)
{
    poller->active = true;
    poller->next = ctx->polling.active;
    ctx->polling.active = poller;
    if (ctx->polling.started) {
        poller_begin(poller);
    }
}

static void poller_deactivate(struct aio_context *ctx, struct aio_poller *poller)
{
    struct aio_poller **link = &ctx->polling.active;

    while (*link != poller) {
        link = &(*link)->next;
    }
    *link = poller->next;
    poller->active = false;
    poller->poll_ns = 0;
}

/* Handlers that were not ready for long are left to the host. */
static void pollers_retire(struct aio_context *ctx)
{
    struct aio_poller *next;

    for (struct aio_poller *poller = ctx->polling.active; poller; poller = next) {
        next = poller->next;
        if (ctx->now_ns - poller->ready_ns > POLL_IDLE_NS && !ctx->polling.started) {
            poller_deactivate(ctx, poller);
        }
    }
}

void aio_busy_poll_learn(struct aio_context *ctx, int64_t block_ns, bool notified)
{
    struct aio_handler *handler;

    if (notified) {
        ctx->polling.notified_ns = polling_adjust(ctx, ctx->polling.notified_ns, block_ns);
    }
    aio_handlers_lock(ctx);
    for (handler = ctx->ready_first; handler; handler = handler->ready_next) {
        struct aio_poller *poller = handler->poller;

        if (poller) {
            poller->ready_ns = ctx->now_ns;
            poller->poll_ns = polling_adjust(ctx, poller->poll_ns, block_ns);
            if (!poller->active) {
                poller_activate(ctx, poller);
            }
        }
    }
    aio_handlers_unlock(ctx);
    pollers_retire(ctx);
}

void aio_poller_add(struct aio_handler *handler, const struct aio_poll_fns *fns)
{
    struct aio_poller *poller = g_new0(struct aio_poller, 1);

    poller->handler = handler;
    poller->fns = fns;
    handler->poller = poller;
}

void aio_poller_remove(struct aio_context *ctx, struct aio_handler *handler)
{
    struct aio_poller *poller = handler->poller;

    if (!poller) {
        return;
    }
    assert(aio_context_is_home(ctx) && "polled handlers belong to the home thread");
    if (poller->active && ctx->polling.started) {
        poller_end(poller);
    }
    if (poller->active) {
        poller_deactivate(ctx, poller);
    }
    handler->poller = NULL;
    g_ptr_array_add(ctx->polling.dead, poller);
}

void aio_poller_free_dead(struct aio_context *ctx)
{
    if (atomic_load_explicit(&ctx->depth, memory_order_relaxed) <= 1) {
        g_ptr_array_set_size(ctx->polling.dead, 0);
    }
}
