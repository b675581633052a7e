/*
 * Goal: harts that share a code cache run right while it overflows all the time. Four harts run
 * random programs at once, each in memory of its own, with segments that hold a few programs; what
 * each leaves is compared with the interpreter's.
 *
 *   test_eviction [ROUNDS [FIRST-SEED]]
 *
 * No rounds: says why this host cannot run it.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/jit/cache.h"
#include "emu/jit/jit.h"
#include "emu/jit/step.h"
#include "emu/riscv/interp.h"
#include "emu/riscv/interp_one.h"
#include "tests/jit/bench.h"

#define HARTS      4
#define RETIRED_MAX 1000000
#define WAIT_MAX_US 20000000

/* Four harts on one engine, each with PROGRAM_RAM_SIZE bytes. */
struct world {
    struct host_memory ram;
    struct host_mutex lock;
    struct bus *bus;
    struct aio_clock clock;
    struct jit_options options;
    struct riscv_config config;
    struct riscv_hart *hart[HARTS];
    atomic_bool stopped[HARTS];
};

static bool device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    (void)opaque, (void)offset, (void)size, (void)ret_value;
    return false;
}

/* Each hart has a page to say that it is done. */
static bool device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct world *world = opaque;
    unsigned hart = (unsigned)(offset >> 12);
    (void)size, (void)value;
    atomic_store(&world->stopped[hart], true);
    hart_kick(&world->hart[hart]->hart, HART_REQUEST_PAUSE);
    return true;
}

static const struct bus_ops device_ops = { device_read, device_write };

static bool world_init(struct world *world, const struct engine *engine, GError **error)
{
    host_mutex_init(&world->lock);
    if (!host_memory_create(&world->ram, "ram", HARTS * PROGRAM_RAM_SIZE, error)) {
        return false;
    }
    world->bus = bus_new(&world->lock);
    aio_clock_init_virtual(&world->clock);
    bus_add_memory(world->bus, "ram", PROGRAM_RAM, HARTS * PROGRAM_RAM_SIZE, world->ram.base, true,
                   error);
    bus_add_window(world->bus, "device", PROGRAM_DEVICE, HARTS << 12, &device_ops, world, error);
    jit_options_init(&world->options);
    world->options.warm = world->options.rewarm = 0;
    world->options.segment_size = JIT_SEGMENT_SIZE_MIN;
    world->config = (struct riscv_config){
        .bus = world->bus, .clock = &world->clock, .ctx = aio_context_new("test", error),
        .timebase_hz = 10000000, .machine_mode = true, .jit = &world->options,
    };
    for (unsigned i = 0; i < HARTS; i++) {
        world->hart[i] = riscv_hart_new(&world->config, engine, i, error);
        if (world->hart[i] == NULL) {
            return false;
        }
    }
    return true;
}

static void world_finish(struct world *world)
{
    for (unsigned i = 0; i < HARTS; i++) {
        riscv_hart_free(world->hart[i]);
    }
    aio_context_unref(world->config.ctx);
    aio_clock_finish(&world->clock);
    bus_free(world->bus);
    host_memory_destroy(&world->ram);
    host_mutex_finish(&world->lock);
}

static uint8_t *world_ram(const struct world *world, unsigned hart)
{
    return world->ram.base + hart * PROGRAM_RAM_SIZE;
}

static void world_start(struct world *world, unsigned hart, const struct program *program)
{
    program_load(program, world_ram(world, hart));
    bench_start_hart(world->hart[hart], program, hart * PROGRAM_RAM_SIZE);
    atomic_store(&world->stopped[hart], false);
}

/* On this thread; false if the program does not end. */
static bool interpret(struct world *world, unsigned index, const struct program *program)
{
    struct hart *hart = &world->hart[index]->hart;
    world_start(world, index, program);
    atomic_store(&hart->requests, 0);
    while (!atomic_load(&world->stopped[index]) && world->hart[index]->instret < RETIRED_MAX) {
        hart->waiting = false;
        interp_one(world->hart[index], hart->engine_state);
    }
    return atomic_load(&world->stopped[index]);
}

/* A program that ends, made for a hart's place. */
static void make_program(struct world *interp, unsigned hart, struct program *program,
                         uint64_t *seed)
{
    do {
        program_generate_plain(program, (*seed)++);
        program->item[program->count - 3].insn.imm += (int32_t)(hart << 12); /* its page */
    } while (!interpret(interp, hart, program));
}

static void wait_for_all(const struct world *world)
{
    for (unsigned i = 0, waited = 0; i < HARTS; i++) {
        for (; !atomic_load(&world->stopped[i]); waited += 50) {
            assert(waited < WAIT_MAX_US);
            g_usleep(50);
        }
        hart_wait_parked(&world->hart[i]->hart);
    }
}

static bool same(const struct world *a, const struct world *b, unsigned hart)
{
    const struct riscv_hart *x = a->hart[hart], *y = b->hart[hart];
    return memcmp(x->x, y->x, 32 * sizeof x->x[0]) == 0 && memcmp(x->f, y->f, sizeof x->f) == 0 &&
           x->fflags == y->fflags && x->mcause == y->mcause && x->mepc == y->mepc &&
           memcmp(world_ram(a, hart), world_ram(b, hart), PROGRAM_RAM_SIZE) == 0;
}

int main(int argc, char **argv)
{
    static struct world interp, jit;
    static struct program program[HARTS];
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : 300;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    GError *error = NULL;
    if (rounds == 0) {
        printf("skipped: qemu-user before 8.1 ignores IC IVAU and does not see that code which it "
               "knows by one view of memory is written again by the other\n");
        return 77;
    }
    if (!world_init(&interp, &interp_engine, &error) || !world_init(&jit, &jit_engine, &error)) {
        printf("skipped: %s\n", error->message);
        return 77;
    }
    for (unsigned i = 0; i < HARTS; i++) {
        bool started = hart_start(&jit.hart[i]->hart, &error);
        assert(started);
    }
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < HARTS; i++) {
            make_program(&interp, i, &program[i], &seed);
            world_start(&jit, i, &program[i]);
        }
        for (unsigned i = 0; i < HARTS; i++) {
            hart_resume(&jit.hart[i]->hart);
        }
        wait_for_all(&jit);
        for (unsigned i = 0; i < HARTS; i++) {
            if (!same(&interp, &jit, i)) {
                printf("hart %u, seed %" PRIu64 ": another state\n", i, program[i].seed);
                return 1;
            }
        }
    }
    const struct jit_hart *own = jit.hart[0]->hart.engine_state;
    printf("%" PRIu64 " rounds, %" PRIu64 " segments emptied\n", rounds,
           own->jit->stats.evictions);
    assert(own->jit->stats.evictions * 20 > rounds);
    for (unsigned i = 0; i < HARTS; i++) {
        hart_quit(&jit.hart[i]->hart);
    }
    world_finish(&jit);
    world_finish(&interp);
    return 0;
}
