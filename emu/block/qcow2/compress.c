/* Compressed clusters: raw deflate with a window of 4 KiB, or one zstd frame. On the pool. */
#include <assert.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "emu/block/qcow2/qcow2.h"

#define WINDOW_BITS  12
#define MEMORY_LEVEL 9

/* One cluster on its way through a worker. */
struct pack_job {
    bool zstd;
    const uint8_t *from;
    size_t from_size;
    uint8_t *to;
    size_t to_size;
};

static int64_t pack_zlib(const struct pack_job *job)
{
    z_stream stream = { .next_in = (uint8_t *)(uintptr_t)job->from,
                        .avail_in = (uInt)job->from_size,
                        .next_out = job->to,
                        .avail_out = (uInt)job->to_size };
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    int64_t size = (int64_t)(job->to_size - stream.avail_out);
    deflateEnd(&stream);
    return whole ? size : 0;
}

/* The size that came out; 0 if it is not smaller than what went in. */
static int64_t pack_run(void *opaque)
{
    const struct pack_job *job = opaque;
    if (!job->zstd) {
        return pack_zlib(job);
    }
    size_t size =
        ZSTD_compress(job->to, job->to_size, job->from, job->from_size, ZSTD_CLEVEL_DEFAULT);
    return ZSTD_isError(size) ? 0 : (int64_t)size;
}

/* What follows in the last sector belongs to the next cluster: the stream's own end counts, or that
 * the cluster is full. */
static bool unpack_zlib(const struct pack_job *job)
{
    z_stream stream = { .next_in = (uint8_t *)(uintptr_t)job->from,
                        .avail_in = (uInt)job->from_size,
                        .next_out = job->to,
                        .avail_out = (uInt)job->to_size };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return (result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.avail_out == 0;
}

static bool unpack_zstd(const struct pack_job *job)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = { job->from, job->from_size, 0 };
    ZSTD_outBuffer out = { job->to, job->to_size, 0 };
    size_t left = 1;
    while (context != NULL && out.pos < out.size && left != 0) {
        size_t before = in.pos + out.pos;
        left = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(left) || in.pos + out.pos == before) {
            break;
        }
    }
    ZSTD_freeDCtx(context);
    return out.pos == out.size;
}

static int64_t unpack_run(void *opaque)
{
    const struct pack_job *job = opaque;
    bool good = job->zstd ? unpack_zstd(job) : unpack_zlib(job);
    return good ? 0 : FILE_ERROR_IO;
}

int qcow2_unpack(struct qcow2 *q, uint64_t entry, uint8_t *cluster)
{
    uint64_t offset, size;
    qcow2_packed_range(q, entry, &offset, &size);
    if (offset >= HOST_OFFSET_MAX || size > 2 * q->cluster_size) {
        return qcow2_corrupt(q);
    }
    g_autofree uint8_t *packed = g_malloc(size);
    struct host_vec vec = { packed, size };
    struct pack_job job = { q->header.compression == COMPRESSION_ZSTD, packed, size, cluster,
                            q->cluster_size };
    int result = qcow2_read_host(q->file, offset, size, &vec, 1);
    return result == 0 ? (int)thread_pool_submit_co(node_pool(q->node), unpack_run, &job) : result;
}

/* The L2 entry of packed bytes. */
static uint64_t packed_entry(const struct qcow2 *q, uint64_t offset, uint64_t size)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (offset % QCOW2_SECTOR + size - 1) / QCOW2_SECTOR;
    assert(offset < UINT64_C(1) << shift);
    return ENTRY_COMPRESSED | sectors << shift | offset;
}

/* Writes what came out, and makes the guest cluster lead to it. */
static int packed_store(struct qcow2 *q, uint64_t guest, const uint8_t *packed, uint64_t size)
{
    struct allocation allocation = { .first = guest, .count = 1 };
    uint64_t offset = 0;
    co_mutex_lock(&q->lock);
    qcow2_wait_allocations(q, guest, 1);
    int result = qcow2_map_prepare(q, guest);
    if (result == 0) {
        result = qcow2_alloc_bytes(q, size, &offset);
    }
    if (result < 0) {
        co_mutex_unlock(&q->lock);
        return result;
    }
    qcow2_allocation_begin(q, &allocation);
    co_mutex_unlock(&q->lock);
    result = node_write(q->file, offset, packed, size, 0);
    co_mutex_lock(&q->lock);
    uint64_t entry = packed_entry(q, offset, size);
    if (result == 0) {
        result = qcow2_map_set(q, guest, 1, entry, 0, false);
    } else {
        qcow2_free_entry(q, entry);
    }
    qcow2_allocation_end(q, &allocation);
    co_mutex_unlock(&q->lock);
    return result;
}

static int packed_write_one(struct qcow2 *q, uint64_t guest, uint8_t *cluster, uint8_t *packed)
{
    struct pack_job job = { q->header.compression == COMPRESSION_ZSTD, cluster, q->cluster_size,
                            packed, q->cluster_size - 1 };
    int64_t size = thread_pool_submit_co(node_pool(q->node), pack_run, &job);
    int result = qcow2_commit_crowded(q);
    if (result < 0) {
        return result;
    }
    if (size > 0) {
        return packed_store(q, guest, packed, (uint64_t)size);
    }
    uint64_t offset = guest << q->cluster_bits;
    struct host_vec vec = { cluster, MIN(q->cluster_size, node_size(q->node) - offset) };
    return qcow2_write_inside(q, offset, vec.size, &vec, 1);
}

int qcow2_write_compressed(struct qcow2 *q, uint64_t offset, uint64_t size,
                           const struct host_vec *vec, unsigned count)
{
    bool whole = offset % q->cluster_size == 0 &&
                 (size % q->cluster_size == 0 || offset + size == node_size(q->node));
    if (q->external || !whole) {
        return FILE_ERROR_UNSUPPORTED;
    }
    g_autofree uint8_t *cluster = g_malloc(q->cluster_size), *packed = g_malloc(q->cluster_size);
    int result = 0;
    for (uint64_t done = 0; done < size && result == 0; done += q->cluster_size) {
        size_t part = MIN(q->cluster_size, size - done);
        vec_copy_out(vec, count, done, cluster, part);
        memset(cluster + part, 0, q->cluster_size - part);
        result = packed_write_one(q, (offset + done) >> q->cluster_bits, cluster, packed);
    }
    return result;
}
