/* What snapshots need of the disks: one call each, by the loop that the disk is on. */
#include "emu/machine_disks.h"

#include <string.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "emu/block/node.h"
#include "emu/machine_parts.h"

static bool disk_result(struct disk_call *call, int result, const char *what)
{
    return result >= 0 ||
           (g_set_error(&call->error, G_FILE_ERROR, G_FILE_ERROR_IO, "cannot %s%s", what,
                        result == FILE_ERROR_NO_SPACE ? ": there is no space left" : ""),
            false);
}

/* Without a lock: it is ours already. Leaves the open node in `call`. */
static bool disk_open(struct disk_call *call, GError **error)
{
    const struct node_options options = { .path = node_path(call->node),
                                          .format = node_driver(call->node)->name,
                                          .flags = NODE_FORCE_SHARE };
    struct block_node *node = node_open(call->machine->ctx, call->machine->pool, &options, error);
    if (node != NULL && !node_driver(node)->snapshot_open(node, call->name, error)) {
        node_close(g_steal_pointer(&node));
    }
    call->node = node;
    return node != NULL;
}

/* Behind whoever has drained the graph. */
static int disk_append(const struct disk_call *call)
{
    node_gate(call->node);
    return node_driver(call->node)->snapshot_append(call->node, call->data, call->size);
}

static void disk_run(void *opaque)
{
    struct disk_call *call = opaque;
    const struct block_driver *driver = node_driver(call->node);
    struct block_node *node = call->node;
    GError **error = &call->error;
    switch (call->job) {
    case DISK_FLUSH: call->ok = disk_result(call, node_flush(node), "flush the disk"); break;
    case DISK_SETTLE: call->ok = disk_result(call, node_settle(node), "flush the disk"); break;
    case DISK_LIST: call->ok = driver->snapshot_list(node, &call->list, &call->count, error); break;
    case DISK_BEGIN: call->ok = driver->snapshot_begin(node, call->snapshot, error); break;
    case DISK_APPEND: call->ok = disk_result(call, disk_append(call), "write the state"); break;
    case DISK_KEEP: call->ok = driver->snapshot_keep(node, error); break;
    case DISK_DROP: call->ok = driver->snapshot_drop(node, error); break;
    case DISK_APPLY: call->ok = driver->snapshot_apply(node, call->name, error); break;
    case DISK_DELETE: call->ok = driver->snapshot_delete(node, call->name, error); break;
    case DISK_OPEN: call->ok = disk_open(call, error); break;
    case DISK_CLOSE: call->ok = node_close(node) == 0; break;
    case DISK_READ:
        call->ok = disk_result(call, driver->state_read(node, call->offset, call->data, call->size),
                               "read the state");
        break;
    }
}

/* Says which disk it was. */
static bool disk_answer(const char *path, struct disk_call *call, GError **error)
{
    if (!call->ok) {
        g_propagate_prefixed_error(error, call->error, "%s: ", path);
    }
    return call->ok;
}

static void disk_run_away(void *opaque)
{
    struct disk_call *call = opaque;
    disk_run(call);
    host_mutex_lock(&call->mutex);
    call->over = true;
    host_cond_signal(&call->cond);
    host_mutex_unlock(&call->mutex);
}

void disk_send(struct disk_call *call)
{
    call->over = false;
    host_mutex_init(&call->mutex);
    host_cond_init(&call->cond);
    aio_co_schedule(node_context(call->node), coroutine_create("snapshot", disk_run_away, call));
}

bool disk_wait(struct disk_call *call, GError **error)
{
    host_mutex_lock(&call->mutex);
    while (!call->over) {
        host_cond_wait(&call->cond, &call->mutex);
    }
    host_mutex_unlock(&call->mutex);
    host_mutex_finish(&call->mutex);
    host_cond_finish(&call->cond);
    return disk_answer(node_path(call->node), call, error);
}

bool disk_do(const struct disks *disks, struct disk_call *call, GError **error)
{
    if (host_thread_id() != disks->home) {
        disk_send(call);
        return disk_wait(call, error);
    }
    g_autofree char *path = g_strdup(node_path(call->node)); /* it may be closed */
    struct aio_context *ctx = call->machine != NULL ? call->machine->ctx : node_context(call->node);
    block_run(ctx, disk_run, call);
    return disk_answer(path, call, error);
}

void disks_clear(struct disks *disks)
{
    g_ptr_array_unref(disks->ids);
    g_ptr_array_unref(disks->nodes);
}

bool disks_find(struct machine *machine, struct disks *ret_disks, GError **error)
{
    guint count;
    g_autofree void **ids = g_hash_table_get_keys_as_array(machine->blocks, &count);
    qsort(ids, count, sizeof(*ids), machine_compare_names);
    *ret_disks = (struct disks){ g_ptr_array_new(), g_ptr_array_new(), host_thread_id() };
    bool ok = true;
    for (guint i = 0; ok && i < count; i++) {
        struct block *block = g_hash_table_lookup(machine->blocks, ids[i]);
        if (block_read_only(block)) {
            continue;
        }
        g_ptr_array_add(ret_disks->ids, ids[i]);
        g_ptr_array_add(ret_disks->nodes, block_root(block));
        ok = node_driver(block_root(block))->snapshot_begin != NULL ||
             state_fail(error, STATE_ERROR_REFUSED,
                        "the disk '%s' (%s) holds no snapshots: give it a qcow2 image, or save "
                        "the machine without its disks by 'savevm file:PATH'",
                        (const char *)ids[i], block_format(block));
    }
    if (ok && ret_disks->ids->len == 0) {
        ok = state_fail(error, STATE_ERROR_REFUSED,
                        "there is no disk to hold a snapshot: say 'file:PATH'");
    }
    if (!ok) {
        disks_clear(ret_disks);
    }
    return ok;
}

bool disk_list(const struct disks *disks, struct disk_call *call, struct block_node *node,
               GError **error)
{
    *call = (struct disk_call){ .job = DISK_LIST, .node = node };
    return disk_do(disks, call, error);
}

int disk_list_last(const struct disk_call *call, unsigned end, const char *name)
{
    while (end > 0 && strcmp(call->list[end - 1].name, name) != 0) {
        end--;
    }
    return (int)end - 1;
}

bool disk_delete(const struct disks *disks, struct block_node *node, const char *name,
                 enum disk_which which, bool *ret_found, GError **error)
{
    struct disk_call list;
    if (!disk_list(disks, &list, node, error)) {
        return false;
    }
    bool ok = true;
    int last = disk_list_last(&list, list.count, name);
    int from = which == WHICH_OLDER ? disk_list_last(&list, (unsigned)MAX(last, 0), name) : last;
    for (int i = from; ok && i >= 0; i = disk_list_last(&list, (unsigned)i, name)) {
        struct disk_call call = { .job = DISK_DELETE, .node = node, .name = list.list[i].id };
        ok = disk_do(disks, &call, error);
        *ret_found = true;
        if (which == WHICH_LAST) {
            break;
        }
    }
    node_snapshots_free(list.list, list.count);
    return ok;
}

bool disks_delete(const struct disks *disks, const char *name, enum disk_which which,
                  bool *ret_found, GError **error)
{
    *ret_found = false;
    for (guint i = 0; i < disks->nodes->len; i++) {
        if (!disk_delete(disks, disks->nodes->pdata[i], name, which, ret_found, error)) {
            return false;
        }
    }
    return true;
}

bool disks_flush(const struct disks *disks, GError **error)
{
    for (guint i = 0; i < disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_FLUSH, .node = disks->nodes->pdata[i] };
        if (!disk_do(disks, &call, error)) {
            return false;
        }
    }
    return true;
}

bool machine_disks_settle(struct machine *machine, GError **error)
{
    const struct disks here = { .home = host_thread_id() };
    GHashTableIter iter;
    void *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &block)) {
        struct disk_call call = { .job = DISK_SETTLE, .node = block_root(block) };
        if (!disk_do(&here, &call, error)) {
            return false;
        }
    }
    return true;
}
