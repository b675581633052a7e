#include "tests/aio/bench/bench.h"

#include <assert.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "aio/threadpool.h"
#include "aio/timer.h"
#include "platform/clock.h"

struct side {
    struct iothread *thread;
    struct aio_bh *bh;
    struct side *peer;
    unsigned left;
    atomic_bool done;
};

static void side_run(void *opaque)
{
    struct side *side = opaque;

    if (side->left == 0) {
        atomic_store(&side->done, true);
        return;
    }
    side->left--;
    aio_bh_schedule(side->peer->bh);
}

static void side_poll_on(void *opaque)
{
    aio_context_set_poll_max(opaque, 100000);
}

static void side_bh_delete(void *opaque)
{
    aio_bh_delete(opaque);
}

static double ping_pong(unsigned rounds, bool polling)
{
    struct side sides[2] = { 0 };
    int64_t began_ns;

    for (int i = 0; i < 2; i++) {
        struct aio_context *ctx;

        sides[i].thread = iothread_new("bench", NULL);
        ctx = iothread_context(sides[i].thread);
        sides[i].bh = aio_bh_new(ctx, "side", side_run, &sides[i]);
        sides[i].peer = &sides[!i];
        sides[i].left = rounds;
        if (polling) {
            aio_bh_schedule_oneshot(ctx, "poll-on", side_poll_on, ctx);
        }
    }
    began_ns = bench_now_ns();
    aio_bh_schedule(sides[0].bh);
    while (!atomic_load(&sides[0].done)) {
        g_usleep(100);
    }
    began_ns = bench_now_ns() - began_ns;
    for (int i = 0; i < 2; i++) {
        aio_bh_schedule_oneshot(iothread_context(sides[i].thread), "delete", side_bh_delete,
                                sides[i].bh);
        iothread_join(sides[i].thread);
    }
    return (double)began_ns / rounds;
}

static double aio_ping_pong(unsigned rounds)
{
    return ping_pong(rounds, false);
}

static double aio_ping_pong_polling(unsigned rounds)
{
    return ping_pong(rounds, true);
}

static struct aio_context *context_new(void)
{
    struct aio_context *ctx = aio_context_new("bench", NULL);

    assert(ctx);
    aio_context_set_home(ctx);
    return ctx;
}

static void timer_count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static struct aio_timer *timers_arm(struct aio_context *ctx, unsigned *count, int64_t base_ns)
{
    struct aio_timer *timers = g_new(struct aio_timer, BENCH_TIMERS);

    for (unsigned i = 0; i < BENCH_TIMERS; i++) {
        timer_init(&timers[i], ctx, aio_clock_host(), "bench", timer_count, count);
        timer_mod(&timers[i], base_ns + (int64_t)bench_spread_ms(i) * 1000000);
    }
    return timers;
}

static double aio_arm_cancel(unsigned rounds)
{
    struct aio_context *ctx = context_new();
    unsigned count = 0;
    int64_t base_ns = host_monotonic_ns() + INT64_C(3600000000000);
    struct aio_timer *timers = timers_arm(ctx, &count, base_ns);
    struct aio_timer extra;
    int64_t began_ns;

    timer_init(&extra, ctx, aio_clock_host(), "extra", timer_count, &count);
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        timer_mod(&extra, base_ns + (int64_t)bench_spread_ms(i) * 1000000);
        timer_del(&extra);
    }
    began_ns = bench_cpu_ns() - began_ns;
    for (unsigned i = 0; i < BENCH_TIMERS; i++) {
        timer_del(&timers[i]);
    }
    g_free(timers);
    aio_context_unref(ctx);
    return (double)began_ns / rounds;
}

static double aio_expire(void)
{
    struct aio_context *ctx = context_new();
    unsigned count = 0;
    struct aio_timer *timers = timers_arm(ctx, &count, 0);
    int64_t began_ns = bench_cpu_ns();

    while (count < BENCH_TIMERS) {
        aio_poll(ctx, true);
    }
    began_ns = bench_cpu_ns() - began_ns;
    g_free(timers);
    aio_context_unref(ctx);
    return (double)began_ns / BENCH_TIMERS;
}

struct busy {
    unsigned *count;
    int fd;
};

static void busy_read(void *opaque)
{
    struct busy *busy = opaque;

    bench_byte_read(busy->fd);
    ++*busy->count;
}

static double aio_sockets(unsigned rounds)
{
    struct aio_context *ctx = context_new();
    int *fds = g_new(int, BENCH_SOCKETS);
    struct busy *busy = g_new(struct busy, BENCH_SOCKETS);
    unsigned count = 0;
    int64_t began_ns;

    bench_sockets_open(fds);
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        busy[i] = (struct busy){ &count, fds[i] };
        aio_set_fd_handler(ctx, ((struct host_handle){ HOST_HANDLE_SOCKET, fds[i] }), busy_read,
                           NULL, &busy[i], NULL);
    }
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned j = 0; j < BENCH_BUSY; j++) {
            bench_byte_write(fds[j * 2 * (BENCH_SOCKETS / 2 / BENCH_BUSY) + 1]);
        }
        while (count < (i + 1) * BENCH_BUSY) {
            aio_poll(ctx, true);
        }
    }
    began_ns = bench_cpu_ns() - began_ns;
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        aio_set_fd_handler(ctx, ((struct host_handle){ HOST_HANDLE_SOCKET, fds[i] }), NULL, NULL,
                           NULL, NULL);
    }
    bench_sockets_close(fds);
    g_free(busy);
    g_free(fds);
    aio_context_unref(ctx);
    return (double)began_ns / rounds / BENCH_BUSY;
}

struct jobs {
    struct thread_pool *pool;
    unsigned left;
};

static int64_t job_run(void *opaque)
{
    (void)opaque;
    return 0;
}

static void job_done(void *opaque, int64_t result)
{
    struct jobs *jobs = opaque;

    (void)result;
    if (jobs->left > 0) {
        jobs->left--;
        thread_pool_submit(jobs->pool, job_run, job_done, jobs);
    }
}

static double job(unsigned rounds, int64_t poll_ns)
{
    struct aio_context *ctx = context_new();
    struct jobs jobs = { thread_pool_new(ctx, 4, NULL), rounds - 1 };
    int64_t began_ns;

    aio_context_set_poll_max(ctx, poll_ns);
    began_ns = bench_now_ns();
    thread_pool_submit(jobs.pool, job_run, job_done, &jobs);
    while (thread_pool_pending(jobs.pool) > 0) {
        aio_poll(ctx, true);
    }
    began_ns = bench_now_ns() - began_ns;
    thread_pool_free(jobs.pool);
    aio_context_unref(ctx);
    return (double)began_ns / rounds;
}

static double aio_job(unsigned rounds)
{
    return job(rounds, 0);
}

static double aio_job_polling(unsigned rounds)
{
    return job(rounds, 100000);
}

static void switch_often(void *opaque)
{
    unsigned rounds = *(unsigned *)opaque;

    for (unsigned i = 0; i < rounds; i++) {
        coroutine_yield();
    }
}

double bench_switch(unsigned rounds)
{
    struct coroutine *co = coroutine_create("switch", switch_often, &rounds);
    int64_t began_ns = bench_cpu_ns();

    for (unsigned i = 0; i <= rounds; i++) {
        coroutine_enter(co);
    }
    return (double)(bench_cpu_ns() - began_ns) / rounds / 2;
}

const struct bench_loop bench_aio = { "tinamou",  aio_ping_pong, aio_arm_cancel,
                                      aio_expire, aio_sockets,   aio_job };

const struct bench_loop bench_aio_polling = {
    "tinamou, polling", aio_ping_pong_polling, NULL, NULL, NULL, aio_job_polling
};
