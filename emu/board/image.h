/*
 * What can be loaded before a machine starts: files taken apart into segments of guest memory.
 * Everything here is checked and nothing touches the guest; boot.c places and copies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/mem/bus.h"

#define IMAGE_SIZE_MAX     (2047u << 20) /* of a file, and of what it unpacks to */
#define IMAGE_SEGMENTS_MAX 32

/* Bytes for one stretch of guest memory; what is behind `file_size` is zeros. */
struct image_segment {
    gpa_t address;
    uint64_t file_size;
    uint64_t memory_size;
    size_t offset; /* of the bytes in the image's data */
};

/* A loaded file. An image without an address of its own has one segment that is relative to where
 * it will be put. */
struct image {
    char *what; /* "kernel 'x'": for messages */
    uint8_t *data;
    size_t size;
    bool relocatable;
    gpa_t entry; /* relative like the segment when relocatable */
    unsigned segment_count;
    struct image_segment segment[IMAGE_SEGMENTS_MAX];
    gpa_t tohost, fromhost; /* symbols of an ELF; 0: none */
};

/* Loads ELF, RISC-V Image (also gzip'd) or raw bytes. `role` is "kernel", "firmware". False and
 * `error` name the file and what is wrong with it. */
bool image_load(struct image *image, const char *role, const char *path, GError **error);

/* Takes a copy of bytes that are no file, named `name` in messages; the rest as image_load. */
bool image_load_bytes(struct image *image, const char *role, const char *name, const void *data,
                      size_t size, GError **error);

/* Loads a file as it is: an initrd. */
bool image_load_raw(struct image *image, const char *role, const char *path, GError **error);

/* Frees what it holds; accepts a zeroed struct. */
void image_clear(struct image *image);

/* Takes image->data apart, whatever it is. On failure the image still holds what it held. */
bool image_parse(struct image *image, GError **error);

/* Takes an ELF file in image->data apart (little-endian RV64 executables). */
bool image_parse_elf(struct image *image, GError **error);

/* Whether image->data is an ELF file of any kind. */
bool image_is_elf(const struct image *image);

/* For the parsers: sets `error` to "what: format" and returns false. */
bool image_fail(const struct image *image, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
