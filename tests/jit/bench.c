/* The machine of a bench: its device, its start, its watchdog. */
#include "tests/jit/bench.h"

#include <assert.h>
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/interp.h"
#include "emu/riscv/interp_one.h"
#include "emu/riscv/trap.h"

static void device_note(struct bench *bench, uint64_t what)
{
    bench->device = (bench->device ^ what) * UINT64_C(0x9e3779b97f4a7c15);
    bench->device ^= bench->device >> 29;
}

static bool device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    struct bench *bench = opaque;
    device_note(bench, offset << 8 | size);
    *ret_value = bench->device;
    return offset < 0x100;
}

static bool device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct bench *bench = opaque;
    if (offset == 0) {
        bench->stopped = true;
        bench_stop(bench);
        return true;
    }
    device_note(bench, (offset << 8 | size) ^ value << 20);
    return offset < 0x100;
}

static const struct bus_ops device_ops = { device_read, device_write };

void bench_stop(struct bench *bench)
{
    hart_kick(&bench->hart->hart, HART_REQUEST_PAUSE);
}

bool bench_init(struct bench *bench, const struct engine *engine,
                const struct jit_options *options, GError **error)
{
    memset(bench, 0, sizeof *bench);
    host_mutex_init(&bench->lock);
    if (!host_memory_create(&bench->ram, "ram", PROGRAM_RAM_SIZE, error)) {
        return false;
    }
    bench->bus = bus_new(&bench->lock);
    aio_clock_init_virtual(&bench->clock);
    bus_add_memory(bench->bus, "ram", PROGRAM_RAM, PROGRAM_RAM_SIZE, bench->ram.base, true, error);
    bus_add_window(bench->bus, "device", PROGRAM_DEVICE, 0x1000, &device_ops, bench, error);
    bench->options = *options;
    bench->config = (struct riscv_config){
        .bus = bench->bus, .clock = &bench->clock, .ctx = aio_context_new("test", error),
        .timebase_hz = 10000000, .sv48 = true, .svadu = true, .sstc = true, .machine_mode = true,
        .jit = &bench->options,
    };
    bench->hart = riscv_hart_new(&bench->config, engine, 0, error);
    if (bench->hart == NULL) {
        bench_finish(bench);
    }
    return bench->hart != NULL;
}

void bench_finish(struct bench *bench)
{
    riscv_hart_free(bench->hart);
    aio_context_unref(bench->config.ctx);
    aio_clock_finish(&bench->clock);
    bus_free(bench->bus);
    host_memory_destroy(&bench->ram);
    host_mutex_finish(&bench->lock);
}

static void hart_write(struct riscv_hart *hart, unsigned csr, uint64_t value)
{
    uint64_t old;
    uint8_t priv = hart->priv;
    hart->priv = PRIV_M;
    bool ok = riscv_csr(hart, csr, CSR_WRITE, value, &old);
    assert(ok);
    hart->priv = priv;
}

void bench_write(struct bench *bench, unsigned csr, uint64_t value)
{
    hart_write(bench->hart, csr, value);
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

static void hart_start_csrs(struct riscv_hart *h, const struct program *program, uint64_t offset,
                            uint64_t *state)
{
    hart_write(h, 0x305, PROGRAM_VECTOR + offset);
    hart_write(h, 0x105, PROGRAM_HANDLER_S + offset);
    hart_write(h, 0x3b0, UINT64_MAX);
    hart_write(h, 0x3a0, 0x1f);
    hart_write(h, 0x306, 7); /* counters may be read everywhere */
    hart_write(h, 0x106, 7);
    /* Cache block operations; half of the programs have the hardware keep A and D. */
    hart_write(h, 0x30a, 0xf0 | (program->seed >> 1 & 1) << 61);
    hart_write(h, 0x10a, 0xf0);
    hart_write(h, 0x340, program_random(state)); /* mscratch: the handler's turns */
    /* Half of the programs that delegate do so with environment calls of U-mode too. */
    hart_write(h, 0x302, program->delegate ? 0xb0fc | (program->seed & 1) << 8 : 0);
    hart_write(h, 0x180, program->paged ? UINT64_C(8) << 60 | PROGRAM_TABLES >> 12 : 0);
    uint64_t r = program_random(state);
    hart_write(h, 0x300, r % 16 == 0 ? 0 : 0x2000 | (r >> 40 & 3) << 20);
    if (r % 16 != 0) {
        hart_write(h, 0x003, (r >> 8) % 3 == 0 ? (r >> 16 & 0x1f) | (r >> 24) % 5 << 5 : 0);
    }
}

void bench_start_hart(struct riscv_hart *h, const struct program *program, uint64_t offset)
{
    uint64_t state = program->seed ^ 0xf00d;
    h->reset_pc = PROGRAM_CODE + offset;
    riscv_hart_reset(h);
    hart_start_csrs(h, program, offset, &state);
    for (unsigned i = 1; i < 32; i++) {
        h->x[i] = special(&state);
        h->f[i] = special_f(&state);
    }
    h->f[0] = special_f(&state);
    h->x[5] = PROGRAM_X5 + offset;
    h->x[31] = 60;
    h->priv = program->start;
    riscv_update_banks(h);
    h->instret = 0;
}

void bench_start(struct bench *bench, const struct program *program)
{
    program_load(program, bench->ram.base);
    bench_start_hart(bench->hart, program, 0);
    bench->device = program->seed;
    bench->stopped = false;
    atomic_store(&bench->hart->hart.requests, 0);
}

/* Stops programs that do not end: some random loops do not. */
static struct {
    atomic_uintptr_t hart; /* what runs now */
    atomic_uint runs;      /* how many runs have begun */
} watchdog;

static gpointer watchdog_thread(gpointer opaque)
{
    (void)opaque;
    for (unsigned before = 0, ticks = 0;; g_usleep(50000)) {
        unsigned now = atomic_load(&watchdog.runs);
        ticks = now == before ? ticks + 1 : 0;
        before = now;
        struct hart *hart = (struct hart *)atomic_load(&watchdog.hart);
        if (ticks >= 4 && hart != NULL) {
            hart_kick(hart, HART_REQUEST_PAUSE);
        }
    }
    return NULL;
}

bool bench_run(struct bench *bench)
{
    static gsize started;
    struct hart *hart = &bench->hart->hart;
    if (g_once_init_enter(&started)) {
        g_thread_unref(g_thread_new("watchdog", watchdog_thread, NULL));
        g_once_init_leave(&started, 1);
    }
    atomic_fetch_add(&watchdog.runs, 1);
    atomic_store(&watchdog.hart, (uintptr_t)hart);
    while ((atomic_load(&hart->requests) & HART_REQUEST_PAUSE) == 0) {
        atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_IRQ);
        hart->class->take_interrupt(hart);
        hart->waiting = false;
        hart->engine->run(hart);
    }
    atomic_store(&watchdog.hart, 0);
    return bench->stopped;
}

void bench_step(struct bench *bench)
{
    assert(bench->hart->hart.engine == &interp_engine);
    interp_one(bench->hart, bench->hart->hart.engine_state);
    bench->hart->hart.waiting = false;
}
