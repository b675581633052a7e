/* How a machine comes to rest, and how all of it is replaced by a saved one. */
#include "emu/machine_state.h"

#include "aio/coroutine.h"
#include "emu/block/node.h"
#include "emu/machine_parts.h"
#include "emu/state/part.h"

#define SETTLE_PASSES 10000 /* of the loop: a device that never comes to rest is a bug */
#define DISK_LOOK_NS  100000

/* On the loop of a disk: until it has no request on its way. One that waits for the machine to go
 * on is not. */
static void disk_rest(void *opaque)
{
    struct co_sleep sleep;
    co_sleep_init(&sleep);
    while (block_in_flight(opaque) > block_stopped(opaque)) {
        struct aio_clock *clock = aio_clock_host();
        co_sleep_until(&sleep, clock, aio_clock_now_ns(clock) + DISK_LOOK_NS);
    }
}

void machine_settle(struct machine *machine)
{
    GHashTableIter iter;
    void *block;
    unsigned passes = 0;
    while (passes++ < SETTLE_PASSES && aio_poll(machine->ctx, false)) {
    }
    for (unsigned turn = 0; turn < 2; turn++) { /* what is done in one may ring a bell again */
        g_hash_table_iter_init(&iter, machine->blocks);
        while (g_hash_table_iter_next(&iter, NULL, &block)) {
            block_run(node_context(block_root(block)), disk_rest, block);
        }
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
