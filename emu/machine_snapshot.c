/* How a machine comes to rest, and how all of it is replaced by a saved one. */
#include "emu/machine_state.h"

#include <stdatomic.h>

#include "aio/coroutine.h"
#include "emu/block/node.h"
#include "emu/machine_parts.h"
#include "emu/state/field.h"
#include "emu/state/part.h"

#define SETTLE_PASSES 10000 /* of the loop: a device that never comes to rest is a bug */

/* A disk whose requests are waited for, on its own loop. */
struct disk_rest {
    struct machine *machine;
    struct block *block;
    atomic_bool canceled, over;
    bool rests;
};

static void disk_rest(void *opaque)
{
    struct disk_rest *rest = opaque;
    struct aio_context *waiter = aio_context_ref(rest->machine->ctx);
    rest->rests = block_rest(rest->block, &rest->canceled);
    atomic_store(&rest->over, true); /* `rest` may be gone from here on */
    aio_notify(waiter);
    aio_context_unref(waiter);
}

static void disk_rest_cancel(struct disk_rest *rest)
{
    if (!atomic_exchange(&rest->canceled, true)) {
        block_rest_wake(rest->block);
    }
}

/* Whoever ends the machine does not want to wait. */
static bool disk_rest_waits(void *opaque)
{
    struct disk_rest *rest = opaque;
    if (atomic_load(&rest->over)) {
        return false;
    }
    if (atomic_load(&rest->machine->end_wanted) != MACHINE_NO_END) {
        disk_rest_cancel(rest);
    }
    return true;
}

static bool machine_rest_disk(struct machine *machine, const char *id, struct block *block,
                              GError **error)
{
    struct disk_rest rest = { .machine = machine, .block = block };
    machine->resting = &rest;
    aio_co_schedule(node_context(block_root(block)),
                    coroutine_create("disk-rest", disk_rest, &rest));
    aio_wait_while(machine->ctx, disk_rest_waits, &rest, "the disks' requests to end");
    machine->resting = NULL;
    return rest.rests || state_fail(error, STATE_ERROR_CANCELED,
                                    "it was given up while requests of the disk '%s' (%s) had not "
                                    "ended: 'info aio' says what they wait for",
                                    id, block_path(block));
}

bool machine_settle(struct machine *machine, GError **error)
{
    GHashTableIter iter;
    void *id, *block;
    unsigned passes = 0;
    while (passes++ < SETTLE_PASSES && aio_poll(machine->ctx, false)) {
    }
    for (unsigned turn = 0; turn < 2; turn++) { /* what is done in one may ring a bell again */
        g_hash_table_iter_init(&iter, machine->blocks);
        while (g_hash_table_iter_next(&iter, &id, &block)) {
            if (!machine_rest_disk(machine, id, block, error)) {
                return false;
            }
        }
    }
    return true;
}

bool machine_settling(const struct machine *machine)
{
    return machine->resting != NULL;
}

void machine_settle_cancel(struct machine *machine)
{
    if (machine->resting != NULL) {
        disk_rest_cancel(machine->resting);
    }
}

bool machine_hold(struct machine *machine)
{
    bool ran = machine->running;
    machine_pause(machine);
    return ran;
}

void machine_let_go(struct machine *machine, bool ran)
{
    if (ran && machine->stopped_why == NULL) {
        machine_resume(machine);
    }
}

static void memory_zero(void *opaque, uint64_t offset, uint64_t size)
{
    host_memory_discard(opaque, offset, size);
}

/* Replaces everything by what was checked. */
static void machine_replace(struct machine *machine, const struct state_image *image,
                            const struct state_target *targets, unsigned count,
                            struct parts_staged *staged)
{
    machine_reset_devices(machine);
    state_image_fill(image, targets, count);
    bus_tell_written(machine->bus, VIRT_DRAM_BASE, machine->ram.size);
    parts_apply(staged);
}

bool machine_take_image(struct machine *machine, const struct state_image *image,
                        bool (*commit)(void *opaque, GError **error), void *opaque,
                        GError **error)
{
    struct machine_memory memories[MEMORIES_MAX];
    struct state_target targets[MEMORIES_MAX];
    unsigned count = machine_memories(machine, memories);
    for (unsigned i = 0; i < count; i++) {
        struct host_memory *memory = memories[i].memory;
        targets[i] = (struct state_target){ memory->base, memory->size, memory_zero, memory };
    }
    if (!machine_matches(machine, image->about, error) ||
        !state_image_fits(image, targets, count, error)) {
        return false;
    }
    g_autoptr(GPtrArray) parts = machine_state_parts(machine);
    struct parts_staged *staged = parts_check(parts, image->parts, error);
    if (staged != NULL && commit != NULL && !commit(opaque, error)) {
        g_clear_pointer(&staged, parts_drop);
    }
    if (staged != NULL) {
        machine_replace(machine, image, targets, count, staged);
    }
    return staged != NULL;
}
