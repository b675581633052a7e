/* What an image says of itself. */
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
