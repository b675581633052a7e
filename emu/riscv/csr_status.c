/* mstatus and its view from S-mode, interrupts and their delegation, trap vectors. */
#include "emu/riscv/csr_fn.h"

#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

#define MSTATUS_WRITABLE                                                                           \
    (SSTATUS_WRITABLE | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM |    \
     MSTATUS_TW | MSTATUS_TSR)

uint64_t csr_read_mstatus(const struct riscv_hart *hart)
{
    bool dirty = (hart->mstatus & MSTATUS_FS) == MSTATUS_FS;
    return dirty ? hart->mstatus | MSTATUS_SD : hart->mstatus;
}

static void status_write(struct riscv_hart *hart, uint64_t value, uint64_t writable)
{
    uint64_t old = hart->mstatus;
    if ((value & MSTATUS_MPP) == UINT64_C(2) << MSTATUS_MPP_SHIFT) {
        writable &= ~MSTATUS_MPP; /* there is no privilege 2 */
    }
    hart->mstatus = (old & ~writable) | (value & writable);
    if (((old ^ hart->mstatus) & MSTATUS_MXR) != 0) {
        mmu_flush_all(hart);
    }
    riscv_update_banks(hart);
    riscv_notice_interrupts(hart);
}

void csr_write_mstatus(struct riscv_hart *hart, const struct csr_write *write)
{
    status_write(hart, write->value, MSTATUS_WRITABLE);
}

uint64_t csr_read_sstatus(const struct riscv_hart *hart)
{
    return csr_read_mstatus(hart) & SSTATUS_VISIBLE;
}

void csr_write_sstatus(struct riscv_hart *hart, const struct csr_write *write)
{
    status_write(hart, write->value, SSTATUS_WRITABLE);
}

static void enables_write(struct riscv_hart *hart, uint64_t value, uint64_t writable)
{
    hart->mie = (hart->mie & ~writable) | (value & writable);
    riscv_notice_interrupts(hart);
}

void csr_write_mie(struct riscv_hart *hart, const struct csr_write *write)
{
    enables_write(hart, write->value, IRQS_M | IRQS_S);
}

uint64_t csr_read_sie(const struct riscv_hart *hart)
{
    return hart->mie & hart->mideleg;
}

void csr_write_sie(struct riscv_hart *hart, const struct csr_write *write)
{
    enables_write(hart, write->value, hart->mideleg);
}

void csr_write_mideleg(struct riscv_hart *hart, const struct csr_write *write)
{
    hart->mideleg = write->value & IRQS_S;
    riscv_notice_interrupts(hart);
}

uint64_t csr_read_mip(const struct riscv_hart *hart)
{
    uint64_t mip = atomic_load_explicit(&hart->mip, memory_order_acquire);
    return mip | (uint64_t)hart->seip_software << IRQ_SEIP;
}

/* The software bits of mip. Only the bits that the instruction names may change: others set lines
 * at the same time, and csrrs must not copy the SEIP line into its software bit (3.1.9). */
static void pending_write(struct riscv_hart *hart, const struct csr_write *write, uint64_t writable)
{
    uint64_t mask = write->mask & writable;
    uint64_t bits = mask & ~IRQ_BIT(IRQ_SEIP);
    atomic_fetch_or(&hart->mip, write->value & bits);
    atomic_fetch_and(&hart->mip, write->value | ~bits);
    if ((mask & IRQ_BIT(IRQ_SEIP)) != 0) {
        hart->seip_software = (write->value & IRQ_BIT(IRQ_SEIP)) != 0;
    }
    riscv_notice_interrupts(hart);
}

void csr_write_mip(struct riscv_hart *hart, const struct csr_write *write)
{
    bool timer = (hart->menvcfg & ENVCFG_STCE) != 0; /* then stimecmp alone decides STIP */
    pending_write(hart, write, timer ? IRQS_S & ~IRQ_BIT(IRQ_STIP) : IRQS_S);
}

uint64_t csr_read_sip(const struct riscv_hart *hart)
{
    return csr_read_mip(hart) & hart->mideleg;
}

void csr_write_sip(struct riscv_hart *hart, const struct csr_write *write)
{
    pending_write(hart, write, hart->mideleg & IRQ_BIT(IRQ_SSIP));
}

/* Modes 2 and 3 are reserved: such a write changes nothing. */
static void vector_write(uint64_t *tvec, uint64_t value)
{
    if ((value & 2) == 0) {
        *tvec = value;
    }
}

void csr_write_mtvec(struct riscv_hart *hart, const struct csr_write *write)
{
    vector_write(&hart->mtvec, write->value);
}

void csr_write_stvec(struct riscv_hart *hart, const struct csr_write *write)
{
    vector_write(&hart->stvec, write->value);
}
