/* What coroutines wait for besides requests: locks, queues, sleeps, workers. */
#include <assert.h>

#include "aio/coroutine.h"

enum mutex_state { MUTEX_FREE, MUTEX_HELD, MUTEX_WANTED };
enum sleep_state { SLEEP_NONE, SLEEP_ASLEEP, SLEEP_WOKEN };

static void waiters_init(struct co_waiters *waiters)
{
    waiters->first = NULL;
    waiters->last = &waiters->first;
}

static void waiters_append(struct co_waiters *waiters, struct co_waiter *waiter)
{
    waiter->next = NULL;
    *waiters->last = waiter;
    waiters->last = &waiter->next;
}

static struct co_waiter *waiters_pop(struct co_waiters *waiters)
{
    struct co_waiter *waiter = waiters->first;

    if (waiter) {
        waiters->first = waiter->next;
        if (!waiters->first) {
            waiters->last = &waiters->first;
        }
    }
    return waiter;
}

/* Wakes a chain of waiters; each is gone from its stack once it runs. */
static void waiters_wake(struct co_waiter *waiter)
{
    while (waiter) {
        struct co_waiter *next = waiter->next;

        aio_co_wake(waiter->co);
        waiter = next;
    }
}

void co_mutex_init(struct co_mutex *mutex)
{
    atomic_init(&mutex->state, MUTEX_FREE);
    host_mutex_init(&mutex->guard);
    waiters_init(&mutex->waiters);
    mutex->holder = NULL;
}

void co_mutex_finish(struct co_mutex *mutex)
{
    assert(atomic_load(&mutex->state) == MUTEX_FREE);
    host_mutex_finish(&mutex->guard);
}

bool co_mutex_trylock(struct co_mutex *mutex)
{
    unsigned expected = MUTEX_FREE;

    assert(coroutine_in());
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &expected, MUTEX_HELD,
                                                 memory_order_acquire, memory_order_relaxed)) {
        return false;
    }
    mutex->holder = coroutine_self();
    return true;
}

/* Takes the lock or joins the queue, as one step; true if taken. */
static bool mutex_take_or_queue(struct co_mutex *mutex, struct co_waiter *waiter)
{
    bool taken;

    host_mutex_lock(&mutex->guard);
    /* Whoever releases now finds MUTEX_WANTED and comes to the guard. */
    taken =
        atomic_exchange_explicit(&mutex->state, MUTEX_WANTED, memory_order_acq_rel) == MUTEX_FREE;
    if (!taken) {
        waiters_append(&mutex->waiters, waiter);
    } else if (!mutex->waiters.first) {
        atomic_store_explicit(&mutex->state, MUTEX_HELD, memory_order_relaxed);
    }
    host_mutex_unlock(&mutex->guard);
    return taken;
}

void co_mutex_lock(struct co_mutex *mutex)
{
    struct co_waiter waiter = { .co = coroutine_self() };

    if (co_mutex_trylock(mutex)) {
        return;
    }
    if (mutex_take_or_queue(mutex, &waiter)) {
        mutex->holder = waiter.co;
    } else {
        coroutine_yield(); /* the holder hands it over */
    }
    assert(mutex->holder == waiter.co);
}

void co_mutex_unlock(struct co_mutex *mutex)
{
    unsigned expected = MUTEX_HELD;
    struct co_waiter *waiter;
    struct coroutine *next;

    assert(mutex->holder == coroutine_self() && "unlocked by its holder");
    mutex->holder = NULL;
    if (atomic_compare_exchange_strong_explicit(&mutex->state, &expected, MUTEX_FREE,
                                                memory_order_release, memory_order_relaxed)) {
        return;
    }
    host_mutex_lock(&mutex->guard);
    waiter = waiters_pop(&mutex->waiters);
    next = waiter ? waiter->co : NULL;
    mutex->holder = next;
    atomic_store_explicit(&mutex->state,
                          !next                  ? MUTEX_FREE
                          : mutex->waiters.first ? MUTEX_WANTED
                                                 : MUTEX_HELD,
                          memory_order_release);
    host_mutex_unlock(&mutex->guard);
    if (next) {
        aio_co_wake(next);
    }
}

void co_queue_init(struct co_queue *queue)
{
    waiters_init(&queue->waiters);
}

void co_queue_wait(struct co_queue *queue, struct co_mutex *mutex)
{
    struct co_waiter waiter = { .co = coroutine_self() };

    assert(waiter.co);
    waiters_append(&queue->waiters, &waiter);
    if (mutex) {
        co_mutex_unlock(mutex);
    }
    coroutine_yield();
    if (mutex) {
        co_mutex_lock(mutex);
    }
}

bool co_queue_next(struct co_queue *queue)
{
    struct co_waiter *waiter = waiters_pop(&queue->waiters);

    if (waiter) {
        aio_co_wake(waiter->co);
    }
    return waiter != NULL;
}

void co_queue_restart_all(struct co_queue *queue)
{
    struct co_waiter *waiter = queue->waiters.first;

    waiters_init(&queue->waiters);
    waiters_wake(waiter);
}

bool co_queue_empty(const struct co_queue *queue)
{
    return !queue->waiters.first;
}

void co_rwlock_init(struct co_rwlock *lock)
{
    host_mutex_init(&lock->guard);
    lock->owners = 0;
    waiters_init(&lock->waiters);
}

void co_rwlock_finish(struct co_rwlock *lock)
{
    assert(lock->owners == 0 && !lock->waiters.first);
    host_mutex_finish(&lock->guard);
}

static bool rwlock_allows(const struct co_rwlock *lock, bool write)
{
    return write ? lock->owners == 0 : lock->owners >= 0;
}

static void rwlock_own(struct co_rwlock *lock, bool write)
{
    lock->owners = write ? -1 : lock->owners + 1;
}

/* Takes those out of the queue who may have the lock now, in order; the guard is held. */
static struct co_waiter *rwlock_grant(struct co_rwlock *lock)
{
    struct co_waiters granted;

    waiters_init(&granted);
    while (lock->waiters.first && rwlock_allows(lock, lock->waiters.first->write)) {
        struct co_waiter *waiter = waiters_pop(&lock->waiters);

        rwlock_own(lock, waiter->write);
        waiters_append(&granted, waiter);
    }
    return granted.first;
}

static void rwlock_lock(struct co_rwlock *lock, bool write)
{
    struct co_waiter waiter = { .co = coroutine_self(), .write = write };
    bool wait;

    assert(waiter.co);
    host_mutex_lock(&lock->guard);
    wait = lock->waiters.first || !rwlock_allows(lock, write);
    if (wait) {
        waiters_append(&lock->waiters, &waiter);
    } else {
        rwlock_own(lock, write);
    }
    host_mutex_unlock(&lock->guard);
    if (wait) {
        coroutine_yield(); /* who lets go gives it to us */
    }
}

void co_rwlock_rdlock(struct co_rwlock *lock)
{
    rwlock_lock(lock, false);
}

void co_rwlock_wrlock(struct co_rwlock *lock)
{
    rwlock_lock(lock, true);
}

void co_rwlock_unlock(struct co_rwlock *lock)
{
    struct co_waiter *granted;

    host_mutex_lock(&lock->guard);
    assert(lock->owners != 0);
    lock->owners = lock->owners < 0 ? 0 : lock->owners - 1;
    granted = rwlock_grant(lock);
    host_mutex_unlock(&lock->guard);
    waiters_wake(granted);
}

void co_rwlock_downgrade(struct co_rwlock *lock)
{
    struct co_waiter *granted;

    host_mutex_lock(&lock->guard);
    assert(lock->owners == -1);
    lock->owners = 1;
    granted = rwlock_grant(lock);
    host_mutex_unlock(&lock->guard);
    waiters_wake(granted);
}

void co_rwlock_upgrade(struct co_rwlock *lock)
{
    struct co_waiter waiter = { .co = coroutine_self(), .write = true };
    struct co_waiter *granted = NULL;
    bool wait;

    assert(waiter.co);
    host_mutex_lock(&lock->guard);
    assert(lock->owners > 0);
    lock->owners--;
    wait = lock->waiters.first || lock->owners > 0;
    if (wait) {
        waiters_append(&lock->waiters, &waiter);
        granted = rwlock_grant(lock);
    } else {
        lock->owners = -1;
    }
    host_mutex_unlock(&lock->guard);
    waiters_wake(granted);
    if (wait) {
        coroutine_yield();
    }
}

void co_sleep_init(struct co_sleep *sleep)
{
    atomic_init(&sleep->state, SLEEP_NONE);
    sleep->co = NULL;
}

void co_sleep_wake(struct co_sleep *sleep)
{
    if (atomic_exchange(&sleep->state, SLEEP_WOKEN) == SLEEP_ASLEEP) {
        aio_co_wake(sleep->co);
    }
}

/* One of two who may end a sleep, and the one that came first does. */
struct sleep_timer {
    struct co_sleep *sleep;
    bool fired;
};

static void sleep_over(void *opaque)
{
    struct sleep_timer *timer = opaque;
    unsigned expected = SLEEP_ASLEEP;

    if (atomic_compare_exchange_strong(&timer->sleep->state, &expected, SLEEP_NONE)) {
        timer->fired = true;
        aio_co_wake(timer->sleep->co);
    }
}

bool co_sleep_until(struct co_sleep *sleep, struct aio_clock *clock, int64_t until_ns)
{
    struct sleep_timer over = { .sleep = sleep };
    struct aio_timer timer;
    unsigned expected = SLEEP_NONE;

    sleep->co = coroutine_self();
    assert(sleep->co && aio_context_current());
    timer_init(&timer, aio_context_current(), clock, "co-sleep", sleep_over, &over);
    if (atomic_compare_exchange_strong(&sleep->state, &expected, SLEEP_ASLEEP)) {
        timer_mod(&timer, until_ns);
        coroutine_yield();
        timer_del(&timer);
    }
    if (!over.fired) {
        atomic_store(&sleep->state, SLEEP_NONE); /* the wake is used up */
    }
    return !over.fired;
}

/* A coroutine waiting for a worker. */
struct co_job {
    struct coroutine *co;
    int64_t result;
};

static void job_done(void *opaque, int64_t result)
{
    struct co_job *job = opaque;

    job->result = result;
    aio_co_wake(job->co);
}

/* The submit knows a job by one pointer, and the completion by another. */
struct co_call {
    struct co_job job;
    thread_pool_fn *fn;
    void *opaque;
};

static int64_t call_run(void *opaque)
{
    struct co_call *call = opaque;

    return call->fn(call->opaque);
}

int64_t thread_pool_submit_co(struct thread_pool *pool, thread_pool_fn *fn, void *opaque)
{
    struct co_call call = { .job.co = coroutine_self(), .fn = fn, .opaque = opaque };

    assert(call.job.co);
    thread_pool_submit_at(pool, call_run, job_done, &call, "job", coroutine_name(call.job.co));
    coroutine_yield();
    return call.job.result;
}
