/*
 * Coroutines: functions that may wait in the middle without holding a thread.
 *
 * A coroutine belongs to the context whose callback entered it last and runs on that context's home
 * thread. Woken from another thread, it goes on there, from a bottom half. No aio_poll inside.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "aio/clock.h"
#include "aio/context.h"
#include "aio/threadpool.h"
#include "aio/timer.h"
#include "platform/thread.h"

struct coroutine;

typedef void coroutine_fn(void *opaque);

/* Makes a coroutine that will run `fn` once entered, and is freed when that returns. */
struct coroutine *coroutine_create(const char *name, coroutine_fn *fn, void *opaque);

/* Runs it until it yields or ends, and after it whatever it woke. Not while it is running or
 * scheduled elsewhere. */
void coroutine_enter(struct coroutine *co);

/* Goes back to who entered this coroutine; returns when it is entered again. */
void coroutine_yield(void);

/* The running coroutine; NULL outside of any. */
struct coroutine *coroutine_self(void);

/* Whether the caller runs in a coroutine. */
bool coroutine_in(void);

/* Its name. */
const char *coroutine_name(const struct coroutine *co);

/* Enters the coroutine from a bottom half of `ctx`, in the order of the calls; it must have yielded
 * by then, and is not scheduled already. Any thread. */
void aio_co_schedule(struct aio_context *ctx, struct coroutine *co);

/* Enters it where it belongs: at once if that is here, when the running coroutine yields if there
 * is one, else by aio_co_schedule. Any thread. */
void aio_co_wake(struct coroutine *co);

/* Moves the running coroutine to another context, on whose home thread it goes on. */
void aio_co_move(struct aio_context *ctx);

/* One coroutine waiting in one of the queues below; on the waiter's stack. */
struct co_waiter {
    struct coroutine *co;
    struct co_waiter *next;
    bool write; /* of a co_rwlock: what it wants */
};

/* First in, first out. */
struct co_waiters {
    struct co_waiter *first;
    struct co_waiter **last;
};

/* A lock for coroutines of any contexts: who waits first gets it first, from hand to hand. */
struct co_mutex {
    atomic_uint state;
    struct host_mutex guard; /* of the waiters; held for a few instructions */
    struct co_waiters waiters;
    struct coroutine *holder;
};

/* Makes a free lock. */
void co_mutex_init(struct co_mutex *mutex);

/* Ends a free lock. */
void co_mutex_finish(struct co_mutex *mutex);

/* Waits for the lock. In a coroutine. */
void co_mutex_lock(struct co_mutex *mutex);

/* Takes the lock if it is free. In a coroutine. */
bool co_mutex_trylock(struct co_mutex *mutex);

/* Hands it to who waits longest. By its holder. */
void co_mutex_unlock(struct co_mutex *mutex);

/* Coroutines that wait for a condition, under a co_mutex or all in one context. */
struct co_queue {
    struct co_waiters waiters;
};

/* Makes an empty queue. */
void co_queue_init(struct co_queue *queue);

/* Waits until woken; `mutex` (may be NULL) is released meanwhile. In a coroutine. */
void co_queue_wait(struct co_queue *queue, struct co_mutex *mutex);

/* Wakes who waits longest; false if nobody does. */
bool co_queue_next(struct co_queue *queue);

/* Wakes all. */
void co_queue_restart_all(struct co_queue *queue);

/* Whether nobody waits. */
bool co_queue_empty(const struct co_queue *queue);

/* Many readers or one writer, in the order they came. */
struct co_rwlock {
    struct host_mutex guard;
    int owners; /* readers, or -1 for a writer */
    struct co_waiters waiters;
};

/* Makes a free lock. */
void co_rwlock_init(struct co_rwlock *lock);

/* Ends a free lock. */
void co_rwlock_finish(struct co_rwlock *lock);

/* Waits until it may read. In a coroutine. */
void co_rwlock_rdlock(struct co_rwlock *lock);

/* Waits until it may write. In a coroutine. */
void co_rwlock_wrlock(struct co_rwlock *lock);

/* From reading to writing: behind those who wait already, so others may write in between. */
void co_rwlock_upgrade(struct co_rwlock *lock);

/* From writing to reading, without letting go. */
void co_rwlock_downgrade(struct co_rwlock *lock);

/* Lets go of either. */
void co_rwlock_unlock(struct co_rwlock *lock);

/* A sleep that can be cut short; a wake that comes before the sleep cuts the next one short. */
struct co_sleep {
    atomic_uint state;
    struct coroutine *co;
};

/* Makes one that nobody sleeps in. */
void co_sleep_init(struct co_sleep *sleep);

/* Sleeps until `clock` shows `until_ns` or it is woken; true if woken. In a coroutine. */
bool co_sleep_until(struct co_sleep *sleep, struct aio_clock *clock, int64_t until_ns);

/* Ends the sleep that is under way or comes next. Any thread. */
void co_sleep_wake(struct co_sleep *sleep);

/* Runs `fn` on a worker of the pool and waits for its result. In a coroutine of its context. */
int64_t thread_pool_submit_co(struct thread_pool *pool, thread_pool_fn *fn, void *opaque);
