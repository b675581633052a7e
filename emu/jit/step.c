/* System instructions, straight from their words: they are frequent enough in kernels. */
#include "emu/jit/step.h"

#include "emu/jit/area.h"
#include "emu/jit/cache.h"
#include "emu/mem/access.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

/* The instruction at pc, if its page is one that was entered and it does not leave it. */
static bool step_fetch(struct riscv_hart *h, const struct jit_hart *own, uint32_t *ret_word)
{
    uint64_t va = h->pc & TLB_PAGE_MASK;
    const struct fetch_entry *fetch =
        &jit_area(h)->context[h->bank_data].fetch[va / TLB_PAGE_SIZE % FETCH_CACHE_ENTRIES];
    uint64_t offset = h->pc % TLB_PAGE_SIZE;
    if (fetch->va != va || offset > TLB_PAGE_SIZE - 4) {
        return false;
    }
    *ret_word = (uint32_t)host_load(own->jit->page[fetch->id].host + offset, 4);
    return true;
}

/* Few words are stepped over and over: what they mean is remembered. NULL: illegal. */
static const struct isa_insn *step_decode(struct jit_hart *own, uint32_t word)
{
    /* Fibonacci hashing: words differ in a few bits that lie anywhere. */
    unsigned hash = word * 2654435769u >> (32 - STEP_DECODED_BITS);
    struct step_decoded *entry = &own->decoded[hash];
    if (entry->word != word) {
        if (!isa_decode(word, &entry->insn)) {
            entry->word = 0;
            return NULL;
        }
        entry->word = word;
    }
    return &entry->insn;
}

static void step_csr(struct riscv_hart *h, const struct isa_insn *insn, enum csr_op op,
                     uint64_t operand, uint32_t word)
{
    uint64_t old;
    uint8_t frm = h->frm;
    bool floating = insn->imm >= 1 && insn->imm <= 3;
    if (floating) {
        host_sync_flags(h);
    }
    if (op != CSR_WRITE && insn->rs1 == 0) {
        op = CSR_READ;
    }
    if (!riscv_csr(h, (unsigned)insn->imm, op, operand, &old)) {
        riscv_raise(h, CAUSE_ILLEGAL, word);
        return;
    }
    if (insn->rd != 0) {
        h->x[insn->rd] = old;
    }
    if (floating && h->frm != frm) {
        host_fp_end(h);
        host_fp_begin(h);
    }
    h->pc += insn->length;
    h->instret++;
}

static void step_return(struct riscv_hart *h, bool (*fn)(struct riscv_hart *), uint32_t word)
{
    if (fn(h)) {
        h->instret++;
    } else {
        riscv_raise(h, CAUSE_ILLEGAL, word);
    }
}

static void step_fence_vma(struct riscv_hart *h, const struct isa_insn *insn, uint32_t word)
{
    if (h->priv == PRIV_U || (h->priv == PRIV_S && (h->mstatus & MSTATUS_TVM) != 0)) {
        riscv_raise(h, CAUSE_ILLEGAL, word);
        return;
    }
    h->pc += insn->length;
    h->instret++;
    mmu_flush(h, insn->rs1 == 0 ? UINT64_MAX : h->x[insn->rs1],
              insn->rs2 == 0 ? UINT64_MAX : h->x[insn->rs2]);
}

static void step_wfi(struct riscv_hart *h, const struct isa_insn *insn, uint32_t word)
{
    if (!riscv_wfi_allowed(h)) {
        riscv_raise(h, CAUSE_ILLEGAL, word);
        return;
    }
    h->pc += insn->length;
    h->instret++;
    h->hart.waiting = true;
}

bool jit_step_system(struct riscv_hart *h, struct jit_hart *own)
{
    uint32_t word;
    if (!step_fetch(h, own, &word) || isa_length((uint16_t)word) == 2) {
        return false;
    }
    const struct isa_insn *insn = step_decode(own, word);
    if (insn == NULL) {
        return false;
    }
    switch (insn->uop) {
    case UOP_csr_write: step_csr(h, insn, CSR_WRITE, h->x[insn->rs1], word); return true;
    case UOP_csr_set: step_csr(h, insn, CSR_SET, h->x[insn->rs1], word); return true;
    case UOP_csr_clear: step_csr(h, insn, CSR_CLEAR, h->x[insn->rs1], word); return true;
    case UOP_csri_write: step_csr(h, insn, CSR_WRITE, insn->rs1, word); return true;
    case UOP_csri_set: step_csr(h, insn, CSR_SET, insn->rs1, word); return true;
    case UOP_csri_clear: step_csr(h, insn, CSR_CLEAR, insn->rs1, word); return true;
    case UOP_trap_ecall: riscv_ecall(h); return true;
    case UOP_sys_mret: step_return(h, riscv_mret, word); return true;
    case UOP_sys_sret: step_return(h, riscv_sret, word); return true;
    case UOP_sys_sfence:
    case UOP_sys_sinval: step_fence_vma(h, insn, word); return true;
    case UOP_sys_wfi: step_wfi(h, insn, word); return true;
    case UOP_pause:
        hart_relax(&h->hart);
        h->pc += insn->length;
        h->instret++;
        return true;
    case UOP_fence_code:
        h->pc += insn->length;
        h->instret++;
        h->hart.engine->fence_instructions(&h->hart);
        return true;
    default: return false;
    }
}
