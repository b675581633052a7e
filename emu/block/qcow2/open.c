#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

#define TABLES_SIZE    (32u << 20) /* of caches, unless the user says otherwise */
#define REFCOUNTS_PART 8u          /* of that more for refcounts */
#define SLICE_BITS_MAX 12u

bool qcow2_fails(const struct qcow2 *q, int result, const char *what, GError **error)
{
    return host_error_set(error,
                          result == FILE_ERROR_NO_SPACE ? HOST_ERROR_EXHAUSTED : HOST_ERROR_OTHER,
                          "%s: cannot %s: %s", node_path(q->node), what, block_error_text(result));
}

int qcow2_read_host(struct block_node *host, uint64_t offset, uint64_t size,
                    const struct host_vec *vec, unsigned count)
{
    uint64_t end = node_size(host), part = offset < end ? MIN(size, end - offset) : 0;
    vec_clear(vec, count, part, size - part);
    return part > 0 ? node_read_vec(host, offset, part, vec, count) : 0;
}

int qcow2_write_head(struct qcow2 *q)
{
    uint8_t head[QCOW2_HEAD];
    memcpy(head, q->head, sizeof(head));
    qcow2_header_put(&q->header, head);
    int result = node_write(q->file, 0, head, sizeof(head), 0);
    if (result == 0) {
        memcpy(q->head, head, sizeof(head));
    }
    return result;
}

int qcow2_sync(struct qcow2 *q)
{
    int result = q->failed;
    if (result == 0 && q->external) {
        result = node_flush(q->data);
    }
    if (result == 0) {
        result = node_flush(q->file);
    }
    q->failed = result == FILE_ERROR_NO_SPACE ? 0 : result; /* the file knows whether it is lost */
    return result;
}

/* Sets incompatible feature bits and clears others, in the file too. */
static int open_change_features(struct qcow2 *q, uint64_t set, uint64_t clear)
{
    uint64_t old = q->header.incompatible, new = (old | set) & ~clear;
    if (q->header.version < 3 || new == old) {
        return 0;
    }
    q->header.incompatible = new;
    int result = qcow2_write_head(q);
    if (result < 0) {
        q->header.incompatible = old;
    }
    return result;
}

int qcow2_mark_dirty(struct qcow2 *q, bool dirty)
{
    return open_change_features(q, dirty ? INCOMPATIBLE_DIRTY : 0, dirty ? 0 : INCOMPATIBLE_DIRTY);
}

/* Sets or clears the dirty bit and makes that stable; nothing for version 2. */
static int open_set_dirty(struct qcow2 *q, bool dirty)
{
    int result = qcow2_mark_dirty(q, dirty);
    return result == 0 ? qcow2_sync(q) : result;
}

int qcow2_corrupt(struct qcow2 *q)
{
    if (q->writable && !(node_flags(q->node) & NODE_CHECK)) {
        q->writable = false;
        open_change_features(q, INCOMPATIBLE_CORRUPT, 0);
    }
    return FILE_ERROR_IO;
}

/* What a writer must do to the header first. With q->lock held. */
static int open_prepare(struct qcow2 *q)
{
    uint64_t autoclear = q->header.autoclear;
    int result = 0;
    q->header.autoclear &= AUTOCLEAR_RAW_DATA; /* bitmaps will not know of what is written */
    if (autoclear != q->header.autoclear) {
        result = qcow2_write_head(q);
        if (result == 0) {
            result = qcow2_sync(q);
        }
    }
    if (result == 0 && q->lazy) {
        result = open_set_dirty(q, true);
    }
    if (result < 0) {
        q->header.autoclear = autoclear;
    }
    q->prepared = result == 0;
    return result;
}

int qcow2_before_write(struct qcow2 *q)
{
    int result = q->failed;
    if (result == 0 && !q->writable) {
        result = node_writable(q->node) ? FILE_ERROR_IO : FILE_ERROR_READ_ONLY;
    }
    if (result == 0 && !q->prepared) {
        co_mutex_lock(&q->lock);
        result = q->prepared ? 0 : open_prepare(q);
        co_mutex_unlock(&q->lock);
    }
    return result;
}

static char *open_text(const struct qcow2 *q, const uint8_t *cluster, uint32_t type)
{
    struct qcow2_extension_data extension;
    if (!qcow2_extension_find(&q->header, cluster, q->cluster_size, type, &extension) ||
        extension.size == 0 || extension.size > QCOW2_BACKING_MAX) {
        return NULL;
    }
    return g_strndup((const char *)extension.data, extension.size);
}

/* The first cluster, which has all that has a name. */
static bool open_header(struct qcow2 *q, GError **error)
{
    const char *path = node_path(q->node);
    struct host_vec vec = { q->head, sizeof(q->head) };
    if (node_size(q->file) == 0) {
        return host_error_set(error, HOST_ERROR_OTHER,
                              "%s: the file is empty: 'tinamou img create -f qcow2' makes images",
                              path);
    }
    int result = qcow2_read_host(q->file, 0, sizeof(q->head), &vec, 1);
    if (result < 0) {
        return qcow2_fails(q, result, "read the header", error);
    }
    if (!qcow2_header_parse(path, q->head, sizeof(q->head), &q->header, error)) {
        return false;
    }
    q->cluster_bits = q->header.cluster_bits;
    q->cluster_size = UINT64_C(1) << q->cluster_bits;
    q->l2_bits = q->cluster_bits - 3;
    q->slice_bits = MIN(q->cluster_bits, SLICE_BITS_MAX);
    g_autofree uint8_t *cluster = g_malloc(q->cluster_size);
    vec = (struct host_vec){ cluster, q->cluster_size };
    result = qcow2_read_host(q->file, 0, q->cluster_size, &vec, 1);
    if (result < 0) {
        return qcow2_fails(q, result, "read the header", error);
    }
    if (!qcow2_features_check(path, &q->header, cluster, q->cluster_size, error)) {
        return false;
    }
    if (q->header.backing_offset != 0 && q->header.backing_size > 0) {
        q->backing_name =
            g_strndup((const char *)cluster + q->header.backing_offset, q->header.backing_size);
    }
    q->backing_format = open_text(q, cluster, EXTENSION_BACKING_FORMAT);
    q->data_name = open_text(q, cluster, EXTENSION_DATA_FILE);
    return true;
}

/* Whether what the header says goes with how the image is opened. */
static bool open_allowed(struct qcow2 *q, const struct node_options *options, GError **error)
{
    const char *path = node_path(q->node);
    bool write = (options->flags & NODE_WRITE) && !(options->flags & NODE_CHECK);
    if (write && (q->header.incompatible & INCOMPATIBLE_CORRUPT)) {
        return host_error_set(error, HOST_ERROR_OTHER,
                              "%s: the image is marked corrupt and can only be read; "
                              "check it with 'tinamou img check -r all'",
                              path);
    }
    q->external = (q->header.incompatible & INCOMPATIBLE_DATA_FILE) != 0;
    if (q->external && options->data_file == NULL) {
        return host_error_set(error, HOST_ERROR_DENIED,
                              "%s: the image keeps its data in another file ('%s'), which is only "
                              "opened if you name it: data-file.filename=PATH",
                              path, q->data_name != NULL ? q->data_name : "");
    }
    if (!q->external && options->data_file != NULL) {
        return host_error_set(error, HOST_ERROR_OTHER,
                              "%s: the image has no external data file, but '%s' is given for one",
                              path, options->data_file);
    }
    return true;
}

static bool open_children(struct qcow2 *q, const struct node_options *options, GError **error)
{
    const char *path = q->backing_name, *format = q->backing_format;
    if (q->external && !node_open_data(q->node, options->data_file, error)) {
        return false;
    }
    q->data = node_data(q->node);
    if (options->backing_path != NULL) {
        path = options->backing_path;
        format = options->backing_format;
    }
    if (path == NULL || *path == '\0' || (options->flags & NODE_NO_BACKING)) {
        return true;
    }
    if (g_str_has_prefix(path, "json:")) {
        return host_error_set(error, HOST_ERROR_DENIED,
                              "%s: its backing file is given as 'json:', which could name any "
                              "file; name the backing file yourself",
                              node_path(q->node));
    }
    return node_open_backing(q->node, path, format, error);
}

static bool open_tables(struct qcow2 *q, const struct node_options *options, GError **error)
{
    uint64_t cache = options->cache_size > 0 ? options->cache_size : TABLES_SIZE;
    uint64_t reftable = (uint64_t)q->header.reftable_clusters << q->cluster_bits;
    size_t slice = (size_t)1 << q->slice_bits;
    uint64_t last = MAX(q->header.l1_offset, q->header.reftable_offset);
    if (last >= node_size(q->file)) {
        return host_error_set(error, HOST_ERROR_OTHER,
                              "%s: not a good qcow2 image: a table lies behind its end; was it cut "
                              "off?",
                              node_path(q->node));
    }
    q->l1_entries = q->header.l1_entries;
    q->reftable_entries = (uint32_t)(reftable / 8);
    int result = qcow2_l1_load(q, q->header.l1_offset, q->l1_entries, &q->l1);
    if (result == 0) {
        result = qcow2_l1_load(q, q->header.reftable_offset, q->reftable_entries, &q->reftable);
    }
    if (result < 0) {
        return qcow2_fails(q, result, "read its tables", error);
    }
    q->l1_dirty = g_new0(uint8_t, q->l1_entries);
    slice_cache_init(&q->tables, q->file, slice, cache);
    slice_cache_init(&q->refcounts, q->file, slice, cache / REFCOUNTS_PART);
    return qcow2_snapshots_load(q, error);
}

static void open_free(struct qcow2 *q)
{
    slice_cache_finish(&q->tables);
    slice_cache_finish(&q->refcounts);
    qcow2_snapshots_free(q);
    g_free(q->l1);
    g_free(q->l1_dirty);
    g_free(q->reftable);
    g_free(q->backing_name);
    g_free(q->backing_format);
    g_free(q->data_name);
    g_array_free(q->freed, TRUE);
    g_array_free(q->freed_next, TRUE);
    co_rwlock_finish(&q->gate);
    co_mutex_finish(&q->commit);
    co_mutex_finish(&q->lock);
}

/* A writer left without having written all reference counts. */
static bool open_repair(struct qcow2 *q, GError **error)
{
    struct node_check check = { .repair_all = true };
    int result = qcow2_check(q->node, &check, error);
    if (result < 0) {
        return false;
    }
    if (check.errors > 0 || check.corruptions > check.corruptions_fixed) {
        return host_error_set(error, HOST_ERROR_OTHER,
                              "%s: the image was not closed cleanly and cannot be repaired by "
                              "itself; look at it with 'tinamou img check'",
                              node_path(q->node));
    }
    result = open_set_dirty(q, false);
    return result == 0 ? true : qcow2_fails(q, result, "clear its dirty mark", error);
}

static bool qcow2_open(struct block_node *node, const struct node_options *options, GError **error)
{
    struct qcow2 *q = node_instance(node);
    q->node = node;
    q->file = node_file(node);
    q->freed = g_array_new(FALSE, FALSE, sizeof(struct freed));
    q->freed_next = g_array_new(FALSE, FALSE, sizeof(struct freed));
    co_rwlock_init(&q->gate);
    co_mutex_init(&q->commit);
    co_mutex_init(&q->lock);
    co_queue_init(&q->grace.empty);
    bool good = open_header(q, error) && open_allowed(q, options, error) &&
                open_children(q, options, error) && open_tables(q, options, error);
    if (good) {
        q->writable = node_writable(node);
        q->lazy = (q->header.compatible & COMPATIBLE_LAZY_REFCOUNTS) != 0;
        node_set_size(node, q->header.size / QCOW2_SECTOR * QCOW2_SECTOR);
        bool dirty = (q->header.incompatible & INCOMPATIBLE_DIRTY) != 0;
        if (dirty && q->writable && !(options->flags & NODE_CHECK)) {
            good = open_repair(q, error);
        }
    }
    if (!good) {
        open_free(q);
    }
    return good;
}

/* Leaves nothing to be written until the next change. */
static int open_settle(struct qcow2 *q)
{
    int result = q->failed;
    if (q->prepared && q->writable) {
        result = qcow2_settle(q);
        if (result == 0 && q->lazy && !q->half_done) {
            result = open_set_dirty(q, false);
            q->prepared = result != 0; /* the next writer marks it again */
        }
    }
    return result;
}

static int qcow2_close(struct block_node *node)
{
    struct qcow2 *q = node_instance(node);
    if (q->taking != NULL) {
        qcow2_snapshot_drop(node, NULL);
    }
    int result = open_settle(q);
    open_free(q);
    return result;
}

static int qcow2_settle_open(struct block_node *node)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_wrlock(&q->gate);
    int result = open_settle(q);
    co_rwlock_unlock(&q->gate);
    return result;
}

static int qcow2_flush(struct block_node *node)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_rdlock(&q->gate);
    int result = !q->prepared ? q->failed : q->writable ? qcow2_commit(q) : FILE_ERROR_IO;
    co_rwlock_unlock(&q->gate);
    return result;
}

static unsigned qcow2_probe(const uint8_t *data, size_t size)
{
    return size >= 8 && be_get32(data) == QCOW2_MAGIC && be_get32(data + 4) >= 2 ? 100 : 0;
}

const struct block_driver block_qcow2_driver = {
    .name = "qcow2",
    .instance_size = sizeof(struct qcow2),
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .read = qcow2_read,
    .write = qcow2_write,
    .write_zeroes = qcow2_write_zeroes,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .settle = qcow2_settle_open,
    .truncate = qcow2_truncate,
    .make_empty = qcow2_make_empty,
    .extent = qcow2_extent,
    .create = qcow2_create,
    .info = qcow2_info,
    .check = qcow2_check,
    .change_backing = qcow2_change_backing,
    .amend = qcow2_amend,
    .measure = qcow2_measure,
    .snapshot_list = qcow2_snapshot_list,
    .snapshot_create = qcow2_snapshot_create,
    .snapshot_begin = qcow2_snapshot_begin,
    .snapshot_append = qcow2_snapshot_append,
    .snapshot_keep = qcow2_snapshot_keep,
    .snapshot_drop = qcow2_snapshot_drop,
    .snapshot_apply = qcow2_snapshot_apply,
    .snapshot_delete = qcow2_snapshot_delete,
    .snapshot_open = qcow2_snapshot_open,
    .state_read = qcow2_state_read,
    .state_write = qcow2_state_write,
};
