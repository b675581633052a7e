/*
 * Life of a hart, its interrupt lines and its timer.
 *
 * The supervisor timer: the hart alone sets and clears mip.STIP. Its timer object fires on the
 * event loop, where it only says so (stimer_due) and kicks; the hart then compares time with
 * stimecmp itself, so that a callback that comes late cannot raise an interrupt that a new
 * stimecmp has just taken back. A later stimecmp does not move the timer: the callback sees that it
 * came too early and arms again, which costs the loop one pass a tick instead of one a write.
 */
#include "emu/riscv/hart.h"

#include <assert.h>
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/reserve.h"
#include "emu/riscv/trap.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t config_mtime_delta(const struct riscv_config *config)
{
    return config->mtime_delta == NULL
               ? 0
               : atomic_load_explicit(config->mtime_delta, memory_order_relaxed);
}

uint64_t riscv_time(const struct riscv_config *config)
{
    uint64_t ns = (uint64_t)aio_clock_now_ns(config->clock);
    uint64_t ticks = (uint64_t)((unsigned __int128)ns * config->timebase_hz / NS_PER_SECOND);
    return ticks + config_mtime_delta(config);
}

/* When the clock will show that time, in ns; INT64_MAX if that is beyond what it can show. The
 * delta wraps: what counts is how far the time is ahead. */
static int64_t stimer_deadline_ns(const struct riscv_config *config, uint64_t time)
{
    uint64_t now = riscv_time(config);
    unsigned __int128 ticks = now - config_mtime_delta(config);
    ticks += time > now ? time - now : 0;
    unsigned __int128 ns = (ticks * NS_PER_SECOND + config->timebase_hz - 1) / config->timebase_hz;
    return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

static void stimer_arm(struct riscv_hart *hart, uint64_t time)
{
    int64_t deadline = stimer_deadline_ns(hart->config, time);
    if (deadline != INT64_MAX) {
        timer_mod_anticipate(&hart->stimer, deadline);
    }
}

/* On the event loop. */
static void stimer_fired(void *opaque)
{
    struct riscv_hart *hart = opaque;
    uint64_t time = atomic_load(&hart->stimecmp);
    if (riscv_time(hart->config) < time) {
        stimer_arm(hart, time);
        return;
    }
    atomic_store(&hart->stimer_due, true);
    hart_kick(&hart->hart, HART_REQUEST_IRQ);
}

/* Whether stimecmp decides mip.STIP; otherwise software does. */
static bool stimer_enabled(const struct riscv_hart *hart)
{
    return !hart->config->machine_mode || (hart->menvcfg & ENVCFG_STCE) != 0;
}

static void stimer_update(struct riscv_hart *hart)
{
    uint64_t time = atomic_load_explicit(&hart->stimecmp, memory_order_relaxed);
    if (!stimer_enabled(hart)) {
        return;
    }
    if (riscv_time(hart->config) >= time) {
        atomic_fetch_or(&hart->mip, IRQ_BIT(IRQ_STIP));
        return;
    }
    atomic_fetch_and(&hart->mip, ~IRQ_BIT(IRQ_STIP));
    stimer_arm(hart, time);
}

void riscv_set_stimecmp(struct riscv_hart *hart, uint64_t time)
{
    atomic_store(&hart->stimecmp, time);
    stimer_update(hart);
}

void riscv_poll_stimer(struct riscv_hart *hart)
{
    if (atomic_load_explicit(&hart->stimer_due, memory_order_relaxed)) {
        atomic_store(&hart->stimer_due, false);
        stimer_update(hart);
    }
}

void riscv_time_changed(struct riscv_hart *hart)
{
    atomic_store(&hart->stimer_due, true);
    hart_kick(&hart->hart, HART_REQUEST_IRQ);
}

void riscv_hart_set_irq(struct riscv_hart *hart, enum riscv_irq irq, bool level)
{
    if (!level) {
        atomic_fetch_and(&hart->mip, ~IRQ_BIT(irq));
    } else if ((atomic_fetch_or(&hart->mip, IRQ_BIT(irq)) & IRQ_BIT(irq)) == 0) {
        hart_kick(&hart->hart, HART_REQUEST_IRQ);
    }
}

static void hart_class_take_interrupt(struct hart *cpu)
{
    struct riscv_hart *hart = (struct riscv_hart *)cpu;
    if (atomic_load_explicit(&hart->suspended, memory_order_relaxed)) {
        atomic_store(&hart->suspended, false);
    }
    riscv_take_interrupt(hart);
}

static bool hart_class_has_wakeup(struct hart *hart)
{
    return riscv_has_wakeup((struct riscv_hart *)hart);
}

static const struct hart_class riscv_class = {
    .name = "riscv64",
    .take_interrupt = hart_class_take_interrupt,
    .has_wakeup = hart_class_has_wakeup,
};

/* What firmware would have set up before it enters the kernel. */
static void hart_reset_supervisor(struct riscv_hart *hart)
{
    hart->priv = PRIV_S;
    hart->medeleg = MEDELEG_MASK;
    hart->mideleg = IRQS_S;
    hart->mcounteren = UINT32_MAX;
    /* Linux leaves it as it is, and its programs read the time by themselves. */
    hart->scounteren = COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR;
    hart->menvcfg = ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;
    if (hart->config->sstc) {
        hart->menvcfg |= ENVCFG_STCE;
    }
}

static void hart_reset_csrs(struct riscv_hart *hart)
{
    hart->mstatus = MSTATUS_UXL_64 | MSTATUS_SXL_64;
    hart->medeleg = hart->mideleg = hart->mie = hart->mtvec = hart->mepc = 0;
    hart->mcause = hart->mtval = hart->mscratch = 0;
    hart->mcounteren = hart->mcountinhibit = hart->menvcfg = 0;
    hart->stvec = hart->sepc = hart->scause = hart->stval = hart->sscratch = 0;
    hart->scounteren = hart->senvcfg = hart->satp = 0;
    hart->instret = hart->minstret_offset = hart->mcycle_offset = 0;
    memset(hart->pmpaddr, 0, sizeof hart->pmpaddr);
    memset(hart->pmpcfg, 0, sizeof hart->pmpcfg);
    timer_del(&hart->stimer);
    atomic_store(&hart->stimecmp, UINT64_MAX);
    atomic_store(&hart->stimer_due, false);
    hart->seip_software = false;
    /* The other bits are lines: they belong to whoever drives them. */
    atomic_fetch_and(&hart->mip, ~(IRQ_BIT(IRQ_SSIP) | IRQ_BIT(IRQ_STIP)));
}

void riscv_hart_reset(struct riscv_hart *hart)
{
    memset(hart->x, 0, sizeof hart->x);
    memset(hart->f, 0, sizeof hart->f);
    hart->frm = hart->fflags = 0;
    hart->x[10] = hart->reset_a0;
    hart->x[11] = hart->reset_a1;
    hart->x[12] = hart->reset_a2;
    hart->pc = hart->reset_pc;
    hart->priv = PRIV_M;
    riscv_drop_reservation(hart);
    hart->reserved_value = hart->sc_paired = 0;
    hart->hart.waiting = false;
    atomic_store(&hart->suspended, false);
    hart_reset_csrs(hart);
    if (!hart->config->machine_mode) {
        hart_reset_supervisor(hart);
    }
    pmp_update(hart);
    riscv_update_banks(hart);
    hart->hart.engine->fence_instructions(&hart->hart);
}

struct riscv_hart *riscv_hart_new(const struct riscv_config *config, const struct engine *engine,
                                  unsigned index, GError **error)
{
    assert(config->bus != NULL && config->clock != NULL && config->timebase_hz != 0);
    struct riscv_hart *hart = g_new0(struct riscv_hart, 1);
    hart->config = config;
    for (unsigned i = 0; i < BANK_COUNT; i++) {
        tlb_bank_init(&hart->bank[i]);
    }
    if (!hart_init(&hart->hart, &riscv_class, engine, index, error)) {
        g_free(hart);
        return NULL;
    }
    riscv_peers_join(hart);
    timer_init(&hart->stimer, config->ctx, config->clock, "stimecmp", stimer_fired, hart);
    riscv_hart_reset(hart);
    return hart;
}

void riscv_hart_free(struct riscv_hart *hart)
{
    if (hart == NULL) {
        return;
    }
    timer_del(&hart->stimer);
    riscv_peers_part(hart);
    hart_finish(&hart->hart);
    g_free(hart);
}

#define ISA_STRING(ss)                                                                             \
    "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicsr_zifencei_zihintpause_zihpm_zba_zbb_zbs" ss       \
    "_svinval"

const char *riscv_isa_string(const struct riscv_config *config)
{
    /* Without Svadu the A and D bits are software's, which is what Svade says. */
    if (config->sstc) {
        return config->svadu ? ISA_STRING("_sstc_svade_svadu") : ISA_STRING("_sstc_svade");
    }
    return config->svadu ? ISA_STRING("_svade_svadu") : ISA_STRING("_svade");
}

bool riscv_hart_peek(struct riscv_hart *hart, gva_t address, void *data, size_t size)
{
    uint8_t *to = data;
    while (size > 0) {
        gpa_t gpa;
        size_t part = TLB_PAGE_SIZE - (address & (TLB_PAGE_SIZE - 1));
        part = part < size ? part : size;
        if (!mmu_peek(hart, address, &gpa)) {
            return false;
        }
        const struct bus_memory *memory = bus_find_memory(hart->config->bus, gpa, part);
        if (memory == NULL) {
            return false;
        }
        memcpy(to, memory->host + (gpa - memory->base), part);
        to += part;
        address += part;
        size -= part;
    }
    return true;
}
