/* The table of internal snapshots: entries of variable length, one after another. */
#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

#define ENTRY_SIZE  40u
#define EXTRA_KNOWN 24u /* state size, disk size, instruction count */
#define EXTRA_V2    16u
#define EXTRA_MAX   1024u

static bool table_wrong(const struct qcow2 *q, const char *text, GError **error)
{
    return host_error_set(error, HOST_ERROR_OTHER, "%s: its snapshot table is damaged: %s",
                          node_path(q->node), text);
}

/* The fixed part of an entry. */
static void entry_get(const uint8_t *data, struct qcow2_snapshot *snapshot)
{
    *snapshot = (struct qcow2_snapshot){
        .l1_offset = be_get64(data),
        .l1_entries = be_get32(data + 8),
        .date_s = be_get32(data + 16),
        .date_ns = be_get32(data + 20),
        .clock_ns = be_get64(data + 24),
        .state_size = be_get32(data + 32),
        .icount = UINT64_MAX,
    };
}

/* The part that may be missing in older images. */
static void entry_get_extra(const struct qcow2 *q, const uint8_t *extra, uint32_t size,
                            struct qcow2_snapshot *snapshot)
{
    snapshot->disk_size = q->header.size;
    if (size >= 8) {
        snapshot->state_size = be_get64(extra);
    }
    if (size >= 16) {
        snapshot->disk_size = be_get64(extra + 8);
    }
    if (size >= 24) {
        snapshot->icount = be_get64(extra + 16);
    }
    if (size > EXTRA_KNOWN) {
        snapshot->extra_size = size - EXTRA_KNOWN;
        snapshot->extra = g_memdup2(extra + EXTRA_KNOWN, snapshot->extra_size);
    }
}

static int table_read(struct qcow2 *q, uint64_t offset, void *data, size_t size)
{
    return qcow2_read_host(q->file, offset, size, &(struct host_vec){ data, size }, 1);
}

/* Reads the entry at *at, which moves behind it. */
static bool entry_load(struct qcow2 *q, uint64_t *at, struct qcow2_snapshot *snapshot,
                       GError **error)
{
    uint8_t fixed[ENTRY_SIZE];
    uint64_t offset = q->header.snapshots_offset + *at;
    if (*at > QCOW2_SNAPTABLE_MAX || offset >= node_size(q->file)) {
        return table_wrong(q, "it reaches behind the end of the image", error);
    }
    int result = table_read(q, offset, fixed, sizeof(fixed));
    if (result < 0) {
        return qcow2_fails(q, result, "read its snapshots", error);
    }
    uint32_t id = be_get16(fixed + 12), name = be_get16(fixed + 14);
    uint32_t extra = be_get32(fixed + 36);
    entry_get(fixed, snapshot);
    if (extra > EXTRA_MAX) {
        return table_wrong(q, "an entry is too long", error);
    }
    if (snapshot->l1_entries > QCOW2_L1_MAX / 8) {
        return table_wrong(q, "a snapshot's L1 table is larger than 32 MiB", error);
    }
    g_autofree uint8_t *rest = g_malloc(extra + id + name + 1);
    result = table_read(q, offset + ENTRY_SIZE, rest, extra + id + name);
    if (result < 0) {
        return qcow2_fails(q, result, "read its snapshots", error);
    }
    entry_get_extra(q, rest, extra, snapshot);
    snapshot->id = g_strndup((const char *)rest + extra, id);
    snapshot->name = g_strndup((const char *)rest + extra + id, name);
    *at += (ENTRY_SIZE + extra + id + name + 7) / 8 * 8;
    return true;
}

bool qcow2_snapshots_load(struct qcow2 *q, GError **error)
{
    uint64_t at = 0;
    q->snapshots = g_new0(struct qcow2_snapshot, q->header.snapshot_count + 1);
    for (uint32_t i = 0; i < q->header.snapshot_count; i++) {
        if (!entry_load(q, &at, &q->snapshots[i], error)) {
            return false;
        }
        q->snapshot_count++;
    }
    q->snapshots_size = at;
    return true;
}

void qcow2_snapshots_free(struct qcow2 *q)
{
    for (unsigned i = 0; i < q->snapshot_count; i++) {
        g_free(q->snapshots[i].id);
        g_free(q->snapshots[i].name);
        g_free(q->snapshots[i].extra);
    }
    g_free(q->snapshots);
    q->snapshots = NULL;
    q->snapshot_count = 0;
}

static uint32_t entry_extra(const struct qcow2_snapshot *snapshot)
{
    return snapshot->extra_size > 0 || snapshot->icount != UINT64_MAX
               ? EXTRA_KNOWN + snapshot->extra_size
               : EXTRA_V2;
}

uint64_t qcow2_snapshots_size(const struct qcow2 *q, unsigned count)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct qcow2_snapshot *snapshot = &q->snapshots[i];
        size += ENTRY_SIZE + entry_extra(snapshot) + strlen(snapshot->id) + strlen(snapshot->name);
        size = (size + 7) / 8 * 8;
    }
    return size;
}

static void entry_put(uint8_t *data, const struct qcow2_snapshot *snapshot)
{
    uint32_t extra = entry_extra(snapshot);
    size_t id = strlen(snapshot->id), name = strlen(snapshot->name);
    be_put64(data, snapshot->l1_offset);
    be_put32(data + 8, snapshot->l1_entries);
    be_put16(data + 12, (uint16_t)id);
    be_put16(data + 14, (uint16_t)name);
    be_put32(data + 16, snapshot->date_s);
    be_put32(data + 20, snapshot->date_ns);
    be_put64(data + 24, snapshot->clock_ns);
    be_put32(data + 32, snapshot->state_size <= UINT32_MAX ? (uint32_t)snapshot->state_size : 0);
    be_put32(data + 36, extra);
    data += ENTRY_SIZE;
    be_put64(data, snapshot->state_size);
    be_put64(data + 8, snapshot->disk_size);
    if (extra >= EXTRA_KNOWN) {
        be_put64(data + 16, snapshot->icount);
    }
    if (snapshot->extra_size > 0) {
        memcpy(data + EXTRA_KNOWN, snapshot->extra, snapshot->extra_size);
    }
    memcpy(data + extra, snapshot->id, id);
    memcpy(data + extra + id, snapshot->name, name);
}

static uint8_t *table_build(const struct qcow2 *q, unsigned count)
{
    uint8_t *table = g_malloc0(qcow2_snapshots_size(q, count) + 1);
    for (unsigned i = 0; i < count; i++) {
        entry_put(table + qcow2_snapshots_size(q, i), &q->snapshots[i]);
    }
    return table;
}

/* Writes a table to a place of its own, which it gives back if that fails. */
static int table_put(struct qcow2 *q, unsigned count, uint64_t size, uint64_t *ret_cluster)
{
    g_autofree uint8_t *table = table_build(q, count);
    co_mutex_lock(&q->lock);
    int result = qcow2_alloc_area(q, qcow2_clusters(q, size), ret_cluster);
    co_mutex_unlock(&q->lock);
    if (result < 0) {
        return result;
    }
    result = node_write(q->file, *ret_cluster << q->cluster_bits, table, size, 0);
    if (result == 0) {
        result = qcow2_settle(q);
    }
    if (result < 0) {
        qcow2_free(q, *ret_cluster, qcow2_clusters(q, size), false);
    }
    return result;
}

int qcow2_snapshots_store(struct qcow2 *q, unsigned count)
{
    uint64_t size = qcow2_snapshots_size(q, count), cluster = 0;
    uint64_t old = q->header.snapshots_offset >> q->cluster_bits;
    uint64_t old_count = q->header.snapshot_count > 0 ? qcow2_clusters(q, q->snapshots_size) : 0;
    int result = size <= QCOW2_SNAPTABLE_MAX ? 0 : FILE_ERROR_NO_SPACE;
    if (result == 0 && size > 0) {
        result = table_put(q, count, size, &cluster);
    } else if (result == 0) {
        result = qcow2_settle(q);
    }
    if (result == 0) {
        struct qcow2_header to = q->header;
        to.snapshots_offset = cluster << q->cluster_bits;
        to.snapshot_count = count;
        result = qcow2_switch_head(q, &to);
    }
    if (result == 0) {
        q->snapshots_size = size;
        if (old_count > 0) {
            qcow2_free(q, old, old_count, false);
        }
    }
    return result;
}
