/* Snapshots in the images of the disks: all writable disks have one of that name, and the first of
 * them holds the state of the machine, behind the bytes of the disk. */
#include "emu/machine_state.h"

#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/node.h"
#include "emu/machine_disks.h"
#include "emu/machine_fork.h"
#include "emu/machine_parts.h"
#include "emu/machine_saving.h"
#include "emu/state/part.h"

#define PIECE_SIZE (4u << 20) /* of the state, on its way to the disk */

/* Two pieces: while one is written, the other is filled. */
struct state_pipe {
    struct block_node *node;
    struct disk_call call[2];
    uint8_t *data[2];
    size_t size; /* of the one that is being filled */
    unsigned filling;
    bool sent; /* the other one is under way */
};

/* A machine on its way into the images of its disks. */
struct named_save {
    struct machine *machine;
    struct disks disks;
    char *name;
    guint begun; /* disks whose snapshot has begun, from the first one on */
    guint kept;  /* of those, from the last one down */
    struct state_pipe pipe;
};

static bool pipe_wait(struct state_pipe *pipe, GError **error)
{
    bool sent = pipe->sent;
    pipe->sent = false;
    return !sent || disk_wait(&pipe->call[!pipe->filling], error);
}

/* Sends what was filled in, behind the other piece. */
static bool pipe_send(struct state_pipe *pipe, GError **error)
{
    if (!pipe_wait(pipe, error)) {
        return false;
    }
    struct disk_call *call = &pipe->call[pipe->filling];
    *call = (struct disk_call){ .job = DISK_APPEND,
                                .node = pipe->node,
                                .data = pipe->data[pipe->filling],
                                .size = pipe->size };
    disk_send(call);
    pipe->filling = !pipe->filling;
    pipe->size = 0;
    pipe->sent = true;
    return true;
}

static bool pipe_write(void *opaque, const void *data, size_t size, GError **error)
{
    struct state_pipe *pipe = opaque;
    while (size > 0) {
        size_t part = MIN(size, PIECE_SIZE - pipe->size);
        memcpy(pipe->data[pipe->filling] + pipe->size, data, part);
        pipe->size += part;
        data = (const uint8_t *)data + part;
        size -= part;
        if (pipe->size == PIECE_SIZE && !pipe_send(pipe, error)) {
            return false;
        }
    }
    return true;
}

/* The machine stands. */
static bool named_begin(void *opaque, GError **error)
{
    struct named_save *save = opaque;
    int64_t now_ns = aio_clock_now_ns(aio_clock_wall());
    const struct node_snapshot snapshot = {
        .name = save->name,
        .date_s = now_ns / 1000000000,
        .date_ns = now_ns % 1000000000,
        .clock_ns = machine_now_ns(save->machine),
        .icount = UINT64_MAX,
    };
    for (; save->begun < save->disks.nodes->len; save->begun++) {
        struct disk_call call = { .job = DISK_BEGIN,
                                  .node = save->disks.nodes->pdata[save->begun],
                                  .snapshot = &snapshot };
        if (!disk_do(&save->disks, &call, error)) {
            return false;
        }
    }
    save->kept = save->begun;
    return true;
}

/* Lists the snapshot on all disks, the one with the state at last; then older ones go. */
static bool named_keep(void *opaque, GError **error)
{
    struct named_save *save = opaque;
    struct state_pipe *pipe = &save->pipe;
    bool found;
    if (!pipe_send(pipe, error) || !pipe_wait(pipe, error)) {
        return false;
    }
    while (save->kept > 0) {
        struct disk_call call = { .job = DISK_KEEP,
                                  .node = save->disks.nodes->pdata[save->kept - 1] };
        if (!disk_do(&save->disks, &call, error)) {
            return false;
        }
        save->kept--;
    }
    return disks_delete(&save->disks, save->name, WHICH_OLDER, &found, error);
}

/* Whatever has begun is gone afterwards, but for a snapshot that all disks have. */
static void named_drop(void *opaque)
{
    struct named_save *save = opaque;
    bool found, whole = save->begun == save->disks.nodes->len && save->kept == 0;
    pipe_wait(&save->pipe, NULL);
    for (guint i = 0; i < save->begun && !whole; i++) {
        struct disk_call call = { .job = DISK_DROP, .node = save->disks.nodes->pdata[i] };
        if (i < save->kept || save->begun < save->disks.nodes->len) {
            disk_do(&save->disks, &call, NULL);
        } else {
            disk_delete(&save->disks, call.node, save->name, WHICH_LAST, &found, NULL);
        }
    }
}

static void named_free(void *opaque)
{
    struct named_save *save = opaque;
    disks_clear(&save->disks);
    g_free(save->pipe.data[0]);
    g_free(save->pipe.data[1]);
    g_free(save->name);
    g_free(save);
}

bool machine_snapshot_start(struct machine *machine, const char *name, machine_saved_fn *done,
                            void *opaque, GError **error)
{
    struct disks disks;
    if (!machine_may_save(machine, error) || !disks_find(machine, &disks, error)) {
        return false;
    }
    struct named_save *save = g_new0(struct named_save, 1);
    *save = (struct named_save){ .machine = machine, .disks = disks, .name = g_strdup(name) };
    save->pipe.node = disks.nodes->pdata[0];
    save->pipe.data[0] = g_malloc(PIECE_SIZE);
    save->pipe.data[1] = g_malloc(PIECE_SIZE);
    /* Most of what is dirty, while the machine goes on. */
    if (!disks_flush(&disks, error)) {
        named_free(save);
        return false;
    }
    const struct saving_target target = { .begin = named_begin,
                                          .sink = { pipe_write, &save->pipe },
                                          .keep = named_keep,
                                          .drop = named_drop,
                                          .free = named_free,
                                          .opaque = save };
    return machine_saving_start(machine, &target, done, opaque, error);
}

/* A source on a disk. */
struct disk_source {
    const struct disks *disks;
    struct block_node *node;
};

static bool source_read(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    struct disk_source *source = opaque;
    struct disk_call call = {
        .job = DISK_READ, .node = source->node, .offset = offset, .data = data, .size = size
    };
    return size == 0 || disk_do(source->disks, &call, error);
}

/* Reads the state of a snapshot without touching the disk: the image is opened once more. */
static struct state_image *snapshot_read(struct machine *machine, const struct disks *disks,
                                         const char *name, uint64_t size, GError **error)
{
    struct disk_call open = {
        .job = DISK_OPEN, .node = disks->nodes->pdata[0], .name = name, .machine = machine
    };
    if (!disk_do(disks, &open, error)) {
        return NULL;
    }
    struct disk_source from = { disks, open.node };
    const struct state_source source = { source_read, &from, size };
    struct state_image *image = state_image_read(&source, error);
    struct disk_call close = { .job = DISK_CLOSE, .node = open.node, .machine = machine };
    disk_do(disks, &close, NULL);
    return image;
}

/* The one of that name that was taken at the moment of another; -1 if there is none. */
static int list_partner(const struct disk_call *call, const struct node_snapshot *other)
{
    for (int i = disk_list_last(call, call->count, other->name); i >= 0;
         i = disk_list_last(call, (unsigned)i, other->name)) {
        if (call->list[i].date_s == other->date_s && call->list[i].date_ns == other->date_ns) {
            return i;
        }
    }
    return -1;
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
        if (!disk_do(apply->disks, &call, error)) {
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
        if (disk_list_last(&lists[i], lists[i].count, name) < 0) {
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
        ok = disk_list(disks, &lists[count], disks->nodes->pdata[count], error);
    }
    for (int i = ok ? disk_list_last(&lists[0], lists[0].count, name) : -1; !found && i >= 0;
         i = disk_list_last(&lists[0], (unsigned)i, name)) {
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
        machine, disks, apply->snapshot_ids->pdata[0], apply->state_size, error);
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
    bool ok = machine_settle(machine, error) && snapshot_take(machine, &apply, name, error);
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
    if (machine_fork_uses(machine, name)) {
        return state_fail(error, STATE_ERROR_REFUSED,
                          "the snapshot '%s' is what a twin of the machine stands on: 'info forks' "
                          "lists them", name);
    }
    if (!machine_not_saving(machine, error) || !disks_find(machine, &disks, error)) {
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
    bool ok = disk_do(&disks, &call, error);
    *ret_list = call.list;
    *ret_count = call.count;
    disks_clear(&disks);
    return ok;
}

const char *machine_name_path(const char *name)
{
    return g_str_has_prefix(name, STATE_FILE_PREFIX) ? name + strlen(STATE_FILE_PREFIX) : NULL;
}

bool machine_load_named(struct machine *machine, const char *name, GError **error)
{
    const char *path = machine_name_path(name);
    return path != NULL ? machine_load(machine, path, error)
                        : machine_snapshot_load(machine, name, error);
}
