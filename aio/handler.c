/*
 * Handlers: what a context waits for besides timers and wake-ups, and which of its two waiters
 * does the waiting.
 *
 * A handler is freed only by the home thread right before a wait, when neither a waiter's result
 * nor a callback's frame can point to it.
 */
#include <assert.h>
#include <stdio.h>

#include "aio/loop.h"
#include "platform/clock.h"

void aio_handlers_lock(struct aio_context *ctx)
{
    aio_lock_take(&ctx->handlers_lock);
}

void aio_handlers_unlock(struct aio_context *ctx)
{
    aio_lock_give(&ctx->handlers_lock);
}

struct aio_handler **aio_handlers_all(struct aio_context *ctx, unsigned *ret_count)
{
    *ret_count = ctx->handler_count;
    return ctx->handlers;
}

static void ready_remove(struct aio_context *ctx, struct aio_handler *handler)
{
    if (!handler->ready) {
        return;
    }
    handler->ready = 0;
    *(handler->ready_prev ? &handler->ready_prev->ready_next : &ctx->ready_first) =
        handler->ready_next;
    *(handler->ready_next ? &handler->ready_next->ready_prev : &ctx->ready_last) =
        handler->ready_prev;
}

void aio_handler_ready(struct aio_handler *handler, struct aio_context *ctx, unsigned io)
{
    io &= handler->want | (handler->poller ? AIO_POLLED : 0u);
    if (!io) {
        return;
    }
    if (!handler->ready) {
        handler->ready_next = NULL;
        handler->ready_prev = ctx->ready_last;
        *(ctx->ready_last ? &ctx->ready_last->ready_next : &ctx->ready_first) = handler;
        ctx->ready_last = handler;
    }
    handler->ready |= io;
}

static struct aio_waiter *waiter_now(struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->waiter, memory_order_acquire);
}

/* Adds all handlers to a waiter that has none; on failure it has none again. */
static bool waiter_fill(struct aio_context *ctx, struct aio_waiter *waiter, GError **error)
{
    for (unsigned i = 0; i < ctx->handler_count; i++) {
        if (!waiter->ops->update(waiter, ctx->handlers[i], ctx->handlers[i]->want, error)) {
            while (i-- > 0) {
                waiter->ops->update(waiter, ctx->handlers[i], 0, NULL);
            }
            return false;
        }
    }
    return true;
}

/* Goes over to the other kind of waiter, with all handlers; false changes nothing. The home thread
 * picks it up before its next wait; until then the old one may report, which does no harm. */
static bool waiter_switch(struct aio_context *ctx, const struct aio_waiter_ops *ops, unsigned which,
                          GError **error)
{
    struct aio_waiter *old = waiter_now(ctx);

    if (!ctx->waiters[which]) {
        ctx->waiters[which] = ops->start(ops, ctx, error);
    }
    if (!ctx->waiters[which] || !waiter_fill(ctx, ctx->waiters[which], error)) {
        return false;
    }
    atomic_store_explicit(&ctx->waiter, ctx->waiters[which], memory_order_release);
    for (unsigned i = 0; i < ctx->handler_count; i++) {
        old->ops->update(old, ctx->handlers[i], 0, NULL);
    }
    old->ops->wake(old);
    atomic_fetch_add_explicit(&ctx->handlers_serial, 1, memory_order_release);
    return true;
}

/* Takes the larger waiter when the set has grown; staying with the plain one is no error. */
static void waiter_grow(struct aio_context *ctx, unsigned count)
{
    const struct aio_waiter_ops *ops = waiter_now(ctx)->ops;

    if (ops->larger && !ctx->plain_only && count >= ops->larger_from) {
        ctx->plain_only = !waiter_switch(ctx, ops->larger, 1, NULL);
    }
}

void aio_handlers_grow(struct aio_context *ctx)
{
    aio_handlers_lock(ctx);
    waiter_grow(ctx, UINT_MAX);
    aio_handlers_unlock(ctx);
}

/* Tells the waiter, falling back to the plain one if the larger one refuses the handle. */
static bool waiter_update(struct aio_context *ctx, struct aio_handler *handler, unsigned want,
                          GError **error)
{
    struct aio_waiter *waiter = waiter_now(ctx);
    g_autoptr(GError) refused = NULL;

    if (waiter->ops->update(waiter, handler, want, &refused)) {
        return true;
    }
    if (waiter->ops->smaller && waiter_switch(ctx, waiter->ops->smaller, 0, NULL)) {
        ctx->plain_only = true;
        waiter = waiter_now(ctx);
        return waiter->ops->update(waiter, handler, want, error);
    }
    g_propagate_error(error, g_steal_pointer(&refused));
    return false;
}

static gpointer handle_key(struct host_handle handle)
{
    return (gpointer)handle.os;
}

static bool handler_add(struct aio_context *ctx, struct host_handle handle, unsigned want,
                        const struct aio_handler *like, GError **error)
{
    struct aio_handler *handler = g_new(struct aio_handler, 1);

    waiter_grow(ctx, ctx->handler_count + 1);
    *handler = *like;
    handler->handle = handle;
    handler->index = ctx->handler_count;
    if (!waiter_update(ctx, handler, want, error)) {
        g_free(handler);
        return false;
    }
    handler->want = want;
    if (ctx->handler_count == ctx->handler_capacity) {
        ctx->handler_capacity = ctx->handler_capacity ? ctx->handler_capacity * 2 : 16;
        ctx->handlers = g_renew(struct aio_handler *, ctx->handlers, ctx->handler_capacity);
    }
    ctx->handlers[handler->index] = handler;
    atomic_store_explicit(&ctx->handler_count, handler->index + 1, memory_order_release);
    g_hash_table_insert(ctx->handler_by_os, handle_key(handle), handler);
    return true;
}

static bool handler_change(struct aio_context *ctx, struct aio_handler *handler, unsigned want,
                           const struct aio_handler *like, GError **error)
{
    if (want != handler->want && !waiter_update(ctx, handler, want, error)) {
        return false;
    }
    handler->want = want;
    handler->name = like->name;
    handler->io_read = like->io_read;
    handler->io_write = like->io_write;
    handler->opaque = like->opaque;
    want |= handler->poller ? AIO_POLLED : 0u;
    if (handler->ready && !(handler->ready & want)) {
        ready_remove(ctx, handler);
    } else {
        handler->ready &= want;
    }
    return true;
}

/* glib tells that it is about to wait, and not always that it has waited. After so long it has. */
#define SOURCE_HELD_NS INT64_C(1000000000)

/* One more look at whether the handles are held still; false if there is no use in another. */
static bool held_wait(struct aio_context *ctx, int64_t until_ns)
{
    if (ctx->source) {
        return host_cond_wait_until(&ctx->held_cond, &ctx->held_lock, until_ns);
    }
    host_cond_wait(&ctx->held_cond, &ctx->held_lock);
    return true;
}

/* Where the host might still be looking at a removed handle, waits until the home thread has left
 * the wait that it is in. */
static void handler_wait_unused(struct aio_context *ctx)
{
    int64_t until_ns = host_monotonic_ns() + SOURCE_HELD_NS;
    struct aio_waiter *waiter;
    uint64_t serial;

    if (aio_context_is_home(ctx)) {
        return;
    }
    host_mutex_lock(&ctx->held_lock);
    waiter = ctx->held_by;
    serial = ctx->held_serial;
    while (waiter && ctx->held_by && ctx->held_serial == serial) {
        waiter->ops->wake(waiter);
        if (!held_wait(ctx, until_ns)) {
            break;
        }
    }
    host_mutex_unlock(&ctx->held_lock);
}

static void handler_remove(struct aio_context *ctx, struct aio_handler *handler)
{
    struct aio_waiter *waiter = waiter_now(ctx);
    unsigned count = atomic_load_explicit(&ctx->handler_count, memory_order_relaxed) - 1;
    struct aio_handler *last = ctx->handlers[count];

    waiter->ops->update(waiter, handler, 0, NULL);
    aio_poller_remove(ctx, handler);
    ready_remove(ctx, handler);
    handler->want = 0;
    atomic_store_explicit(&ctx->handler_count, count, memory_order_relaxed);
    ctx->handlers[handler->index] = last;
    last->index = handler->index;
    g_hash_table_remove(ctx->handler_by_os, handle_key(handler->handle));
    g_ptr_array_add(ctx->handlers_dead, handler);
    atomic_store_explicit(&ctx->handlers_die, true, memory_order_release);
}

bool aio_set_fd_handler_named(struct aio_context *ctx, const char *name, struct host_handle handle,
                              aio_handler_fn *io_read, aio_handler_fn *io_write, void *opaque,
                              GError **error)
{
    unsigned want = (io_read ? AIO_READ : 0u) | (io_write ? AIO_WRITE : 0u);
    struct aio_handler like = {
        .name = name, .io_read = io_read, .io_write = io_write, .opaque = opaque
    };
    struct aio_handler *handler;
    bool done = true, removed = false;

    assert(handle.kind != HOST_HANDLE_NONE);
    aio_handlers_lock(ctx);
    handler = g_hash_table_lookup(ctx->handler_by_os, handle_key(handle));
    if (!want && handler) {
        handler_remove(ctx, handler);
        removed = true;
    } else if (want && handler) {
        done = handler_change(ctx, handler, want, &like, error);
    } else if (want) {
        done = handler_add(ctx, handle, want, &like, error);
    }
    atomic_fetch_add_explicit(&ctx->handlers_serial, 1, memory_order_release);
    aio_handlers_unlock(ctx);
    if (removed) {
        handler_wait_unused(ctx);
    }
    if (!aio_context_is_home(ctx)) {
        aio_kick(ctx);
    }
    return done;
}

void aio_set_fd_poll(struct aio_context *ctx, struct host_handle handle,
                     const struct aio_poll_fns *fns)
{
    struct aio_handler *handler;

    aio_context_set_home(ctx);
    aio_handlers_lock(ctx);
    handler = g_hash_table_lookup(ctx->handler_by_os, handle_key(handle));
    assert(handler && "polling is added to a handler that is set");
    aio_poller_remove(ctx, handler);
    if (fns) {
        aio_poller_add(handler, fns);
    }
    aio_handlers_unlock(ctx);
}

/* Frees what was removed; see above why here. */
static void handlers_bury(struct aio_context *ctx)
{
    if (atomic_load_explicit(&ctx->handlers_die, memory_order_acquire)) {
        aio_handlers_lock(ctx);
        atomic_store_explicit(&ctx->handlers_die, false, memory_order_relaxed);
        g_ptr_array_set_size(ctx->handlers_dead, 0);
        aio_handlers_unlock(ctx);
    }
    aio_poller_free_dead(ctx);
}

void aio_handles_held(struct aio_context *ctx, struct aio_waiter *waiter)
{
    if (waiter && !waiter->ops->holds_handles) {
        waiter = NULL;
    }
    if (!waiter && !ctx->held_by) { /* nobody else writes it */
        return;
    }
    host_mutex_lock(&ctx->held_lock);
    ctx->held_by = waiter;
    ctx->held_serial++;
    host_cond_broadcast(&ctx->held_cond);
    host_mutex_unlock(&ctx->held_lock);
}

bool aio_handlers_wait(struct aio_context *ctx, int64_t until_ns)
{
    struct aio_waiter *waiter = waiter_now(ctx);
    bool woken;

    handlers_bury(ctx);
    aio_handles_held(ctx, waiter);
    woken = waiter->ops->wait(waiter, until_ns);
    aio_handles_held(ctx, NULL);
    return woken;
}

/* One callback, out of the lock's reach. */
struct ready_call {
    const char *name;
    aio_handler_fn *fn;
    void *opaque;
    struct aio_poller *poller;
};

/* Takes one callback of the first ready handler; the handler must not be touched after. */
static bool ready_take(struct aio_context *ctx, struct ready_call *ret_call)
{
    struct aio_handler *handler = ctx->ready_first;
    unsigned io;

    if (!handler) {
        return false;
    }
    io = handler->ready & -handler->ready; /* the lowest bit */
    *ret_call = (struct ready_call){ .name = handler->name, .opaque = handler->opaque };
    if (io == AIO_POLLED) {
        ret_call->poller = handler->poller;
        ret_call->fn = handler->poller->fns->ready;
    } else {
        ret_call->fn = io == AIO_READ ? handler->io_read : handler->io_write;
    }
    handler->fired++;
    if (handler->ready == io) {
        ready_remove(ctx, handler);
    } else {
        handler->ready &= ~io;
    }
    return true;
}

bool aio_handlers_run(struct aio_context *ctx)
{
    bool progress = false;
    struct ready_call call;

    if (!ctx->ready_first) {
        return false;
    }
    aio_handlers_lock(ctx);
    while (ready_take(ctx, &call)) {
        aio_handlers_unlock(ctx);
        if (call.poller) {
            call.poller->running = true;
        }
        aio_call(ctx, AIO_EVENT_HANDLER, call.name, call.fn, call.opaque);
        if (call.poller) {
            call.poller->running = false;
        }
        progress = true;
        aio_handlers_lock(ctx);
    }
    aio_handlers_unlock(ctx);
    return progress;
}

bool aio_handlers_init(struct aio_context *ctx, const struct aio_waiter_ops *ops, GError **error)
{
    ctx->waiters[0] = ops->start(ops, ctx, error);
    if (!ctx->waiters[0]) {
        return false;
    }
    atomic_init(&ctx->waiter, ctx->waiters[0]);
    aio_lock_init(&ctx->handlers_lock);
    host_mutex_init(&ctx->held_lock);
    host_cond_init(&ctx->held_cond);
    ctx->handler_by_os = g_hash_table_new(NULL, NULL);
    ctx->handlers_dead = g_ptr_array_new_with_free_func(g_free);
    return true;
}

unsigned aio_handlers_finish(struct aio_context *ctx)
{
    unsigned left = ctx->handler_count;

    for (unsigned i = 0; i < left; i++) {
        fprintf(stderr, "aio: %s: handler '%s' was not removed\n", ctx->name,
                ctx->handlers[i]->name);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(ctx->waiters); i++) {
        if (ctx->waiters[i]) {
            ctx->waiters[i]->ops->finish(ctx->waiters[i]);
        }
    }
    g_ptr_array_unref(ctx->handlers_dead);
    g_hash_table_unref(ctx->handler_by_os);
    g_free(ctx->handlers);
    host_cond_finish(&ctx->held_cond);
    host_mutex_finish(&ctx->held_lock);
    aio_lock_finish(&ctx->handlers_lock);
    return left;
}
