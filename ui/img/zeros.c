#include "ui/img/zeros.h"

#include <string.h>

#include <glib.h>

bool zeros_is(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* To the next multiple of the block size. */
static size_t block_size(uint64_t offset, uint64_t block, size_t left)
{
    return (size_t)MIN(block - offset % block, left);
}

size_t zeros_run(const uint8_t *data, size_t size, uint64_t offset, uint64_t block, bool *ret_zero)
{
    size_t at = block_size(offset, block, size);
    *ret_zero = zeros_is(data, at);
    while (at < size) {
        size_t next = block_size(offset + at, block, size - at);
        if (zeros_is(data + at, next) != *ret_zero) {
            break;
        }
        at += next;
    }
    return at;
}
