#include "emu/block/image.h"

#include <string.h>

#include <glib.h>

#define ZEROS_SIZE 65536u

int image_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                   uint64_t offset)
{
    int64_t got = file != NULL ? host_file_read_vec(file, vec, count, offset) : 0;
    if (got < 0) {
        return (int)got;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t part = MIN((size_t)got, vec[i].size);
        memset(vec[i].base + part, 0, vec[i].size - part);
        got -= (int64_t)part;
    }
    return 0;
}

int image_read(struct host_file *file, uint8_t *data, size_t size, uint64_t offset)
{
    return image_read_vec(file, &(struct host_vec){ data, size }, 1, offset);
}

int image_write_zeros(struct host_file *file, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[ZEROS_SIZE];
    while (size > 0) {
        size_t part = (size_t)MIN(size, sizeof(zeros));
        int64_t result = host_file_write(file, zeros, part, offset);
        if (result < 0) {
            return (int)result;
        }
        offset += part;
        size -= part;
    }
    return 0;
}

/* Each byte is like the one before, and the first is zero. */
bool image_is_zero(const struct host_vec *vec, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *base = vec[i].base;
        if (vec[i].size > 0 && (base[0] != 0 || memcmp(base, base + 1, vec[i].size - 1) != 0)) {
            return false;
        }
    }
    return true;
}
