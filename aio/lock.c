#include "aio/lock.h"

#include <assert.h>

/* Looks this often for a holder that is about to let go, before it sleeps. */
#define SPINS 100

void aio_lock_init(struct aio_lock *lock)
{
    atomic_init(&lock->wanted, 0);
    host_mutex_init(&lock->mutex);
    host_cond_init(&lock->cond);
    lock->handed = 0;
}

void aio_lock_finish(struct aio_lock *lock)
{
    assert(atomic_load(&lock->wanted) == 0);
    host_cond_finish(&lock->cond);
    host_mutex_finish(&lock->mutex);
}

void aio_lock_wait(struct aio_lock *lock)
{
    for (unsigned i = 0; i < SPINS; i++) {
        unsigned nobody = 0;

        if (atomic_compare_exchange_weak_explicit(&lock->wanted, &nobody, 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return;
        }
    }
    if (atomic_fetch_add_explicit(&lock->wanted, 1, memory_order_acquire) == 0) {
        return;
    }
    host_mutex_lock(&lock->mutex);
    while (lock->handed == 0) {
        host_cond_wait(&lock->cond, &lock->mutex);
    }
    lock->handed--;
    host_mutex_unlock(&lock->mutex);
}

void aio_lock_hand(struct aio_lock *lock)
{
    host_mutex_lock(&lock->mutex);
    lock->handed++;
    host_cond_signal(&lock->cond);
    host_mutex_unlock(&lock->mutex);
}
