/*
 * Messages of the SPICE agent protocol as they stand on the wire. Source: the protocol's own
 * header, spice/vd_agent.h of spice-protocol 0.14. A message travels in chunks, all numbers are
 * little endian.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define VDAGENT_CHUNK_HEADER   8u
#define VDAGENT_MESSAGE_HEADER 20u
#define VDAGENT_CHUNK_MAX      2048u /* bytes behind its header */
#define VDAGENT_CLIENT_PORT    1
#define VDAGENT_PROTOCOL       1

enum vdagent_type {
    VDAGENT_CLIPBOARD = 4,
    VDAGENT_CAPABILITIES = 6,
    VDAGENT_GRAB = 7,
    VDAGENT_REQUEST = 8,
    VDAGENT_RELEASE = 9,
};

/* Capabilities, as numbers of bits. */
enum vdagent_capability {
    VDAGENT_BY_DEMAND = 5,
    VDAGENT_SELECTION = 6,
    VDAGENT_LINEEND_CRLF = 9,
};

/* Kinds of clipboard contents. */
enum vdagent_content { VDAGENT_NONE = 0, VDAGENT_TEXT = 1 };

/* A message that arrives piece by piece. */
struct vdagent_reader {
    uint8_t chunk[VDAGENT_CHUNK_HEADER];
    uint8_t header[VDAGENT_MESSAGE_HEADER];
    uint32_t chunk_have, chunk_left; /* bytes of the chunk's header, and behind it */
    uint32_t header_have, body_left;
    GByteArray *body;
    bool skip; /* the message is too long: its body is not kept */
    bool bad;  /* nothing more is read until a reset */
};

typedef void vdagent_message_fn(void *opaque, uint32_t type, const uint8_t *body, uint32_t size);

/* Forgets what was begun. Zeroed memory is fine too. */
void vdagent_reader_reset(struct vdagent_reader *reader);

/* Frees what it holds. */
void vdagent_reader_finish(struct vdagent_reader *reader);

/* Reads bytes of the guest and hands over each message that is complete; longer ones than
 * `size_max` are passed over. What breaks the protocol ends the reading. */
void vdagent_read(struct vdagent_reader *reader, const uint8_t *data, size_t size,
                  uint32_t size_max, vdagent_message_fn *fn, void *opaque);

/* Appends a message in its chunks. */
void vdagent_write(GByteArray *out, enum vdagent_type type, const void *body, uint32_t size);

/* The 32-bit number at `at`. */
uint32_t vdagent_get32(const uint8_t *at);

/* Writes a 32-bit number. */
void vdagent_put32(uint8_t *at, uint32_t value);
