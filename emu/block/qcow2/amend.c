/* Changes to the header: another backing file, version or feature. */
#include <string.h>

#include "emu/block/qcow2/qcow2.h"
#include "platform/error.h"

/* The new first cluster; the sector with the fixed fields comes last. */
static int cluster_store(struct qcow2 *q, const struct qcow2_header *header, uint8_t *cluster)
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
        result = fits ? cluster_store(q, &header, new) : 0;
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

static bool amend_is(const char *value, const char *name, const char *other)
{
    return value != NULL && (strcmp(value, name) == 0 || strcmp(value, other) == 0);
}

static bool amend_check(const struct qcow2 *q, const struct node_amend *change, GError **error)
{
    const char *why = NULL;
    bool v3 = q->header.version >= 3, upgrade = amend_is(change->compat, "1.1", "v3");
    if (change->compat != NULL && !upgrade && !amend_is(change->compat, "0.10", "v2")) {
        why = "compat must be 0.10 or 1.1";
    } else if (change->compat != NULL && !upgrade && v3) {
        why = "version 3 is not made version 2 in place: 'convert -O qcow2 -o compat=0.10' makes a "
              "new image";
    } else if (change->set_lazy && change->lazy_refcounts && !v3 && !upgrade) {
        why = "lazy_refcounts needs compat=1.1";
    }
    return why == NULL ||
           host_error_set(error, HOST_ERROR_UNSUPPORTED, "%s: %s", node_path(q->node), why);
}

/* The first cluster of version 2 with room for the fields of version 3. */
static bool amend_widen(struct qcow2_header *header, const uint8_t *old, uint8_t *wide, size_t size)
{
    const size_t more = QCOW2_HEADER_OURS - QCOW2_HEADER_V2;
    if (header->backing_offset != 0) {
        header->backing_offset += more;
        if (header->backing_offset + header->backing_size > size) {
            return false;
        }
    }
    memset(wide, 0, size);
    memcpy(wide, old, QCOW2_HEADER_V2);
    memcpy(wide + QCOW2_HEADER_OURS, old + QCOW2_HEADER_V2, size - QCOW2_HEADER_OURS);
    header->version = 3;
    header->header_length = QCOW2_HEADER_OURS;
    return true;
}

static int amend_version(struct qcow2 *q, bool *ret_fits)
{
    struct qcow2_header header = q->header;
    g_autofree uint8_t *old = g_malloc(q->cluster_size), *wide = g_malloc(q->cluster_size);
    g_autofree uint8_t *new = g_malloc(q->cluster_size);
    int result =
        qcow2_read_host(q->file, 0, q->cluster_size, &(struct host_vec){ old, q->cluster_size }, 1);
    if (result < 0) {
        return result;
    }
    *ret_fits = amend_widen(&header, old, wide, q->cluster_size) &&
                qcow2_header_build(&header, wide, q->backing_name, q->backing_format, q->data_name,
                                   new, q->cluster_size);
    return *ret_fits ? cluster_store(q, &header, new) : 0;
}

/* What is cached goes on as the image was opened: both ways are right with either mark. */
static int amend_lazy(struct qcow2 *q, bool lazy)
{
    uint64_t old = q->header.compatible, bit = COMPATIBLE_LAZY_REFCOUNTS;
    q->header.compatible = lazy ? old | bit : old & ~bit;
    int result = q->header.compatible == old ? 0 : qcow2_write_head(q);
    if (result < 0) {
        q->header.compatible = old;
    }
    return result == 0 ? qcow2_sync(q) : result;
}

bool qcow2_amend(struct block_node *node, const struct node_amend *change, GError **error)
{
    struct qcow2 *q = node_instance(node);
    bool fits = true;
    if (!amend_check(q, change, error)) {
        return false;
    }
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = qcow2_settle(q);
    }
    if (result == 0 && q->header.version < 3 && amend_is(change->compat, "1.1", "v3")) {
        result = amend_version(q, &fits);
    }
    if (result == 0 && fits && change->set_lazy && q->header.version >= 3) {
        result = amend_lazy(q, change->lazy_refcounts);
    }
    co_rwlock_unlock(&q->gate);
    if (!fits) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE,
                              "%s: the header of version 3 does not fit into its first cluster",
                              node_path(node));
    }
    return result == 0 || qcow2_fails(q, result, "change the header", error);
}
