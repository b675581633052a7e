/* Memory in several pieces. */
#include <assert.h>
#include <string.h>

#include "emu/block/driver.h"

unsigned vec_slice(const struct host_vec *vec, unsigned count, uint64_t skip, uint64_t size,
                   struct host_vec *out)
{
    unsigned used = 0;
    for (unsigned i = 0; i < count && size > 0; i++) {
        uint64_t here = MIN(skip, vec[i].size);
        uint64_t part = MIN(size, vec[i].size - here);
        if (part > 0) {
            out[used++] = (struct host_vec){ vec[i].base + here, (size_t)part };
        }
        skip -= here;
        size -= part;
    }
    assert(size == 0 && "the pieces are too short");
    return used;
}

uint64_t vec_size(const struct host_vec *vec, unsigned count)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += vec[i].size;
    }
    return size;
}

/* What is done with each stretch of the pieces; `done` bytes came before it. */
typedef void vec_each_fn(uint8_t *base, size_t size, size_t done, void *opaque);

static void vec_each(const struct host_vec *vec, unsigned count, uint64_t skip, uint64_t size,
                     vec_each_fn *each, void *opaque)
{
    size_t done = 0;
    for (unsigned i = 0; i < count && done < size; i++) {
        size_t here = (size_t)MIN(skip, vec[i].size);
        size_t part = (size_t)MIN(size - done, vec[i].size - here);
        if (part > 0) {
            each(vec[i].base + here, part, done, opaque);
        }
        skip -= here;
        done += part;
    }
    assert(done == size && "the pieces are too short");
}

static void copy_out(uint8_t *base, size_t size, size_t done, void *opaque)
{
    memcpy((uint8_t *)opaque + done, base, size);
}

void vec_copy_out(const struct host_vec *vec, unsigned count, uint64_t skip, void *data,
                  size_t size)
{
    vec_each(vec, count, skip, size, copy_out, data);
}

static void copy_in(uint8_t *base, size_t size, size_t done, void *opaque)
{
    memcpy(base, (const uint8_t *)opaque + done, size);
}

void vec_copy_in(const struct host_vec *vec, unsigned count, uint64_t skip, const void *data,
                 size_t size)
{
    vec_each(vec, count, skip, size, copy_in, (void *)data);
}

static void clear(uint8_t *base, size_t size, size_t done, void *opaque)
{
    (void)done, (void)opaque;
    memset(base, 0, size);
}

void vec_clear(const struct host_vec *vec, unsigned count, uint64_t skip, uint64_t size)
{
    vec_each(vec, count, skip, size, clear, NULL);
}

/* Each byte is like the one before, and the first is zero. */
bool vec_is_zero(const struct host_vec *vec, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *base = vec[i].base;
        if (vec[i].size > 0 && (base[0] != 0 || memcmp(base, base + 1, vec[i].size - 1) != 0)) {
            return false;
        }
    }
    return true;
}
