/* New images, and how large they would be. */
#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

#define CLUSTER_DEFAULT 65536u

/* Where the parts of an image without a disk lie. */
enum { CREATE_REFTABLE = 1, CREATE_REFBLOCK, CREATE_CLUSTERS };

static bool create_wrong(const struct node_create *options, GError **error, const char *text)
{
    return host_error_set(error, HOST_ERROR_OTHER, "%s: %s",
                          options->path != NULL ? options->path : "qcow2", text);
}

static bool create_is(const char *value, const char *name)
{
    return value != NULL && strcmp(value, name) == 0;
}

/* The header of the options, without sizes and places. */
static bool create_header(const struct node_create *options, struct qcow2_header *header,
                          GError **error)
{
    uint32_t cluster = options->cluster_size != 0 ? options->cluster_size : CLUSTER_DEFAULT;
    unsigned bits = options->refcount_bits != 0 ? options->refcount_bits : 16;
    bool old = create_is(options->compat, "0.10") || create_is(options->compat, "v2");
    bool zstd = create_is(options->compression, "zstd");
    if ((cluster & (cluster - 1)) != 0 || cluster < 1u << QCOW2_BITS_MIN ||
        cluster > 1u << QCOW2_BITS_MAX) {
        return create_wrong(options, error,
                            "Cluster size must be a power of two between 512 and 2048k");
    }
    if (options->compat != NULL && !old && !create_is(options->compat, "1.1") &&
        !create_is(options->compat, "v3")) {
        return create_wrong(options, error, "compat must be 0.10 or 1.1");
    }
    if ((bits & (bits - 1)) != 0 || bits > 64) {
        return create_wrong(options, error,
                            "Refcount width must be a power of two and may not exceed 64 bits");
    }
    if (options->compression != NULL && !zstd && !create_is(options->compression, "zlib")) {
        return create_wrong(options, error, "compression_type must be zlib or zstd");
    }
    if (options->extended_l2) {
        return create_wrong(options, error, "extended L2 entries (subclusters) are not supported");
    }
    if (old && (bits != 16 || options->lazy_refcounts || zstd || options->data_file != NULL)) {
        return create_wrong(options, error,
                            "compat=0.10 allows no refcount_bits but 16, no lazy_refcounts, no "
                            "compression_type=zstd and no data_file; use compat=1.1");
    }
    *header = (struct qcow2_header){
        .version = old ? 2 : 3,
        .cluster_bits = (uint32_t)__builtin_ctz(cluster),
        .refcount_order = (uint32_t)__builtin_ctz(bits),
        .header_length = old ? QCOW2_HEADER_V2 : QCOW2_HEADER_OURS,
        .compression = zstd ? COMPRESSION_ZSTD : COMPRESSION_ZLIB,
        .incompatible = (zstd ? INCOMPATIBLE_COMPRESSION : 0u) |
                        (options->data_file != NULL ? INCOMPATIBLE_DATA_FILE : 0u),
        .compatible = options->lazy_refcounts ? COMPATIBLE_LAZY_REFCOUNTS : 0,
        .autoclear = options->data_file_raw ? AUTOCLEAR_RAW_DATA : 0,
        .reftable_offset = (uint64_t)CREATE_REFTABLE * cluster,
        .reftable_clusters = 1,
    };
    return true;
}

/* What goes together, and what does not. */
static bool create_check(const struct node_create *options, const struct qcow2_header *header,
                         GError **error)
{
    struct qcow2 q = { .cluster_bits = header->cluster_bits, .l2_bits = header->cluster_bits - 3 };
    bool preallocated = options->preallocation != NULL && !create_is(options->preallocation, "off");
    if (options->size > INT64_MAX || qcow2_l1_needed(&q, options->size) > QCOW2_L1_MAX / 8) {
        return create_wrong(options, error,
                            "the size is too large for the cluster size; use a larger one");
    }
    if (options->data_file_raw && options->data_file == NULL) {
        return create_wrong(options, error, "data_file_raw requires data_file");
    }
    if (options->data_file_raw && options->backing_path != NULL) {
        return create_wrong(options, error, "a backing file and data_file_raw exclude each other");
    }
    if (preallocated && options->backing_path != NULL) {
        return create_wrong(options, error, "preallocation would hide the backing file");
    }
    return true;
}

/* An image with a disk of no size, in the first clusters of a file. */
static bool create_write(struct block_node *file, const struct node_create *options,
                         struct qcow2_header *header, GError **error)
{
    struct qcow2 q = { .header = *header, .cluster_bits = header->cluster_bits };
    size_t cluster = (size_t)1 << header->cluster_bits;
    g_autofree uint8_t *data = g_malloc0(cluster * CREATE_CLUSTERS);
    q.cluster_size = cluster;
    if (!qcow2_header_build(header, NULL, options->backing_path, options->backing_format,
                            options->data_file, data, cluster)) {
        return create_wrong(options, error, "the name of the backing file is too long");
    }
    be_put64(data + CREATE_REFTABLE * cluster, CREATE_REFBLOCK * cluster);
    for (unsigned i = 0; i < CREATE_CLUSTERS; i++) {
        qcow2_refblock_set(&q, data + CREATE_REFBLOCK * cluster, i, 1);
    }
    int result = node_write(file, 0, data, cluster * CREATE_CLUSTERS, 0);
    return result == 0 || host_error_set(error, HOST_ERROR_OTHER, "%s: cannot write it: %s",
                                         options->path, block_error_text(result));
}

/* Opens the new file and gives it its size. */
static bool create_resize(struct aio_context *ctx, struct thread_pool *pool,
                          const struct node_create *options, GError **error)
{
    struct node_options open = { .path = options->path,
                                 .format = "qcow2",
                                 .flags = NODE_WRITE | NODE_NO_BACKING,
                                 .data_file = options->data_file };
    struct block_node *node = node_open(ctx, pool, &open, error);
    if (node == NULL) {
        return false;
    }
    uint64_t size = (options->size + QCOW2_SECTOR - 1) / QCOW2_SECTOR * QCOW2_SECTOR;
    bool good = node_truncate(node, size, options->preallocation, error) == 0;
    int result = node_close(node);
    if (good && result < 0) {
        good = host_error_set(error, HOST_ERROR_OTHER, "%s: cannot write it: %s", options->path,
                              block_error_text(result));
    }
    return good;
}

bool qcow2_create(struct aio_context *ctx, struct thread_pool *pool,
                  const struct node_create *options, GError **error)
{
    struct qcow2_header header;
    struct node_create file = { .path = options->path };
    struct node_create data = { .path = options->data_file, .size = options->size };
    if (!create_header(options, &header, error) || !create_check(options, &header, error) ||
        !node_create(ctx, pool, "file", &file, error) ||
        (options->data_file != NULL && !node_create(ctx, pool, "file", &data, error))) {
        return false;
    }
    struct node_options open = { .path = options->path, .format = "file", .flags = NODE_WRITE };
    struct block_node *node = node_open(ctx, pool, &open, error);
    if (node == NULL) {
        return false;
    }
    bool good = create_write(node, options, &header, error);
    int result = node_close(node);
    if (good && result < 0) {
        return host_error_set(error, HOST_ERROR_OTHER, "%s: cannot write it: %s", options->path,
                              block_error_text(result));
    }
    return good && create_resize(ctx, pool, options, error);
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Clusters of refcount blocks and table for so many others; they count themselves, too. */
static uint64_t measure_refcounts(const struct qcow2_header *header, uint64_t clusters)
{
    uint64_t cluster = UINT64_C(1) << header->cluster_bits;
    uint64_t per_block = cluster * 8 >> header->refcount_order, blocks = 0, table = 0, before;
    do {
        before = blocks + table;
        blocks = round_up(clusters + before, per_block) / per_block;
        table = round_up(blocks * 8, cluster) / cluster;
    } while (blocks + table != before);
    return before;
}

bool qcow2_measure(const struct node_create *options, uint64_t data_size, uint64_t *ret_required,
                   uint64_t *ret_full, GError **error)
{
    struct qcow2_header header;
    if (!create_header(options, &header, error) || !create_check(options, &header, error)) {
        return false;
    }
    uint64_t cluster = UINT64_C(1) << header.cluster_bits;
    uint64_t size = round_up(options->size, cluster);
    uint64_t tables = round_up(size / cluster * 8, cluster);                    /* L2 */
    uint64_t meta = cluster + tables + round_up(tables / cluster * 8, cluster); /* header, L1 */
    meta += measure_refcounts(&header, (meta + size) / cluster) * cluster;
    bool full =
        create_is(options->preallocation, "falloc") || create_is(options->preallocation, "full");
    *ret_full = meta + size;
    *ret_required = meta + (full ? size : MIN(round_up(data_size, cluster), size));
    return true;
}
