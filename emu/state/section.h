/* One section of a saved state. Private to emu/state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/state/file.h"

#define STATE_MAGIC      "TNMSTATE"
#define STATE_HEAD_SIZE  16u
#define SECTION_SIZE     32u /* of its head */
#define SECTION_LIMIT    (UINT64_C(1) << 30) /* bytes of one, compressed or not */
#define COMPRESSION      1 /* zstd's level: as fast as it gets with a good result */

enum section_tag {
    SECTION_ABOUT = 0x554f4241,  /* "ABOU" */
    SECTION_PART = 0x54524150,   /* "PART" */
    SECTION_MEMORY = 0x204d454d, /* "MEM " */
    SECTION_TAIL = 0x4c494154,   /* "TAIL" */
};

/* What stands before its bytes. */
struct section {
    uint32_t tag;
    uint32_t number; /* counts from 0 */
    uint64_t size;
    uint64_t raw_size;
    uint32_t crc; /* of its bytes, as they are stored */
};

/* Puts a head into SECTION_SIZE bytes. */
void section_pack(const struct section *section, uint8_t *to);

/* Takes it out; false if it is damaged or is not number `number`. */
bool section_unpack(struct section *section, const uint8_t *from, uint32_t number);

/* Puts the head of a state into STATE_HEAD_SIZE bytes. */
void state_head_pack(uint8_t *to);

/* Checks one. */
bool state_head_check(const uint8_t *from, GError **error);

/* Compresses; free with g_free. */
uint8_t *section_compress(const void *data, size_t size, size_t *ret_size);

/* Decompresses exactly `raw_size` bytes; false if that is not what is there. */
bool section_expand(const uint8_t *data, size_t size, uint8_t *to, size_t raw_size);

/* What a section of memory begins with: which block, where in it, which of its pages are there. */
#define MEMORY_MAP       16u
#define MEMORY_HEAD_SIZE (MEMORY_MAP + STATE_PAGES / 8)

/* Puts the place there. */
void memory_place_pack(uint8_t *to, uint32_t block, uint64_t offset);

/* Takes it out; false if it is no place where a section can begin. */
bool memory_place_unpack(const uint8_t *from, uint32_t *ret_block, uint64_t *ret_offset);
