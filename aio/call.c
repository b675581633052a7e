/* Running callbacks so that anybody can see which one runs, for how long, and what ran before. */
#include "aio/loop.h"

const char *aio_state_name(unsigned state)
{
    static const char *const names[] = { "is not polled", "waits", "polls busily", "dispatches",
                                         "waits for its lock" };

    return state < G_N_ELEMENTS(names) ? names[state] : "?";
}

const char *aio_event_name(unsigned event)
{
    static const char *const names[] = { "nothing", "bottom half", "handler",   "timer",
                                         "wait",    "early wake",  "empty wake" };

    return event < G_N_ELEMENTS(names) ? names[event] : "?";
}

void aio_trace_add(struct aio_context *ctx, enum aio_event event, const char *name, int64_t time_ns,
                   int64_t detail_ns)
{
    unsigned next = atomic_load_explicit(&ctx->trace->next, memory_order_relaxed);
    struct aio_trace_entry *entry = &ctx->trace->entries[next % AIO_TRACE_ENTRIES];

    atomic_store_explicit(&entry->time_ns, time_ns, memory_order_relaxed);
    atomic_store_explicit(&entry->detail_ns, detail_ns, memory_order_relaxed);
    atomic_store_explicit(&entry->name, name, memory_order_relaxed);
    atomic_store_explicit(&entry->event, event, memory_order_relaxed);
    atomic_store_explicit(&ctx->trace->next, next + 1, memory_order_release);
}

static void running_set(struct aio_context *ctx, const char *name, int64_t since_ns)
{
    atomic_store_explicit(&ctx->running.since_ns, since_ns, memory_order_relaxed);
    atomic_store_explicit(&ctx->running.name, name, memory_order_relaxed);
}

/* A callback that polled in between let the loop go on: its time is not one piece. */
static void call_account(struct aio_context *ctx, enum aio_event event, const char *name,
                         int64_t taken_ns, bool one_piece)
{
    aio_count(&ctx->stats.callbacks);
    aio_trace_add(ctx, event, name, ctx->now_ns, taken_ns);
    if (!one_piece) {
        return;
    }
    if (taken_ns > atomic_load_explicit(&ctx->stats.longest_ns, memory_order_relaxed)) {
        atomic_store_explicit(&ctx->stats.longest_ns, taken_ns, memory_order_relaxed);
        atomic_store_explicit(&ctx->stats.longest_name, name, memory_order_relaxed);
    }
    if (taken_ns > AIO_SLOW_NS) {
        atomic_store_explicit(&ctx->stats.slow_ns, taken_ns, memory_order_relaxed);
        atomic_store_explicit(&ctx->stats.slow_name, name, memory_order_relaxed);
        aio_count(&ctx->stats.slow);
    }
}

void aio_call(struct aio_context *ctx, enum aio_event event, const char *name,
              void (*fn)(void *opaque), void *opaque)
{
    const char *outer = atomic_load_explicit(&ctx->running.name, memory_order_relaxed);
    int64_t outer_since_ns = atomic_load_explicit(&ctx->running.since_ns, memory_order_relaxed);
    uint64_t nested = atomic_load_explicit(&ctx->stats.nested, memory_order_relaxed);
    int64_t began_ns = ctx->now_ns;

    running_set(ctx, name, began_ns);
    fn(opaque);
    ctx->now_ns = aio_clock_now_ns(ctx->wait_clock);
    call_account(ctx, event, name, ctx->now_ns - began_ns,
                 nested == atomic_load_explicit(&ctx->stats.nested, memory_order_relaxed));
    running_set(ctx, outer, outer_since_ns);
}
