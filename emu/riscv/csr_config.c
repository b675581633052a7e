/* Floating-point state, counters and the timer, environment configuration, satp, PMP. */
#include "emu/riscv/csr_fn.h"

#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

#define FFLAGS_MASK 0x1fu
#define FRM_MASK    0x07u
#define FRM_SHIFT   5

static void float_write(struct riscv_hart *hart, uint64_t frm, uint64_t fflags)
{
    hart->frm = (uint8_t)(frm & FRM_MASK);
    hart->fflags = (uint8_t)(fflags & FFLAGS_MASK);
    hart->mstatus |= MSTATUS_FS;
}

uint64_t csr_read_fflags(const struct riscv_hart *hart)
{
    return hart->fflags;
}

void csr_write_fflags(struct riscv_hart *hart, const struct csr_write *write)
{
    float_write(hart, hart->frm, write->value);
}

uint64_t csr_read_frm(const struct riscv_hart *hart)
{
    return hart->frm;
}

void csr_write_frm(struct riscv_hart *hart, const struct csr_write *write)
{
    float_write(hart, write->value, hart->fflags);
}

uint64_t csr_read_fcsr(const struct riscv_hart *hart)
{
    return (uint64_t)hart->frm << FRM_SHIFT | hart->fflags;
}

void csr_write_fcsr(struct riscv_hart *hart, const struct csr_write *write)
{
    float_write(hart, write->value >> FRM_SHIFT, write->value);
}

/* A counter that counts retired instructions: `offset` as minstret_offset says. */
static uint64_t counter_read(const struct riscv_hart *hart, uint64_t offset, uint64_t inhibit)
{
    return (hart->mcountinhibit & inhibit) != 0 ? offset : hart->instret + offset;
}

/* A write comes in place of this instruction's own count (volume II, 3.1.10). */
static uint64_t counter_offset(const struct riscv_hart *hart, uint64_t value, uint64_t inhibit)
{
    return (hart->mcountinhibit & inhibit) != 0 ? value : value - (hart->instret + 1);
}

uint64_t csr_read_mcycle(const struct riscv_hart *hart)
{
    return counter_read(hart, hart->mcycle_offset, COUNTEREN_CY);
}

void csr_write_mcycle(struct riscv_hart *hart, const struct csr_write *write)
{
    hart->mcycle_offset = counter_offset(hart, write->value, COUNTEREN_CY);
}

uint64_t csr_read_minstret(const struct riscv_hart *hart)
{
    return counter_read(hart, hart->minstret_offset, COUNTEREN_IR);
}

void csr_write_minstret(struct riscv_hart *hart, const struct csr_write *write)
{
    hart->minstret_offset = counter_offset(hart, write->value, COUNTEREN_IR);
}

void csr_write_mcountinhibit(struct riscv_hart *hart, const struct csr_write *write)
{
    uint64_t cycle = csr_read_mcycle(hart);
    uint64_t instret = csr_read_minstret(hart);
    uint64_t old = hart->mcountinhibit;
    hart->mcountinhibit = write->value & (COUNTEREN_CY | COUNTEREN_IR);
    if (((old ^ hart->mcountinhibit) & COUNTEREN_CY) != 0) {
        hart->mcycle_offset = counter_offset(hart, cycle, COUNTEREN_CY);
    }
    if (((old ^ hart->mcountinhibit) & COUNTEREN_IR) != 0) {
        hart->minstret_offset = counter_offset(hart, instret, COUNTEREN_IR);
    }
}

uint64_t csr_read_time(const struct riscv_hart *hart)
{
    return riscv_time(hart->config);
}

uint64_t csr_read_mhartid(const struct riscv_hart *hart)
{
    return hart->hart.index;
}

uint64_t csr_read_stimecmp(const struct riscv_hart *hart)
{
    return atomic_load_explicit(&hart->stimecmp, memory_order_relaxed);
}

void csr_write_stimecmp(struct riscv_hart *hart, const struct csr_write *write)
{
    riscv_set_stimecmp(hart, write->value);
    riscv_notice_interrupts(hart);
}

/* CBIE 2 is reserved and leaves the field as it was. */
static uint64_t envcfg_merge(uint64_t old, uint64_t value, uint64_t writable)
{
    if ((value & ENVCFG_CBIE) == UINT64_C(2) << 4) {
        writable &= ~ENVCFG_CBIE;
    }
    return (old & ~writable) | (value & writable);
}

void csr_write_menvcfg(struct riscv_hart *hart, const struct csr_write *write)
{
    uint64_t writable = ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;
    writable |= hart->config->svadu ? ENVCFG_ADUE : 0;
    writable |= hart->config->sstc ? ENVCFG_STCE : 0;
    uint64_t old = hart->menvcfg;
    hart->menvcfg = envcfg_merge(old, write->value, writable);
    if (((old ^ hart->menvcfg) & ENVCFG_STCE) == 0) {
        return;
    }
    if ((hart->menvcfg & ENVCFG_STCE) != 0) {
        riscv_set_stimecmp(hart, csr_read_stimecmp(hart));
    } else {
        atomic_fetch_and(&hart->mip, ~IRQ_BIT(IRQ_STIP));
    }
    riscv_notice_interrupts(hart);
}

void csr_write_senvcfg(struct riscv_hart *hart, const struct csr_write *write)
{
    hart->senvcfg = envcfg_merge(hart->senvcfg, write->value,
                                 ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE);
}

/* A mode that is not there makes the whole write do nothing (volume II, 12.1.11). ASIDs have 16
 * bits: the TLB does not tag with them, but they make fences cheap (mmu.c). Global translations
 * outlive a change of address space. */
void csr_write_satp(struct riscv_hart *hart, const struct csr_write *write)
{
    unsigned mode = (unsigned)(write->value >> SATP_MODE_SHIFT);
    bool known = mode == SATP_MODE_BARE || mode == SATP_MODE_SV39 ||
                 (mode == SATP_MODE_SV48 && hart->config->sv48);
    if (known && write->value != hart->satp) {
        bool same_mode = hart->satp >> SATP_MODE_SHIFT == mode;
        hart->satp = write->value;
        if (same_mode) {
            mmu_switch_space(hart);
        } else {
            mmu_flush(hart, UINT64_MAX, UINT64_MAX);
        }
    }
}

static uint64_t pmpcfg_read(const struct riscv_hart *hart, unsigned first)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)hart->pmpcfg[first + i] << (8 * i);
    }
    return value;
}

static void pmpcfg_write(struct riscv_hart *hart, unsigned first, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        pmp_write_cfg(hart, first + i, (uint8_t)(value >> (8 * i)));
    }
    pmp_update(hart);
}

uint64_t csr_read_pmpcfg0(const struct riscv_hart *hart)
{
    return pmpcfg_read(hart, 0);
}

void csr_write_pmpcfg0(struct riscv_hart *hart, const struct csr_write *write)
{
    pmpcfg_write(hart, 0, write->value);
}

uint64_t csr_read_pmpcfg2(const struct riscv_hart *hart)
{
    return pmpcfg_read(hart, 8);
}

void csr_write_pmpcfg2(struct riscv_hart *hart, const struct csr_write *write)
{
    pmpcfg_write(hart, 8, write->value);
}

void csr_write_pmpaddr(struct riscv_hart *hart, const struct csr_write *write)
{
    pmp_write_addr(hart, write->number & 15, write->value);
    pmp_update(hart);
}
