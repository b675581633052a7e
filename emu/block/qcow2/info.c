/* What an image says of itself, and another name for its backing file. */
#include <string.h>

#include <jansson.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

static const char *info_bool(bool value)
{
    return value ? "true" : "false";
}

static const char *info_compression(const struct qcow2 *q)
{
    return q->header.compression == COMPRESSION_ZSTD ? "zstd" : "zlib";
}

static void info_print(struct block_node *node, GString *out)
{
    struct qcow2 *q = node_instance(node);
    bool v3 = q->header.version >= 3;
    g_string_append_printf(out, "    compat: %s\n", v3 ? "1.1" : "0.10");
    g_string_append_printf(out, "    compression type: %s\n", info_compression(q));
    if (v3) {
        g_string_append_printf(out, "    lazy refcounts: %s\n",
                               info_bool((q->header.compatible & COMPATIBLE_LAZY_REFCOUNTS) != 0));
    }
    g_string_append_printf(out, "    refcount bits: %u\n", 1u << q->header.refcount_order);
    if (v3) {
        g_string_append_printf(out, "    corrupt: %s\n",
                               info_bool((q->header.incompatible & INCOMPATIBLE_CORRUPT) != 0));
        if (q->external && q->data_name != NULL) {
            g_string_append_printf(out, "    data file: %s\n", q->data_name);
        }
        if (q->external) {
            g_string_append_printf(out, "    data file raw: %s\n",
                                   info_bool((q->header.autoclear & AUTOCLEAR_RAW_DATA) != 0));
        }
        g_string_append(out, "    extended l2: false\n");
    }
}

static json_t *info_json(const struct qcow2 *q)
{
    json_t *data = json_object();
    bool v3 = q->header.version >= 3;
    json_object_set_new(data, "compat", json_string(v3 ? "1.1" : "0.10"));
    json_object_set_new(data, "compression-type", json_string(info_compression(q)));
    if (v3) {
        json_object_set_new(data, "lazy-refcounts",
                            json_boolean(q->header.compatible & COMPATIBLE_LAZY_REFCOUNTS));
    }
    json_object_set_new(data, "refcount-bits", json_integer(1 << q->header.refcount_order));
    if (v3) {
        json_object_set_new(data, "corrupt",
                            json_boolean(q->header.incompatible & INCOMPATIBLE_CORRUPT));
        if (q->external && q->data_name != NULL) {
            json_object_set_new(data, "data-file", json_string(q->data_name));
        }
        if (q->external) {
            json_object_set_new(data, "data-file-raw",
                                json_boolean(q->header.autoclear & AUTOCLEAR_RAW_DATA));
        }
        json_object_set_new(data, "extended-l2", json_false());
    }
    json_t *info = json_object();
    json_object_set_new(info, "type", json_string("qcow2"));
    json_object_set_new(info, "data", data);
    return info;
}

void qcow2_info(struct block_node *node, struct node_info *ret_info)
{
    struct qcow2 *q = node_instance(node);
    ret_info->cluster_size = (uint32_t)q->cluster_size;
    ret_info->dirty = (q->header.incompatible & INCOMPATIBLE_DIRTY) != 0;
    ret_info->print = info_print;
    ret_info->json = info_json(q);
    if (q->backing_name != NULL) {
        ret_info->backing_path = g_strdup(q->backing_name);
        ret_info->full_backing_path = node_resolve_path(node, q->backing_name);
        ret_info->backing_format = g_strdup(q->backing_format);
    }
}

/* The new first cluster; the sector with the fixed fields comes last. */
static int backing_store(struct qcow2 *q, const struct qcow2_header *header, uint8_t *cluster)
{
    int result = 0;
    if (q->cluster_size > QCOW2_HEAD) {
        result =
            node_write(q->file, QCOW2_HEAD, cluster + QCOW2_HEAD, q->cluster_size - QCOW2_HEAD, 0);
    }
    if (result == 0) {
        result = qcow2_sync(q);
    }
    if (result == 0) {
        result = node_write(q->file, 0, cluster, QCOW2_HEAD, 0);
    }
    if (result == 0) {
        q->header = *header;
        memcpy(q->head, cluster, QCOW2_HEAD);
        result = qcow2_sync(q);
    }
    return result;
}

bool qcow2_change_backing(struct block_node *node, const char *path, const char *format,
                          GError **error)
{
    struct qcow2 *q = node_instance(node);
    struct qcow2_header header;
    bool raw = (q->header.autoclear & AUTOCLEAR_RAW_DATA) != 0, fits = true;
    if (raw && *path != '\0') {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "%s: with a raw external data file there can be no backing file",
                              node_path(node));
    }
    g_autofree uint8_t *old = g_malloc(q->cluster_size), *new = g_malloc(q->cluster_size);
    struct host_vec vec = { old, q->cluster_size };
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_read_host(q->file, 0, q->cluster_size, &vec, 1);
    }
    if (result == 0) {
        header = q->header;
        fits = qcow2_header_build(&header, old, path, *path != '\0' ? format : NULL, q->data_name,
                                  new, q->cluster_size);
        result = fits ? backing_store(q, &header, new) : 0;
    }
    if (result == 0 && fits) {
        g_free(q->backing_name);
        g_free(q->backing_format);
        q->backing_name = *path != '\0' ? g_strdup(path) : NULL;
        q->backing_format = *path != '\0' ? g_strdup(format) : NULL;
    }
    co_rwlock_unlock(&q->gate);
    if (!fits) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE,
                              "%s: the name of the backing file does not fit into the header",
                              node_path(node));
    }
    return result == 0 || qcow2_fails(q, result, "change the backing file", error);
}
