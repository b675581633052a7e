/*
 * The order of locks, checked as they are taken: a thread takes ranked mutexes in ascending order
 * only, and waits on a condition with no ranked mutex held but the condition's own. For
 * platform/<os>/thread.c; mutexes get their rank by host_mutex_set_rank.
 */
#pragma once

#include "platform/thread.h"

/* Before waiting for `mutex`: aborts, with both ranks, if the order is broken. */
void lock_order_check(const struct host_mutex *mutex);

/* This thread holds `mutex` now. */
void lock_order_taken(const struct host_mutex *mutex);

/* This thread is about to release `mutex`. */
void lock_order_released(const struct host_mutex *mutex);

/* Before waiting on a condition with `mutex`: aborts if another ranked mutex is held. */
void lock_order_check_wait(const struct host_mutex *mutex);
