/* Disks of twins. An image that holds snapshots is shared: the twin sees it as it was at one, and
 * keeps what it writes in memory. What is in memory is copied, a raw image too where that takes no
 * room. */
#include "emu/machine_fork_parts.h"

#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/handover.h"
#include "platform/handover.h"
#include "platform/process.h"

#define SNAPSHOT_PREFIX "tinamou-twin-"

/* What is done to one disk, on its loop. */
enum fork_job { FORK_SHARE, FORK_KEEP, FORK_DROP, FORK_COPY, FORK_CLONE, FORK_DELETE, FORK_CLEAN };

struct fork_call {
    enum fork_job job;
    struct block_node *node;
    const char *snapshot; /* a name */
    const char *folder;   /* of the image */
    struct host_file *file;
    bool ok;
    GError *error;
};

static bool disk_share(struct fork_call *call)
{
    const int64_t now_ns = aio_clock_now_ns(aio_clock_wall());
    const struct node_snapshot snapshot = {
        .name = (char *)call->snapshot,
        .disk_size = node_size(call->node),
        .date_s = now_ns / 1000000000,
        .date_ns = now_ns % 1000000000,
        .icount = UINT64_MAX,
    };
    return node_driver(call->node)->snapshot_begin(call->node, &snapshot, &call->error);
}

static bool disk_copy(struct fork_call *call)
{
    call->file = host_file_anonymous("tinamou-disk", &call->error);
    return call->file != NULL && node_store_pages(call->node, call->file, &call->error);
}

/* Whoever may write has the lock; so those whose snapshots these were are gone. */
static bool disk_clean(struct fork_call *call)
{
    const struct block_driver *driver = node_driver(call->node);
    struct node_snapshot *list = NULL;
    unsigned count = 0;
    bool ok = driver->snapshot_list(call->node, &list, &count, &call->error);
    for (unsigned i = 0; ok && i < count; i++) {
        ok = !g_str_has_prefix(list[i].name, SNAPSHOT_PREFIX) ||
             driver->snapshot_delete(call->node, list[i].id, &call->error);
    }
    node_snapshots_free(list, count);
    return ok;
}

static void disk_run(void *opaque)
{
    struct fork_call *call = opaque;
    const struct block_driver *driver = node_driver(call->node);
    switch (call->job) {
    case FORK_SHARE: call->ok = disk_share(call); break;
    case FORK_KEEP: call->ok = driver->snapshot_keep(call->node, &call->error); break;
    case FORK_DROP: call->ok = driver->snapshot_drop(call->node, &call->error); break;
    case FORK_COPY: call->ok = disk_copy(call); break;
    case FORK_CLEAN: call->ok = disk_clean(call); break;
    case FORK_DELETE:
        call->ok = driver->snapshot_delete(call->node, call->snapshot, &call->error);
        break;
    case FORK_CLONE:
        call->file = node_flush(call->node) == 0
                         ? node_clone_file(call->node, call->folder, &call->error)
                         : NULL;
        call->ok = call->file != NULL;
        break;
    }
}

static bool disk_do(struct fork_call *call, GError **error)
{
    block_run(node_context(call->node), disk_run, call);
    if (call->error != NULL) {
        g_propagate_error(error, call->error);
    }
    return call->ok;
}

static bool freeze_shared(struct block_node *root, const char *snapshot, const char *group,
                          struct fork_pack *pack, GError **error)
{
    struct fork_call call = { .job = FORK_SHARE, .node = root, .snapshot = snapshot };
    if (!disk_do(&call, error)) {
        return false;
    }
    g_key_file_set_string(pack->keys, group, "at", snapshot);
    g_key_file_set_string(pack->keys, group, "format", node_driver(root)->name);
    return true;
}

/* What is in memory; a twin's own disk has an image below that stays what it was given. */
static bool freeze_memory(struct block_node *root, const struct machine_drive *drive,
                          const char *group, struct fork_pack *pack, GError **error)
{
    struct fork_call call = { .job = FORK_COPY, .node = root };
    bool ok = disk_do(&call, error);
    if (call.file != NULL) {
        fork_pack_file(pack, group, "pages", call.file);
    }
    if (drive->at_snapshot != NULL) {
        g_key_file_set_string(pack->keys, group, "at", drive->at_snapshot);
        g_key_file_set_string(pack->keys, group, "format", drive->format);
    }
    return ok;
}

static bool freeze_clone(struct block_node *root, const struct machine_drive *drive,
                         const char *group, struct fork_pack *pack, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(drive->path);
    struct fork_call call = { .job = FORK_CLONE, .node = root, .folder = folder };
    GError *why = NULL;
    if (disk_do(&call, &why)) {
        fork_pack_file(pack, group, "clone", call.file);
        g_key_file_set_string(pack->keys, group, "format", node_driver(root)->name);
        return true;
    }
    state_fail(error, STATE_ERROR_REFUSED,
               "a twin cannot share the disk '%s' (%s): %s. Give the machine a qcow2 image "
               "('tinamou img convert -O qcow2 %s NEW'), or start it with -snapshot",
               drive->id, node_driver(root)->name,
               why != NULL ? why->message : "it cannot be flushed", drive->path);
    g_clear_error(&why);
    return false;
}

/* One disk; the files that a twin opens, too, are known to it, and stay locked. */
static bool disk_freeze(struct block *block, const struct machine_drive *drive, const char *group,
                        const char *snapshot, struct fork_pack *pack, struct fork_shared *shared,
                        GError **error)
{
    struct block_node *root = block_root(block);
    bool writable = !block_read_only(block), shares = node_driver(root)->snapshot_begin != NULL;
    if (writable && !node_in_memory(root) && !shares) {
        return freeze_clone(root, drive, group, pack, error);
    }
    node_add_files(root, pack->held);
    if (writable && node_in_memory(root)) {
        return freeze_memory(root, drive, group, pack, error);
    }
    if (writable && !freeze_shared(root, snapshot, group, pack, error)) {
        return false;
    }
    if (writable) {
        g_ptr_array_add(shared->begun, g_strdup(drive->id));
    }
    return true;
}

bool fork_disks_freeze(struct machine *machine, const struct machine_config *config,
                       const char *snapshot, struct fork_pack *pack, struct fork_shared *shared,
                       GError **error)
{
    bool ok = true;
    for (guint i = 0; ok && i < config->drives->len; i++) {
        const struct machine_drive *drive = config->drives->pdata[i];
        struct block *block = machine_block(machine, drive->id);
        g_autofree char *group = g_strdup_printf(PACK_DRIVE "%u", i);
        ok = block == NULL ||
             disk_freeze(block, drive, group, snapshot, pack, shared, error);
    }
    return ok;
}

/* Does it to the disk of that id. */
static bool shared_do(struct machine *machine, const char *id, enum fork_job job,
                      const char *snapshot, GError **error)
{
    struct fork_call call = { .job = job, .node = block_root(machine_block(machine, id)),
                              .snapshot = snapshot };
    return disk_do(&call, error);
}

bool fork_disks_keep(struct machine *machine, struct fork_shared *shared, GError **error)
{
    while (shared->begun->len > 0) {
        if (!shared_do(machine, shared->begun->pdata[0], FORK_KEEP, NULL, error)) {
            return false;
        }
        g_ptr_array_add(shared->kept, g_ptr_array_steal_index(shared->begun, 0));
    }
    return true;
}

void fork_disks_thaw(struct machine *machine, const char *snapshot, struct fork_shared *shared)
{
    for (guint i = 0; i < shared->begun->len; i++) {
        shared_do(machine, shared->begun->pdata[i], FORK_DROP, snapshot, NULL);
    }
    for (guint i = 0; i < shared->kept->len; i++) { /* what stays is found at the next start */
        shared_do(machine, shared->kept->pdata[i], FORK_DELETE, snapshot, NULL);
    }
    g_ptr_array_set_size(shared->begun, 0);
    g_ptr_array_set_size(shared->kept, 0);
}

void fork_disks_clean(struct machine *machine)
{
    GHashTableIter iter;
    void *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &block)) {
        struct fork_call call = { .job = FORK_CLEAN, .node = block_root(block) };
        if (node_writable(call.node) && node_driver(call.node)->snapshot_list != NULL) {
            disk_do(&call, NULL);
        }
    }
}

char *fork_snapshot_name(unsigned number)
{
    return g_strdup_printf(SNAPSHOT_PREFIX "%" G_GUINT64_FORMAT "-%u-%08x", host_process_id(),
                           number, g_random_int());
}
