#include "tests/isa/rig.h"

#include <string.h>

#define TIMEBASE_HZ 10000000
#define TICK_NS     (1000000000 / TIMEBASE_HZ)

static struct rig_engine engine_log;

static bool rig_attach(struct hart *hart, GError **error)
{
    (void)hart;
    (void)error;
    return true;
}

static void rig_detach(struct hart *hart)
{
    (void)hart;
}

/* Guest code that waits for an interrupt. */
static void rig_run(struct hart *hart)
{
    hart->waiting = true;
}

static void rig_fence(struct hart *hart)
{
    (void)hart;
    engine_log.fences++;
}

static void rig_flush(struct hart *hart, uint64_t address)
{
    (void)hart;
    engine_log.flushes++;
    engine_log.flushed = address;
}

static void rig_switch(struct hart *hart)
{
    (void)hart;
    engine_log.switches++;
}

static const struct engine rig_engine_table = {
    .name = "rig",
    .attach = rig_attach,
    .detach = rig_detach,
    .run = rig_run,
    .fence_instructions = rig_fence,
    .flush_translation = rig_flush,
    .switch_space = rig_switch,
};

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    host_mutex_init(&rig->lock);
    rig->ctx = aio_context_new("rig", NULL);
    g_assert_nonnull(rig->ctx);
    aio_clock_init_virtual(&rig->clock);
    rig->ram = g_malloc0(RIG_RAM_SIZE);
    rig->rom = g_malloc0(RIG_ROM_SIZE);
    rig->bus = bus_new(&rig->lock);
    g_assert_true(
        bus_add_memory(rig->bus, "ram", RIG_RAM_BASE, RIG_RAM_SIZE, rig->ram, true, NULL));
    g_assert_true(
        bus_add_memory(rig->bus, "rom", RIG_ROM_BASE, RIG_ROM_SIZE, rig->rom, false, NULL));
    rig->config = (struct riscv_config){
        .bus = rig->bus,
        .clock = &rig->clock,
        .ctx = rig->ctx,
        .timebase_hz = TIMEBASE_HZ,
        .sv48 = true,
        .svadu = true,
        .sstc = true,
        .machine_mode = true,
    };
}

struct riscv_hart *rig_hart_new(struct rig *rig, unsigned index)
{
    struct riscv_hart *hart = riscv_hart_new(&rig->config, &rig_engine_table, index, NULL);
    g_assert_nonnull(hart);
    return hart;
}

void rig_start(struct rig *rig)
{
    rig->hart = rig_hart_new(rig, 0);
    engine_log = (struct rig_engine){ 0 };
}

void rig_finish(struct rig *rig)
{
    riscv_hart_free(rig->hart);
    bus_free(rig->bus);
    g_free(rig->rom);
    g_free(rig->ram);
    aio_context_unref(rig->ctx);
    aio_clock_finish(&rig->clock);
    host_mutex_finish(&rig->lock);
}

void rig_set_time(struct rig *rig, uint64_t ticks)
{
    aio_clock_set(&rig->clock, (int64_t)ticks * TICK_NS);
}

struct rig_engine *rig_engine(void)
{
    return &engine_log;
}

static uint8_t *rig_at(const struct rig *rig, gpa_t address)
{
    g_assert_cmphex(address, >=, RIG_RAM_BASE);
    g_assert_cmphex(address, <=, RIG_RAM_BASE + RIG_RAM_SIZE - 8);
    return rig->ram + (address - RIG_RAM_BASE);
}

void rig_store(struct rig *rig, gpa_t address, uint64_t value)
{
    memcpy(rig_at(rig, address), &value, sizeof value);
}

uint64_t rig_load(const struct rig *rig, gpa_t address)
{
    uint64_t value;
    memcpy(&value, rig_at(rig, address), sizeof value);
    return value;
}
