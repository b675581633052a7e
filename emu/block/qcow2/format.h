/*
 * What a qcow2 image looks like, from its public format specification: a header, two-level tables
 * of references (L1 and L2 for the disk, another pair for the reference counts of host clusters),
 * and snapshots, which are L1 tables of their own. Numbers are big endian in the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/big_endian.h"

#define QCOW2_MAGIC          0x514649fbu
#define QCOW2_HEADER_V2      72u
#define QCOW2_HEADER_V3      104u
#define QCOW2_HEADER_OURS    112u /* with the compression type */
#define QCOW2_HEAD           512u /* all fixed fields lie in the first sector */
#define QCOW2_BACKING_MAX    1023u
#define QCOW2_BITS_MIN       9u
#define QCOW2_BITS_MAX       21u
#define QCOW2_L1_MAX         (32u << 20) /* bytes */
#define QCOW2_REFTABLE_MAX   (8u << 20)  /* bytes */
#define QCOW2_SNAPSHOTS_MAX  65536u
#define QCOW2_SNAPTABLE_MAX  (64u << 20) /* bytes */
#define QCOW2_REFCOUNT_ORDER 4u          /* of version 2, and the default */
#define QCOW2_SECTOR         512u

#define ENTRY_COPIED     (UINT64_C(1) << 63) /* its refcount is exactly one: write in place */
#define ENTRY_COMPRESSED (UINT64_C(1) << 62)
#define ENTRY_ZERO       UINT64_C(1)
#define ENTRY_OFFSET     UINT64_C(0x00fffffffffffe00)
#define ENTRY_RESERVED   UINT64_C(0x3f000000000001fe) /* of a standard L2 entry */
#define L1_RESERVED      UINT64_C(0x7f000000000001ff)
#define REFTABLE_OFFSET  UINT64_C(0xfffffffffffffe00)
#define HOST_OFFSET_MAX  (UINT64_C(1) << 56)

enum qcow2_incompatible {
    INCOMPATIBLE_DIRTY = 1,
    INCOMPATIBLE_CORRUPT = 2,
    INCOMPATIBLE_DATA_FILE = 4,
    INCOMPATIBLE_COMPRESSION = 8,
    INCOMPATIBLE_EXTENDED_L2 = 16,
    INCOMPATIBLE_KNOWN = 31,
};

enum qcow2_compatible { COMPATIBLE_LAZY_REFCOUNTS = 1 };

enum qcow2_autoclear { AUTOCLEAR_BITMAPS = 1, AUTOCLEAR_RAW_DATA = 2 };

enum qcow2_compression { COMPRESSION_ZLIB, COMPRESSION_ZSTD };

enum qcow2_extension {
    EXTENSION_END = 0,
    EXTENSION_BACKING_FORMAT = 0xe2792aca,
    EXTENSION_FEATURE_NAMES = 0x6803f857,
    EXTENSION_BITMAPS = 0x23852875,
    EXTENSION_ENCRYPTION = 0x0537be77,
    EXTENSION_DATA_FILE = 0x44415441,
};

#define QCOW2_EXTENSIONS_MAX 64u
#define FEATURE_NAME_SIZE    48u
#define FEATURE_NAME_OFFSET  2u

/* The fixed fields, in the host's byte order. */
struct qcow2_header {
    uint32_t version, cluster_bits, crypt_method, refcount_order, header_length, compression;
    uint64_t size, backing_offset;
    uint32_t backing_size;
    uint32_t l1_entries;
    uint64_t l1_offset;
    uint64_t reftable_offset;
    uint32_t reftable_clusters;
    uint32_t snapshot_count;
    uint64_t snapshots_offset;
    uint64_t incompatible, compatible, autoclear;
};

/* An extension as it stands in the file, data not copied. */
struct qcow2_extension_data {
    uint32_t type, size;
    const uint8_t *data;
};

/* Takes the fixed fields out of an image's first bytes and checks all that can be checked without
 * the rest of it, features not included. `path` is for the message. */
bool qcow2_header_parse(const char *path, const uint8_t *data, size_t size,
                        struct qcow2_header *ret_header, GError **error);

/* Puts the fixed fields over the first QCOW2_HEAD bytes of an image, nothing else. */
void qcow2_header_put(const struct qcow2_header *header, uint8_t *data);

/* Refuses incompatible features that are not known, by the name the image has for them. `data` is
 * the first cluster. */
bool qcow2_features_check(const char *path, const struct qcow2_header *header, const uint8_t *data,
                          size_t size, GError **error);

/* The extension of a type in the first cluster; false if there is none, or the list is damaged
 * before it. Type EXTENSION_END finds the end of a list that is not. */
bool qcow2_extension_find(const struct qcow2_header *header, const uint8_t *data, size_t size,
                          uint32_t type, struct qcow2_extension_data *ret_extension);

/* The next extension at *at, which moves on; false at the end or where the list is damaged. *at is
 * the header's length at first. */
bool qcow2_extension_next(const uint8_t *data, size_t size, size_t *at,
                          struct qcow2_extension_data *ret_extension);

/* A new first cluster, zero padded to `size`: header, extensions that `old` has (may be NULL),
 * other backing format and data file names ("" or NULL for none) and the backing name; sets the
 * backing fields of `header`. False if it does not fit. */
bool qcow2_header_build(struct qcow2_header *header, const uint8_t *old, const char *backing,
                        const char *backing_format, const char *data_file, uint8_t *data,
                        size_t size);
