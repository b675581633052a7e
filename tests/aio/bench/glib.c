/* glib's main loop. Its timers are a list: so it gets few of them, and that is said. */
#include "tests/aio/bench/bench.h"

#include <assert.h>

#include <glib.h>
#include <glib-unix.h>

#define TIMERS 2000u

struct side {
    GMainContext *main;
    GThread *thread;
    struct side *peer;
    unsigned left;
    volatile gint stop;
};

static gboolean side_run(gpointer opaque)
{
    struct side *side = opaque;
    GSource *idle;

    if (side->left == 0) {
        g_atomic_int_set(&side->stop, 1);
        g_atomic_int_set(&side->peer->stop, 1);
        g_main_context_wakeup(side->peer->main);
        return G_SOURCE_REMOVE;
    }
    side->left--;
    idle = g_idle_source_new();
    g_source_set_callback(idle, side_run, side->peer, NULL);
    g_source_attach(idle, side->peer->main);
    g_source_unref(idle);
    return G_SOURCE_REMOVE;
}

static gpointer side_main(gpointer opaque)
{
    struct side *side = opaque;

    while (!g_atomic_int_get(&side->stop)) {
        g_main_context_iteration(side->main, TRUE);
    }
    return NULL;
}

static double glib_ping_pong(unsigned rounds)
{
    struct side sides[2] = { 0 };
    int64_t began_ns;

    for (int i = 0; i < 2; i++) {
        sides[i].main = g_main_context_new();
        sides[i].peer = &sides[!i];
        sides[i].left = rounds;
    }
    side_run(&sides[1]);
    began_ns = bench_now_ns();
    for (int i = 0; i < 2; i++) {
        sides[i].thread = g_thread_new("bench", side_main, &sides[i]);
    }
    for (int i = 0; i < 2; i++) {
        g_thread_join(sides[i].thread);
    }
    began_ns = bench_now_ns() - began_ns;
    g_main_context_unref(sides[0].main);
    g_main_context_unref(sides[1].main);
    return (double)began_ns / rounds;
}

static gboolean timer_count(gpointer opaque)
{
    ++*(unsigned *)opaque;
    return G_SOURCE_REMOVE;
}

static void timer_arm(GMainContext *main, GSource *timer, unsigned *count)
{
    g_source_set_callback(timer, timer_count, count, NULL);
    g_source_attach(timer, main);
    g_source_unref(timer);
}

static double glib_arm_cancel(unsigned rounds)
{
    GMainContext *main = g_main_context_new();
    unsigned count = 0;
    int64_t began_ns;

    rounds = MIN(rounds, 20000);
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_arm(main, g_timeout_source_new(3600000 + (guint)bench_spread_ms(i)), &count);
    }
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        GSource *timer = g_timeout_source_new(3600000 + (guint)bench_spread_ms(i));

        g_source_ref(timer);
        timer_arm(main, timer, &count);
        g_source_destroy(timer);
        g_source_unref(timer);
    }
    began_ns = bench_cpu_ns() - began_ns;
    g_main_context_unref(main);
    return (double)began_ns / rounds;
}

static double glib_expire(void)
{
    GMainContext *main = g_main_context_new();
    unsigned count = 0;
    int64_t began_ns;

    for (unsigned i = 0; i < TIMERS; i++) {
        timer_arm(main, g_timeout_source_new(0), &count);
    }
    began_ns = bench_cpu_ns();
    while (count < TIMERS) {
        g_main_context_iteration(main, TRUE);
    }
    began_ns = bench_cpu_ns() - began_ns;
    g_main_context_unref(main);
    return (double)began_ns / TIMERS;
}

static gboolean busy_read(gint fd, GIOCondition condition, gpointer opaque)
{
    (void)condition;
    bench_byte_read(fd);
    ++*(unsigned *)opaque;
    return G_SOURCE_CONTINUE;
}

static double glib_sockets(unsigned rounds)
{
    GMainContext *main = g_main_context_new();
    int *fds = g_new(int, BENCH_SOCKETS);
    unsigned count = 0;
    int64_t began_ns;

    rounds = MIN(rounds, 30);
    bench_sockets_open(fds);
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        GSource *source = g_unix_fd_source_new(fds[i], G_IO_IN);

        g_source_set_callback(source, (GSourceFunc)(void (*)(void))busy_read, &count, NULL);
        g_source_attach(source, main);
        g_source_unref(source);
    }
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned j = 0; j < BENCH_BUSY; j++) {
            bench_byte_write(fds[j * 2 * (BENCH_SOCKETS / 2 / BENCH_BUSY) + 1]);
        }
        while (count < (i + 1) * BENCH_BUSY) {
            g_main_context_iteration(main, TRUE);
        }
    }
    began_ns = bench_cpu_ns() - began_ns;
    g_main_context_unref(main);
    bench_sockets_close(fds);
    g_free(fds);
    return (double)began_ns / rounds / BENCH_BUSY;
}

struct jobs {
    GMainContext *main;
    GThreadPool *pool;
    unsigned left;
};

static gboolean job_done(gpointer opaque)
{
    struct jobs *jobs = opaque;

    if (--jobs->left > 0) {
        g_thread_pool_push(jobs->pool, jobs, NULL);
    }
    return G_SOURCE_REMOVE;
}

static void job_run(gpointer data, gpointer opaque)
{
    struct jobs *jobs = data;

    (void)opaque;
    g_main_context_invoke(jobs->main, job_done, jobs);
}

static double glib_job(unsigned rounds)
{
    struct jobs jobs = { .main = g_main_context_new(), .left = rounds };
    int64_t began_ns;

    g_main_context_acquire(jobs.main); /* else a worker would run the completion itself */
    jobs.pool = g_thread_pool_new(job_run, NULL, 4, TRUE, NULL);
    began_ns = bench_now_ns();
    g_thread_pool_push(jobs.pool, &jobs, NULL);
    while (jobs.left > 0) {
        g_main_context_iteration(jobs.main, TRUE);
    }
    began_ns = bench_now_ns() - began_ns;
    g_thread_pool_free(jobs.pool, FALSE, TRUE);
    g_main_context_release(jobs.main);
    g_main_context_unref(jobs.main);
    return (double)began_ns / rounds;
}

const struct bench_loop bench_glib = { "glib",      glib_ping_pong, glib_arm_cancel,
                                       glib_expire, glib_sockets,   glib_job };
