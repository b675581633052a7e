/* Goal: no wake-up is lost in many, from several threads, whoever waits and however; --long: 1e7.
 */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/inspect.h"
#include "aio/notifier.h"
#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/socket.h"
#include "platform/thread.h"
#include "tests/aio/contract.h"

#define THREADS 4u

/* In every other phase one thread wakes alone: nobody else's wake covers for a lost one. */
#define PHASE 64u

static bool is_long;

struct stress;

struct waker {
    struct stress *stress;
    unsigned number;
    struct aio_bh *bh;
    struct event_notifier notifier;
    struct aio_timer timer;
    atomic_uint asked;    /* wakes so far */
    atomic_uint answered; /* what the loop has seen of them */
};

struct stress {
    struct contract base;
    struct waker wakers[THREADS];
    atomic_uint rounds; /* of all threads */
    unsigned rounds_max;
    unsigned depth;
    bool nest;
    uint32_t random;
    atomic_uint running;
};

/* The loop looks at everybody whenever it runs at all: aio_notify says nothing of its own. */
static void answer_all(struct stress *stress)
{
    for (unsigned i = 0; i < THREADS; i++) {
        struct waker *waker = &stress->wakers[i];

        atomic_store(&waker->answered, atomic_load(&waker->asked));
    }
}

static void answer(struct waker *waker)
{
    struct stress *stress = waker->stress;

    answer_all(stress);
    stress->random = stress->random * 1664525 + 1013904223;
    if (stress->nest && stress->depth < 3 && stress->random >> 30 == 0 &&
        atomic_load(&stress->running) == THREADS) {
        stress->depth++;
        aio_poll(stress->base.ctx, stress->random >> 29 & 1);
        stress->depth--;
        answer_all(stress);
    }
}

static void answer_callback(void *opaque)
{
    answer(opaque);
}

static void answer_notifier(struct event_notifier *notifier)
{
    event_notifier_test_and_clear(notifier);
    answer((struct waker *)((char *)notifier - offsetof(struct waker, notifier)));
}

static void wake(struct waker *waker, unsigned how)
{
    struct aio_context *ctx = waker->stress->base.ctx;

    switch (how % 5) {
    case 0: aio_bh_schedule(waker->bh); break;
    case 1: aio_bh_schedule_oneshot(ctx, "answer", answer_callback, waker); break;
    case 2: timer_mod(&waker->timer, host_monotonic_ns()); break;
    case 3: event_notifier_set(&waker->notifier); break;
    default: aio_notify(ctx); break;
    }
}

static bool my_turn(const struct waker *waker, unsigned rounds)
{
    unsigned phase = rounds / PHASE;

    return phase % 2 == 0 || phase / 2 % THREADS == waker->number;
}

static void waker_run(void *opaque)
{
    struct waker *waker = opaque;
    struct stress *stress = waker->stress;
    unsigned rounds;

    while ((rounds = atomic_load(&stress->rounds)) < stress->rounds_max) {
        unsigned asked;

        if (!my_turn(waker, rounds)) {
            g_thread_yield();
            continue;
        }
        asked = atomic_fetch_add(&waker->asked, 1) + 1;
        wake(waker, asked * 7 + waker->number);
        while (atomic_load(&waker->answered) < asked) {
            g_thread_yield(); /* a lost wake ends here */
        }
        atomic_fetch_add(&stress->rounds, 1);
    }
    atomic_fetch_sub(&stress->running, 1);
    aio_notify(stress->base.ctx);
}

static void set_up(struct stress *stress, gconstpointer way)
{
    GError *error = NULL;

    host_socket_startup(&error);
    contract_set_up(&stress->base, way);
    for (unsigned i = 0; i < THREADS; i++) {
        struct waker *waker = &stress->wakers[i];

        waker->stress = stress;
        waker->number = i;
        waker->bh = aio_bh_new(stress->base.ctx, "answer", answer_callback, waker);
        timer_init(&waker->timer, stress->base.ctx, aio_clock_host(), "answer", answer_callback,
                   waker);
        event_notifier_init(&waker->notifier, false, &error);
        aio_set_event_notifier(stress->base.ctx, &waker->notifier, answer_notifier, &error);
        g_assert_no_error(error);
    }
}

static void tear_down(struct stress *stress, gconstpointer way)
{
    (void)way;
    for (unsigned i = 0; i < THREADS; i++) {
        timer_del(&stress->wakers[i].timer);
        aio_bh_delete(stress->wakers[i].bh);
        aio_set_event_notifier(stress->base.ctx, &stress->wakers[i].notifier, NULL, NULL);
        event_notifier_cleanup(&stress->wakers[i].notifier);
    }
    while (contract_poll(&stress->base, false)) {
    }
    contract_tear_down(&stress->base);
}

static void stress_run(struct stress *stress, unsigned rounds, bool nest)
{
    struct host_thread *threads[THREADS];
    GError *error = NULL;

    stress->rounds_max = rounds;
    stress->nest = nest;
    contract_poll(&stress->base, false); /* claims the home */
    atomic_store(&stress->running, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = host_thread_new("waker", waker_run, &stress->wakers[i], &error);
        g_assert_no_error(error);
    }
    while (atomic_load(&stress->running) > 0) {
        contract_poll(&stress->base, true);
        answer_all(stress);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        host_thread_join(threads[i]);
    }
}

static void test_wakes(struct stress *stress, gconstpointer way)
{
    (void)way;
    stress_run(stress, is_long ? 1000000 : 2000, false);
}

static void test_nested(struct stress *stress, gconstpointer way)
{
    (void)way;
    stress_run(stress, is_long ? 1000000 : 2000, true);
}

struct pair {
    struct host_handle near, far;
    unsigned *reads;
};

static void pair_read(void *opaque)
{
    struct pair *pair = opaque;
    char byte;

    if (host_socket_receive(pair->near, &byte, 1) == 1) {
        ++*pair->reads;
    }
}

struct counted {
    struct event_notifier notifier; /* first */
    unsigned *fired;
};

static void event_fired(struct event_notifier *notifier)
{
    event_notifier_test_and_clear(notifier);
    ++*((struct counted *)notifier)->fired;
}

static void pairs_open(struct stress *stress, struct pair *pairs, unsigned count, unsigned *reads)
{
    struct host_handle listener;
    GError *error = NULL;

    host_socket_listen_tcp("127.0.0.1", 0, &listener, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < count; i++) {
        pairs[i].reads = reads;
        host_socket_connect_tcp("127.0.0.1", host_socket_port(listener), &pairs[i].far, &error);
        g_assert_no_error(error);
        while (!host_socket_accept(listener, &pairs[i].near)) {
        }
        aio_set_fd_handler(stress->base.ctx, pairs[i].near, pair_read, NULL, &pairs[i], &error);
        g_assert_no_error(error);
        aio_set_fd_handler(stress->base.ctx, pairs[i].far, pair_read, NULL, &pairs[i], &error);
        g_assert_no_error(error);
    }
    host_socket_close(listener);
}

static void pairs_close(struct stress *stress, struct pair *pairs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        aio_set_fd_handler(stress->base.ctx, pairs[i].near, NULL, NULL, NULL, NULL);
        aio_set_fd_handler(stress->base.ctx, pairs[i].far, NULL, NULL, NULL, NULL);
        host_socket_close(pairs[i].near);
        host_socket_close(pairs[i].far);
    }
}

/* Thousands of sockets and a thousand events on one context; a few of each are busy. */
static void test_big(struct stress *stress, gconstpointer way)
{
    const unsigned pair_count = is_long ? 4500 : 100;
    const unsigned event_count = is_long ? 1000 : 200;
    g_autofree struct pair *pairs = g_new0(struct pair, pair_count);
    g_autofree struct counted *events = g_new0(struct counted, event_count);
    unsigned reads = 0, fired = 0;
    GError *error = NULL;

    if (contract_handles_max(way, event_count) < event_count) {
        g_test_skip("this waiter is for small sets");
        return;
    }
    for (unsigned i = 0; i < event_count; i++) {
        events[i].fired = &fired;
        event_notifier_init(&events[i].notifier, false, &error);
        aio_set_event_notifier(stress->base.ctx, &events[i].notifier, event_fired, &error);
        g_assert_no_error(error);
    }
    pairs_open(stress, pairs, pair_count, &reads);
    for (unsigned round = 1; round <= 20; round++) {
        for (unsigned i = 0; i < 50; i++) {
            event_notifier_set(&events[i * (event_count / 50)].notifier);
            host_socket_send(pairs[i * (pair_count / 50)].far, "x", 1);
        }
        while (fired < round * 50 || reads < round * 50) {
            g_assert_true(contract_poll(&stress->base, true));
        }
    }
    g_assert_cmpint(fired, ==, 1000);
    g_assert_cmpint(reads, ==, 1000);
    pairs_close(stress, pairs, pair_count);
    for (unsigned i = 0; i < event_count; i++) {
        aio_set_event_notifier(stress->base.ctx, &events[i].notifier, NULL, NULL);
        event_notifier_cleanup(&events[i].notifier);
    }
}

static const struct contract_test tests[] = {
    { "wakes", CONTRACT_TEST(test_wakes) },
    { "nested", CONTRACT_TEST(test_nested) },
    { "big", CONTRACT_TEST(test_big) },
};

/* A host that is slow is nobody's fault; whoever is notified and was woken by nobody has lost it.
 */
static void finding(void *opaque, const char *text)
{
    (void)opaque;
    g_test_message("%s", text);
    g_assert_null(strstr(text, "lost wake-up"));
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    is_long = argc > 1 && !strcmp(argv[1], "--long");
    contract_add(tests, G_N_ELEMENTS(tests), sizeof(struct stress), CONTRACT_TEST(set_up),
                 CONTRACT_TEST(tear_down));
    g_assert_true(aio_watchdog_start(finding, NULL, NULL));
    status = g_test_run();
    aio_watchdog_stop();
    return status;
}
