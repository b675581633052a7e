/*
 * A lock for a few instructions: one atomic operation when nobody else wants it, sleep when
 * somebody stays in. Never held over a callback or a system call.
 */
#pragma once

#include <stdatomic.h>

#include "platform/thread.h"

struct aio_lock {
    atomic_uint wanted; /* the holder and those who wait */
    struct host_mutex mutex;
    struct host_cond cond;
    unsigned handed; /* to one of those who wait; under the mutex */
};

/* Makes a free lock. */
void aio_lock_init(struct aio_lock *lock);

/* Ends a free lock. */
void aio_lock_finish(struct aio_lock *lock);

/* What aio_lock_take does when it is held. */
void aio_lock_wait(struct aio_lock *lock);

/* What aio_lock_give does when somebody waits. */
void aio_lock_hand(struct aio_lock *lock);

/* Waits for the lock. */
static inline void aio_lock_take(struct aio_lock *lock)
{
    unsigned nobody = 0;

    if (!atomic_compare_exchange_strong_explicit(&lock->wanted, &nobody, 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        aio_lock_wait(lock);
    }
}

/* Lets go. */
static inline void aio_lock_give(struct aio_lock *lock)
{
    if (atomic_fetch_sub_explicit(&lock->wanted, 1, memory_order_release) != 1) {
        aio_lock_hand(lock);
    }
}
