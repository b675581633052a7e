/* fflags and frm. The flags are FPSR's sticky bits, which stand in the opposite order, together
 * with those collected in the hart; a rounding mode is only compared with the one in force: another
 * one is the interpreter's. */
#include "emu/jit/host/aarch64/emit.h"

#define FLAGS_COUNT 5

static void emit_flags(struct emitter *e, int dst)
{
    struct a64_asm *as = &e->as;
    a64_fpsr(as, true, S0);
    a64_one(as, A64_RBIT, false, S0, S0);
    a64_shift_ri(as, A64_LSR, false, S0, S0, 32 - FLAGS_COUNT);
    a64_access(as, (struct a64_access){ 1, true, false, false }, S1, HART_AT(fflags));
    a64_logic_rr(as, A64_ORR, false, dst, S0, S1);
}

static void emit_flags_put(struct emitter *e, const struct ir_ins *ins)
{
    int value = emit_read(e, ins->a);
    a64_access(&e->as, (struct a64_access){ 1, false, false, false }, value, HART_AT(fflags));
    a64_fpsr(&e->as, false, A64_ZR);
}

static void emit_mode_check(struct emitter *e, const struct ir_ins *ins)
{
    int value = emit_read(e, ins->a);
    a64_access(&e->as, (struct a64_access){ 1, true, false, false }, S0, HART_AT(frm));
    a64_sum_rr(&e->as, A64_SUBS, false, A64_ZR, S0, value, 0);
    emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_NE));
}

/* An integer that a double may not hold exactly is left to the interpreter. */
static void emit_exact_check(struct emitter *e, const struct ir_ins *ins)
{
    int value = emit_read(e, ins->a);
    a64_mov_imm(&e->as, S0, UINT64_C(1) << 53);
    a64_sum_rr(&e->as, A64_ADD, true, S0, S0, value, 0);
    a64_shift_ri(&e->as, A64_LSR, true, S0, S0, 54);
    emit_cold(e, emit_cold_step, ins, a64_cbz(&e->as, true, true, S0));
}

bool emit_fcsr(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_FLAGS: emit_flags(e, regs_write(&e->x, (uint16_t)index)); return true;
    case IR_FLAGSPUT: emit_flags_put(e, ins); return true;
    case IR_FMODE: emit_mode_check(e, ins); return true;
    case IR_FEXACT: emit_exact_check(e, ins); return true;
    default: return false;
    }
}
