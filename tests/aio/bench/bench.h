/* The same figures of several event loops, in one process and one run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BENCH_TIMERS  100000u
#define BENCH_SOCKETS 9000u
#define BENCH_BUSY    100u

/* One event loop. Each function measures and returns nanoseconds a unit; NULL: it has no such. */
struct bench_loop {
    const char *name;
    double (*ping_pong)(unsigned rounds);  /* there and back, between two threads' loops */
    double (*arm_cancel)(unsigned rounds); /* one timer among the others */
    double (*expire)(void);                /* one of all timers, all due */
    double (*sockets)(unsigned rounds);    /* a byte through one of the busy sockets */
    double (*job)(unsigned rounds);        /* through the thread pool and back */
};

/* Ours, sleeping at once. */
extern const struct bench_loop bench_aio;

/* Ours with adaptive polling. */
extern const struct bench_loop bench_aio_polling;

/* The others. */
extern const struct bench_loop bench_uv, bench_glib;

/* A coroutine switch of ours, in ns. */
double bench_switch(unsigned rounds);

/* Nanoseconds on a clock that only runs forward. */
int64_t bench_now_ns(void);

/* Processor time of this thread: what a figure of one thread is measured in, whatever else the
 * machine does meanwhile. */
int64_t bench_cpu_ns(void);

/* A spread of deadlines that is the same for every loop: the n-th, in ms. */
uint64_t bench_spread_ms(unsigned n);

/* Makes `BENCH_SOCKETS` descriptors, pairs of connected sockets; the far end of 2n is 2n + 1. */
void bench_sockets_open(int *fds);

/* Closes them. */
void bench_sockets_close(const int *fds);

/* Writes one byte into a descriptor. */
void bench_byte_write(int fd);

/* Reads the byte. */
void bench_byte_read(int fd);
