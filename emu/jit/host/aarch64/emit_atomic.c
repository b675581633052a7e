/* Atomics and fences. RISC-V's orders map to the host's one to one: acquire and release are those
 * of LDAR, of the atomic instructions and of exclusive pairs; both together on one atomic
 * instruction order everything on both sides. */
#include "emu/jit/host/aarch64/emit.h"

#include "emu/jit/slow.h"

/* A miss: fill the TLB and probe again; what cannot be cached is left to the interpreter. */
static void emit_cold_fill(struct emitter *e, const struct emit_cold *cold)
{
    emit_slow_arguments(e, cold, cold->ins->op == IR_LR ? TLB_READ : TLB_WRITE);
    emit_call_thunk(e, e->thunks->fill);
    uint8_t *uncached = a64_cbz(&e->as, true, false, S0);
    emit_resume(e, cold);
    a64_bind_here(&e->as, uncached);
    emit_cold_step(e, cold);
}

/* Host address of an aligned atomic access in S1. */
static void emit_atomic_address(struct emitter *e, const struct ir_ins *ins)
{
    int address = emit_address(e, ins->a, ins->imm);
    const uint8_t *again = e->as.at;
    struct emit_cold *cold = emit_cold(
        e, emit_cold_fill, ins,
        emit_probe(e, address, ins->size, ins->op == IR_LR ? TLB_READ : TLB_WRITE));
    cold->address = (int8_t)address;
    cold->resume = again;
    a64_sum_rr(&e->as, A64_ADD, true, S1, S1, address, 0);
    a64_logic_ri(&e->as, A64_ANDS, true, A64_ZR, S1, ins->size - 1u);
    emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_NE));
}

static bool emit_acquires(const struct ir_ins *ins)
{
    return (ins->order & IR_ACQUIRE) != 0;
}

static bool emit_releases(const struct ir_ins *ins)
{
    return (ins->order & IR_RELEASE) != 0;
}

static void emit_amo_lse(struct emitter *e, const struct ir_ins *ins, int dst, int value)
{
    static const uint8_t ops[] = {
        [IR_AMO_SWAP] = A64_SWP, [IR_AMO_ADD] = A64_LDADD, [IR_AMO_XOR] = A64_LDEOR,
        [IR_AMO_AND] = A64_LDCLR, [IR_AMO_OR] = A64_LDSET, [IR_AMO_MIN] = A64_LDSMIN,
        [IR_AMO_MAX] = A64_LDSMAX, [IR_AMO_MINU] = A64_LDUMIN, [IR_AMO_MAXU] = A64_LDUMAX,
    };
    if (ins->sub == IR_AMO_AND) { /* the host clears bits */
        a64_logic_rr(&e->as, A64_ORN, true, S0, A64_ZR, value);
        value = S0;
    }
    a64_atomic(&e->as, ops[ins->sub], ins->size, emit_acquires(ins), emit_releases(ins), value, dst,
               S1);
}

/* S0 = what is to be stored, from what is there (dst) and the operand. */
static void emit_amo_step(struct emitter *e, const struct ir_ins *ins, int dst, int value)
{
    struct a64_asm *as = &e->as;
    bool wide = ins->size == 8;
    switch ((enum ir_amo)ins->sub) {
    case IR_AMO_SWAP: a64_mov(as, S0, value); return;
    case IR_AMO_ADD: a64_sum_rr(as, A64_ADD, wide, S0, dst, value, 0); return;
    case IR_AMO_XOR: a64_logic_rr(as, A64_EOR, wide, S0, dst, value); return;
    case IR_AMO_AND: a64_logic_rr(as, A64_AND, wide, S0, dst, value); return;
    case IR_AMO_OR: a64_logic_rr(as, A64_ORR, wide, S0, dst, value); return;
    default: break;
    }
    enum a64_cc keep = ins->sub == IR_AMO_MIN    ? CC_LT
                       : ins->sub == IR_AMO_MAX  ? CC_GT
                       : ins->sub == IR_AMO_MINU ? CC_LO
                                                 : CC_HI;
    a64_sum_rr(as, A64_SUBS, wide, A64_ZR, dst, value, 0);
    a64_select(as, A64_CSEL, wide, S0, dst, value, keep);
}

/* Without FEAT_LSE: a loop, and a barrier where both orders are asked for at once. */
static void emit_amo_loop(struct emitter *e, const struct ir_ins *ins, int dst, int value)
{
    struct a64_asm *as = &e->as;
    const uint8_t *again = as->at;
    a64_ldxr(as, ins->size, emit_acquires(ins), dst, S1);
    emit_amo_step(e, ins, dst, value);
    a64_stxr(as, ins->size, emit_releases(ins), A64_LINK, S0, S1);
    a64_bind(as, a64_cbz(as, false, true, A64_LINK), again);
    if (emit_acquires(ins) && emit_releases(ins)) {
        a64_dmb(as, A64_DMB_ISH);
    }
}

static void emit_amo(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int value = emit_read(e, ins->b);
    emit_atomic_address(e, ins);
    int dst = regs_write_fresh(&e->x, (uint16_t)index);
    if (emit_has_lse()) {
        emit_amo_lse(e, ins, dst, value);
    } else {
        emit_amo_loop(e, ins, dst, value);
    }
    if (ins->size == 4) {
        a64_extend(&e->as, 4, true, dst, dst);
    }
}

/* LR remembers the place and the value; SC compares and swaps. */
static void emit_load_reserved(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct a64_asm *as = &e->as;
    emit_atomic_address(e, ins);
    int dst = regs_write(&e->x, (uint16_t)index);
    if (emit_releases(ins)) {
        a64_dmb(as, A64_DMB_ISH);
    }
    if (emit_acquires(ins)) {
        a64_ldar(as, ins->size, dst, S1);
        if (ins->size == 4) {
            a64_extend(as, 4, true, dst, dst);
        }
    } else {
        a64_access(as, (struct a64_access){ ins->size, true, true, false }, dst, a64_at(S1, 0));
    }
    a64_str(as, dst, HART_AT(reserved_value));
    a64_sum_ri(as, A64_ADD, true, A64_LINK, S1, ins->size / 8);
    a64_str(as, A64_LINK, HART_AT(reserved));
}

static void emit_store_conditional(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct a64_asm *as = &e->as;
    bool wide = ins->size == 8;
    uint8_t *changed = NULL;
    int value = emit_read(e, ins->b);
    emit_atomic_address(e, ins);
    a64_ldr(as, S0, HART_AT(reserved));
    a64_sum_ri(as, A64_ADD, true, A64_LINK, S1, ins->size / 8);
    a64_sum_rr(as, A64_SUBS, true, A64_ZR, A64_LINK, S0, 0);
    uint8_t *none = a64_bcc(as, CC_NE);
    a64_ldr(as, S0, HART_AT(reserved_value));
    if (emit_has_lse()) {
        a64_mov(as, A64_LINK, S0);
        a64_cas(as, ins->size, emit_acquires(ins), emit_releases(ins), S0, value, S1);
        a64_sum_rr(as, A64_SUBS, wide, A64_ZR, S0, A64_LINK, 0);
    } else {
        const uint8_t *again = as->at;
        a64_ldxr(as, ins->size, emit_acquires(ins), A64_LINK, S1);
        a64_sum_rr(as, A64_SUBS, wide, A64_ZR, A64_LINK, S0, 0);
        changed = a64_bcc(as, CC_NE);
        a64_stxr(as, ins->size, emit_releases(ins), A64_LINK, value, S1);
        a64_bind(as, a64_cbz(as, false, true, A64_LINK), again);
    }
    a64_bind_here(as, none);
    if (changed != NULL) {
        a64_bind_here(as, changed);
    }
    a64_cset(as, regs_write(&e->x, (uint16_t)index), CC_NE);
    a64_str(as, A64_ZR, HART_AT(reserved));
}

static void emit_fence(struct emitter *e, const struct ir_ins *ins)
{
    if ((ins->order & IR_FENCE_FULL) != 0) {
        a64_dmb(&e->as, A64_DMB_ISH);
        return;
    }
    if ((ins->order & IR_FENCE_LOADS) != 0) {
        a64_dmb(&e->as, A64_DMB_ISHLD);
    }
    if ((ins->order & IR_FENCE_STORES) != 0) {
        a64_dmb(&e->as, A64_DMB_ISHST);
    }
}

bool emit_atomic(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_AMO: emit_amo(e, index); return true;
    case IR_LR: emit_load_reserved(e, index); return true;
    case IR_SC: emit_store_conditional(e, index); return true;
    case IR_FENCE: emit_fence(e, ins); return true;
    default: return false;
    }
}
