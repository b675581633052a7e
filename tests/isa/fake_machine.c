#include "tests/isa/fake_machine.h"

#include <string.h>

#include <glib.h>

#include "emu/riscv/interp.h"

#define FAKE_PAGE 4096u

static bool fake_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    struct fake_machine *m = opaque;
    (void)size;
    m->device_reads++;
    *ret_value = m->scratch;
    return offset == FAKE_SCRATCH - FAKE_DEVICE;
}

static bool fake_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct fake_machine *m = opaque;
    (void)size;
    m->device_writes++;
    if (offset == FAKE_STOP - FAKE_DEVICE) {
        m->stop_value = value;
        hart_kick(&m->hart->hart, HART_REQUEST_PAUSE);
        return true;
    }
    m->scratch = value;
    return offset == FAKE_SCRATCH - FAKE_DEVICE;
}

static const struct bus_ops fake_ops = { fake_read, fake_write };

void fake_machine_init(struct fake_machine *m)
{
    GError *error = NULL;
    memset(m, 0, sizeof *m);
    host_mutex_init(&m->lock);
    m->bus = bus_new(&m->lock);
    m->ram = g_malloc0(FAKE_RAM_SIZE + FAKE_PAGE); /* pages of the guest are pages of the host */
    uint8_t *aligned = m->ram + (-(uintptr_t)m->ram & (FAKE_PAGE - 1));
    bus_add_memory(m->bus, "ram", FAKE_RAM_BASE, FAKE_RAM_SIZE, aligned, true, &error);
    g_assert_no_error(error);
    bus_add_window(m->bus, "fake", FAKE_DEVICE, 0x1000, &fake_ops, m, &error);
    g_assert_no_error(error);
    m->ctx = aio_context_new("fake", &error);
    g_assert_no_error(error);
    aio_clock_init_virtual(&m->clock);
    m->config = (struct riscv_config){
        .bus = m->bus, .clock = &m->clock, .ctx = m->ctx, .timebase_hz = 10000000,
        .sv48 = true, .svadu = true, .sstc = true, .machine_mode = true,
    };
    m->config.isa = riscv_isa_string(&m->config);
    m->hart = riscv_hart_new(&m->config, &interp_engine, 0, &error);
    g_assert_no_error(error);
    m->hart->reset_pc = FAKE_RAM_BASE;
    riscv_hart_reset(m->hart);
}

void fake_machine_finish(struct fake_machine *m)
{
    riscv_hart_free(m->hart);
    aio_context_unref(m->ctx);
    aio_clock_finish(&m->clock);
    bus_free(m->bus);
    g_free(m->ram);
    host_mutex_finish(&m->lock);
}

uint8_t *fake_machine_ram(struct fake_machine *m, gpa_t address)
{
    const struct bus_memory *memory = bus_find_memory(m->bus, address, 1);
    g_assert_nonnull(memory);
    return memory->host + (address - memory->base);
}

void fake_machine_code(struct fake_machine *m, gpa_t address, const uint32_t *words, size_t count)
{
    memcpy(fake_machine_ram(m, address), words, count * sizeof *words);
    m->hart->hart.engine->fence_instructions(&m->hart->hart);
}

void fake_machine_run(struct fake_machine *m)
{
    struct hart *hart = &m->hart->hart;
    atomic_store(&hart->requests, 0);
    hart->waiting = false;
    while ((atomic_load(&hart->requests) & HART_REQUEST_PAUSE) == 0 && !hart->waiting) {
        atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_IRQ);
        hart->class->take_interrupt(hart);
        hart->engine->run(hart);
    }
}
