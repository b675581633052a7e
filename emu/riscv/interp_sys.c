/*
 * CSRs, environment calls, fences, cache-block operations, returns from traps. Manual volume I,
 * chapters 2.7, 5, 6 and 19; volume II, chapters 3.3, 10 and 11. None of them is frequent: each
 * brings the hart's state up to date and looks its place up again afterwards.
 */
#include <stdatomic.h>
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mem.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/reserve.h"
#include "emu/riscv/trap.h"

#define SYS_CACHE_BLOCK 64u

static INTERP_COLD struct interp_slot *sys_csr(INTERP_ARGS, unsigned length, enum csr_op op,
                                               uint64_t operand)
{
    uint64_t old;
    interp_sync(INTERP_PASS);
    if (!riscv_csr(h, (unsigned)s->imm, op, operand, &old)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    h->x[s->rd] = old;
    return interp_resume(INTERP_PASS, length);
}

#define SYS_CSR(name, op, operand)                                \
    INTERP_OP(name)                                               \
    {                                                             \
        return sys_csr(INTERP_PASS, length, (op), (operand));     \
    }

SYS_CSR(csr_write, CSR_WRITE, h->x[s->rs1])
SYS_CSR(csr_set, CSR_SET, h->x[s->rs1])
SYS_CSR(csr_clear, CSR_CLEAR, h->x[s->rs1])
SYS_CSR(csri_write, CSR_WRITE, s->rs1)
SYS_CSR(csri_set, CSR_SET, s->rs1)
SYS_CSR(csri_clear, CSR_CLEAR, s->rs1)
SYS_CSR(csr_read, CSR_READ, 0)

INTERP_OP(trap_ecall)
{
    interp_sync(INTERP_PASS);
    riscv_ecall(h);
    return interp_enter(h, in);
}

INTERP_OP(trap_ebreak)
{
    return interp_raise(INTERP_PASS, CAUSE_BREAKPOINT, interp_pc(in, s));
}

INTERP_OP(sys_mret)
{
    interp_sync(INTERP_PASS);
    if (!riscv_mret(h)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    h->instret = retired + 1;
    return interp_enter(h, in);
}

INTERP_OP(sys_sret)
{
    interp_sync(INTERP_PASS);
    if (!riscv_sret(h)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    h->instret = retired + 1;
    return interp_enter(h, in);
}

/* Leaves the engine: the hart's thread decides whether to sleep. */
INTERP_OP(sys_wfi)
{
    interp_sync(INTERP_PASS);
    if (!riscv_wfi_allowed(h)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    h->pc += 2 * length;
    h->instret = retired + 1;
    h->hart.waiting = true;
    return NULL;
}

static bool sys_fence_vma_allowed(const struct riscv_hart *h)
{
    return h->priv == PRIV_M || (h->priv == PRIV_S && (h->mstatus & MSTATUS_TVM) == 0);
}

static INTERP_COLD struct interp_slot *sys_fence_vma(INTERP_ARGS, unsigned length)
{
    interp_sync(INTERP_PASS);
    if (!sys_fence_vma_allowed(h)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    mmu_flush(h, s->rs1 == 0 ? UINT64_MAX : h->x[s->rs1],
              s->rs2 == 0 ? UINT64_MAX : h->x[s->rs2]);
    return interp_resume(INTERP_PASS, length);
}

INTERP_OP(sys_sfence)
{
    return sys_fence_vma(INTERP_PASS, length);
}

/* Svinval: the invalidation is done at once, so the fences around it have nothing to order. */
INTERP_OP(sys_sinval)
{
    return sys_fence_vma(INTERP_PASS, length);
}

#define SYS_FENCE_INVAL(name)                                     \
    INTERP_OP(name)                                               \
    {                                                             \
        if (h->priv == PRIV_U) {                                  \
            return interp_raise_illegal(INTERP_PASS);             \
        }                                                         \
        return interp_resume(INTERP_PASS, length);                \
    }

SYS_FENCE_INVAL(sys_sfencew)
SYS_FENCE_INVAL(sys_sfenceir)

/* Only a fence that orders earlier writes before later reads costs anything on most hosts; the
 * others keep the compiler and weaker hosts in order. */
INTERP_OP(fence_data)
{
    enum { I = 8, O = 4, R = 2, W = 1 };
    unsigned before = (unsigned)s->imm >> 4, after = (unsigned)s->imm;
    bool tso = (unsigned)s->imm >> 8 == 8;
    if ((before & (W | O)) != 0 && (after & (R | I)) != 0 && !tso) {
        atomic_thread_fence(memory_order_seq_cst);
    } else {
        atomic_thread_fence(memory_order_acq_rel);
    }
    INTERP_NEXT(s + length);
}

INTERP_OP(fence_code)
{
    interp_sync(INTERP_PASS);
    h->hart.engine->fence_instructions(&h->hart);
    return interp_resume(INTERP_PASS, length);
}

/* Whether the envcfg registers enable what `bits` stand for in the present mode. */
static bool sys_cbo_enabled(const struct riscv_hart *h, uint64_t bits)
{
    if (h->priv != PRIV_M && (h->menvcfg & bits) == 0) {
        return false;
    }
    return h->priv != PRIV_U || (h->senvcfg & bits) != 0;
}

/* A cache-block operation that moves no data: there are no caches, but the access is checked. */
static INTERP_COLD struct interp_slot *sys_cbo(INTERP_ARGS, unsigned length, uint64_t enable)
{
    interp_sync(INTERP_PASS);
    if (!sys_cbo_enabled(h, enable)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    if (!riscv_cbo_check(h, h->x[s->rs1])) {
        return interp_enter(h, in);
    }
    return interp_resume(INTERP_PASS, length);
}

INTERP_OP(cbo_inval)
{
    return sys_cbo(INTERP_PASS, length, ENVCFG_CBIE);
}

INTERP_OP(cbo_clean)
{
    return sys_cbo(INTERP_PASS, length, ENVCFG_CBCFE);
}

INTERP_OP(cbo_flush)
{
    return sys_cbo(INTERP_PASS, length, ENVCFG_CBCFE);
}

INTERP_OP(cbo_zero)
{
    uint64_t block = h->x[s->rs1] & ~(uint64_t)(SYS_CACHE_BLOCK - 1);
    interp_sync(INTERP_PASS);
    if (!sys_cbo_enabled(h, ENVCFG_CBZE)) {
        return interp_raise_illegal(INTERP_PASS);
    }
    uint8_t *host = tlb_probe(in->tlb, TLB_WRITE, block, SYS_CACHE_BLOCK);
    if (host == NULL) {
        host = riscv_block_address(h, block, SYS_CACHE_BLOCK);
    }
    if (host == NULL) {
        return interp_enter(h, in);
    }
    bool monitored = riscv_page_monitored(h, host);
    if (monitored) {
        riscv_store_begin(h, host);
    }
    memset(host, 0, SYS_CACHE_BLOCK);
    if (monitored) {
        riscv_store_end(h);
    }
    return interp_resume(INTERP_PASS, length);
}

struct interp_slot *interp_illegal(INTERP_ARGS)
{
    return interp_raise(INTERP_PASS, CAUSE_ILLEGAL, (uint32_t)s->imm);
}
