/* The context: what it is made of, whose it is, and what must be gone when it ends. */
#include "aio/context.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "aio/loop.h"
#include "aio/registry.h"
#include "aio/request.h"

/* A number that no other live thread has; cheaper than host_thread_id. */
static uintptr_t thread_mark(void)
{
    static _Thread_local char mark;

    return (uintptr_t)&mark;
}

static _Thread_local struct aio_context *current;

struct aio_context *aio_context_current(void)
{
    return current;
}

struct aio_context *aio_context_enter(struct aio_context *ctx)
{
    struct aio_context *outer = current;

    current = ctx;
    return outer;
}

void aio_context_leave(struct aio_context *outer)
{
    current = outer;
}

bool aio_context_is_home(const struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->home, memory_order_relaxed) == thread_mark();
}

void aio_context_set_home(struct aio_context *ctx)
{
    uintptr_t nobody = 0;

    if (aio_context_is_home(ctx)) {
        return;
    }
    if (!current) {
        current = ctx;
    }
    if (!atomic_compare_exchange_strong(&ctx->home, &nobody, thread_mark())) {
        assert(false && "a context is polled by its home thread alone");
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
    aio_lock_init(&ctx->timer_lock);
    aio_bh_queue_init(ctx);
    ctx->co_bh = aio_bh_new(ctx, "co-schedule", aio_co_run_scheduled, ctx);
    ctx->trace = g_new0(struct aio_trace, 1);
    ctx->polling.dead = g_ptr_array_new_with_free_func(g_free);
    aio_lock_init(&ctx->inspect_lock);
    registry_add(ctx);
    return ctx;
}

struct aio_context *aio_context_new(const char *name, GError **error)
{
    return aio_context_new_with(name, aio_waiter_default(), aio_clock_host(), error);
}

void aio_once(atomic_uint *once, void (*init)(void))
{
    enum { NOT_YET, BUSY, DONE };
    unsigned seen = atomic_load_explicit(once, memory_order_acquire);

    if (seen == NOT_YET && atomic_compare_exchange_strong(once, &seen, BUSY)) {
        init();
        atomic_store_explicit(once, DONE, memory_order_release);
    }
    while (atomic_load_explicit(once, memory_order_acquire) != DONE) {
        /* another thread is in init, for a moment */
    }
}

struct aio_context *aio_context_ref(struct aio_context *ctx)
{
    atomic_fetch_add(&ctx->refs, 1);
    return ctx;
}

static void error_put(void *sink, const char *text, size_t size)
{
    (void)sink;
    fwrite(text, 1, size, stderr);
}

void aio_context_unref(struct aio_context *ctx)
{
    unsigned left;

    if (!ctx || atomic_fetch_sub(&ctx->refs, 1) != 1) {
        return;
    }
    assert(ctx->depth == 0 && "unref inside of aio_poll");
    if (current == ctx) {
        current = NULL;
    }
    assert(!atomic_load(&ctx->co_scheduled) && "a coroutine is scheduled here");
    registry_remove(ctx);
    aio_bh_delete(ctx->co_bh);
    left = aio_bh_finish(ctx);
    left += aio_timers_finish(ctx);
    left += aio_handlers_finish(ctx);
    for (struct aio_request *request = ctx->requests; request; request = request->next, left++) {
        fprintf(stderr, "aio: %s: request '%s' (%s) is still in flight\n", ctx->name, request->kind,
                request->site);
    }
    aio_lock_finish(&ctx->inspect_lock);
    if (left > 0) {
        fprintf(stderr, "aio: %s: %u objects left behind\n", ctx->name, left);
        registry_print_trace(ctx, error_put, NULL);
        abort();
    }
    g_ptr_array_unref(ctx->polling.dead);
    g_free(ctx->trace);
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
