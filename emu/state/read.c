/* Reading a state: into memory as it is stored, every checksum, every length, every compressed
 * piece tried once, and only then given out. */
#include "emu/state/file.h"

#include <string.h>

#include <zlib.h>

#include "emu/state/field.h"
#include "emu/state/parallel.h"
#include "emu/state/section.h"

#define ABOUT_MAX  (1u << 20)
#define AHEAD_SIZE 16384u /* most sections are small: many of them come with one call */

struct load {
    const struct state_source *source;
    struct state_image *image;
    uint64_t at;
    uint32_t sections;
    bool ended;
    uint64_t ahead_at;
    size_t ahead_size;
    uint8_t ahead[AHEAD_SIZE];
};

static bool damaged(GError **error, const char *what)
{
    return state_fail(error, STATE_ERROR_DAMAGED, "it is damaged: %s", what);
}

static bool load_read(struct load *load, void *data, size_t size, uint64_t at, GError **error)
{
    return load->source->read(load->source->opaque, data, size, at, error);
}

/* What of it has been read ahead; bytes. */
static size_t load_ahead(const struct load *load, void *data, size_t size)
{
    uint64_t skip = load->at - load->ahead_at;
    if (load->at < load->ahead_at || skip >= load->ahead_size) {
        return 0;
    }
    size_t here = MIN(size, load->ahead_size - (size_t)skip);
    memcpy(data, load->ahead + skip, here);
    return here;
}

static bool load_bytes(struct load *load, void *data, size_t size, GError **error)
{
    if (size > load->source->size - load->at) {
        return damaged(error, "it is not all there");
    }
    size_t had = load_ahead(load, data, size);
    uint8_t *to = (uint8_t *)data + had;
    size_t left = size - had;
    load->at += had;
    if (left >= AHEAD_SIZE && !load_read(load, to, left, load->at, error)) {
        return false;
    }
    if (left > 0 && left < AHEAD_SIZE) {
        load->ahead_at = load->at;
        load->ahead_size = (size_t)MIN(AHEAD_SIZE, load->source->size - load->at);
        if (!load_read(load, load->ahead, load->ahead_size, load->at, error)) {
            return false;
        }
        memcpy(to, load->ahead, left);
    }
    load->at += left;
    return true;
}

static bool load_head(struct load *load, GError **error)
{
    uint8_t head[STATE_HEAD_SIZE];
    if (load->source->size < sizeof(head)) {
        return state_fail(error, STATE_ERROR_DAMAGED, "this is no saved machine");
    }
    return load_bytes(load, head, sizeof(head), error) && state_head_check(head, error);
}

/* The bytes of the next section; *ret_data is the caller's. */
static bool load_section(struct load *load, struct section *ret_section, uint8_t **ret_data,
                         GError **error)
{
    uint8_t head[SECTION_SIZE];
    if (!load_bytes(load, head, sizeof(head), error)) {
        return false;
    }
    if (!section_unpack(ret_section, head, load->sections)) {
        return damaged(error, "the head of a section is not what was written");
    }
    if (ret_section->size > load->source->size - load->at) {
        return damaged(error, "it is not all there");
    }
    uint8_t *data = g_try_malloc(MAX(ret_section->size, 1));
    if (data == NULL) {
        return state_fail(error, STATE_ERROR_REFUSED, "there is not enough memory to load it");
    }
    if (!load_bytes(load, data, ret_section->size, error)) {
        g_free(data);
        return false;
    }
    if ((uint32_t)crc32(0, data, (uInt)ret_section->size) != ret_section->crc) {
        g_free(data);
        return damaged(error, "a section is not what was written");
    }
    load->sections++;
    *ret_data = data;
    return true;
}

static bool take_about(struct load *load, const struct section *section, const uint8_t *data,
                       GError **error)
{
    bool text = section->size == section->raw_size && section->size <= ABOUT_MAX &&
                g_utf8_validate((const char *)data, (gssize)section->size, NULL);
    if (load->image->about != NULL || !text) {
        return damaged(error, "the description of the machine");
    }
    load->image->about = g_strndup((const char *)data, section->size);
    return true;
}

static bool take_part(struct load *load, const struct section *section, const uint8_t *data,
                      GError **error)
{
    uint8_t *raw = g_try_malloc(MAX(section->raw_size, 1));
    if (raw == NULL) {
        return state_fail(error, STATE_ERROR_REFUSED, "there is not enough memory to load it");
    }
    if (!section_expand(data, section->size, raw, section->raw_size)) {
        g_free(raw);
        return damaged(error, "a part of the machine");
    }
    g_ptr_array_add(load->image->parts, g_byte_array_new_take(raw, section->raw_size));
    return true;
}

/* Chunks rise, so that none comes twice. */
static bool chunk_follows(const GArray *chunks, const struct state_chunk *chunk)
{
    if (chunks->len == 0) {
        return true;
    }
    const struct state_chunk *last =
        &g_array_index(chunks, const struct state_chunk, chunks->len - 1);
    return last->block < chunk->block ||
           (last->block == chunk->block && last->offset < chunk->offset);
}

static bool take_memory(struct load *load, const struct section *section, uint8_t *data,
                        GError **error)
{
    struct state_chunk chunk = { .piece = { data, section->size, section->raw_size } };
    if (section->size < MEMORY_HEAD_SIZE ||
        !memory_place_unpack(data, &chunk.block, &chunk.offset)) {
        return damaged(error, "the place of a piece of memory");
    }
    memcpy(chunk.map, data + MEMORY_MAP, sizeof(chunk.map));
    for (unsigned i = 0; i < STATE_PAGES; i++) {
        chunk.pages += chunk.map[i / 8] >> i % 8 & 1;
    }
    if (chunk.pages == 0 || section->raw_size != (uint64_t)chunk.pages * STATE_PAGE ||
        !chunk_follows(load->image->chunks, &chunk)) {
        return damaged(error, "the map of a piece of memory");
    }
    load->image->page_count += chunk.pages;
    g_array_append_val(load->image->chunks, chunk);
    return true;
}

/* Puts a section where it belongs; memory keeps its bytes. */
static bool take_section(struct load *load, const struct section *section, uint8_t *data,
                         GError **error)
{
    bool taken = false, kept = false;
    switch ((enum section_tag)section->tag) {
    case SECTION_ABOUT: taken = take_about(load, section, data, error); break;
    case SECTION_PART: taken = take_part(load, section, data, error); break;
    case SECTION_MEMORY: kept = taken = take_memory(load, section, data, error); break;
    case SECTION_TAIL:
        load->ended = true;
        taken = (section->size == 0 && load->at == load->source->size) ||
                damaged(error, "something follows its end");
        break;
    default: damaged(error, "a section of an unknown kind"); break;
    }
    if (!kept) {
        g_free(data);
    }
    return taken;
}

static const uint8_t *chunk_pages(const struct state_chunk *chunk)
{
    return chunk->piece.data + MEMORY_HEAD_SIZE;
}

static bool chunk_expand(const struct state_chunk *chunk, uint8_t *to)
{
    return section_expand(chunk_pages(chunk), chunk->piece.size - MEMORY_HEAD_SIZE, to,
                          chunk->piece.raw_size);
}

/* Whether a chunk can be decompressed: later nothing may fail any more. */
static bool chunk_try(void *opaque, uint32_t index)
{
    const struct state_image *image = opaque;
    g_autofree uint8_t *pages = g_malloc(STATE_CHUNK);
    return chunk_expand(&g_array_index(image->chunks, struct state_chunk, index), pages);
}

static bool load_all(struct load *load, GError **error)
{
    if (!load_head(load, error)) {
        return false;
    }
    while (!load->ended) {
        struct section section;
        uint8_t *data;
        if (!load_section(load, &section, &data, error) ||
            !take_section(load, &section, data, error)) {
            return false;
        }
    }
    if (load->image->about == NULL) {
        return damaged(error, "it does not say what machine it is of");
    }
    load->image->size = load->at;
    return parallel_for(load->image->chunks->len, chunk_try, load->image) ||
           damaged(error, "a piece of memory");
}

static void chunk_clear(void *chunk)
{
    g_free(((struct state_chunk *)chunk)->piece.data);
}

static void part_free(void *part)
{
    g_byte_array_unref(part);
}

struct state_image *state_image_read(const struct state_source *source, GError **error)
{
    struct state_image *image = g_new0(struct state_image, 1);
    struct load load = { .source = source, .image = image };
    image->parts = g_ptr_array_new_with_free_func(part_free);
    image->chunks = g_array_new(FALSE, FALSE, sizeof(struct state_chunk));
    g_array_set_clear_func(image->chunks, chunk_clear);
    if (!load_all(&load, error)) {
        g_clear_pointer(&image, state_image_free);
    }
    return image;
}

void state_image_free(struct state_image *image)
{
    if (image != NULL) {
        g_free(image->about);
        g_ptr_array_unref(image->parts);
        g_array_unref(image->chunks);
        g_free(image);
    }
}

char *state_read_about(const struct state_source *source, GError **error)
{
    struct state_image image = { 0 };
    struct load load = { .source = source, .image = &image };
    struct section section;
    uint8_t *data;
    if (!load_head(&load, error) || !load_section(&load, &section, &data, error)) {
        return NULL;
    }
    if (section.tag != SECTION_ABOUT) {
        damaged(error, "it does not say what machine it is of");
    } else {
        take_about(&load, &section, data, error);
    }
    g_free(data);
    return image.about;
}

bool state_image_fits(const struct state_image *image, const struct state_target *targets,
                      unsigned count, GError **error)
{
    for (guint i = 0; i < image->chunks->len; i++) {
        const struct state_chunk *chunk = &g_array_index(image->chunks, struct state_chunk, i);
        unsigned last = STATE_PAGES - 1;
        while ((chunk->map[last / 8] >> last % 8 & 1) == 0) {
            last--;
        }
        uint64_t needed = (uint64_t)(last + 1) * STATE_PAGE;
        if (chunk->block >= count || chunk->offset >= targets[chunk->block].size ||
            needed > targets[chunk->block].size - chunk->offset) {
            return damaged(error, "memory that the machine does not have");
        }
    }
    return true;
}

/* What a fill works on. */
struct fill {
    const struct state_image *image;
    const struct state_target *targets;
};

static bool fill_chunk(void *opaque, uint32_t index)
{
    const struct fill *fill = opaque;
    const struct state_chunk *chunk =
        &g_array_index(fill->image->chunks, struct state_chunk, index);
    const struct state_target *target = &fill->targets[chunk->block];
    uint64_t size = MIN(STATE_CHUNK, target->size - chunk->offset);
    g_autofree uint8_t *pages = g_malloc(STATE_CHUNK);
    bool expanded = chunk_expand(chunk, pages);
    g_assert(expanded); /* it was tried */
    const uint8_t *from = pages;
    for (uint64_t at = 0; at < size; at += STATE_PAGE) {
        uint8_t *to = target->base + chunk->offset + at;
        unsigned page = (unsigned)(at / STATE_PAGE);
        if ((chunk->map[page / 8] >> page % 8 & 1) == 0) {
            memset(to, 0, STATE_PAGE);
        } else {
            memcpy(to, from, STATE_PAGE);
            from += STATE_PAGE;
        }
    }
    return true;
}

/* Zeros between chunks, in stretches as long as they are. */
static void fill_gaps(const struct state_image *image, const struct state_target *target,
                      uint32_t block)
{
    uint64_t at = 0;
    for (guint i = 0; i < image->chunks->len; i++) {
        const struct state_chunk *chunk = &g_array_index(image->chunks, struct state_chunk, i);
        if (chunk->block == block) {
            if (chunk->offset > at) {
                target->zero(target->opaque, at, chunk->offset - at);
            }
            at = chunk->offset + STATE_CHUNK;
        }
    }
    if (at < target->size) {
        target->zero(target->opaque, at, target->size - at);
    }
}

void state_image_fill(const struct state_image *image, const struct state_target *targets,
                      unsigned count)
{
    struct fill fill = { image, targets };
    for (unsigned i = 0; i < count; i++) {
        fill_gaps(image, &targets[i], i);
    }
    parallel_for(image->chunks->len, fill_chunk, &fill);
}
