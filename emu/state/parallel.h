/* A loop whose rounds do not depend on each other, on as many processors as there are. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Does round `index`. False: the others need not be done. Any thread. */
typedef bool parallel_fn(void *opaque, uint32_t index);

/* Does the rounds 0 to count - 1 in any order, the caller's thread among those that do, and returns
 * when all are done; false if one of them said so. */
bool parallel_for(uint32_t count, parallel_fn *fn, void *opaque);
