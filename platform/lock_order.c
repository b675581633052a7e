/* Each thread knows the ranks it holds; unranked mutexes cost one comparison. */
#include "platform/lock_order.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 8

static _Thread_local unsigned held[HELD_MAX];
static _Thread_local unsigned held_count;

static void lock_order_broken(const char *what, const struct host_mutex *mutex, unsigned other)
{
    fprintf(stderr, "lock order: %s rank %u with rank %u held\n", what, mutex->rank, other);
    abort();
}

void host_mutex_set_rank(struct host_mutex *mutex, unsigned rank)
{
    assert(rank != 0);
    mutex->rank = rank;
}

void lock_order_check(const struct host_mutex *mutex)
{
    for (unsigned i = 0; mutex->rank != 0 && i < held_count; i++) {
        if (held[i] >= mutex->rank) {
            lock_order_broken("taking", mutex, held[i]);
        }
    }
}

void lock_order_taken(const struct host_mutex *mutex)
{
    if (mutex->rank != 0) {
        assert(held_count < HELD_MAX);
        held[held_count++] = mutex->rank;
    }
}

/* Nearly always the last one taken. */
void lock_order_released(const struct host_mutex *mutex)
{
    if (mutex->rank == 0) {
        return;
    }
    unsigned place = held_count;
    while (place > 0 && held[place - 1] != mutex->rank) {
        place--;
    }
    assert(place != 0);
    for (; place < held_count; place++) {
        held[place - 1] = held[place];
    }
    held_count--;
}

void lock_order_check_wait(const struct host_mutex *mutex)
{
    for (unsigned i = 0; mutex->rank != 0 && i < held_count; i++) {
        if (held[i] != mutex->rank) {
            lock_order_broken("waiting with", mutex, held[i]);
        }
    }
}
