/* Goal: no early answer, no lost wake-up and no spin, whatever the host's clock and waits do. */
#include <glib.h>

#include "aio/context.h"
#include "aio/timer.h"
#include "tests/aio/scripted.h"

#define US      INT64_C(1000)
#define MS      INT64_C(1000000)
#define AT_ONCE INT64_MAX

struct fixture {
    struct scripted_world world;
    struct aio_context *ctx;
    struct aio_timer timer;
    unsigned fired;
    int64_t fired_ns;
    int64_t due_ns;
};

static void timer_fired(void *opaque)
{
    struct fixture *fixture = opaque;

    fixture->fired++;
    fixture->fired_ns = fixture->world.now_ns;
    g_assert_cmpint(fixture->fired_ns, >=, fixture->due_ns);
}

static void set_up(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    scripted_init(&fixture->world);
    fixture->world.opaque = fixture;
    fixture->ctx = scripted_context(&fixture->world);
    timer_init(&fixture->timer, fixture->ctx, &fixture->world.clock, "timer", timer_fired, fixture);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    aio_context_unref(fixture->ctx);
    scripted_finish(&fixture->world);
}

static void arm(struct fixture *fixture, int64_t after_ns)
{
    fixture->due_ns = fixture->world.now_ns + after_ns;
    timer_mod(&fixture->timer, fixture->due_ns);
}

/* The sequence that fails elsewhere: arm 750 ms, drain, then one blocking poll must be true. */
static void schedule(struct fixture *fixture)
{
    unsigned fired = fixture->fired;

    arm(fixture, 750 * MS);
    while (aio_poll(fixture->ctx, false)) {
    }
    fixture->world.now_ns += 37 * US;
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fixture->fired, ==, fired + 1);
}

/* Every wait ends early by the same amount, for ever or for the first k times. */
static void test_early(struct fixture *fixture, gconstpointer data)
{
    static const int64_t early[] = { 1, 100, US, 100 * US, MS, 15625 * US, 16 * MS, 750 * MS };

    (void)data;
    for (unsigned i = 0; i < G_N_ELEMENTS(early); i++) {
        for (unsigned k = 1; k <= 12; k++) {
            struct scripted_wait script[12];

            for (unsigned j = 0; j < k; j++) {
                script[j] = (struct scripted_wait){ .early_ns = early[i] };
            }
            fixture->world.waits = 0;
            fixture->world.script = script;
            fixture->world.script_count = k;
            fixture->world.otherwise.early_ns = k == 12 ? early[i] : 0;
            schedule(fixture);
            g_assert_cmpint(fixture->world.waits, <=, MIN(k + 1, 13));
            g_assert_cmpint(fixture->fired_ns - fixture->due_ns, <=, 2 * early[i] + 2 * MS);
        }
    }
}

/* A host that counts ticks and rounds down, any phase: the flake of the field, all of it. */
static void test_ticks(struct fixture *fixture, gconstpointer data)
{
    static const int64_t ticks[] = { 15625 * US, 15600100, 10 * MS, MS, 500 * US };

    (void)data;
    for (unsigned i = 0; i < 2000; i++) {
        fixture->world.tick_ns = ticks[g_test_rand_int_range(0, G_N_ELEMENTS(ticks))];
        fixture->world.now_ns += g_test_rand_int_range(0, 20000000);
        fixture->world.otherwise.late_ns = g_test_rand_int_range(0, 300000);
        fixture->world.waits = 0;
        schedule(fixture);
        g_assert_cmpint(fixture->world.waits, <=, 8);
        g_assert_cmpint(fixture->fired_ns - fixture->due_ns, <=, 2 * fixture->world.tick_ns + MS);
    }
}

/* Waits that end at once without a reason (an APC, a signal), then a good one. */
static void test_returns_at_once(struct fixture *fixture, gconstpointer data)
{
    struct scripted_wait script[9];

    (void)data;
    for (unsigned i = 0; i < G_N_ELEMENTS(script); i++) {
        script[i] = (struct scripted_wait){ .early_ns = AT_ONCE, .spurious_wake = i % 3 == 2 };
    }
    fixture->world.script = script;
    fixture->world.script_count = G_N_ELEMENTS(script);
    schedule(fixture);
    g_assert_cmpint(fixture->world.waits, ==, G_N_ELEMENTS(script) + 1);
    g_assert_cmpint(fixture->fired_ns - fixture->due_ns, <=, 256 * MS);
}

static void step_back(struct scripted_world *world)
{
    world->now_ns -= 200 * MS;
}

static void step_forward(struct scripted_world *world)
{
    world->now_ns += 2000 * MS;
    aio_clock_changed(&world->clock);
}

static void test_clock_steps(struct fixture *fixture, gconstpointer data)
{
    static const struct scripted_wait back[] = { { .during = step_back, .early_ns = 300 * MS },
                                                 { .during = step_back, .early_ns = AT_ONCE } };
    static const struct scripted_wait forward[] = { { .during = step_forward } };

    (void)data;
    fixture->world.script = back;
    fixture->world.script_count = G_N_ELEMENTS(back);
    schedule(fixture);
    fixture->world.waits = 0;
    fixture->world.script = forward;
    fixture->world.script_count = G_N_ELEMENTS(forward);
    schedule(fixture);
    g_assert_cmpint(fixture->world.waits, ==, 1);
    g_assert_cmpint(fixture->world.wakes, ==, 1);
}

static void start_clock(struct scripted_world *world)
{
    aio_clock_start(world->opaque);
}

static void stopped_fired(void *opaque)
{
    ++*(unsigned *)opaque;
}

/* A stopped clock has no deadline; starting it wakes the loop, which must not believe it at once.
 */
static void test_stopped_clock(struct fixture *fixture, gconstpointer data)
{
    static const struct scripted_wait script[] = { { .during = start_clock } };
    struct aio_clock stopped;
    struct aio_timer timer;
    unsigned fired = 0;

    (void)data;
    aio_clock_init_virtual(&stopped);
    timer_init(&timer, fixture->ctx, &stopped, "stopped", stopped_fired, &fired);
    timer_mod(&timer, 0);
    g_assert_true(aio_poll(fixture->ctx, true)); /* stands at 0: due */
    timer_mod(&timer, 1);
    g_assert_false(aio_poll(fixture->ctx, false));
    fixture->world.script = script;
    fixture->world.script_count = 1;
    fixture->world.opaque = &stopped;
    fixture->world.otherwise.early_ns = AT_ONCE;
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fired, ==, 2);
    aio_clock_stop(&stopped);
    aio_context_unref(fixture->ctx);
    aio_clock_finish(&stopped);
    fixture->ctx = scripted_context(&fixture->world);
}

static void bh_run(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void schedule_bh(struct scripted_world *world)
{
    aio_bh_schedule(world->opaque);
}

static void schedule_and_cancel(struct scripted_world *world)
{
    aio_bh_schedule(world->opaque);
    aio_bh_cancel(world->opaque);
}

static void ask(struct scripted_world *world)
{
    struct fixture *fixture = world->opaque;

    aio_notify(fixture->ctx);
}

/* Work that comes during the wait ends it; work that was taken back does not answer the poll. */
static void test_wake_during_wait(struct fixture *fixture, gconstpointer data)
{
    static const struct scripted_wait script[] = { { .during = schedule_bh },
                                                   { .during = schedule_and_cancel },
                                                   { .during = schedule_bh },
                                                   { .during = ask } };
    unsigned runs = 0;
    struct aio_bh *bh = aio_bh_new(fixture->ctx, "bh", bh_run, &runs);

    (void)data;
    fixture->world.script = script;
    fixture->world.script_count = G_N_ELEMENTS(script);
    fixture->world.opaque = bh;
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(runs, ==, 1);
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(runs, ==, 2);
    g_assert_cmpint(fixture->world.waits, ==, 3);
    fixture->world.opaque = fixture;
    g_assert_false(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fixture->world.wakes, ==, 4);
    aio_bh_delete(bh);
}

static void nest(void *opaque)
{
    struct fixture *fixture = opaque;
    unsigned wakes = fixture->world.wakes;

    aio_bh_schedule_oneshot(fixture->ctx, "count", bh_run, &fixture->fired);
    g_assert_true(aio_poll(fixture->ctx, true));
    aio_notify(fixture->ctx);
    g_assert_false(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fixture->world.wakes, ==, wakes);
}

/* Nobody sleeps while a callback runs or a poll does not block: a wake would be wasted. */
static void test_no_needless_wake(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    aio_bh_schedule_oneshot(fixture->ctx, "nest", nest, fixture);
    g_assert_true(aio_poll(fixture->ctx, true));
    aio_bh_schedule_oneshot(fixture->ctx, "nest", nest, fixture);
    g_assert_true(aio_poll(fixture->ctx, false));
    g_assert_cmpint(fixture->fired, ==, 2);
    g_assert_cmpint(fixture->world.wakes, ==, 0);
    g_assert_cmpint(fixture->world.waits, ==, 0);
}

static void re_arm(void *opaque)
{
    struct fixture *fixture = opaque;

    fixture->fired++;
    timer_mod(&fixture->timer, fixture->world.now_ns);
}

/* A timer that arms itself for now runs once a pass and does not keep others from theirs. */
static void test_re_arm(struct fixture *fixture, gconstpointer data)
{
    struct aio_timer other;
    unsigned runs = 0;

    (void)data;
    timer_init(&fixture->timer, fixture->ctx, &fixture->world.clock, "re-arm", re_arm, fixture);
    timer_init(&other, fixture->ctx, &fixture->world.clock, "other", bh_run, &runs);
    timer_mod(&fixture->timer, 0);
    timer_mod(&other, fixture->world.now_ns);
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fixture->fired, ==, 1);
    g_assert_cmpint(runs, ==, 1);
    g_assert_true(aio_poll(fixture->ctx, true));
    g_assert_cmpint(fixture->fired, ==, 2);
    timer_del(&fixture->timer);
    g_assert_false(aio_poll(fixture->ctx, false));
}

static void nothing(void *opaque)
{
    (void)opaque;
}

/* The n-th call of the waiter fails: an error, and everything as before. */
static void test_failing_update(struct fixture *fixture, gconstpointer data)
{
    struct host_handle handle = { HOST_HANDLE_WAITABLE, 5 };

    (void)data;
    for (unsigned n = 1; n <= 3; n++) {
        unsigned failures = 0;

        fixture->world.fail_update = n;
        fixture->world.updates = 0;
        for (unsigned i = 0; i < 3; i++) {
            g_autoptr(GError) error = NULL;
            aio_handler_fn *write = i == 1 ? nothing : NULL; /* the second one is a change */

            if (!aio_set_fd_handler(fixture->ctx, handle, nothing, write, NULL, &error)) {
                g_assert_nonnull(strstr(error->message, "fails"));
                failures++;
            }
        }
        g_assert_cmpint(failures, ==, 1);
        g_assert_true(aio_set_fd_handler(fixture->ctx, handle, NULL, NULL, NULL, NULL));
    }
    fixture->world.fail_start = fixture->world.starts + 1;
    g_assert_null(aio_context_new_with("none", &fixture->world.ops, &fixture->world.clock, NULL));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(struct fixture *, gconstpointer);
    } tests[] = {
        { "/wait/early", test_early },
        { "/wait/ticks", test_ticks },
        { "/wait/returns-at-once", test_returns_at_once },
        { "/wait/clock-steps", test_clock_steps },
        { "/wait/stopped-clock", test_stopped_clock },
        { "/wait/wake-during-wait", test_wake_during_wait },
        { "/wait/no-needless-wake", test_no_needless_wake },
        { "/wait/re-arm", test_re_arm },
        { "/wait/failing-update", test_failing_update },
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct fixture, NULL, set_up, tests[i].test, tear_down);
    }
    return g_test_run();
}
