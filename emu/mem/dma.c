#include "emu/mem/dma.h"

#include <assert.h>
#include <string.h>

/* Whether every byte is memory (RAM, if it is to be written), in however many blocks. */
static bool dma_check(const struct bus *bus, gpa_t address, size_t size, bool write)
{
    if (size > UINT64_MAX - address) {
        return false;
    }
    while (size != 0) {
        const struct bus_memory *memory = bus_find_memory(bus, address, 1);
        if (memory == NULL || (write && !memory->writable)) {
            return false;
        }
        uint64_t left = memory->size - (address - memory->base);
        if (size <= left) {
            return true;
        }
        address += left;
        size -= (size_t)left;
    }
    return true;
}

/* Copies a checked range; exactly one of `to` and `from` is not NULL. */
static void dma_copy(const struct bus *bus, gpa_t address, uint8_t *to, const uint8_t *from,
                     size_t size)
{
    assert((to == NULL) != (from == NULL));
    while (size != 0) {
        const struct bus_memory *memory = bus_find_memory(bus, address, 1);
        assert(memory != NULL);
        uint64_t offset = address - memory->base;
        size_t part = MIN(size, (size_t)(memory->size - offset));
        if (to != NULL) {
            memcpy(to, memory->host + offset, part);
            to += part;
        } else {
            memcpy(memory->host + offset, from, part);
            from += part;
        }
        address += part;
        size -= part;
    }
}

bool dma_read(const struct bus *bus, gpa_t address, void *data, size_t size)
{
    if (!dma_check(bus, address, size, false)) {
        return false;
    }
    dma_copy(bus, address, data, NULL, size);
    return true;
}

bool dma_write(const struct bus *bus, gpa_t address, const void *data, size_t size)
{
    if (!dma_check(bus, address, size, true)) {
        return false;
    }
    dma_copy(bus, address, NULL, data, size);
    bus_tell_written(bus, address, size);
    return true;
}

uint8_t *dma_map(const struct bus *bus, gpa_t address, size_t size, bool write)
{
    const struct bus_memory *memory = bus_find_memory(bus, address, size);
    if (memory == NULL || (write && !memory->writable)) {
        return NULL;
    }
    return memory->host + (address - memory->base);
}

void dma_written(const struct bus *bus, gpa_t address, size_t size)
{
    assert(dma_check(bus, address, size, true));
    bus_tell_written(bus, address, size);
}

bool dma_load16(const struct bus *bus, gpa_t address, uint16_t *ret_value)
{
    const uint8_t *host = dma_map(bus, address, 2, false);
    if (host == NULL || address % 2 != 0) {
        return false;
    }
    *ret_value = __atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_ACQUIRE);
    return true;
}

bool dma_store16(const struct bus *bus, gpa_t address, uint16_t value)
{
    uint8_t *host = dma_map(bus, address, 2, true);
    if (host == NULL || address % 2 != 0) {
        return false;
    }
    __atomic_store_n((uint16_t *)(void *)host, value, __ATOMIC_RELEASE);
    bus_tell_written(bus, address, 2);
    return true;
}
