/* The armed timers of one clock: a 4-ary heap by deadline, then by when they were armed. Each timer
 * knows its slot. The timers' lock is held. */
#pragma once

#include <stdint.h>

#include "aio/loop.h"

/* Adds a timer. */
void timer_heap_add(struct aio_timer_list *list, struct aio_timer_entry entry);

/* Takes the timer at `slot` out; its own idea of the slot stays. */
void timer_heap_remove(struct aio_timer_list *list, uint32_t slot);

/* Makes a heap of entries that lie there in any order. */
void timer_heap_build(struct aio_timer_list *list);
