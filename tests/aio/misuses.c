/* One misuse a process, named by the argument; misuse.py looks at how that ends. */
#include <assert.h>
#include <string.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/loop.h"
#include "aio/notifier.h"
#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/thread.h"

static struct aio_context *context_make(void)
{
    GError *error = NULL;
    struct aio_context *ctx = aio_context_new("misused", &error);

    g_assert_no_error(error);
    return ctx;
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static void dive(void *opaque)
{
    aio_bh_schedule_oneshot(opaque, "dive", dive, opaque);
    aio_poll(opaque, true);
}

static void nest_without_end(void)
{
    dive(context_make());
}

static void poll_false(void *opaque)
{
    aio_poll(opaque, false);
}

static void poll_from_elsewhere(void)
{
    struct aio_context *ctx = context_make();

    aio_poll(ctx, false);
    host_thread_join(host_thread_new("elsewhere", poll_false, ctx, NULL));
}

static void leak_bh(void)
{
    struct aio_context *ctx = context_make();

    aio_bh_new(ctx, "leaked-bh", nothing, NULL);
    aio_context_unref(ctx);
}

static void leak_oneshot(void)
{
    struct aio_context *ctx = context_make();

    aio_bh_schedule_oneshot(ctx, "leaked-once", nothing, NULL);
    aio_context_unref(ctx);
}

static void leak_timer(void)
{
    struct aio_context *ctx = context_make();
    struct aio_timer timer;

    timer_init(&timer, ctx, aio_clock_host(), "leaked-timer", nothing, NULL);
    timer_mod(&timer, INT64_MAX);
    aio_context_unref(ctx);
}

static void notifier_nothing(struct event_notifier *notifier)
{
    (void)notifier;
}

static void leak_handler(void)
{
    struct aio_context *ctx = context_make();
    struct event_notifier notifier;

    event_notifier_init(&notifier, false, NULL);
    aio_set_event_notifier(ctx, &notifier, notifier_nothing, NULL);
    aio_context_unref(ctx);
}

static void delete_twice(void)
{
    struct aio_bh *bh = aio_bh_new(context_make(), "twice", nothing, NULL);

    aio_bh_delete(bh);
    aio_bh_delete(bh);
}

static void schedule_deleted(void)
{
    struct aio_bh *bh = aio_bh_new(context_make(), "deleted", nothing, NULL);

    aio_bh_delete(bh);
    aio_bh_schedule(bh);
}

static void set_running_clock(void)
{
    struct aio_clock clock;

    aio_clock_init_virtual(&clock);
    aio_clock_start(&clock);
    aio_clock_set(&clock, 1);
}

static void enter_self(void *opaque)
{
    (void)opaque;
    coroutine_enter(coroutine_self());
}

static void enter_twice(void)
{
    coroutine_enter(coroutine_create("twice", enter_self, NULL));
}

static void schedule_twice(void)
{
    struct aio_context *ctx = context_make();
    struct coroutine *co = coroutine_create("twice", nothing, NULL);

    aio_co_schedule(ctx, co);
    aio_co_schedule(ctx, co);
}

static void poll_in_coroutine(void)
{
    coroutine_enter(coroutine_create("polls", poll_false, context_make()));
}

/* Deeper than any stack; the volatile keeps it a call. */
static unsigned recurse(unsigned depth)
{
    volatile char used[4096];

    used[depth % sizeof(used)] = (char)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + (unsigned char)used[depth % sizeof(used)];
}

static void overflow(void *opaque)
{
    *(unsigned *)opaque = recurse(10000);
}

static void overflow_stack(void)
{
    unsigned result;

    context_make();
    coroutine_enter(coroutine_create("overflows", overflow, &result));
}

/* A past that the process may tell of. */
static struct aio_context *context_with_past(struct aio_timer *timer)
{
    struct aio_context *ctx = context_make();

    aio_bh_schedule_oneshot(ctx, "ran-before", nothing, NULL);
    timer_init(timer, ctx, aio_clock_host(), "fired-before", nothing, NULL);
    timer_mod(timer, 0);
    aio_poll(ctx, true);
    for (int64_t ns = 1000000; atomic_load(&ctx->stats.waits) == 0; ns *= 2) {
        timer_mod(timer, host_monotonic_ns() + ns); /* on a busy host it is due before we wait */
        aio_poll(ctx, true);
    }
    return ctx;
}

static void fail(void *opaque)
{
    assert(!opaque && "an assertion of the callback's");
}

/* Stores where nothing is; not to NULL, which sanitizers report before it happens. */
static void fault(void *opaque)
{
    volatile uintptr_t nowhere = 64;
    (void)opaque;
    *(volatile int *)nowhere = 1;
}

static void fail_in_callback(void)
{
    struct aio_timer timer;
    struct aio_context *ctx = context_with_past(&timer);

    aio_bh_schedule_oneshot(ctx, "fails", fail, ctx);
    aio_poll(ctx, true);
}

static void fault_in_callback(void)
{
    struct aio_timer timer;
    struct aio_context *ctx = context_with_past(&timer);

    aio_bh_schedule_oneshot(ctx, "faults", fault, NULL);
    aio_poll(ctx, true);
}

static void fault_elsewhere(void)
{
    struct aio_timer timer;

    context_with_past(&timer);
    host_thread_join(host_thread_new("elsewhere", fault, NULL, NULL));
}

static const struct {
    const char *name;
    void (*fn)(void);
} misuses[] = {
    { "nest-without-end", nest_without_end },
    { "poll-from-elsewhere", poll_from_elsewhere },
    { "leak-bh", leak_bh },
    { "leak-oneshot", leak_oneshot },
    { "leak-timer", leak_timer },
    { "leak-handler", leak_handler },
    { "delete-twice", delete_twice },
    { "schedule-deleted", schedule_deleted },
    { "set-running-clock", set_running_clock },
    { "enter-twice", enter_twice },
    { "schedule-twice", schedule_twice },
    { "poll-in-coroutine", poll_in_coroutine },
    { "overflow-stack", overflow_stack },
    { "fail-in-callback", fail_in_callback },
    { "fault-in-callback", fault_in_callback },
    { "fault-elsewhere", fault_elsewhere },
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 2 && i < G_N_ELEMENTS(misuses); i++) {
        if (!strcmp(argv[1], misuses[i].name)) {
            misuses[i].fn();
            return 0; /* it was allowed */
        }
    }
    return 2;
}
