#include "emu/block/qcow2/format.h"

#include <assert.h>
#include <string.h>

#include "platform/error.h"

/* Where each field lies. */
enum field {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_BACKING_OFFSET = 8,
    AT_BACKING_SIZE = 16,
    AT_CLUSTER_BITS = 20,
    AT_SIZE = 24,
    AT_CRYPT_METHOD = 32,
    AT_L1_ENTRIES = 36,
    AT_L1_OFFSET = 40,
    AT_REFTABLE_OFFSET = 48,
    AT_REFTABLE_CLUSTERS = 56,
    AT_SNAPSHOT_COUNT = 60,
    AT_SNAPSHOTS_OFFSET = 64,
    AT_INCOMPATIBLE = 72,
    AT_COMPATIBLE = 80,
    AT_AUTOCLEAR = 88,
    AT_REFCOUNT_ORDER = 96,
    AT_HEADER_LENGTH = 100,
    AT_COMPRESSION = 104,
};

static bool header_fails(GError **error, const char *path, const char *text)
{
    return host_error_set(error, HOST_ERROR_OTHER, "%s: not a good qcow2 image: %s", path, text);
}

static void header_read(const uint8_t *data, struct qcow2_header *header)
{
    *header = (struct qcow2_header){
        .version = be_get32(data + AT_VERSION),
        .backing_offset = be_get64(data + AT_BACKING_OFFSET),
        .backing_size = be_get32(data + AT_BACKING_SIZE),
        .cluster_bits = be_get32(data + AT_CLUSTER_BITS),
        .size = be_get64(data + AT_SIZE),
        .crypt_method = be_get32(data + AT_CRYPT_METHOD),
        .l1_entries = be_get32(data + AT_L1_ENTRIES),
        .l1_offset = be_get64(data + AT_L1_OFFSET),
        .reftable_offset = be_get64(data + AT_REFTABLE_OFFSET),
        .reftable_clusters = be_get32(data + AT_REFTABLE_CLUSTERS),
        .snapshot_count = be_get32(data + AT_SNAPSHOT_COUNT),
        .snapshots_offset = be_get64(data + AT_SNAPSHOTS_OFFSET),
        .refcount_order = QCOW2_REFCOUNT_ORDER,
        .header_length = QCOW2_HEADER_V2,
    };
}

static void header_read_v3(const uint8_t *data, struct qcow2_header *header)
{
    header->incompatible = be_get64(data + AT_INCOMPATIBLE);
    header->compatible = be_get64(data + AT_COMPATIBLE);
    header->autoclear = be_get64(data + AT_AUTOCLEAR);
    header->refcount_order = be_get32(data + AT_REFCOUNT_ORDER);
    header->header_length = be_get32(data + AT_HEADER_LENGTH);
    if (header->header_length > AT_COMPRESSION) {
        header->compression = data[AT_COMPRESSION];
    }
}

/* What is wrong with a field, NULL if nothing. */
static const char *header_wrong_v3(const struct qcow2_header *header)
{
    if (header->header_length < QCOW2_HEADER_V3 || header->header_length % 8 != 0 ||
        header->header_length > (UINT64_C(1) << header->cluster_bits)) {
        return "the length of its header makes no sense";
    }
    if (header->refcount_order > 6) {
        return "its reference counts are wider than 64 bits";
    }
    if (header->incompatible & ~(uint64_t)INCOMPATIBLE_KNOWN) {
        return NULL; /* said with the feature's name */
    }
    bool named = (header->incompatible & INCOMPATIBLE_COMPRESSION) != 0;
    if (named != (header->compression != COMPRESSION_ZLIB)) {
        return "its compression type and feature bit contradict each other";
    }
    return header->compression > COMPRESSION_ZSTD ? "its compression type is not known" : NULL;
}

static const char *header_wrong(const struct qcow2_header *header)
{
    uint64_t cluster = UINT64_C(1) << header->cluster_bits;
    uint64_t covered = (uint64_t)header->l1_entries << (2 * header->cluster_bits - 3);
    if ((header->l1_offset | header->reftable_offset) % cluster != 0 ||
        (header->snapshot_count > 0 && header->snapshots_offset % cluster != 0)) {
        return "a table does not lie on a cluster boundary";
    }
    if (header->l1_offset >= HOST_OFFSET_MAX || header->reftable_offset >= HOST_OFFSET_MAX ||
        header->snapshots_offset >= HOST_OFFSET_MAX) {
        return "a table lies further behind than an image may reach";
    }
    if (header->l1_entries > QCOW2_L1_MAX / 8) {
        return "its L1 table is larger than 32 MiB";
    }
    if (header->size > INT64_MAX || covered < header->size) {
        return "its L1 table is too small for the size of its disk";
    }
    if (header->l1_entries > 0 && header->l1_offset == 0) {
        return "its L1 table lies over its header";
    }
    if (header->reftable_clusters > QCOW2_REFTABLE_MAX / cluster) {
        return "its refcount table is larger than 8 MiB";
    }
    if (header->snapshot_count > QCOW2_SNAPSHOTS_MAX) {
        return "it claims more than 65536 snapshots";
    }
    if (header->backing_offset != 0 &&
        (header->backing_size > QCOW2_BACKING_MAX || header->backing_offset > cluster ||
         header->backing_size > cluster - header->backing_offset)) {
        return "the name of its backing file does not lie in the first cluster";
    }
    return NULL;
}

bool qcow2_header_parse(const char *path, const uint8_t *data, size_t size,
                        struct qcow2_header *ret_header, GError **error)
{
    struct qcow2_header header;
    if (size < QCOW2_HEADER_V2 || be_get32(data) != QCOW2_MAGIC) {
        return header_fails(error, path, "it does not begin like one");
    }
    header_read(data, &header);
    if (header.version != 2 && header.version != 3) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: qcow2 version %u is not supported, only 2 and 3", path,
                              header.version);
    }
    if (header.cluster_bits < QCOW2_BITS_MIN || header.cluster_bits > QCOW2_BITS_MAX) {
        return header_fails(error, path, "its clusters are not of 512 bytes to 2 MiB");
    }
    const char *wrong = NULL;
    if (header.version >= 3) {
        if (size < QCOW2_HEADER_OURS) {
            return header_fails(error, path, "it ends in its header");
        }
        header_read_v3(data, &header);
        wrong = header_wrong_v3(&header);
    }
    wrong = wrong != NULL ? wrong : header_wrong(&header);
    if (wrong != NULL) {
        return header_fails(error, path, wrong);
    }
    *ret_header = header;
    return true;
}

void qcow2_header_put(const struct qcow2_header *header, uint8_t *data)
{
    be_put32(data + AT_MAGIC, QCOW2_MAGIC);
    be_put32(data + AT_VERSION, header->version);
    be_put64(data + AT_BACKING_OFFSET, header->backing_offset);
    be_put32(data + AT_BACKING_SIZE, header->backing_size);
    be_put32(data + AT_CLUSTER_BITS, header->cluster_bits);
    be_put64(data + AT_SIZE, header->size);
    be_put32(data + AT_CRYPT_METHOD, header->crypt_method);
    be_put32(data + AT_L1_ENTRIES, header->l1_entries);
    be_put64(data + AT_L1_OFFSET, header->l1_offset);
    be_put64(data + AT_REFTABLE_OFFSET, header->reftable_offset);
    be_put32(data + AT_REFTABLE_CLUSTERS, header->reftable_clusters);
    be_put32(data + AT_SNAPSHOT_COUNT, header->snapshot_count);
    be_put64(data + AT_SNAPSHOTS_OFFSET, header->snapshots_offset);
    if (header->version < 3) {
        return;
    }
    be_put64(data + AT_INCOMPATIBLE, header->incompatible);
    be_put64(data + AT_COMPATIBLE, header->compatible);
    be_put64(data + AT_AUTOCLEAR, header->autoclear);
    be_put32(data + AT_REFCOUNT_ORDER, header->refcount_order);
    be_put32(data + AT_HEADER_LENGTH, header->header_length);
    if (header->header_length > AT_COMPRESSION) {
        data[AT_COMPRESSION] = (uint8_t)header->compression;
    }
}

bool qcow2_extension_next(const uint8_t *data, size_t size, size_t *at,
                          struct qcow2_extension_data *ret_extension)
{
    if (*at > size || size - *at < 8) {
        return false;
    }
    uint32_t type = be_get32(data + *at), length = be_get32(data + *at + 4);
    if (type == EXTENSION_END || length > size - *at - 8) {
        return false;
    }
    *ret_extension = (struct qcow2_extension_data){ type, length, data + *at + 8 };
    *at += 8 + ((size_t)length + 7) / 8 * 8;
    return true;
}

/* Where the list of extensions must end. */
static size_t extensions_end(const struct qcow2_header *header, size_t size)
{
    return header->backing_offset != 0 ? MIN(size, header->backing_offset) : size;
}

bool qcow2_extension_find(const struct qcow2_header *header, const uint8_t *data, size_t size,
                          uint32_t type, struct qcow2_extension_data *ret_extension)
{
    size_t at = header->header_length;
    struct qcow2_extension_data extension;
    size = extensions_end(header, size);
    for (unsigned i = 0; i < QCOW2_EXTENSIONS_MAX; i++) {
        if (!qcow2_extension_next(data, size, &at, &extension)) {
            return false;
        }
        if (extension.type == type) {
            *ret_extension = extension;
            return true;
        }
    }
    return false;
}

/* The image's own name for an incompatible feature; g_free it. */
static char *feature_name(const struct qcow2_header *header, const uint8_t *data, size_t size,
                          unsigned bit)
{
    struct qcow2_extension_data table = { 0 };
    qcow2_extension_find(header, data, size, EXTENSION_FEATURE_NAMES, &table);
    for (uint32_t at = 0; at + FEATURE_NAME_SIZE <= table.size; at += FEATURE_NAME_SIZE) {
        if (table.data[at] == 0 && table.data[at + 1] == bit) {
            g_autofree char *raw = g_strndup((const char *)table.data + at + FEATURE_NAME_OFFSET,
                                             FEATURE_NAME_SIZE - FEATURE_NAME_OFFSET);
            return g_strescape(raw, NULL);
        }
    }
    return g_strdup_printf("unknown, bit %u", bit);
}

bool qcow2_features_check(const char *path, const struct qcow2_header *header, const uint8_t *data,
                          size_t size, GError **error)
{
    uint64_t unknown = header->incompatible & ~(uint64_t)INCOMPATIBLE_KNOWN;
    if (unknown != 0) {
        g_autoptr(GString) names = g_string_new(NULL);
        for (unsigned bit = 0; bit < 64; bit++) {
            if (unknown >> bit & 1) {
                g_autofree char *name = feature_name(header, data, size, bit);
                g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
            }
        }
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: the image needs features that are not supported: %s", path,
                              names->str);
    }
    if (header->incompatible & INCOMPATIBLE_EXTENDED_L2) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: extended L2 entries (subclusters) are not supported; convert "
                              "the image with extended_l2=off",
                              path);
    }
    if (header->crypt_method != 0) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: the image is encrypted, which is not supported; convert it to "
                              "one that is not",
                              path);
    }
    return true;
}

/* What a new header is put together in. */
struct builder {
    uint8_t *data;
    size_t size, at;
    bool full;
};

static void builder_extension(struct builder *builder, uint32_t type, const void *data, size_t size)
{
    size_t padded = (size + 7) / 8 * 8;
    if (builder->full || builder->size - builder->at < 16 ||
        padded > builder->size - builder->at - 16) { /* the end's 8 bytes still fit */
        builder->full = true;
        return;
    }
    be_put32(builder->data + builder->at, type);
    be_put32(builder->data + builder->at + 4, (uint32_t)size);
    memcpy(builder->data + builder->at + 8, data, size);
    builder->at += 8 + padded;
}

static void builder_text(struct builder *builder, uint32_t type, const char *text)
{
    if (text != NULL && *text != '\0') {
        builder_extension(builder, type, text, strlen(text));
    }
}

/* The names of the features known here, for those who do not know them. */
static void builder_features(struct builder *builder)
{
    static const struct {
        uint8_t type, bit;
        char name[FEATURE_NAME_SIZE - FEATURE_NAME_OFFSET];
    } features[] = {
        { 0, 0, "dirty bit" },
        { 0, 1, "corrupt bit" },
        { 0, 2, "external data file" },
        { 0, 3, "compression type" },
        { 0, 4, "extended L2 entries" },
        { 1, 0, "lazy refcounts" },
        { 2, 0, "bitmaps" },
        { 2, 1, "raw external data" },
    };
    static_assert(sizeof(features[0]) == FEATURE_NAME_SIZE, "as in the file");
    if (builder->size - builder->at > sizeof(features) + 2 * QCOW2_BACKING_MAX) {
        builder_extension(builder, EXTENSION_FEATURE_NAMES, features, sizeof(features));
    }
}

/* Extensions of the old header that nobody replaces. */
static void builder_keep(struct builder *builder, const struct qcow2_header *header,
                         const uint8_t *old)
{
    size_t at = header->header_length;
    struct qcow2_extension_data extension;
    while (qcow2_extension_next(old, extensions_end(header, builder->size), &at, &extension)) {
        if (extension.type != EXTENSION_BACKING_FORMAT && extension.type != EXTENSION_DATA_FILE) {
            builder_extension(builder, extension.type, extension.data, extension.size);
        }
    }
}

bool qcow2_header_build(struct qcow2_header *header, const uint8_t *old, const char *backing,
                        const char *backing_format, const char *data_file, uint8_t *data,
                        size_t size)
{
    struct builder builder = { .data = data, .size = size, .at = header->header_length };
    size_t backing_size = backing != NULL ? strlen(backing) : 0;
    memset(data, 0, size);
    if (old != NULL) {
        memcpy(data, old, header->header_length); /* with fields nobody here knows */
    }
    builder_text(&builder, EXTENSION_BACKING_FORMAT, backing_format);
    builder_text(&builder, EXTENSION_DATA_FILE, data_file);
    if (old != NULL) {
        builder_keep(&builder, header, old);
    } else if (header->version >= 3) {
        builder_features(&builder);
    }
    builder.at += 8; /* the end */
    if (builder.full || backing_size > QCOW2_BACKING_MAX || backing_size > size - builder.at) {
        return false;
    }
    header->backing_offset = backing_size > 0 ? builder.at : 0;
    header->backing_size = (uint32_t)backing_size;
    if (backing_size > 0) {
        memcpy(data + builder.at, backing, backing_size);
    }
    qcow2_header_put(header, data);
    return true;
}
