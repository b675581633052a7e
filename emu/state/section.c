#include "emu/state/section.h"

#include <assert.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "emu/state/field.h"

#define HEAD_CRC (SECTION_SIZE - 4)

static void put32(uint8_t *to, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(to, &value, sizeof(value));
}

static void put64(uint8_t *to, uint64_t value)
{
    put32(to, (uint32_t)value);
    put32(to + 4, (uint32_t)(value >> 32));
}

static uint32_t get32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return GUINT32_FROM_LE(value);
}

static uint64_t get64(const uint8_t *from)
{
    return get32(from) | (uint64_t)get32(from + 4) << 32;
}

void section_pack(const struct section *section, uint8_t *to)
{
    put32(to, section->tag);
    put32(to + 4, section->number);
    put64(to + 8, section->size);
    put64(to + 16, section->raw_size);
    put32(to + 24, section->crc);
    put32(to + HEAD_CRC, (uint32_t)crc32(0, to, HEAD_CRC));
}

bool section_unpack(struct section *section, const uint8_t *from, uint32_t number)
{
    *section = (struct section){ get32(from), get32(from + 4), get64(from + 8), get64(from + 16),
                                 get32(from + 24) };
    return get32(from + HEAD_CRC) == (uint32_t)crc32(0, from, HEAD_CRC) &&
           section->number == number && section->size <= SECTION_LIMIT &&
           section->raw_size <= SECTION_LIMIT;
}

void state_head_pack(uint8_t *to)
{
    memcpy(to, STATE_MAGIC, 8);
    put32(to + 8, STATE_VERSION);
    put32(to + 12, (uint32_t)crc32(0, to, 12));
}

bool state_head_check(const uint8_t *from, GError **error)
{
    if (memcmp(from, STATE_MAGIC, 8) != 0) {
        return state_fail(error, STATE_ERROR_DAMAGED, "this is no saved machine");
    }
    if (get32(from + 12) != (uint32_t)crc32(0, from, 12)) {
        return state_fail(error, STATE_ERROR_DAMAGED, "its head is damaged");
    }
    if (get32(from + 8) != STATE_VERSION) {
        return state_fail(error, STATE_ERROR_VERSION,
                          "it is of version %u, and this program knows version %u: load it with "
                          "the program that saved it",
                          get32(from + 8), STATE_VERSION);
    }
    return true;
}

uint8_t *section_compress(const void *data, size_t size, size_t *ret_size)
{
    size_t room = ZSTD_compressBound(size);
    uint8_t *to = g_malloc(room);
    size_t got = ZSTD_compress(to, room, data, size, COMPRESSION);
    assert(!ZSTD_isError(got));
    *ret_size = got;
    return to;
}

bool section_expand(const uint8_t *data, size_t size, uint8_t *to, size_t raw_size)
{
    return ZSTD_decompress(to, raw_size, data, size) == raw_size;
}

void memory_place_pack(uint8_t *to, uint32_t block, uint64_t offset)
{
    put32(to, block);
    put32(to + 4, 0);
    put64(to + 8, offset);
}

bool memory_place_unpack(const uint8_t *from, uint32_t *ret_block, uint64_t *ret_offset)
{
    *ret_block = get32(from);
    *ret_offset = get64(from + 8);
    return *ret_block < STATE_BLOCKS_MAX && get32(from + 4) == 0 && *ret_offset % STATE_CHUNK == 0;
}
