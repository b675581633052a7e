#include "emu/display/vdagent_wire.h"

#include <string.h>

uint32_t vdagent_get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT32_FROM_LE(value);
}

void vdagent_put32(uint8_t *at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof(value));
}

void vdagent_reader_reset(struct vdagent_reader *reader)
{
    vdagent_reader_finish(reader);
    *reader = (struct vdagent_reader){ .body = g_byte_array_new() };
}

void vdagent_reader_finish(struct vdagent_reader *reader)
{
    g_clear_pointer(&reader->body, g_byte_array_unref);
}

/* Fills a header from the input; true when it is complete. */
static bool header_fill(uint8_t *header, uint32_t header_size, uint32_t *have, const uint8_t **data,
                        size_t *size)
{
    size_t part = MIN(header_size - *have, *size);
    memcpy(header + *have, *data, part);
    *have += (uint32_t)part;
    *data += part;
    *size -= part;
    return *have == header_size;
}

/* Reads what one chunk has of messages. */
static void chunk_read(struct vdagent_reader *reader, const uint8_t *data, size_t size,
                       uint32_t size_max, vdagent_message_fn *fn, void *opaque)
{
    while (size > 0 && !reader->bad) {
        if (reader->header_have < VDAGENT_MESSAGE_HEADER) {
            if (!header_fill(reader->header, VDAGENT_MESSAGE_HEADER, &reader->header_have, &data,
                             &size)) {
                return;
            }
            reader->bad = vdagent_get32(reader->header) != VDAGENT_PROTOCOL;
            reader->body_left = vdagent_get32(reader->header + 16);
            reader->skip = reader->body_left > size_max;
        }
        uint32_t part = (uint32_t)MIN(reader->body_left, size);
        if (!reader->skip) {
            g_byte_array_append(reader->body, data, part);
        }
        data += part;
        size -= part;
        reader->body_left -= part;
        if (reader->body_left == 0 && !reader->bad) {
            reader->header_have = 0;
            if (!reader->skip) {
                fn(opaque, vdagent_get32(reader->header + 4), reader->body->data,
                   reader->body->len);
            }
            g_byte_array_set_size(reader->body, 0);
        }
    }
}

void vdagent_read(struct vdagent_reader *reader, const uint8_t *data, size_t size,
                  uint32_t size_max, vdagent_message_fn *fn, void *opaque)
{
    while (size > 0 && !reader->bad) {
        if (reader->chunk_have < VDAGENT_CHUNK_HEADER) {
            if (!header_fill(reader->chunk, VDAGENT_CHUNK_HEADER, &reader->chunk_have, &data,
                             &size)) {
                return;
            }
            reader->chunk_left = vdagent_get32(reader->chunk + 4);
            reader->bad = reader->chunk_left > VDAGENT_CHUNK_MAX;
        }
        uint32_t part = (uint32_t)MIN(reader->chunk_left, size);
        if (vdagent_get32(reader->chunk) == VDAGENT_CLIENT_PORT) {
            chunk_read(reader, data, part, size_max, fn, opaque);
        }
        data += part;
        size -= part;
        reader->chunk_left -= part;
        if (reader->chunk_left == 0) {
            reader->chunk_have = 0;
        }
    }
}

/* Appends bytes of a message; a new chunk begins after each VDAGENT_CHUNK_MAX of `total`. */
static void chunks_append(GByteArray *out, uint32_t *done, uint32_t total, const uint8_t *data,
                          uint32_t size)
{
    while (size > 0) {
        uint32_t in_chunk = *done % VDAGENT_CHUNK_MAX;
        if (in_chunk == 0) {
            uint8_t chunk[VDAGENT_CHUNK_HEADER];
            vdagent_put32(chunk, VDAGENT_CLIENT_PORT);
            vdagent_put32(chunk + 4, MIN(VDAGENT_CHUNK_MAX, total - *done));
            g_byte_array_append(out, chunk, sizeof(chunk));
        }
        uint32_t part = MIN(size, VDAGENT_CHUNK_MAX - in_chunk);
        g_byte_array_append(out, data, part);
        data += part;
        size -= part;
        *done += part;
    }
}

void vdagent_write(GByteArray *out, enum vdagent_type type, const void *body, uint32_t size)
{
    uint8_t header[VDAGENT_MESSAGE_HEADER] = { 0 };
    uint32_t done = 0, total = VDAGENT_MESSAGE_HEADER + size;
    vdagent_put32(header, VDAGENT_PROTOCOL);
    vdagent_put32(header + 4, type);
    vdagent_put32(header + 16, size);
    chunks_append(out, &done, total, header, sizeof(header));
    chunks_append(out, &done, total, body, size);
}
