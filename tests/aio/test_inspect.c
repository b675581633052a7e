/* Goal: whatever a loop waits for is named, by the report and by the watchdog, hung or not. */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "aio/context.h"
#include "aio/inspect.h"
#include "aio/loop.h"
#include "aio/notifier.h"
#include "aio/request.h"
#include "aio/threadpool.h"
#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/thread.h"

/* What the watchdog said, and whether it said what a test waits for. */
static struct {
    struct host_mutex lock;
    GString *text;
    const char *wanted;
    struct aio_context *ctx;
    atomic_bool found;
} findings;

static void finding(void *opaque, const char *text)
{
    (void)opaque;
    host_mutex_lock(&findings.lock);
    g_string_append(findings.text, text);
    if (strstr(findings.text->str, findings.wanted)) {
        atomic_store(&findings.found, true);
        aio_notify(findings.ctx);
    }
    host_mutex_unlock(&findings.lock);
}

static bool not_found(void *opaque)
{
    (void)opaque;
    return !atomic_load(&findings.found);
}

static struct aio_context *watched_make(const char *wanted)
{
    GError *error = NULL;

    findings.ctx = aio_context_new("watched", &error);
    g_assert_no_error(error);
    findings.wanted = wanted;
    findings.text = g_string_new("");
    atomic_store(&findings.found, false);
    host_mutex_init(&findings.lock);
    g_assert_true(aio_watchdog_start(finding, NULL, &error));
    return findings.ctx;
}

static void watched_free(void)
{
    aio_watchdog_stop();
    g_test_message("%s", findings.text->str);
    aio_context_unref(findings.ctx);
    g_string_free(findings.text, TRUE);
    host_mutex_finish(&findings.lock);
}

/* A request submitted to nobody, waited for synchronously: the watchdog ends the wait. */
static void test_planted_hang(void)
{
    struct aio_context *ctx = watched_make("nobody was asked to complete it");
    struct aio_request request;
    int64_t began_ns = host_monotonic_ns();

    aio_request_begin(&request, ctx, "planted-read");
    aio_wait_while(ctx, not_found, NULL, "the planted request");
    g_test_message("named after %d ms", (int)((host_monotonic_ns() - began_ns) / 1000000));
    g_assert_nonnull(strstr(findings.text->str, "planted-read"));
    g_assert_nonnull(strstr(findings.text->str, "the planted request"));
    g_assert_nonnull(strstr(findings.text->str, "test_inspect.c:"));
    aio_request_end(&request);
    watched_free();
}

static void nothing(void *opaque)
{
    (void)opaque;
}

/* A chain of three: request, request, a timer that nobody armed. */
static void test_stuck_chain(void)
{
    struct aio_context *ctx = watched_make("its timer is not armed");
    struct aio_request outer, inner;
    struct aio_timer timer;

    timer_init(&timer, ctx, aio_clock_host(), "retry", nothing, NULL);
    aio_request_begin(&outer, ctx, "outer-request");
    aio_request_begin(&inner, ctx, "inner-request");
    aio_request_waits_on(&outer, AIO_ON_REQUEST, &inner);
    aio_request_waits_on(&inner, AIO_ON_TIMER, &timer);
    aio_wait_while(ctx, not_found, NULL, "a chain");
    g_assert_nonnull(strstr(findings.text->str, "'retry', which is not armed"));
    aio_request_end(&inner);
    aio_request_end(&outer);
    watched_free();
}

static void hold_until_found(void *opaque)
{
    while (not_found(opaque)) {
    }
}

static void hold_shortly(void *opaque)
{
    int64_t end_ns = host_monotonic_ns() + 60000000;

    (void)opaque;
    while (host_monotonic_ns() < end_ns) {
    }
}

/* Runs one callback that holds the loop, and what the watchdog says of it. */
static bool slow_callback_told(aio_bh_fn *fn, const char *expected)
{
    struct aio_context *ctx = watched_make("'greedy' h");
    bool told;

    aio_bh_schedule_oneshot(ctx, "greedy", fn, NULL);
    g_assert_true(aio_poll(ctx, true));
    aio_wait_while(ctx, not_found, NULL, "the finding");
    told = strstr(findings.text->str, expected) != NULL;
    watched_free();
    return told;
}

/* A callback that holds the loop is named while it does, and one that did, after: the watchdog may
 * happen to look just then, but not every time. */
static void test_slow_callback(void)
{
    g_assert_true(slow_callback_told(hold_until_found, "'greedy' has held the loop for"));
    while (!slow_callback_told(hold_shortly, "'greedy' held the loop for")) {
    }
}

static void lose_wake(void *opaque)
{
    struct aio_context *ctx = opaque;

    while (atomic_load(&ctx->state) != AIO_WAITING) {
    }
    atomic_fetch_or(&ctx->notified, AIO_KICKED); /* and no wake: what the protocol never does */
}

static void test_lost_wake(void)
{
    struct aio_context *ctx = watched_make("a lost wake-up");
    GError *error = NULL;
    struct host_thread *thread = host_thread_new("loser", lose_wake, ctx, &error);

    g_assert_no_error(error);
    aio_wait_while(ctx, not_found, NULL, "the kick");
    g_assert_cmpint(atomic_load(&ctx->stats.lost_wakes), ==, 1);
    host_thread_join(thread);
    watched_free();
}

/* What is seen of a loop that was woken and gets no processor. */
static void starve(void *opaque)
{
    struct aio_context *ctx = opaque;

    while (atomic_load(&ctx->state) != AIO_WAITING) {
    }
    atomic_store(&ctx->waking, true);
    atomic_fetch_or(&ctx->notified, AIO_KICKED); /* the host will end the wait, some time */
}

static void test_starved(void)
{
    struct aio_context *ctx = watched_make("the host has no time for it");
    GError *error = NULL;
    struct host_thread *thread = host_thread_new("starver", starve, ctx, &error);

    g_assert_no_error(error);
    aio_wait_while(ctx, not_found, NULL, "the finding");
    g_assert_cmpint(atomic_load(&ctx->stats.lost_wakes), ==, 0);
    host_thread_join(thread);
    watched_free();
}

struct world {
    struct aio_context *ctx;
    struct aio_bh *bh;
    struct aio_timer timer;
    struct event_notifier doorbell;
    struct aio_request request;
    atomic_bool go_on;
    atomic_bool inside;
};

static void doorbell_rung(struct event_notifier *notifier)
{
    event_notifier_test_and_clear(notifier);
}

static bool may_not_go_on(void *opaque)
{
    return !atomic_load(&((struct world *)opaque)->go_on);
}

static void hang(void *opaque)
{
    struct world *world = opaque;

    atomic_store(&world->inside, true);
    while (may_not_go_on(world)) {
    }
}

static void wait_inside(void *opaque)
{
    struct world *world = opaque;

    aio_bh_schedule_oneshot(world->ctx, "hanging", hang, world);
    aio_wait_while(world->ctx, may_not_go_on, world, "the guest to let go");
}

static void world_run(void *opaque)
{
    struct world *world = opaque;
    GError *error = NULL;

    world->ctx = aio_context_new("world", &error);
    g_assert_no_error(error);
    world->bh = aio_bh_new(world->ctx, "idle-half", nothing, NULL);
    timer_init(&world->timer, world->ctx, aio_clock_host(), "far-timer", nothing, NULL);
    timer_mod(&world->timer, host_monotonic_ns() + INT64_C(3600000000000));
    event_notifier_init(&world->doorbell, false, &error);
    aio_set_event_notifier(world->ctx, &world->doorbell, doorbell_rung, &error);
    g_assert_no_error(error);
    aio_request_begin(&world->request, world->ctx, "nbd-write");
    aio_request_waits_on(&world->request, AIO_ON_REMOTE, "nbd \"server\"");
    aio_bh_schedule_oneshot(world->ctx, "waiting", wait_inside, world);
    aio_poll(world->ctx, true);
    aio_request_end(&world->request);
    aio_set_event_notifier(world->ctx, &world->doorbell, NULL, NULL);
    event_notifier_cleanup(&world->doorbell);
    timer_del(&world->timer);
    aio_bh_delete(world->bh);
    aio_context_unref(world->ctx);
}

static const json_t *find_context(const json_t *root, const char *name)
{
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *context = json_array_get(root, i);

        if (!strcmp(json_string_value(json_object_get(context, "context")), name)) {
            return context;
        }
    }
    return NULL;
}

static void check_json(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    const json_t *world, *request;

    g_assert_nonnull(root);
    world = find_context(root, "world");
    g_assert_nonnull(world);
    g_assert_cmpint(json_integer_value(json_object_get(json_object_get(world, "loop"), "depth")),
                    ==, 2);
    request = json_array_get(json_object_get(world, "requests"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(request, "kind")), ==, "nbd-write");
    g_assert_cmpstr(json_string_value(json_object_get(request, "waits_for")), ==,
                    "the other side: nbd \"server\"");
    json_decref(root);
}

/* The report of a loop that hangs two polls deep in a callback, taken from outside. */
static void test_report(void)
{
    static const char *const named[] = {
        "world",     "runs 'hanging' since", "idle-half",         "far-timer",      "doorbell_rung",
        "nbd-write", "the guest to let go",  "inside of waiting", "test_inspect.c:"
    };
    struct world world = { 0 };
    GError *error = NULL;
    struct host_thread *thread = host_thread_new("world", world_run, &world, &error);
    g_autofree char *text = NULL;
    g_autofree char *json = NULL;

    g_assert_no_error(error);
    while (!atomic_load(&world.inside)) {
    }
    text = aio_inspect_text();
    json = aio_inspect_json();
    atomic_store(&world.go_on, true);
    host_thread_join(thread);
    g_test_message("%s", text);
    for (unsigned i = 0; i < G_N_ELEMENTS(named); i++) {
        g_test_message("looking for %s", named[i]);
        g_assert_nonnull(strstr(text, named[i]));
    }
    check_json(json);
}

struct pool_test {
    struct thread_pool *pool;
    atomic_bool go_on;
    unsigned done, cancelled;
};

static int64_t job_wait(void *opaque)
{
    while (!atomic_load(&((struct pool_test *)opaque)->go_on)) {
    }
    return 1;
}

static void job_done(void *opaque, int64_t result)
{
    struct pool_test *test = opaque;

    test->done++;
    test->cancelled += result == THREAD_POOL_CANCELLED;
    if (test->done == 1) {
        atomic_store(&test->go_on, true);
        while (thread_pool_pending(test->pool) > 0) { /* a completion that waits for the others */
            aio_poll(findings.ctx, true);
        }
    }
}

/* Queued jobs are taken back, running ones are not, and completions may wait for each other. */
static void test_pool_cancel(void)
{
    struct pool_test test = { 0 };
    struct pool_job *jobs[20];
    g_autofree char *text = NULL;
    GError *error = NULL;
    unsigned taken_back = 0;

    findings.ctx = aio_context_new("pool", &error);
    test.pool = thread_pool_new(findings.ctx, 1, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
        jobs[i] = thread_pool_submit(test.pool, job_wait, job_done, &test);
    }
    do {
        g_free(text);
        text = aio_inspect_text();
    } while (!strstr(text, "a worker thread: running"));
    g_assert_nonnull(strstr(text, "a worker thread: queued"));
    g_assert_nonnull(strstr(text, "all threads are busy, threads 1, idle 0, threads max 1"));
    g_assert_nonnull(strstr(text, "job_wait"));
    for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i += 2) {
        taken_back += thread_pool_cancel(test.pool, jobs[i]);
    }
    g_assert_cmpint(taken_back, ==, 9); /* all but the first, which runs */
    thread_pool_free(test.pool);
    g_assert_cmpint(test.done, ==, 20);
    g_assert_cmpint(test.cancelled, ==, 9);
    while (aio_poll(findings.ctx, false)) {
    }
    aio_context_unref(findings.ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/inspect/report", test_report);
    g_test_add_func("/inspect/planted-hang", test_planted_hang);
    g_test_add_func("/inspect/stuck-chain", test_stuck_chain);
    g_test_add_func("/inspect/slow-callback", test_slow_callback);
    g_test_add_func("/inspect/lost-wake", test_lost_wake);
    g_test_add_func("/inspect/starved", test_starved);
    g_test_add_func("/inspect/pool-cancel", test_pool_cancel);
    return g_test_run();
}
