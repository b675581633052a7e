/* Goal: what a caller must not do ends the process at once, and the message names the object. */
#include <string.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/notifier.h"
#include "aio/timer.h"
#include "platform/thread.h"
#include "tests/aio/again.h"

/* What a child returns that was allowed to go on. */
#define ALLOWED 77

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

    coroutine_enter(coroutine_create("overflows", overflow, &result));
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
};

static int child(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(misuses); i++) {
        if (!strcmp(name, misuses[i].name)) {
            misuses[i].fn();
        }
    }
    return ALLOWED;
}

static void test_misuse(gconstpointer name)
{
    g_assert_cmpint(again_run(name), !=, ALLOWED);
}

int main(int argc, char **argv)
{
    if (argc == 2 && argv[1][0] != '-') {
        return child(argv[1]);
    }
    again_set_program(argv[0]);
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(misuses); i++) {
        g_autofree char *path = g_strdup_printf("/misuse/%s", misuses[i].name);

        g_test_add_data_func(path, misuses[i].name, test_misuse);
    }
    return g_test_run();
}
