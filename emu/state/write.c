/* Writing a state. Chunks of memory are compressed side by side, so many at a time, and written in
 * order: the same machine always gives the same bytes. */
#include "emu/state/file.h"

#include <assert.h>
#include <string.h>

#include <zlib.h>

#include "emu/state/field.h"
#include "emu/state/parallel.h"
#include "emu/state/section.h"

#define BATCH 64 /* chunks that are compressed at a time */

static bool writer_put(struct state_writer *writer, const void *data, size_t size, GError **error)
{
    writer->written += size;
    return writer->sink->write(writer->sink->opaque, data, size, error);
}

bool state_write_head(struct state_writer *writer, const struct state_sink *sink, GError **error)
{
    uint8_t head[STATE_HEAD_SIZE];
    *writer = (struct state_writer){ .sink = sink };
    state_head_pack(head);
    return writer_put(writer, head, sizeof(head), error);
}

static bool writer_section(struct state_writer *writer, enum section_tag tag, const uint8_t *data,
                           size_t size, size_t raw_size, GError **error)
{
    uint8_t head[SECTION_SIZE];
    if (size > SECTION_LIMIT || raw_size > SECTION_LIMIT) {
        return state_fail(error, STATE_ERROR_REFUSED, "a part of the machine is larger than 1 GiB");
    }
    const struct section section = { tag, writer->sections++, size, raw_size,
                                     (uint32_t)crc32(0, data, (uInt)size) };
    section_pack(&section, head);
    return writer_put(writer, head, sizeof(head), error) && writer_put(writer, data, size, error);
}

bool state_write_about(struct state_writer *writer, const char *about, GError **error)
{
    size_t size = strlen(about);
    return writer_section(writer, SECTION_ABOUT, (const uint8_t *)about, size, size, error);
}

bool state_write_part(struct state_writer *writer, const GByteArray *data, GError **error)
{
    size_t size;
    g_autofree uint8_t *packed = section_compress(data->data, data->len, &size);
    return writer_section(writer, SECTION_PART, packed, size, data->len, error);
}

bool state_write_tail(struct state_writer *writer, GError **error)
{
    return writer_section(writer, SECTION_TAIL, (const uint8_t *)"", 0, 0, error);
}

/* A section of memory on its way: where it is, a map of its pages, the pages compressed. */
struct pack {
    const struct state_block *block;
    uint32_t number; /* of the block */
    uint64_t offset;
    uint8_t *data; /* NULL: all zeros */
    size_t size, raw_size;
};

static bool page_is_zero(const uint8_t *page)
{
    const uint64_t *word = (const uint64_t *)(const void *)page;
    for (unsigned i = 0; i < STATE_PAGE / sizeof(*word); i += 8) {
        if ((word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] |
             word[i + 6] | word[i + 7]) != 0) {
            return false;
        }
    }
    return true;
}

/* Collects the pages that are not zero; returns how many. */
static unsigned pack_pages(const struct pack *pack, uint8_t *map, uint8_t *to)
{
    unsigned pages = 0;
    uint64_t size = MIN(STATE_CHUNK, pack->block->size - pack->offset);
    for (uint64_t at = 0; at < size; at += STATE_PAGE) {
        const uint8_t *page = pack->block->view + pack->offset + at;
        if (!page_is_zero(page)) {
            memcpy(to + (size_t)pages++ * STATE_PAGE, page, STATE_PAGE);
            map[at / STATE_PAGE / 8] |= (uint8_t)(1u << at / STATE_PAGE % 8);
        }
    }
    return pages;
}

static bool pack_make(void *opaque, uint32_t index)
{
    struct pack *pack = (struct pack *)opaque + index;
    uint8_t place[MEMORY_HEAD_SIZE] = { 0 };
    g_autofree uint8_t *pages = g_malloc(STATE_CHUNK);
    unsigned count = pack_pages(pack, place + MEMORY_MAP, pages);
    if (count == 0) {
        return true;
    }
    size_t size;
    g_autofree uint8_t *packed = section_compress(pages, (size_t)count * STATE_PAGE, &size);
    memory_place_pack(place, pack->number, pack->offset);
    pack->raw_size = (size_t)count * STATE_PAGE;
    pack->size = sizeof(place) + size;
    pack->data = g_malloc(pack->size);
    memcpy(pack->data, place, sizeof(place));
    memcpy(pack->data + sizeof(place), packed, size);
    return true;
}

/* Goes through blocks of memory, chunk by chunk. */
struct walk {
    const struct state_block *blocks;
    unsigned count, block;
    uint64_t offset; /* in that block */
    uint64_t before; /* bytes of the blocks before it */
};

/* The next chunk that may hold something. */
static bool walk_next(struct walk *walk, struct pack *ret_pack)
{
    while (walk->block < walk->count) {
        const struct state_block *block = &walk->blocks[walk->block];
        uint64_t at = walk->offset;
        if (at < block->size && block->next_data != NULL) {
            at = block->next_data(block->opaque, at) / STATE_CHUNK * STATE_CHUNK;
            at = MAX(at, walk->offset);
        }
        if (at < block->size) {
            *ret_pack = (struct pack){ .block = block, .number = walk->block, .offset = at };
            walk->offset = at + STATE_CHUNK;
            return true;
        }
        walk->before += block->size;
        walk->block++;
        walk->offset = 0;
    }
    return false;
}

static bool batch_write(struct state_writer *writer, struct pack *packs, unsigned count,
                        GError **error)
{
    bool ok = true;
    for (unsigned i = 0; i < count; i++) {
        if (ok && packs[i].data != NULL) {
            ok = writer_section(writer, SECTION_MEMORY, packs[i].data, packs[i].size,
                                packs[i].raw_size, error);
        }
        g_free(packs[i].data);
    }
    return ok;
}

bool state_write_memory(struct state_writer *writer, const struct state_block *blocks,
                        unsigned count, state_progress_fn *progress, void *opaque, GError **error)
{
    struct pack packs[BATCH];
    struct walk walk = { .blocks = blocks, .count = count };
    uint64_t total = 0;
    assert(count <= STATE_BLOCKS_MAX);
    for (unsigned i = 0; i < count; i++) {
        total += blocks[i].size;
    }
    for (;;) {
        unsigned taken = 0;
        while (taken < BATCH && walk_next(&walk, &packs[taken])) {
            taken++;
        }
        if (progress != NULL && !progress(opaque, MIN(walk.before + walk.offset, total), total)) {
            return state_fail(error, STATE_ERROR_CANCELED, "saving was canceled");
        }
        if (taken == 0) {
            return true;
        }
        parallel_for(taken, pack_make, packs);
        if (!batch_write(writer, packs, taken, error)) {
            return false;
        }
    }
}
