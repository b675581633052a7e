/*
 * The form of a saved state: a head, sections with checksums, a tail that tells how many there are.
 * docs/snapshots.md describes it byte by byte. It does not know what a machine is.
 *
 * Reading trusts nothing: an image is complete and sound as a whole before anybody sees a part of
 * it, and whatever is wrong with it is a GError.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define STATE_VERSION    1
#define STATE_PAGE       4096u
#define STATE_CHUNK      (1u << 20)                 /* bytes of memory in one section */
#define STATE_PAGES      (STATE_CHUNK / STATE_PAGE) /* bits of a section's map */
#define STATE_BLOCKS_MAX 16                         /* of memory */

/* Where a state is written to: front to back. */
struct state_sink {
    /* Takes all bytes; false and `error` if that is not possible. */
    bool (*write)(void *opaque, const void *data, size_t size, GError **error);
    void *opaque;
};

/* Where it is read from. */
struct state_source {
    /* Reads exactly so many bytes; false and `error` if that is not possible. */
    bool (*read)(void *opaque, void *data, size_t size, uint64_t offset, GError **error);
    void *opaque;
    uint64_t size; /* how long the state is */
};

/* A stretch of the machine's memory. */
struct state_block {
    const char *name;
    const uint8_t *view; /* what to save; not written to meanwhile */
    uint64_t size;       /* a multiple of STATE_PAGE */
    /* The first byte at or behind `offset` that may be other than zero, or `size`. Optional. */
    uint64_t (*next_data)(void *opaque, uint64_t offset);
    void *opaque;
};

/* Told of bytes of memory seen so far; false gives up. */
typedef bool state_progress_fn(void *opaque, uint64_t done, uint64_t total);

struct state_writer {
    const struct state_sink *sink;
    uint32_t sections;
    uint64_t written; /* bytes */
};

/* Writes the head. */
bool state_write_head(struct state_writer *writer, const struct state_sink *sink, GError **error);

/* Writes what the machine consists of: lines of "key: value". */
bool state_write_about(struct state_writer *writer, const char *about, GError **error);

/* Writes the fields of one part of the machine. */
bool state_write_part(struct state_writer *writer, const GByteArray *data, GError **error);

/* Writes what is not zero of blocks of memory, compressed, on all processors. */
bool state_write_memory(struct state_writer *writer, const struct state_block *blocks,
                        unsigned count, state_progress_fn *progress, void *opaque,
                        GError **error);

/* Writes the tail. */
bool state_write_tail(struct state_writer *writer, GError **error);

/* A piece of an image. */
struct state_piece {
    uint8_t *data; /* as it is stored */
    size_t size;
    size_t raw_size; /* when it is not compressed */
};

/* A chunk of memory, as it is stored. */
struct state_chunk {
    struct state_piece piece;
    uint32_t block;
    uint64_t offset;
    uint8_t map[STATE_PAGES / 8]; /* which pages are there; the others are zeros */
    uint32_t pages;
};

/* A state that has been read and found whole. */
struct state_image {
    char *about;
    GPtrArray *parts;    /* of GByteArray */
    GArray *chunks;      /* of struct state_chunk, rising by block and offset */
    uint64_t size;       /* stored bytes */
    uint64_t page_count; /* pages that are there */
};

/* Reads and checks all of it; NULL and `error` say what is wrong. Free with state_image_free. */
struct state_image *state_image_read(const struct state_source *source, GError **error);

/* Frees it; accepts NULL. */
void state_image_free(struct state_image *image);

/* Reads no more than the machine's description; free with g_free. */
char *state_read_about(const struct state_source *source, GError **error);

/* A block of memory to fill. */
struct state_target {
    uint8_t *base;
    uint64_t size; /* bytes */
    /* Makes a stretch zeros that has nothing in the image. */
    void (*zero)(void *opaque, uint64_t offset, uint64_t size);
    void *opaque;
};

/* Whether all chunks lie in these blocks. */
bool state_image_fits(const struct state_image *image, const struct state_target *targets,
                      unsigned count, GError **error);

/* Fills blocks that it fits with what the image holds, and everything else in them with zeros. */
void state_image_fill(const struct state_image *image, const struct state_target *targets,
                      unsigned count);
