/*
 * Loads and stores of 1, 2, 4 and 8 bytes through a host address. Written as memcpy of a constant
 * size, which every supported compiler makes one host access of, so that an aligned one is never
 * seen half done by another thread. Guests and all supported hosts are little-endian.
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is used in place");

/* Loads `size` bytes, zero-extended; any alignment. */
static inline uint64_t host_load(const uint8_t *host, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1: value = *host; break;
    case 2: memcpy(&value, host, 2); break;
    case 4: memcpy(&value, host, 4); break;
    default: memcpy(&value, host, 8); break;
    }
    return value;
}

/* Stores the low `size` bytes of `value`; any alignment. */
static inline void host_store(uint8_t *host, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: *host = (uint8_t)value; break;
    case 2: memcpy(host, &value, 2); break;
    case 4: memcpy(host, &value, 4); break;
    default: memcpy(host, &value, 8); break;
    }
}
