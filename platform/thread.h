/* Threads, mutexes and condition variables of the host. Storage is inline so that they embed. */
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* Not recursive. Zeroed memory is not a mutex: call init. */
struct host_mutex {
    alignas(8) unsigned char storage[64];
    unsigned rank; /* 0: none; see host_mutex_set_rank */
};

/* A condition variable whose timed wait counts on host_monotonic_ns. */
struct host_cond {
    alignas(8) unsigned char storage[64];
};

struct host_thread;

typedef void host_thread_fn(void *opaque);

/* Makes an unlocked mutex. Cannot fail. */
void host_mutex_init(struct host_mutex *mutex);

/* Gives an unlocked mutex a place in the order of locks: a thread may take it only while all ranked
 * mutexes it holds have a lower rank, or it aborts. Before others know the mutex. */
void host_mutex_set_rank(struct host_mutex *mutex, unsigned rank);

/* Ends an unlocked mutex. */
void host_mutex_finish(struct host_mutex *mutex);

/* Waits for the mutex; aborts if this thread already holds it. */
void host_mutex_lock(struct host_mutex *mutex);

/* Takes the mutex if it is free; never waits. */
bool host_mutex_trylock(struct host_mutex *mutex);

/* Releases a mutex that this thread holds. */
void host_mutex_unlock(struct host_mutex *mutex);

/* Makes a condition variable nobody waits on. */
void host_cond_init(struct host_cond *cond);

/* Ends a condition variable nobody waits on. */
void host_cond_finish(struct host_cond *cond);

/* Releases `mutex`, waits, takes it again. May wake for no reason: callers loop. */
void host_cond_wait(struct host_cond *cond, struct host_mutex *mutex);

/* The same, until host_monotonic_ns() reaches `until_ns`; false only when that time has come. */
bool host_cond_wait_until(struct host_cond *cond, struct host_mutex *mutex, int64_t until_ns);

/* Wakes one waiter. */
void host_cond_signal(struct host_cond *cond);

/* Wakes all waiters. */
void host_cond_broadcast(struct host_cond *cond);

/* Starts a thread named `name` (15 characters show); NULL and `error` if the host refuses. */
struct host_thread *host_thread_new(const char *name, host_thread_fn *fn, void *opaque,
                                    GError **error);

/* Waits for the thread's function to return and frees the thread. */
void host_thread_join(struct host_thread *thread);

/* Lets another thread that is ready have this processor. */
void host_thread_yield(void);

/* A number that no other live thread has, never 0. */
uint64_t host_thread_id(void);

/* CPU time this thread has used so far, in ns. */
int64_t host_thread_cpu_ns(void);

/* Processors the host lets this process use; at least 1. */
unsigned host_cpu_count(void);
