/*
 * The context as a GSource: glib waits in its place.
 *
 * Bit 0 of notify_me stands for glib's wait. glib may prepare without ever checking, so the bit may
 * stay up: that costs needless wakes, never a lost one.
 */
#include <assert.h>
#include <limits.h>

#include "aio/loop.h"

struct aio_source {
    GSource base;
    struct aio_context *ctx;
    GPollFD *fds;
    unsigned count;
    uint64_t serial; /* of the handlers that `fds` are for */
};

static void source_clear_fds(struct aio_source *source)
{
    for (unsigned i = 0; i < source->count; i++) {
        g_source_remove_poll(&source->base, &source->fds[i]);
    }
    g_clear_pointer(&source->fds, g_free);
    source->count = 0;
}

/* Gives glib the handles of the waiter, if they changed; true if something is ready already. */
static bool source_fds(struct aio_source *source)
{
    struct aio_context *ctx = source->ctx;
    struct aio_waiter *waiter = atomic_load_explicit(&ctx->waiter, memory_order_acquire);
    uint64_t serial = atomic_load_explicit(&ctx->handlers_serial, memory_order_acquire);
    bool now = false;
    unsigned count = waiter->ops->poll_fds(waiter, NULL, 0, &now);

    if (source->fds && source->serial == serial && source->count == count) {
        return now;
    }
    source_clear_fds(source);
    source->serial = serial;
    source->fds = g_new0(GPollFD, count);
    source->count = MIN(count, waiter->ops->poll_fds(waiter, source->fds, count, &now));
    for (unsigned i = 0; i < source->count; i++) {
        g_source_add_poll(&source->base, &source->fds[i]);
    }
    return now;
}

static int deadline_ms(struct aio_context *ctx, int64_t deadline_ns)
{
    int64_t left_ns;

    if (deadline_ns == 0 || deadline_ns == INT64_MAX) {
        return deadline_ns == 0 ? 0 : -1;
    }
    left_ns = deadline_ns - aio_clock_now_ns(ctx->wait_clock);
    if (left_ns <= 0) {
        return 0;
    }
    return left_ns / 1000000 >= INT_MAX ? INT_MAX : (int)((left_ns + 999999) / 1000000);
}

static gboolean source_prepare(GSource *base, gint *timeout)
{
    struct aio_source *source = (struct aio_source *)base;
    struct aio_context *ctx = source->ctx;
    bool now;

    aio_context_set_home(ctx);
    aio_busy_poll_stop(ctx);
    aio_handles_held(ctx, atomic_load_explicit(&ctx->waiter, memory_order_acquire));
    now = source_fds(source); /* after that: whoever closes one of them waits for us */
    atomic_fetch_or_explicit(&ctx->notify_me, AIO_NOTIFY_ME_SOURCE, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    *timeout = now ? 0 : deadline_ms(ctx, aio_wait_deadline(ctx));
    return *timeout == 0;
}

/* Ends the wait that glib did: the same steps in the same order as after our own. */
static void source_end_wait(struct aio_source *source)
{
    struct aio_context *ctx = source->ctx;

    atomic_fetch_and_explicit(&ctx->notify_me, ~AIO_NOTIFY_ME_SOURCE, memory_order_release);
    aio_handlers_wait(ctx, 0);
    ctx->source_notified |= aio_notified_take(ctx);
}

static gboolean source_check(GSource *base)
{
    struct aio_source *source = (struct aio_source *)base;

    source_end_wait(source);
    return source->ctx->source_notified || aio_wait_deadline(source->ctx) == 0;
}

/* glib does not check a source that was ready when it prepared. */
static gboolean source_dispatch(GSource *base, GSourceFunc fn, gpointer opaque)
{
    struct aio_source *source = (struct aio_source *)base;
    struct aio_context *ctx = source->ctx;
    struct aio_context *outer;

    (void)fn;
    (void)opaque;
    if (ctx->lock) {
        host_mutex_lock(ctx->lock);
    }
    outer = aio_context_enter(ctx);
    atomic_store_explicit(&ctx->depth, ctx->depth + 1, memory_order_relaxed);
    aio_count(&ctx->stats.passes);
    source_end_wait(source);
    ctx->source_asked |= (ctx->source_notified & AIO_ASKED) != 0;
    ctx->source_notified = 0;
    ctx->now_ns = aio_clock_now_ns(ctx->wait_clock);
    aio_dispatch(ctx);
    atomic_store_explicit(&ctx->depth, ctx->depth - 1, memory_order_relaxed);
    aio_context_leave(outer);
    if (ctx->lock) {
        host_mutex_unlock(ctx->lock);
    }
    return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *base)
{
    struct aio_source *source = (struct aio_source *)base;

    g_free(source->fds);
    aio_handles_held(source->ctx, NULL);
    source->ctx->source = NULL;
    aio_context_unref(source->ctx);
}

GSource *aio_get_g_source(struct aio_context *ctx)
{
    static GSourceFuncs fns = { source_prepare,  source_check, source_dispatch,
                                source_finalize, NULL,         NULL };
    struct aio_source *source;

    assert(!ctx->source && "one glib loop runs a context");
    source = (struct aio_source *)g_source_new(&fns, sizeof(*source));
    source->ctx = aio_context_ref(ctx);
    ctx->source = source;
    if (!atomic_load(&ctx->waiter)->ops->handles_max) {
        aio_handlers_grow(ctx); /* to one descriptor for all */
    }
    g_source_set_can_recurse(&source->base, TRUE);
    return &source->base;
}
