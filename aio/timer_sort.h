/* Puts many timers in order at once, for a pass in which they are all due. */
#pragma once

#include <stdint.h>

#include "aio/loop.h"

/* Sorts by deadline, then by when they were armed, in time linear in `count`. Returns one of the
 * two arrays, both of `count` entries, with the result in it. */
struct aio_timer_entry *timer_entries_sort(struct aio_timer_entry *entries,
                                           struct aio_timer_entry *scratch, uint32_t count);

/* The place of the entry with this deadline and sequence number in a sorted array; it is there. */
uint32_t timer_entries_find(const struct aio_timer_entry *entries, uint32_t count,
                            int64_t expire_ns, uint64_t sequence);
