/* Saving a machine that goes on meanwhile: it stands while its devices are copied and its memory is
 * frozen, then a thread compresses and writes what it was; at the end it stands once more, while
 * the pages that it has changed go back to where they belong. */
#include "emu/machine_saving.h"

#include <stdatomic.h>

#include "emu/machine_parts.h"
#include "emu/state/part.h"

/* A machine on its way. */
struct machine_saving {
    struct machine *machine;
    struct saving_target target;
    struct machine_copy copy;
    struct host_thread *thread;
    struct aio_bh *done_bh;
    machine_saved_fn *done;
    void *opaque;
    GError *error; /* of the thread */
    atomic_bool canceled;
    _Atomic uint64_t written, total; /* bytes of memory */
    int64_t began_ns;
    struct machine_save_times times;
};

static bool saving_progress(void *opaque, uint64_t done, uint64_t total)
{
    struct machine_saving *saving = opaque;
    atomic_store(&saving->written, done);
    atomic_store(&saving->total, total);
    return !atomic_load(&saving->canceled);
}

static uint64_t memory_next_data(void *opaque, uint64_t offset)
{
    return host_memory_next_data(opaque, offset);
}

void machine_copy_make(struct machine_copy *copy, struct machine *machine, bool with_times)
{
    g_autoptr(GPtrArray) parts = machine_state_parts(machine);
    copy->about = machine_describe(machine, with_times);
    copy->parts = parts_encode(parts);
    copy->count = machine_memories(machine, copy->memories);
    for (unsigned i = 0; i < copy->count; i++) {
        struct host_memory *memory = copy->memories[i].memory;
        copy->blocks[i] = (struct state_block){ copy->memories[i].name, memory->base, memory->size,
                                                memory_next_data, memory };
    }
}

bool machine_copy_write(const struct machine_copy *copy, const struct state_sink *sink,
                        state_progress_fn *progress, void *opaque, GError **error)
{
    struct state_writer writer;
    bool ok = state_write_head(&writer, sink, error) &&
              state_write_about(&writer, copy->about, error);
    for (guint i = 0; ok && i < copy->parts->len; i++) {
        ok = state_write_part(&writer, copy->parts->pdata[i], error);
    }
    return ok &&
           state_write_memory(&writer, copy->blocks, copy->count, progress, opaque, error) &&
           state_write_tail(&writer, error);
}

void machine_copy_clear(struct machine_copy *copy)
{
    g_clear_pointer(&copy->parts, g_ptr_array_unref);
    g_clear_pointer(&copy->about, g_free);
}

/* On a thread of its own. */
static void saving_run(void *opaque)
{
    struct machine_saving *saving = opaque;
    const struct saving_target *target = &saving->target;
    if (!machine_copy_write(&saving->copy, &target->sink, saving_progress, saving,
                            &saving->error) ||
        !target->keep(target->opaque, &saving->error)) {
        target->drop(target->opaque);
    }
    aio_bh_schedule(saving->done_bh);
}

/* The machine stands until machine_let_go; returns since when. */
static int64_t saving_hold(struct machine *machine, bool *ret_ran)
{
    int64_t from_ns = aio_clock_now_ns(aio_clock_host());
    *ret_ran = machine_hold(machine);
    return from_ns;
}

static int64_t saving_let_go(struct machine *machine, bool ran, int64_t from_ns)
{
    machine_let_go(machine, ran);
    return aio_clock_now_ns(aio_clock_host()) - from_ns;
}

static void saving_thaw(struct machine_saving *saving)
{
    bool ran;
    int64_t from_ns = saving_hold(saving->machine, &ran);
    for (unsigned i = 0; i < saving->copy.count; i++) {
        host_memory_thaw(saving->copy.memories[i].memory);
    }
    saving->times.stood_after_ns = saving_let_go(saving->machine, ran, from_ns);
}

static void saving_free(struct machine_saving *saving)
{
    saving->target.free(saving->target.opaque);
    machine_copy_clear(&saving->copy);
    aio_bh_delete(saving->done_bh);
    g_clear_error(&saving->error);
    g_free(saving);
}

/* The thread is through. */
static void saving_done(void *opaque)
{
    struct machine_saving *saving = opaque;
    host_thread_join(saving->thread);
    saving_thaw(saving);
    saving->times.took_ns = aio_clock_now_ns(aio_clock_host()) - saving->began_ns;
    saving->machine->saving = NULL;
    saving->done(saving->opaque, &saving->times, saving->error);
    saving_free(saving);
}

static bool saving_freeze(struct machine_copy *copy, GError **error)
{
    for (unsigned i = 0; i < copy->count; i++) {
        if (!host_memory_freeze(copy->memories[i].memory, error)) {
            return false;
        }
        copy->blocks[i].view = copy->memories[i].memory->frozen;
    }
    return true;
}

/* Copies what there is besides memory, and begins to write. The machine stands. */
static bool saving_begin(struct machine_saving *saving, GError **error)
{
    const struct saving_target *target = &saving->target;
    if (!machine_may_save(saving->machine, error) ||
        (target->with_times && !machine_disks_settle(saving->machine, error))) {
        return false;
    }
    machine_copy_make(&saving->copy, saving->machine, target->with_times);
    if (!saving_freeze(&saving->copy, error) ||
        (target->begin != NULL && !target->begin(target->opaque, error))) {
        return false;
    }
    saving->thread = host_thread_new("save", saving_run, saving, error);
    return saving->thread != NULL;
}

bool machine_not_saving(const struct machine *machine, GError **error)
{
    return (machine->saving == NULL && machine->resting == NULL) ||
           state_fail(error, STATE_ERROR_REFUSED,
                      "the machine is being saved: wait for its end, or say 'savevm_cancel'");
}

bool machine_may_save(struct machine *machine, GError **error)
{
    if (!machine_not_saving(machine, error)) {
        return false;
    }
    if (machine->forking) {
        return state_fail(error, STATE_ERROR_REFUSED,
                          "a twin of the machine begins or ends just now: try again");
    }
    return machine_stays(machine, error);
}

bool machine_stays(struct machine *machine, GError **error)
{
    return (!atomic_load(&machine->reset_wanted) &&
            atomic_load(&machine->end_wanted) == MACHINE_NO_END) ||
           state_fail(error, STATE_ERROR_REFUSED, "the machine is about to reset or to end");
}

bool machine_saving_start(struct machine *machine, const struct saving_target *target,
                          machine_saved_fn *done, void *opaque, GError **error)
{
    struct machine_saving *saving = g_new0(struct machine_saving, 1);
    *saving = (struct machine_saving){ .machine = machine,
                                       .target = *target,
                                       .done = done,
                                       .opaque = opaque,
                                       .began_ns = aio_clock_now_ns(aio_clock_host()) };
    saving->done_bh = aio_bh_new(machine->ctx, "machine-saved", saving_done, saving);
    bool ran;
    int64_t from_ns = saving_hold(machine, &ran);
    bool begun = machine_settle(machine, error) && saving_begin(saving, error);
    machine->saving = begun ? saving : NULL;
    int64_t stood_ns = saving_let_go(machine, ran, from_ns);
    if (begun) {
        saving->times.stood_ns = stood_ns;
        return true;
    }
    saving_thaw(saving);
    target->drop(target->opaque);
    saving_free(saving);
    return false;
}

void machine_save_cancel(struct machine *machine)
{
    machine_settle_cancel(machine);
    if (machine->saving != NULL) {
        atomic_store(&machine->saving->canceled, true);
    }
}

bool machine_save_progress(const struct machine *machine, uint64_t *ret_done, uint64_t *ret_total)
{
    const struct machine_saving *saving = machine->saving;
    if (saving != NULL) {
        *ret_done = atomic_load(&saving->written);
        *ret_total = atomic_load(&saving->total);
    }
    return saving != NULL;
}

/* What machine_save waits for. */
struct save_wait {
    struct machine *machine;
    bool over;
    struct machine_save_times times;
    GError *error;
};

static void save_over(void *opaque, const struct machine_save_times *times, const GError *error)
{
    struct save_wait *wait = opaque;
    wait->over = true;
    wait->times = *times;
    wait->error = error != NULL ? g_error_copy(error) : NULL;
}

/* Whoever ends the machine does not want to wait for it. */
static bool save_waits(void *opaque)
{
    struct save_wait *wait = opaque;
    if (atomic_load(&wait->machine->end_wanted) != MACHINE_NO_END) {
        machine_save_cancel(wait->machine);
    }
    return !wait->over;
}

bool machine_save_named(struct machine *machine, const char *name,
                        struct machine_save_times *ret_times, GError **error)
{
    struct save_wait wait = { .machine = machine };
    const char *path = machine_name_path(name);
    if (!(path != NULL ? machine_save_start(machine, path, save_over, &wait, error)
                       : machine_snapshot_start(machine, name, save_over, &wait, error))) {
        return false;
    }
    aio_wait_while(machine->ctx, save_waits, &wait, "the machine to be saved");
    *ret_times = wait.times;
    if (wait.error != NULL) {
        g_propagate_error(error, wait.error);
    }
    return wait.error == NULL;
}

bool machine_save(struct machine *machine, const char *path, GError **error)
{
    struct machine_save_times times;
    g_autofree char *name = g_strconcat(STATE_FILE_PREFIX, path, NULL);
    return machine_save_named(machine, name, &times, error);
}

static bool saving_waits(void *opaque)
{
    return ((struct machine *)opaque)->saving != NULL;
}

void machine_save_end(struct machine *machine)
{
    machine_save_cancel(machine);
    aio_wait_while(machine->ctx, saving_waits, machine, "a canceled save to end");
}
