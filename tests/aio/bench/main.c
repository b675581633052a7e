/* Goal: measure our loop beside libuv's and glib's, each figure in turn, best of three. */
#include <stdio.h>

#include <uv.h>

#include "platform/thread.h"
#include "tests/aio/bench/bench.h"

#define REPEATS 3

static const struct bench_loop *const loops[] = { &bench_uv, &bench_glib, &bench_aio,
                                                  &bench_aio_polling };
#define LOOPS (sizeof(loops) / sizeof(*loops))

int64_t bench_now_ns(void)
{
    return (int64_t)uv_hrtime();
}

int64_t bench_cpu_ns(void)
{
    return host_thread_cpu_ns();
}

uint64_t bench_spread_ms(unsigned n)
{
    return (n * 2654435761u >> 12) % 10000;
}

static double best(double value, double so_far)
{
    return so_far == 0 || value < so_far ? value : so_far;
}

static void print_line(const char *figure, const double *ns)
{
    printf("%-42s", figure);
    for (unsigned i = 0; i < LOOPS; i++) {
        if (ns[i] > 0) {
            printf(" %12.0f ns", ns[i]);
        } else {
            printf(" %15s", "-");
        }
    }
    printf("   of libuv: %.2f\n", ns[2] / ns[0]);
    fflush(stdout);
}

static void measure(const char *figure, double (*const *fns)(unsigned), unsigned rounds)
{
    double ns[LOOPS] = { 0 };

    for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
        for (unsigned i = 0; i < LOOPS; i++) {
            if (fns[i]) {
                ns[i] = best(fns[i](rounds), ns[i]);
            }
        }
    }
    print_line(figure, ns);
}

static void measure_expire(void)
{
    double ns[LOOPS] = { 0 };

    for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
        for (unsigned i = 0; i < LOOPS; i++) {
            if (loops[i]->expire) {
                ns[i] = best(loops[i]->expire(), ns[i]);
            }
        }
    }
    print_line("expire one of 100,000 timers (glib: 2,000)", ns);
}

#define COLUMN(member)                                                                             \
    (double (*const[LOOPS])(unsigned))                                                             \
    {                                                                                              \
        loops[0]->member, loops[1]->member, loops[2]->member, loops[3]->member                     \
    }

int main(void)
{
    double switch_ns = 0;

    printf("%-42s", "");
    for (unsigned i = 0; i < LOOPS; i++) {
        printf(" %15s", loops[i]->name);
    }
    printf("\n");
    measure("ping-pong of two threads, each its loop", COLUMN(ping_pong), 20000);
    measure("arm and cancel one timer (glib: of 2,000)", COLUMN(arm_cancel), 1000000);
    measure_expire();
    measure("a byte, 100 busy of 9,000 sockets", COLUMN(sockets), 300);
    measure("a job through the thread pool and back", COLUMN(job), 20000);
    for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
        switch_ns = best(bench_switch(10000000), switch_ns);
    }
    printf("%-42s %46.1f ns\n", "a coroutine switch", switch_ns);
    return 0;
}
