#include "tests/aio/bench/bench.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <uv.h>

struct side {
    uv_loop_t loop;
    uv_async_t async;
    uv_thread_t thread;
    struct side *peer;
    unsigned left;
    atomic_uint received;
};

static void side_stop(struct side *side)
{
    uv_close((uv_handle_t *)&side->async, NULL);
}

static void side_run(uv_async_t *async)
{
    struct side *side = async->data;

    if (side->left == 0) {
        uv_async_send(&side->peer->async); /* whose turn is its last as well */
        side_stop(side);
        return;
    }
    side->left--;
    uv_async_send(&side->peer->async);
}

static void side_main(void *opaque)
{
    struct side *side = opaque;

    uv_run(&side->loop, UV_RUN_DEFAULT);
}

static double uv_ping_pong(unsigned rounds)
{
    struct side sides[2];
    int64_t began_ns;

    for (int i = 0; i < 2; i++) {
        uv_loop_init(&sides[i].loop);
        uv_async_init(&sides[i].loop, &sides[i].async, side_run);
        sides[i].async.data = &sides[i];
        sides[i].peer = &sides[!i];
        sides[i].left = rounds;
    }
    began_ns = bench_now_ns();
    for (int i = 0; i < 2; i++) {
        uv_thread_create(&sides[i].thread, side_main, &sides[i]);
    }
    uv_async_send(&sides[0].async);
    uv_thread_join(&sides[0].thread);
    uv_thread_join(&sides[1].thread);
    began_ns = bench_now_ns() - began_ns;
    uv_loop_close(&sides[0].loop);
    uv_loop_close(&sides[1].loop);
    return (double)began_ns / rounds;
}

static void timer_count(uv_timer_t *timer)
{
    ++*(unsigned *)timer->data;
}

static uv_timer_t *timers_arm(uv_loop_t *loop, unsigned *count, uint64_t base_ms)
{
    uv_timer_t *timers = calloc(BENCH_TIMERS + 1, sizeof(*timers));

    for (unsigned i = 0; i <= BENCH_TIMERS; i++) {
        uv_timer_init(loop, &timers[i]);
        timers[i].data = count;
        if (i < BENCH_TIMERS) {
            uv_timer_start(&timers[i], timer_count, base_ms + bench_spread_ms(i) / 5, 0);
        }
    }
    return timers;
}

static void timers_free(uv_loop_t *loop, uv_timer_t *timers)
{
    for (unsigned i = 0; i <= BENCH_TIMERS; i++) {
        uv_close((uv_handle_t *)&timers[i], NULL);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    free(timers);
}

static double uv_arm_cancel(unsigned rounds)
{
    uv_loop_t loop;
    unsigned count = 0;
    uv_timer_t *timers;
    int64_t began_ns;

    uv_loop_init(&loop);
    timers = timers_arm(&loop, &count, 3600000);
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        uv_timer_start(&timers[BENCH_TIMERS], timer_count, 3600000 + bench_spread_ms(i), 0);
        uv_timer_stop(&timers[BENCH_TIMERS]);
    }
    began_ns = bench_cpu_ns() - began_ns;
    timers_free(&loop, timers);
    return (double)began_ns / rounds;
}

/* libuv counts from the loop's time, which it takes when told: so a loop that was late. */
static double uv_expire(void)
{
    uv_loop_t loop;
    unsigned count = 0;
    uv_timer_t *timers;
    int64_t began_ns;

    uv_loop_init(&loop);
    timers = timers_arm(&loop, &count, 0);
    uv_sleep(2100); /* 10 s of deadlines, a fifth of which it takes to be there */
    began_ns = bench_cpu_ns();
    uv_run(&loop, UV_RUN_NOWAIT);
    began_ns = bench_cpu_ns() - began_ns;
    assert(count == BENCH_TIMERS);
    timers_free(&loop, timers);
    return (double)began_ns / BENCH_TIMERS;
}

struct busy {
    uv_poll_t poll;
    unsigned *count;
    int fd;
};

static void busy_read(uv_poll_t *poll, int status, int events)
{
    struct busy *busy = (struct busy *)poll;

    (void)status;
    (void)events;
    bench_byte_read(busy->fd);
    ++*busy->count;
}

static double uv_sockets(unsigned rounds)
{
    uv_loop_t loop;
    int *fds = calloc(BENCH_SOCKETS, sizeof(*fds));
    struct busy *busy = calloc(BENCH_SOCKETS, sizeof(*busy));
    unsigned count = 0;
    int64_t began_ns;

    uv_loop_init(&loop);
    bench_sockets_open(fds);
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        busy[i].count = &count;
        busy[i].fd = fds[i];
        uv_poll_init(&loop, &busy[i].poll, fds[i]);
        uv_poll_start(&busy[i].poll, UV_READABLE, busy_read);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    began_ns = bench_cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned j = 0; j < BENCH_BUSY; j++) {
            bench_byte_write(fds[j * 2 * (BENCH_SOCKETS / 2 / BENCH_BUSY) + 1]);
        }
        while (count < (i + 1) * BENCH_BUSY) {
            uv_run(&loop, UV_RUN_ONCE);
        }
    }
    began_ns = bench_cpu_ns() - began_ns;
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        uv_close((uv_handle_t *)&busy[i].poll, NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    bench_sockets_close(fds);
    free(busy);
    free(fds);
    return (double)began_ns / rounds / BENCH_BUSY;
}

static void work(uv_work_t *request)
{
    (void)request;
}

static void work_done(uv_work_t *request, int status)
{
    unsigned *left = request->data;

    (void)status;
    if (*left > 0) {
        --*left;
        uv_queue_work(request->loop, request, work, work_done);
    }
}

static double uv_job(unsigned rounds)
{
    uv_loop_t loop;
    unsigned left = rounds - 1;
    uv_work_t request = { .data = &left };
    int64_t began_ns;

    uv_loop_init(&loop);
    began_ns = bench_now_ns();
    uv_queue_work(&loop, &request, work, work_done);
    uv_run(&loop, UV_RUN_DEFAULT);
    began_ns = bench_now_ns() - began_ns;
    uv_loop_close(&loop);
    return (double)began_ns / rounds;
}

void bench_sockets_open(int *fds)
{
    for (unsigned i = 0; i < BENCH_SOCKETS; i += 2) {
        uv_os_sock_t pair[2];
        int failed =
            uv_socketpair(1 /* SOCK_STREAM */, 0, pair, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);

        assert(!failed && "raise the limit of open files: ulimit -n 20000");
        fds[i] = pair[0];
        fds[i + 1] = pair[1];
    }
}

void bench_sockets_close(const int *fds)
{
    for (unsigned i = 0; i < BENCH_SOCKETS; i++) {
        uv_fs_t request;

        uv_fs_close(NULL, &request, fds[i], NULL);
    }
}

static void byte_transfer(int fd, bool write)
{
    static char byte = 'x';
    uv_buf_t buffer = uv_buf_init(&byte, 1);
    uv_fs_t request;
    int done = write ? uv_fs_write(NULL, &request, fd, &buffer, 1, -1, NULL)
                     : uv_fs_read(NULL, &request, fd, &buffer, 1, -1, NULL);

    assert(done == 1);
    uv_fs_req_cleanup(&request);
}

void bench_byte_write(int fd)
{
    byte_transfer(fd, true);
}

void bench_byte_read(int fd)
{
    byte_transfer(fd, false);
}

const struct bench_loop bench_uv = { "libuv",   uv_ping_pong, uv_arm_cancel,
                                     uv_expire, uv_sockets,   uv_job };
