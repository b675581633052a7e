/* Two threads, for guests with two harts: the same hash on both, a lock they fight for, and a word
 * that they hand to each other. */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

enum { THREADS = 2, BLOCKS = 4000, LOCKS = 20000, TURNS = 20000 };

static void *hash_thread(void *unused)
{
    static const uint8_t block[64] = "abc";
    uint32_t state[8] = {0};
    for (int i = 0; i < BLOCKS; i++)
        sha256_block(state, block);
    bench_use(state[0]);
    return unused;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t locked;

static void *lock_thread(void *unused)
{
    for (int i = 0; i < LOCKS; i++) {
        pthread_mutex_lock(&lock);
        locked++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static _Atomic uint32_t turn;

static void *turn_thread(void *own)
{
    uint32_t parity = *(const uint32_t *)own;
    for (uint32_t i = 0; i < TURNS; i++) {
        while ((atomic_load(&turn) & 1) != parity)
            ;
        atomic_fetch_add(&turn, 1);
    }
    return NULL;
}

/* Runs a function on some threads, each bound to a processor of its own. */
static void threads_run(int count, void *(*function)(void *))
{
    static const uint32_t number[THREADS] = {0, 1};
    pthread_t thread[THREADS];
    for (int i = 0; i < count; i++) {
        pthread_attr_t attributes;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(i, &set);
        pthread_attr_init(&attributes);
        pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
        if (pthread_create(&thread[i], &attributes, function, (void *)&number[i]))
            bench_fail("two threads on two processors");
        pthread_attr_destroy(&attributes);
    }
    for (int i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

static uint64_t single_step(void)
{
    threads_run(1, hash_thread);
    return BLOCKS * 64;
}

static uint64_t hash_step(void)
{
    threads_run(THREADS, hash_thread);
    return THREADS * BLOCKS * 64;
}

static uint64_t lock_step(void)
{
    threads_run(THREADS, lock_thread);
    bench_use(locked);
    return THREADS * LOCKS;
}

static uint64_t turn_step(void)
{
    threads_run(THREADS, turn_thread);
    return THREADS * TURNS;
}

const struct workload thread_workloads[] = {
    {"sha256-1", "bytes", NULL, single_step, NULL},
    {"sha256-2", "bytes", NULL, hash_step, NULL},
    {"mutex-2", "locks", NULL, lock_step, NULL},
    {"pingpong-2", "turns", NULL, turn_step, NULL},
    {0},
};
