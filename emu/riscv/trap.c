#include "emu/riscv/trap.h"

#include <assert.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/reserve.h"

/* In the order in which simultaneous ones are taken (volume II, 3.1.9). */
static const uint8_t irq_priority[] = {
    IRQ_MEIP, IRQ_MSIP, IRQ_MTIP, IRQ_SEIP, IRQ_SSIP, IRQ_STIP,
};

/* What mie lets through, wherever it goes. */
static uint64_t irq_pending(const struct riscv_hart *hart)
{
    uint64_t mip = atomic_load_explicit(&hart->mip, memory_order_acquire);
    return (mip | (uint64_t)hart->seip_software << IRQ_SEIP) & hart->mie;
}

/* Those that can be taken now. */
static uint64_t irq_takeable(const struct riscv_hart *hart)
{
    uint64_t pending = irq_pending(hart);
    if (pending == 0) {
        return 0;
    }
    uint64_t to_m = pending & ~hart->mideleg;
    uint64_t to_s = pending & hart->mideleg;
    if (hart->priv == PRIV_M && (hart->mstatus & MSTATUS_MIE) == 0) {
        to_m = 0;
    }
    if (hart->priv == PRIV_M || (hart->priv == PRIV_S && (hart->mstatus & MSTATUS_SIE) == 0)) {
        to_s = 0;
    }
    /* Those of M-mode come first, whatever their number. */
    return to_m != 0 ? to_m : to_s;
}

static uint64_t trap_vector(uint64_t tvec, uint64_t cause)
{
    uint64_t base = tvec & ~UINT64_C(3);
    bool vectored = (tvec & 3) == 1 && (cause & CAUSE_INTERRUPT) != 0;
    return vectored ? base + 4 * (cause & ~CAUSE_INTERRUPT) : base;
}

/* mstatus with `bit` as `value` says. */
static void status_put(struct riscv_hart *hart, uint64_t bit, bool value)
{
    hart->mstatus = value ? hart->mstatus | bit : hart->mstatus & ~bit;
}

static void trap_enter_s(struct riscv_hart *hart, uint64_t cause, uint64_t tval)
{
    assert(hart->priv != PRIV_M);
    hart->scause = cause;
    hart->sepc = hart->pc;
    hart->stval = tval;
    status_put(hart, MSTATUS_SPIE, (hart->mstatus & MSTATUS_SIE) != 0);
    status_put(hart, MSTATUS_SPP, hart->priv == PRIV_S);
    status_put(hart, MSTATUS_SIE, false);
    hart->priv = PRIV_S;
    hart->pc = trap_vector(hart->stvec, cause);
    riscv_update_banks(hart);
}

static void trap_enter_m(struct riscv_hart *hart, uint64_t cause, uint64_t tval)
{
    hart->mcause = cause;
    hart->mepc = hart->pc;
    hart->mtval = tval;
    status_put(hart, MSTATUS_MPIE, (hart->mstatus & MSTATUS_MIE) != 0);
    hart->mstatus &= ~MSTATUS_MPP;
    hart->mstatus |= (uint64_t)hart->priv << MSTATUS_MPP_SHIFT;
    status_put(hart, MSTATUS_MIE, false);
    hart->priv = PRIV_M;
    hart->pc = trap_vector(hart->mtvec, cause);
    riscv_update_banks(hart);
}

/* Where a trap from the present privilege goes; a machine without M-mode has only one place. */
static bool trap_delegated(const struct riscv_hart *hart, uint64_t deleg, unsigned number)
{
    return hart->priv != PRIV_M && (!hart->config->machine_mode || (deleg >> number & 1) != 0);
}

void riscv_raise(struct riscv_hart *hart, enum riscv_cause cause, uint64_t tval)
{
    if (trap_delegated(hart, hart->medeleg, cause)) {
        trap_enter_s(hart, cause, tval);
    } else {
        trap_enter_m(hart, cause, tval);
    }
}

bool riscv_take_interrupt(struct riscv_hart *hart)
{
    riscv_poll_stimer(hart);
    uint64_t takeable = irq_takeable(hart);
    if (takeable == 0) {
        return false;
    }
    for (unsigned i = 0; i < sizeof irq_priority; i++) {
        unsigned irq = irq_priority[i];
        if ((takeable & IRQ_BIT(irq)) != 0 && trap_delegated(hart, hart->mideleg, irq)) {
            trap_enter_s(hart, CAUSE_INTERRUPT | irq, 0);
            return true;
        }
        if ((takeable & IRQ_BIT(irq)) != 0) {
            trap_enter_m(hart, CAUSE_INTERRUPT | irq, 0);
            return true;
        }
    }
    assert(!"an interrupt that mie has and irq_priority has not");
    return false;
}

void riscv_notice_interrupts(struct riscv_hart *hart)
{
    if (irq_takeable(hart) != 0) {
        atomic_fetch_or(&hart->hart.requests, HART_REQUEST_IRQ);
    }
}

bool riscv_has_wakeup(struct riscv_hart *hart)
{
    riscv_poll_stimer(hart);
    return irq_pending(hart) != 0;
}

void riscv_ecall(struct riscv_hart *hart)
{
    if (hart->priv == PRIV_S && hart->ecall != NULL) {
        hart->pc += 4;
        if (hart->ecall(hart, hart->ecall_opaque)) {
            return;
        }
        hart->pc -= 4;
    }
    riscv_raise(hart, CAUSE_ECALL_U + hart->priv, 0);
}

/* The common end of MRET and SRET. */
static void trap_leave(struct riscv_hart *hart, enum riscv_priv priv, uint64_t pc)
{
    if (priv != PRIV_M) {
        hart->mstatus &= ~MSTATUS_MPRV;
    }
    hart->priv = (uint8_t)priv;
    hart->pc = pc;
    riscv_drop_reservation(hart);
    riscv_update_banks(hart);
    riscv_notice_interrupts(hart);
}

bool riscv_mret(struct riscv_hart *hart)
{
    if (hart->priv != PRIV_M) {
        return false;
    }
    enum riscv_priv priv = (unsigned)((hart->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT);
    status_put(hart, MSTATUS_MIE, (hart->mstatus & MSTATUS_MPIE) != 0);
    hart->mstatus |= MSTATUS_MPIE;
    hart->mstatus &= ~MSTATUS_MPP;
    trap_leave(hart, priv, hart->mepc);
    return true;
}

bool riscv_sret(struct riscv_hart *hart)
{
    if (hart->priv == PRIV_U || (hart->priv == PRIV_S && (hart->mstatus & MSTATUS_TSR) != 0)) {
        return false;
    }
    enum riscv_priv priv = (hart->mstatus & MSTATUS_SPP) != 0 ? PRIV_S : PRIV_U;
    status_put(hart, MSTATUS_SIE, (hart->mstatus & MSTATUS_SPIE) != 0);
    hart->mstatus |= MSTATUS_SPIE;
    hart->mstatus &= ~MSTATUS_SPP;
    trap_leave(hart, priv, hart->sepc);
    return true;
}

bool riscv_wfi_allowed(const struct riscv_hart *hart)
{
    /* In U-mode it may be illegal unless it ends soon (volume II, 3.3.3): always illegal here. */
    return hart->priv == PRIV_M || (hart->priv == PRIV_S && (hart->mstatus & MSTATUS_TW) == 0);
}

static enum riscv_bank bank_of(const struct riscv_hart *hart, unsigned priv)
{
    switch (priv) {
    case PRIV_U: return BANK_U;
    case PRIV_S: return (hart->mstatus & MSTATUS_SUM) != 0 ? BANK_S_SUM : BANK_S;
    default: assert(priv == PRIV_M); return BANK_M;
    }
}

void riscv_update_banks(struct riscv_hart *hart)
{
    unsigned priv = hart->priv;
    if (priv == PRIV_M && (hart->mstatus & MSTATUS_MPRV) != 0) {
        priv = (unsigned)((hart->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT);
    }
    hart->bank_data = bank_of(hart, priv);
    hart->bank_fetch = hart->priv == PRIV_M ? BANK_M : hart->priv == PRIV_S ? BANK_S : BANK_U;
}
