/* Snapshots in the images of the disks: all writable disks have one of that name, and the first of
 * them holds the state of the machine, behind the bytes of the disk. */
#include "emu/machine_state.h"

#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/node.h"
#include "emu/machine_parts.h"
#include "emu/state/part.h"

/* The writable disks, in the order of their ids. */
struct disks {
    GPtrArray *ids; /* of the table's own strings */
    GPtrArray *nodes; /* of struct block_node */
};

/* What is done to one disk, in a coroutine of its own. */
enum disk_job {
    DISK_FLUSH,
    DISK_LIST,
    DISK_CREATE,
    DISK_APPLY,
    DISK_DELETE,
    DISK_OPEN, /* the image once more, with the contents of a snapshot */
    DISK_CLOSE,
    DISK_READ,
    DISK_WRITE,
};

struct disk_call {
    enum disk_job job;
    struct block_node *node;
    struct machine *machine; /* whose loop a disk is opened on */
    const char *name;
    const struct node_snapshot *snapshot;
    struct node_snapshot *list;
    unsigned count;
    uint64_t offset;
    void *data;
    size_t size;
    bool ok;
    GError *error;
};

static bool disk_result(struct disk_call *call, int result, const char *what)
{
    return result >= 0 || (g_set_error(&call->error, G_FILE_ERROR, G_FILE_ERROR_IO, "cannot %s%s",
                                       what, result == FILE_ERROR_NO_SPACE
                                                 ? ": there is no space left" : ""),
                           false);
}

/* Without a lock: it is ours already. Leaves the open node in `call`. */
static bool disk_open(struct disk_call *call, GError **error)
{
    const struct node_options options = { .path = node_path(call->node),
                                          .format = node_driver(call->node)->name,
                                          .flags = NODE_FORCE_SHARE };
    struct block_node *node =
        node_open(call->machine->ctx, call->machine->pool, &options, error);
    if (node != NULL && !node_driver(node)->snapshot_open(node, call->name, error)) {
        node_close(g_steal_pointer(&node));
    }
    call->node = node;
    return node != NULL;
}

static void disk_run(void *opaque)
{
    struct disk_call *call = opaque;
    const struct block_driver *driver = node_driver(call->node);
    struct block_node *node = call->node;
    GError **error = &call->error;
    switch (call->job) {
    case DISK_FLUSH: call->ok = disk_result(call, node_flush(node), "flush the disk"); break;
    case DISK_LIST:
        call->ok = driver->snapshot_list(node, &call->list, &call->count, error);
        break;
    case DISK_CREATE: call->ok = driver->snapshot_create(node, call->snapshot, error); break;
    case DISK_APPLY: call->ok = driver->snapshot_apply(node, call->name, error); break;
    case DISK_DELETE: call->ok = driver->snapshot_delete(node, call->name, error); break;
    case DISK_OPEN: call->ok = disk_open(call, error); break;
    case DISK_CLOSE: call->ok = node_close(node) == 0; break;
    case DISK_READ:
        call->ok = disk_result(call, driver->state_read(node, call->offset, call->data, call->size),
                               "read the state");
        break;
    case DISK_WRITE:
        call->ok = disk_result(
            call, driver->state_write(node, call->offset, call->data, call->size),
            "write the state");
        break;
    }
}

/* Does it, and waits for its end. */
static bool disk_do(struct disk_call *call, GError **error)
{
    const char *path = node_path(call->node);
    struct aio_context *ctx =
        call->machine != NULL ? call->machine->ctx : node_context(call->node);
    block_run(ctx, disk_run, call);
    if (!call->ok) {
        g_propagate_prefixed_error(error, call->error, "%s: ", path);
    }
    return call->ok;
}

static void disks_clear(struct disks *disks)
{
    g_ptr_array_unref(disks->ids);
    g_ptr_array_unref(disks->nodes);
}

/* Finds the disks; false if one of them cannot hold a snapshot, or there is none. */
static bool disks_find(struct machine *machine, struct disks *ret_disks, GError **error)
{
    guint count;
    g_autofree void **ids = g_hash_table_get_keys_as_array(machine->blocks, &count);
    qsort(ids, count, sizeof(*ids), machine_compare_names);
    *ret_disks = (struct disks){ g_ptr_array_new(), g_ptr_array_new() };
    bool ok = true;
    for (guint i = 0; ok && i < count; i++) {
        struct block *block = g_hash_table_lookup(machine->blocks, ids[i]);
        if (block_read_only(block)) {
            continue;
        }
        g_ptr_array_add(ret_disks->ids, ids[i]);
        g_ptr_array_add(ret_disks->nodes, block_root(block));
        ok = node_driver(block_root(block))->snapshot_create != NULL ||
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

static const struct node_snapshot *list_find(const struct node_snapshot *list, unsigned count,
                                             const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Whether a disk has a snapshot of that name, and how long the state in it is. */
static bool disk_has(struct block_node *node, const char *name, bool *ret_has, uint64_t *ret_size,
                     GError **error)
{
    struct disk_call call = { .job = DISK_LIST, .node = node };
    if (!disk_do(&call, error)) {
        return false;
    }
    const struct node_snapshot *found = list_find(call.list, call.count, name);
    *ret_has = found != NULL;
    *ret_size = found != NULL ? found->state_size : 0;
    node_snapshots_free(call.list, call.count);
    return true;
}

/* Removes it where it is. */
static bool disks_delete(const struct disks *disks, const char *name, bool *ret_found,
                         GError **error)
{
    *ret_found = false;
    for (guint i = 0; i < disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_DELETE, .node = disks->nodes->pdata[i],
                                  .name = name };
        bool has;
        uint64_t size;
        if (!disk_has(call.node, name, &has, &size, error) || (has && !disk_do(&call, error))) {
            return false;
        }
        *ret_found = *ret_found || has;
    }
    return true;
}

/* A sink and a source on a disk. */
struct disk_stream {
    struct block_node *node;
    uint64_t at;
};

static bool stream_write(void *opaque, const void *data, size_t size, GError **error)
{
    struct disk_stream *stream = opaque;
    struct disk_call call = { .job = DISK_WRITE, .node = stream->node, .offset = stream->at,
                              .data = (void *)data, .size = size };
    stream->at += size;
    return size == 0 || disk_do(&call, error);
}

static bool stream_read(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    struct disk_stream *stream = opaque;
    struct disk_call call = { .job = DISK_READ, .node = stream->node, .offset = offset,
                              .data = data, .size = size };
    return size == 0 || disk_do(&call, error);
}

/* Makes the snapshot on all disks, or on none. */
static bool disks_create(const struct disks *disks, struct node_snapshot *snapshot, GError **error)
{
    uint64_t state_size = snapshot->state_size;
    for (guint i = 0; i < disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_CREATE, .node = disks->nodes->pdata[i],
                                  .snapshot = snapshot };
        snapshot->state_size = i == 0 ? state_size : 0;
        snapshot->disk_size = node_size(call.node);
        if (!disk_do(&call, error)) {
            bool found;
            disks_delete(disks, snapshot->name, &found, NULL);
            return false;
        }
    }
    return true;
}

static bool disks_flush(const struct disks *disks, GError **error)
{
    for (guint i = 0; i < disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_FLUSH, .node = disks->nodes->pdata[i] };
        if (!disk_do(&call, error)) {
            return false;
        }
    }
    return true;
}

/* The machine stands. */
static bool snapshot_write(struct machine *machine, const struct disks *disks, const char *name,
                           GError **error)
{
    struct machine_copy copy = { 0 };
    struct disk_stream stream = { .node = disks->nodes->pdata[0] };
    const struct state_sink sink = { stream_write, &stream };
    int64_t now_ns = aio_clock_now_ns(aio_clock_wall());
    bool found;
    if (!machine_may_save(machine, error) || !disks_delete(disks, name, &found, error)) {
        return false;
    }
    machine_copy_make(&copy, machine, false);
    struct node_snapshot snapshot = {
        .name = (char *)name,
        .date_s = now_ns / 1000000000,
        .date_ns = now_ns % 1000000000,
        .clock_ns = machine_now_ns(machine),
        .icount = UINT64_MAX,
    };
    bool ok = machine_copy_write(&copy, &sink, NULL, NULL, error);
    snapshot.state_size = stream.at;
    machine_copy_clear(&copy);
    return ok && disks_create(disks, &snapshot, error) && disks_flush(disks, error);
}

bool machine_snapshot_save(struct machine *machine, const char *name, GError **error)
{
    struct disks disks;
    if (!disks_find(machine, &disks, error)) {
        return false;
    }
    bool ran = machine_hold(machine);
    machine_settle(machine);
    bool ok = snapshot_write(machine, &disks, name, error);
    machine_let_go(machine, ran);
    disks_clear(&disks);
    return ok;
}

/* Reads the state of a snapshot without touching the disk: the image is opened once more. */
static struct state_image *snapshot_read(struct machine *machine, struct block_node *disk,
                                         const char *name, uint64_t size, GError **error)
{
    struct disk_call open = { .job = DISK_OPEN, .node = disk, .name = name, .machine = machine };
    if (!disk_do(&open, error)) {
        return NULL;
    }
    struct disk_stream stream = { .node = open.node };
    const struct state_source source = { stream_read, &stream, size };
    struct state_image *image = state_image_read(&source, error);
    struct disk_call close = { .job = DISK_CLOSE, .node = open.node, .machine = machine };
    block_run(machine->ctx, disk_run, &close);
    return image;
}

/* Brings all disks back; the first failure leaves those before it as they were then. */
struct disks_apply {
    struct machine *machine;
    const struct disks *disks;
    const char *name;
    bool begun;
};

static bool disks_commit(void *opaque, GError **error)
{
    struct disks_apply *apply = opaque;
    for (guint i = 0; i < apply->disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_APPLY, .node = apply->disks->nodes->pdata[i],
                                  .name = apply->name };
        if (!disk_do(&call, error)) {
            if (i > 0) {
                g_prefix_error(error, "the disks do not belong together any more, do not let the "
                                      "machine go on: ");
                apply->begun = true;
            }
            return false;
        }
    }
    return true;
}

/* Whether all disks have it, and the first one the state. */
static bool disks_have(const struct disks *disks, const char *name, uint64_t *ret_size,
                       GError **error)
{
    for (guint i = 0; i < disks->nodes->len; i++) {
        uint64_t size;
        bool has;
        if (!disk_has(disks->nodes->pdata[i], name, &has, &size, error)) {
            return false;
        }
        if (!has || (i == 0 && size == 0)) {
            return state_fail(error, STATE_ERROR_REFUSED,
                              has ? "the snapshot '%s' on disk '%s' is of the disk alone"
                                  : "there is no snapshot '%s' on disk '%s': 'info snapshots' "
                                    "lists them",
                              name, (const char *)disks->ids->pdata[i]);
        }
        *ret_size = i == 0 ? size : *ret_size;
    }
    return true;
}

/* The machine stands. */
static bool snapshot_take(struct machine *machine, const struct disks *disks,
                          struct disks_apply *apply, GError **error)
{
    uint64_t size = 0;
    if (!disks_have(disks, apply->name, &size, error) || !disks_flush(disks, error)) {
        return false;
    }
    struct state_image *image =
        snapshot_read(machine, disks->nodes->pdata[0], apply->name, size, error);
    bool ok = image != NULL && machine_take_image(machine, image, disks_commit, apply, error);
    state_image_free(image);
    return ok;
}

bool machine_snapshot_load(struct machine *machine, const char *name, GError **error)
{
    struct disks disks;
    struct disks_apply apply = { machine, &disks, name, false };
    if (!machine_may_save(machine, error) || !disks_find(machine, &disks, error)) {
        return false;
    }
    bool ran = machine_hold(machine);
    machine_settle(machine);
    bool ok = snapshot_take(machine, &disks, &apply, error);
    if (!apply.begun) {
        machine_let_go(machine, ran);
    }
    if (!ok) {
        g_prefix_error(error, "cannot load the snapshot '%s': ", name);
    }
    disks_clear(&disks);
    return ok;
}

bool machine_snapshot_delete(struct machine *machine, const char *name, GError **error)
{
    struct disks disks;
    bool found;
    if (!disks_find(machine, &disks, error)) {
        return false;
    }
    bool ok = disks_delete(&disks, name, &found, error) &&
              (found || state_fail(error, STATE_ERROR_REFUSED, "there is no snapshot '%s'", name));
    disks_clear(&disks);
    return ok;
}

bool machine_snapshot_list(struct machine *machine, struct node_snapshot **ret_list,
                           unsigned *ret_count, GError **error)
{
    struct disks disks;
    if (!disks_find(machine, &disks, error)) {
        return false;
    }
    struct disk_call call = { .job = DISK_LIST, .node = disks.nodes->pdata[0] };
    bool ok = disk_do(&call, error);
    *ret_list = call.list;
    *ret_count = call.count;
    disks_clear(&disks);
    return ok;
}

bool machine_load_named(struct machine *machine, const char *name, GError **error)
{
    static const char prefix[] = "file:";
    return g_str_has_prefix(name, prefix)
               ? machine_load(machine, name + strlen(prefix), error)
               : machine_snapshot_load(machine, name, error);
}
