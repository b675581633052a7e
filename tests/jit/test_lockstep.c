/*
 * Goal: translated code leaves every guest-visible state exactly as the interpreter does, over
 * random programs. On a difference the program is shortened to the instructions that matter.
 *
 *   test_lockstep [PROGRAMS [FIRST-SEED]]
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio/context.h"
#include "emu/jit/jit.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/disasm.h"
#include "emu/riscv/interp.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"
#include "platform/memory.h"
#include "tests/jit/program.h"

#define DATA_START (PROGRAM_DATA - PROGRAM_RAM + 8 * 4096 - 1024)

/* One machine: RAM, a stop address, one hart on one engine. */
struct bench {
    struct host_memory ram;
    struct host_mutex lock;
    struct bus *bus;
    struct aio_clock clock;
    struct riscv_config config;
    struct riscv_hart *hart;
};

static bool stop_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    (void)opaque, (void)offset, (void)size;
    *ret_value = 0x1234;
    return true;
}

static bool stop_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct bench *bench = opaque;
    (void)offset, (void)size, (void)value;
    hart_kick(&bench->hart->hart, HART_REQUEST_PAUSE);
    return true;
}

static const struct bus_ops stop_ops = { stop_read, stop_write };

static bool bench_init(struct bench *bench, const struct engine *engine, GError **error)
{
    host_mutex_init(&bench->lock);
    if (!host_memory_create(&bench->ram, "ram", PROGRAM_RAM_SIZE, error)) {
        return false;
    }
    bench->bus = bus_new(&bench->lock);
    aio_clock_init_virtual(&bench->clock);
    bus_add_memory(bench->bus, "ram", PROGRAM_RAM, PROGRAM_RAM_SIZE, bench->ram.base, true, error);
    bus_add_window(bench->bus, "stop", PROGRAM_STOP, 0x1000, &stop_ops, bench, error);
    bench->config = (struct riscv_config){
        .bus = bench->bus, .clock = &bench->clock, .ctx = aio_context_new("test", error),
        .timebase_hz = 10000000, .sv48 = true, .svadu = true, .sstc = true, .machine_mode = true,
    };
    bench->hart = riscv_hart_new(&bench->config, engine, 0, error);
    return bench->hart != NULL;
}

static void bench_write(struct bench *bench, unsigned csr, uint64_t value)
{
    uint64_t old;
    bool ok = riscv_csr(bench->hart, csr, CSR_WRITE, value, &old);
    assert(ok);
}

static uint64_t special(uint64_t *state)
{
    static const uint64_t values[] = {
        0, 1, UINT64_MAX, UINT64_C(1) << 63, INT64_MAX, UINT32_MAX, 0x80000000, 0x7fffffff,
        UINT64_C(0xffffffff80000000), 63, 64, 4096,
    };
    uint64_t r = program_random(state);
    if (r % 3 == 0) {
        return values[(r >> 8) % (sizeof values / 8)];
    }
    return r % 3 == 1 ? r >> (r >> 4) % 64 : r;
}

static uint64_t special_f(uint64_t *state)
{
    static const uint64_t values[] = {
        0, UINT64_C(1) << 63, UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff0000000000001), 1,
        UINT64_C(0x000fffffffffffff), UINT64_C(0x7fefffffffffffff), UINT64_C(0x3ff0000000000000),
        UINT64_C(0xc1e0000000200000), UINT64_C(0x41dfffffffc00000),
    };
    static const uint32_t singles[] = {
        0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 1, 0x007fffff, 0x7f7fffff,
        0x3f800000, 0xcf000000, 0x4f000000, 0x5f000000,
    };
    uint64_t r = program_random(state);
    uint64_t box = UINT64_C(0xffffffff) << 32;
    switch (r % 6) {
    case 0: return values[(r >> 8) % (sizeof values / 8)];
    case 1: return box | singles[(r >> 8) % (sizeof singles / 4)];
    case 2: return box | (uint32_t)(r >> 16);
    case 3: return UINT64_C(0x3f80000000000000) + (r >> 12);
    case 4: return box | (0x3f000000 + (uint32_t)(r >> 40));
    default: return r;
    }
}

/* Starting state, the same for every engine. */
static void bench_start(struct bench *bench, const struct program *program)
{
    struct riscv_hart *h = bench->hart;
    uint64_t state = program->seed ^ 0xf00d;
    program_load(program, bench->ram.base);
    h->reset_pc = PROGRAM_CODE;
    riscv_hart_reset(h);
    h->hart.engine->fence_instructions(&h->hart);
    bench_write(bench, 0x305, PROGRAM_HANDLER);
    bench_write(bench, 0x3b0, UINT64_MAX);
    bench_write(bench, 0x3a0, 0x1f);
    bench_write(bench, 0x306, 7); /* counters may be read everywhere */
    bench_write(bench, 0x106, 7);
    bench_write(bench, 0x180, program->paged ? UINT64_C(8) << 60 | PROGRAM_TABLES >> 12 : 0);
    uint64_t r = program_random(&state);
    bench_write(bench, 0x300, r % 16 == 0 ? 0 : 0x2000);
    if (r % 16 != 0) {
        bench_write(bench, 0x003, (r >> 8) % 3 == 0 ? (r >> 16 & 0x1f) | (r >> 24) % 5 << 5 : 0);
    }
    for (unsigned i = 1; i < 32; i++) {
        h->x[i] = special(&state);
        h->f[i] = special_f(&state);
    }
    h->f[0] = special_f(&state);
    h->x[5] = PROGRAM_RAM + DATA_START;
    h->x[31] = 200;
    h->priv = program->user ? PRIV_U : program->paged ? PRIV_S : PRIV_M;
    riscv_update_banks(h);
    bench->hart->instret = 0;
    atomic_store(&h->hart.requests, 0);
}

/* Stops a program that does not end: some random loops do not. */
struct watchdog {
    atomic_uintptr_t hart; /* what runs now */
    atomic_uint runs;      /* how many runs have begun */
    atomic_bool stopped;   /* the present one was stopped */
};
static struct watchdog watchdog;

static gpointer watchdog_thread(gpointer opaque)
{
    (void)opaque;
    for (unsigned before = 0, ticks = 0;; g_usleep(50000)) {
        unsigned now = atomic_load(&watchdog.runs);
        ticks = now == before ? ticks + 1 : 0;
        before = now;
        struct hart *hart = (struct hart *)atomic_load(&watchdog.hart);
        if (ticks >= 4 && hart != NULL) {
            atomic_store(&watchdog.stopped, true);
            hart_kick(hart, HART_REQUEST_PAUSE);
        }
    }
    return NULL;
}

/* False if it had to be stopped. */
static bool bench_run(struct bench *bench, const struct program *program)
{
    bench_start(bench, program);
    struct hart *hart = &bench->hart->hart;
    atomic_store(&watchdog.stopped, false);
    atomic_store(&watchdog.hart, (uintptr_t)hart);
    atomic_fetch_add(&watchdog.runs, 1);
    while ((atomic_load(&hart->requests) & HART_REQUEST_PAUSE) == 0) {
        hart->engine->run(hart);
        if (atomic_load(&hart->requests) != HART_REQUEST_PAUSE) {
            atomic_store(&hart->requests, 0);
        }
    }
    atomic_store(&watchdog.hart, 0);
    return !atomic_load(&watchdog.stopped);
}

static const char *differ(const struct bench *a, const struct bench *b)
{
    const struct riscv_hart *x = a->hart, *y = b->hart;
    static char text[160];
    for (unsigned i = 0; i < 32; i++) {
        if (x->x[i] != y->x[i] || x->f[i] != y->f[i]) {
            snprintf(text, sizeof text, "x%u %" PRIx64 " %" PRIx64 " f%u %" PRIx64 " %" PRIx64, i,
                     x->x[i], y->x[i], i, x->f[i], y->f[i]);
            return text;
        }
    }
    if (x->fflags != y->fflags || x->frm != y->frm) {
        snprintf(text, sizeof text, "fflags %x %x frm %x %x", x->fflags, y->fflags, x->frm, y->frm);
        return text;
    }
    if (x->mcause != y->mcause || x->mtval != y->mtval || x->mepc != y->mepc) {
        snprintf(text, sizeof text, "mcause %" PRIx64 " %" PRIx64 " mtval %" PRIx64 " %" PRIx64
                 " mepc %" PRIx64 " %" PRIx64, x->mcause, y->mcause, x->mtval, y->mtval, x->mepc,
                 y->mepc);
        return text;
    }
    if (((x->mstatus ^ y->mstatus) & ~MSTATUS_FS) != 0) {
        return "mstatus";
    }
    return memcmp(a->ram.base, b->ram.base, PROGRAM_RAM_SIZE) != 0 ? "memory" : NULL;
}

static const char *compare(struct bench *a, struct bench *b, const struct program *program)
{
    if (!bench_run(a, program)) {
        return NULL; /* it never ends */
    }
    for (unsigned tries = 0; tries < 5; tries++) { /* the machine may be busy with other things */
        if (bench_run(b, program)) {
            return differ(a, b);
        }
    }
    return "the translated program does not end";
}

/* Replaces instructions by nops while the difference stays, then prints what is left. */
static void shorten(struct bench *a, struct bench *b, struct program *program)
{
    for (unsigned i = 0; i + 14 < program->count; i++) {
        uint32_t word = program->word[i];
        program->word[i] = 0x13;
        if (compare(a, b, program) == NULL) {
            program->word[i] = word;
        }
    }
    printf("seed %" PRIu64 " paged %d user %d: %s\n", program->seed, program->paged, program->user,
           compare(a, b, program));
    for (unsigned i = 0; i + 4 < program->count; i++) {
        char text[DISASM_TEXT_SIZE];
        if (program->word[i] != 0x13) {
            uint64_t at = PROGRAM_CODE + 4 * i;
            isa_disassemble(program->word[i], at, text);
            printf("%8" PRIx64 "  %08x  %s\n", at, program->word[i], text);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t programs = argc > 1 ? strtoull(argv[1], NULL, 0) : 3000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    static struct bench interp, jit;
    static struct program program;
    GError *error = NULL;
    if (!bench_init(&interp, &interp_engine, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    if (!bench_init(&jit, &jit_engine, &error)) {
        printf("skipped: %s\n", error->message);
        return 77;
    }
    g_thread_unref(g_thread_new("watchdog", watchdog_thread, NULL));
    for (uint64_t seed = first; seed < first + programs; seed++) {
        program_generate(&program, seed);
        if (compare(&interp, &jit, &program) != NULL) {
            shorten(&interp, &jit, &program);
            return 1;
        }
    }
    char *text = jit_describe(jit.hart);
    printf("%" PRIu64 " programs, seeds from %" PRIu64 "\n%s", programs, first, text);
    g_free(text);
    return 0;
}
