/* Finding zeros in data that is copied or compared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether there is nothing but zeros. */
bool zeros_is(const uint8_t *data, size_t size);

/* How many bytes from the beginning are data, or (`ret_zero`) zeros, looking at blocks of `block`
 * bytes that begin at multiples of it; `offset` is where `data` stands. At least 1. */
size_t zeros_run(const uint8_t *data, size_t size, uint64_t offset, uint64_t block, bool *ret_zero);
