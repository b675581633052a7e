/* Goal: every way to wait keeps the loop's contract: bottom halves, timers, notifiers, wake-ups. */
#include <stdatomic.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/notifier.h"
#include "aio/threadpool.h"
#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "tests/aio/contract.h"

#define MS INT64_C(1000000)

struct fixture {
    struct contract base;
    GString *order; /* what ran, a letter each */
    unsigned calls;
};

/* A named callback that writes its letter down. */
struct letter {
    struct fixture *fixture;
    char letter;
    struct aio_bh *again;  /* schedules this one */
    struct aio_bh *remove; /* deletes this one */
    bool nest;             /* polls */
    struct aio_bh *bh;
};

static void letter_run(void *opaque)
{
    struct letter *letter = opaque;

    g_string_append_c(letter->fixture->order, letter->letter);
    if (letter->again) {
        aio_bh_schedule(g_steal_pointer(&letter->again));
    }
    if (letter->remove) {
        aio_bh_delete(g_steal_pointer(&letter->remove));
    }
    if (letter->nest) {
        letter->nest = false;
        g_string_append_c(letter->fixture->order, '(');
        aio_poll(letter->fixture->base.ctx, false);
        g_string_append_c(letter->fixture->order, ')');
    }
}

static void fixture_set_up(struct fixture *fixture, gconstpointer way)
{
    contract_set_up(&fixture->base, way);
    fixture->order = g_string_new("");
}

static void fixture_tear_down(struct fixture *fixture, gconstpointer way)
{
    (void)way;
    contract_tear_down(&fixture->base);
    g_string_free(fixture->order, TRUE);
}

static void count_call(void *opaque)
{
    ((struct fixture *)opaque)->calls++;
}

static void test_empty(struct fixture *fixture, gconstpointer way)
{
    (void)way;
    g_assert_false(contract_poll(&fixture->base, false));
    aio_notify(fixture->base.ctx);
    g_assert_false(contract_poll(&fixture->base, true));
    aio_notify(fixture->base.ctx);
    g_assert_false(contract_poll(&fixture->base, false));
    g_assert_false(
        contract_poll(&fixture->base, true)); /* a poll that cannot block leaves the notify */
}

static void test_bh_order(struct fixture *fixture, gconstpointer way)
{
    struct letter letters[5];

    (void)way;
    for (int i = 0; i < 5; i++) {
        letters[i] = (struct letter){ .fixture = fixture, .letter = (char)('a' + i) };
        letters[i].bh = aio_bh_new(fixture->base.ctx, "letter", letter_run, &letters[i]);
    }
    letters[1].nest = true;
    letters[1].again = letters[0].bh;
    for (int i = 0; i < 5; i++) {
        aio_bh_schedule(letters[i].bh);
        aio_bh_schedule(letters[i].bh);
    }
    aio_bh_cancel(letters[3].bh);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpstr(fixture->order->str, ==, "ab(cea)");
    g_assert_false(contract_poll(&fixture->base, false));
    letters[0].remove = letters[0].bh;
    letters[1].remove = letters[4].bh;
    letters[2].again = letters[2].bh;
    aio_bh_schedule(letters[4].bh);
    for (int i = 0; i < 3; i++) {
        aio_bh_schedule(letters[i].bh);
    }
    g_string_truncate(fixture->order, 0);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpstr(fixture->order->str, ==, "eabc");
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpstr(fixture->order->str, ==, "eabcc");
    aio_bh_schedule_oneshot(fixture->base.ctx, "once", count_call, fixture);
    aio_bh_schedule_oneshot(fixture->base.ctx, "once", count_call, fixture);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpint(fixture->calls, ==, 2);
    aio_bh_delete(letters[1].bh);
    aio_bh_delete(letters[2].bh);
    aio_bh_delete(letters[3].bh);
}

static void test_timers(struct fixture *fixture, gconstpointer way)
{
    struct letter letters[4];
    struct aio_timer timers[4];
    int64_t due_ns = host_monotonic_ns() + 30 * MS;

    (void)way;
    for (int i = 0; i < 4; i++) {
        letters[i] = (struct letter){ .fixture = fixture, .letter = (char)('a' + i) };
        timer_init(&timers[i], fixture->base.ctx, aio_clock_host(), "letter", letter_run,
                   &letters[i]);
    }
    timer_mod(&timers[2], due_ns);
    timer_mod(&timers[0], due_ns);
    timer_mod(&timers[1], due_ns + 50 * MS);
    timer_mod_anticipate(&timers[1], due_ns);
    timer_mod_anticipate(&timers[1], due_ns + 1);
    timer_mod(&timers[3], due_ns - 1);
    timer_del(&timers[3]);
    g_assert_false(timer_pending(&timers[3]));
    g_assert_cmpint(timer_expire_ns(&timers[1]), ==, due_ns);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpint(host_monotonic_ns(), >=, due_ns);
    g_assert_cmpstr(fixture->order->str, ==, "cab");
    g_assert_false(timer_pending(&timers[0]));
}

static void notifier_fired(struct event_notifier *notifier)
{
    g_assert_true(event_notifier_test_and_clear(notifier));
}

static void test_notifier(struct fixture *fixture, gconstpointer way)
{
    struct event_notifier notifier;
    GError *error = NULL;

    (void)way;
    g_assert_true(event_notifier_init(&notifier, true, &error));
    g_assert_true(aio_set_event_notifier(fixture->base.ctx, &notifier, notifier_fired, &error));
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_false(contract_poll(&fixture->base, false));
    event_notifier_set(&notifier);
    event_notifier_set(&notifier);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_false(contract_poll(&fixture->base, false));
    event_notifier_set(&notifier);
    aio_set_event_notifier(fixture->base.ctx, &notifier, NULL, NULL);
    g_assert_false(contract_poll(&fixture->base, false));
    event_notifier_cleanup(&notifier);
}

struct other_thread {
    struct fixture *fixture;
    struct aio_bh *bh;
    struct aio_timer timer;
    struct event_notifier notifier;
    atomic_uint step;
};

/* Wakes a loop that sleeps without end, in four ways; each waits until the last was seen. */
static void other_thread_run(void *opaque)
{
    struct other_thread *other = opaque;

    for (unsigned round = 0; round < 400; round++) {
        while (atomic_load(&other->step) != round) {
        }
        switch (round % 4) {
        case 0: aio_bh_schedule(other->bh); break;
        case 1: timer_mod(&other->timer, host_monotonic_ns() + (round % 7) * 10000); break;
        case 2: event_notifier_set(&other->notifier); break;
        default: aio_notify(other->fixture->base.ctx); break;
        }
    }
}

static void test_wake(struct fixture *fixture, gconstpointer way)
{
    struct other_thread other = { .fixture = fixture };
    struct host_thread *thread;
    GError *error = NULL;

    (void)way;
    other.bh = aio_bh_new(fixture->base.ctx, "count", count_call, fixture);
    timer_init(&other.timer, fixture->base.ctx, aio_clock_host(), "count", count_call, fixture);
    g_assert_true(event_notifier_init(&other.notifier, false, &error));
    g_assert_true(
        aio_set_event_notifier(fixture->base.ctx, &other.notifier, notifier_fired, &error));
    thread = host_thread_new("other", other_thread_run, &other, &error);
    g_assert_no_error(error);
    for (unsigned round = 0; round < 400; round++) {
        g_assert_cmpint(contract_poll(&fixture->base, true), ==, round % 4 != 3);
        atomic_store(&other.step, round + 1);
    }
    host_thread_join(thread);
    g_assert_cmpint(fixture->calls, ==, 200);
    aio_set_event_notifier(fixture->base.ctx, &other.notifier, NULL, NULL);
    event_notifier_cleanup(&other.notifier);
    aio_bh_delete(other.bh);
}

static void test_virtual_clock(struct fixture *fixture, gconstpointer way)
{
    struct aio_clock clock;
    struct aio_timer timer;

    (void)way;
    aio_clock_init_virtual(&clock);
    timer_init(&timer, fixture->base.ctx, &clock, "virtual", count_call, fixture);
    timer_mod(&timer, 5 * MS);
    g_assert_false(contract_poll(&fixture->base, false));
    g_assert_cmpint(aio_clock_now_ns(&clock), ==, 0);
    aio_clock_start(&clock);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpint(aio_clock_now_ns(&clock), >=, 5 * MS);
    aio_clock_stop(&clock);
    aio_clock_set(&clock, 100 * MS);
    g_assert_cmpint(aio_clock_now_ns(&clock), ==, 100 * MS);
    timer_mod(&timer, 100 * MS);
    g_assert_true(contract_poll(&fixture->base, true));
    g_assert_cmpint(fixture->calls, ==, 2);
    contract_tear_down(&fixture->base);
    aio_clock_finish(&clock);
    contract_set_up(&fixture->base, way);
}

static int64_t job_run(void *opaque)
{
    return *(int64_t *)opaque * 2;
}

static void job_done(void *opaque, int64_t result)
{
    int64_t *value = opaque;

    g_assert_cmpint(result, ==, *value * 2);
    *value = -1;
}

static void test_thread_pool(struct fixture *fixture, gconstpointer way)
{
    int64_t values[100];
    GError *error = NULL;
    struct thread_pool *pool = thread_pool_new(fixture->base.ctx, 4, &error);

    (void)way;
    g_assert_no_error(error);
    for (int i = 0; i < 100; i++) {
        values[i] = i;
        thread_pool_submit(pool, job_run, job_done, &values[i]);
    }
    thread_pool_free(pool);
    for (int i = 0; i < 100; i++) {
        g_assert_cmpint(values[i], ==, -1);
    }
    while (contract_poll(&fixture->base, false)) {
    }
}

#define MANY_TIMERS 5000u

struct many_timers;

struct many_timer {
    struct aio_timer timer;
    struct many_timers *all;
    int64_t deadline_ns;
    unsigned fired;
    bool gone; /* deleted by another one's callback */
    bool again;
};

struct many_timers {
    struct fixture *fixture;
    GRand *random;
    struct many_timer *last; /* that fired for the first time */
    unsigned depth;
    struct many_timer timers[MANY_TIMERS];
};

static void many_meddle(struct many_timers *all, struct many_timer *self)
{
    struct many_timer *other = &all->timers[g_rand_int_range(all->random, 0, MANY_TIMERS)];

    if (g_rand_int_range(all->random, 0, 4) == 0 && !other->fired && !other->again) {
        timer_del(&other->timer);
        other->gone = true;
    }
    if (!self->again && g_rand_int_range(all->random, 0, 10) == 0) {
        self->again = true;
        timer_mod(&self->timer, 0);
    }
    if (all->depth < 3 && g_rand_int_range(all->random, 0, 200) == 0) {
        all->depth++;
        aio_poll(all->fixture->base.ctx, false);
        all->depth--;
    }
}

static void many_fired(void *opaque)
{
    struct many_timer *self = opaque;
    struct many_timers *all = self->all;

    g_assert_false(self->gone);
    if (!self->again) {
        g_assert_true(!all->last || all->last->deadline_ns < self->deadline_ns ||
                      (all->last->deadline_ns == self->deadline_ns && all->last < self));
        all->last = self;
    }
    self->fired++;
    many_meddle(all, self);
}

/* Thousands that are due at once run in order, whatever their callbacks do to each other. */
static void test_many_timers(struct fixture *fixture, gconstpointer way)
{
    g_autofree struct many_timers *all = g_new0(struct many_timers, 1);
    int64_t now_ns = host_monotonic_ns();

    (void)way;
    all->fixture = fixture;
    all->random = g_rand_new_with_seed(g_test_rand_int());
    for (unsigned i = 0; i < MANY_TIMERS; i++) {
        struct many_timer *timer = &all->timers[i];
        bool far = i % 5 == 0;

        timer->all = all;
        timer->deadline_ns = (far ? now_ns + INT64_C(3600000000000) : 1) +
                             g_rand_int_range(all->random, 0, 500) * INT64_C(1000000);
        timer_init(&timer->timer, fixture->base.ctx, aio_clock_host(), "many", many_fired, timer);
        timer_mod(&timer->timer, timer->deadline_ns);
    }
    while (contract_poll(&fixture->base, false)) {
    }
    for (unsigned i = 0; i < MANY_TIMERS; i++) {
        struct many_timer *timer = &all->timers[i];
        unsigned expected = timer->gone || i % 5 == 0 ? 0 : 1 + timer->again;

        g_assert_cmpint(timer->fired, ==, expected);
        g_assert_cmpint(timer_pending(&timer->timer), ==, i % 5 == 0 && !timer->gone);
        timer_del(&timer->timer);
    }
    g_rand_free(all->random);
}

static const struct contract_test tests[] = {
    { "empty", CONTRACT_TEST(test_empty) },
    { "bh-order", CONTRACT_TEST(test_bh_order) },
    { "many-timers", CONTRACT_TEST(test_many_timers) },
    { "timers", CONTRACT_TEST(test_timers) },
    { "notifier", CONTRACT_TEST(test_notifier) },
    { "wake", CONTRACT_TEST(test_wake) },
    { "virtual-clock", CONTRACT_TEST(test_virtual_clock) },
    { "thread-pool", CONTRACT_TEST(test_thread_pool) },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    contract_add(tests, G_N_ELEMENTS(tests), sizeof(struct fixture), CONTRACT_TEST(fixture_set_up),
                 CONTRACT_TEST(fixture_tear_down));
    return g_test_run();
}
