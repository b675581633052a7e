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
    GPtrArray *ids;   /* of the table's own strings */
    GPtrArray *nodes; /* of struct block_node */
};

/* What is done to one disk, in a coroutine of its own. */
enum disk_job {
    DISK_FLUSH,
    DISK_SETTLE,
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
        call->ok =
            disk_result(call, driver->state_write(node, call->offset, call->data, call->size),
                        "write the state");
        break;
    }
}

/* Does it, and waits for its end. */
static bool disk_do(struct disk_call *call, GError **error)
{
    const char *path = node_path(call->node);
    struct aio_context *ctx = call->machine != NULL ? call->machine->ctx : node_context(call->node);
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

/* A disk's list; false if it cannot be read. */
static bool disk_list(struct disk_call *call, struct block_node *node, GError **error)
{
    *call = (struct disk_call){ .job = DISK_LIST, .node = node };
    return disk_do(call, error);
}

/* The last one of that name, from entry `end` down; -1 if there is none. */
static int list_last(const struct disk_call *call, unsigned end, const char *name)
{
    while (end > 0 && strcmp(call->list[end - 1].name, name) != 0) {
        end--;
    }
    return (int)end - 1;
}

/* The one of that name that was taken at the moment of another; -1 if there is none. */
static int list_partner(const struct disk_call *call, const struct node_snapshot *other)
{
    for (int i = list_last(call, call->count, other->name); i >= 0;
         i = list_last(call, (unsigned)i, other->name)) {
        if (call->list[i].date_s == other->date_s && call->list[i].date_ns == other->date_ns) {
            return i;
        }
    }
    return -1;
}

/* A snapshot of a name may be there twice while it is made anew. */
enum disk_which { WHICH_ALL, WHICH_OLDER, WHICH_LAST };

static bool disk_delete(struct block_node *node, const char *name, enum disk_which which,
                        bool *ret_found, GError **error)
{
    struct disk_call list;
    if (!disk_list(&list, node, error)) {
        return false;
    }
    bool ok = true;
    int last = list_last(&list, list.count, name);
    int from = which == WHICH_OLDER ? list_last(&list, (unsigned)MAX(last, 0), name) : last;
    for (int i = from; ok && i >= 0; i = list_last(&list, (unsigned)i, name)) {
        struct disk_call call = { .job = DISK_DELETE, .node = node, .name = list.list[i].id };
        ok = disk_do(&call, error);
        *ret_found = true;
        if (which == WHICH_LAST) {
            break;
        }
    }
    node_snapshots_free(list.list, list.count);
    return ok;
}

static bool disks_delete(const struct disks *disks, const char *name, enum disk_which which,
                         bool *ret_found, GError **error)
{
    *ret_found = false;
    for (guint i = 0; i < disks->nodes->len; i++) {
        if (!disk_delete(disks->nodes->pdata[i], name, which, ret_found, error)) {
            return false;
        }
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
    struct disk_call call = { .job = DISK_WRITE,
                              .node = stream->node,
                              .offset = stream->at,
                              .data = (void *)data,
                              .size = size };
    stream->at += size;
    return size == 0 || disk_do(&call, error);
}

static bool stream_read(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    struct disk_stream *stream = opaque;
    struct disk_call call = {
        .job = DISK_READ, .node = stream->node, .offset = offset, .data = data, .size = size
    };
    return size == 0 || disk_do(&call, error);
}

/* Makes the snapshot on all disks, or on none. */
static bool disks_create(const struct disks *disks, struct node_snapshot *snapshot, GError **error)
{
    uint64_t state_size = snapshot->state_size;
    for (guint i = 0; i < disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_CREATE,
                                  .node = disks->nodes->pdata[i],
                                  .snapshot = snapshot };
        snapshot->state_size = i == 0 ? state_size : 0;
        snapshot->disk_size = node_size(call.node);
        if (disk_do(&call, error)) {
            continue;
        }
        while (i-- > 0) {
            bool found;
            disk_delete(disks->nodes->pdata[i], snapshot->name, WHICH_LAST, &found, NULL);
        }
        return false;
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

bool machine_disks_settle(struct machine *machine, GError **error)
{
    GHashTableIter iter;
    void *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &block)) {
        struct disk_call call = { .job = DISK_SETTLE, .node = block_root(block) };
        if (!disk_do(&call, error)) {
            return false;
        }
    }
    return true;
}

/* The machine stands. An older snapshot of the name goes when the new one is there to stay. */
static bool snapshot_write(struct machine *machine, const struct disks *disks, const char *name,
                           GError **error)
{
    struct machine_copy copy = { 0 };
    struct disk_stream stream = { .node = disks->nodes->pdata[0] };
    const struct state_sink sink = { stream_write, &stream };
    int64_t now_ns = aio_clock_now_ns(aio_clock_wall());
    bool found;
    if (!machine_may_save(machine, error)) {
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
    return ok && disks_create(disks, &snapshot, error) && disks_flush(disks, error) &&
           disks_delete(disks, name, WHICH_OLDER, &found, error);
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
    const struct disks *disks;
    GPtrArray *snapshot_ids; /* on each disk */
    uint64_t state_size;
    bool begun;
};

static bool disks_commit(void *opaque, GError **error)
{
    struct disks_apply *apply = opaque;
    for (guint i = 0; i < apply->disks->nodes->len; i++) {
        struct disk_call call = { .job = DISK_APPLY,
                                  .node = apply->disks->nodes->pdata[i],
                                  .name = apply->snapshot_ids->pdata[i] };
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

/* Whether all disks have what the first one has; then its ids are those of `apply`. */
static bool lists_agree(struct disks_apply *apply, const struct disk_call *lists,
                        const struct node_snapshot *snapshot)
{
    g_ptr_array_set_size(apply->snapshot_ids, 0);
    for (guint i = 0; i < apply->disks->nodes->len; i++) {
        int index = list_partner(&lists[i], snapshot);
        if (index < 0) {
            return false;
        }
        g_ptr_array_add(apply->snapshot_ids, g_strdup(lists[i].list[index].id));
    }
    apply->state_size = snapshot->state_size;
    return true;
}

/* Why no snapshot of the name can be loaded. */
static bool lists_fail(const struct disks *disks, const struct disk_call *lists, const char *name,
                       GError **error)
{
    for (guint i = 0; i < disks->nodes->len; i++) {
        if (list_last(&lists[i], lists[i].count, name) < 0) {
            return state_fail(error, STATE_ERROR_REFUSED,
                              "there is no snapshot '%s' on disk '%s': 'info snapshots' lists them",
                              name, (const char *)disks->ids->pdata[i]);
        }
    }
    return state_fail(error, STATE_ERROR_REFUSED,
                      "the snapshots '%s' of the disks were not taken together", name);
}

/* Finds the newest snapshot that all disks have, with the state on the first one. */
static bool snapshot_look(struct disks_apply *apply, const char *name, GError **error)
{
    const struct disks *disks = apply->disks;
    guint count = 0;
    bool ok = true, found = false;
    g_autofree struct disk_call *lists = g_new0(struct disk_call, disks->nodes->len);
    for (; ok && count < disks->nodes->len; count++) {
        ok = disk_list(&lists[count], disks->nodes->pdata[count], error);
    }
    for (int i = ok ? list_last(&lists[0], lists[0].count, name) : -1; !found && i >= 0;
         i = list_last(&lists[0], (unsigned)i, name)) {
        found = lists_agree(apply, lists, &lists[0].list[i]);
    }
    if (ok && !found) {
        ok = lists_fail(disks, lists, name, error);
    } else if (ok && apply->state_size == 0) {
        ok = state_fail(error, STATE_ERROR_REFUSED,
                        "the snapshot '%s' on disk '%s' is of the disk alone", name,
                        (const char *)disks->ids->pdata[0]);
    }
    while (count-- > 0) {
        node_snapshots_free(lists[count].list, lists[count].count);
    }
    return ok;
}

/* The machine stands. */
static bool snapshot_take(struct machine *machine, struct disks_apply *apply, const char *name,
                          GError **error)
{
    const struct disks *disks = apply->disks;
    if (!snapshot_look(apply, name, error) || !disks_flush(disks, error)) {
        return false;
    }
    struct state_image *image = snapshot_read(
        machine, disks->nodes->pdata[0], apply->snapshot_ids->pdata[0], apply->state_size, error);
    bool ok = image != NULL && machine_take_image(machine, image, disks_commit, apply, error);
    state_image_free(image);
    return ok;
}

bool machine_snapshot_load(struct machine *machine, const char *name, GError **error)
{
    struct disks disks;
    if (!machine_may_save(machine, error) || !disks_find(machine, &disks, error)) {
        return false;
    }
    struct disks_apply apply = { &disks, g_ptr_array_new_with_free_func(g_free), 0, false };
    bool ran = machine_hold(machine);
    machine_settle(machine);
    bool ok = snapshot_take(machine, &apply, name, error);
    if (!apply.begun) {
        machine_let_go(machine, ran);
    }
    if (!ok) {
        g_prefix_error(error, "cannot load the snapshot '%s': ", name);
    }
    g_ptr_array_unref(apply.snapshot_ids);
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
    bool ok = disks_delete(&disks, name, WHICH_ALL, &found, error) &&
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
    return g_str_has_prefix(name, prefix) ? machine_load(machine, name + strlen(prefix), error)
                                          : machine_snapshot_load(machine, name, error);
}
