/* A machine in a file of its own, without its disks. */
#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/node.h"
#include "emu/machine_parts.h"
#include "emu/machine_saving.h"
#include "emu/state/store.h"

/* A file holds no disks: those that are only in memory would be lost with the process. */
bool machine_fits_file(const struct machine *machine, GError **error)
{
    GHashTableIter iter;
    void *id, *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, &id, &block)) {
        const char *driver = node_driver(block_root(block))->name;
        bool passing = machine->twin != NULL || strcmp(driver, "memory") == 0 ||
                       strcmp(driver, "overlay") == 0;
        if (passing && !block_read_only(block)) {
            return state_fail(error, STATE_ERROR_REFUSED,
                              "the disk '%s' ends with this process, and what is written to it "
                              "would be lost: use an image, without snapshot=on, and no twin",
                              (const char *)id);
        }
    }
    return true;
}

/* A file that is being written; NULL once it has its name, or none. */
struct file_save {
    struct state_store *store;
};

static bool file_keep(void *opaque, GError **error)
{
    struct file_save *save = opaque;
    return state_store_keep(g_steal_pointer(&save->store), error);
}

static void file_drop(void *opaque)
{
    struct file_save *save = opaque;
    g_clear_pointer(&save->store, state_store_drop);
}

bool machine_save_start(struct machine *machine, const char *path, machine_saved_fn *done,
                        void *opaque, GError **error)
{
    if (!machine_may_save(machine, error) || !machine_fits_file(machine, error)) {
        return false;
    }
    struct state_store *store = state_store_new(path, error);
    if (store == NULL) {
        return false;
    }
    struct file_save *save = g_new(struct file_save, 1);
    save->store = store;
    const struct saving_target target = { .sink = *state_store_sink(store),
                                          .keep = file_keep,
                                          .drop = file_drop,
                                          .free = g_free,
                                          .opaque = save,
                                          .with_times = true };
    return machine_saving_start(machine, &target, done, opaque, error);
}

bool machine_load(struct machine *machine, const char *path, GError **error)
{
    if (!machine_not_saving(machine, error)) {
        return false;
    }
    struct state_image *image = state_file_read(path, error);
    if (image == NULL) {
        return false;
    }
    bool ran = machine_hold(machine);
    bool ok = machine_settle(machine, error) &&
              machine_take_image(machine, image, NULL, NULL, error);
    machine_let_go(machine, ran);
    state_image_free(image);
    if (!ok) {
        g_prefix_error(error, "cannot load '%s': ", path);
    }
    return ok;
}
