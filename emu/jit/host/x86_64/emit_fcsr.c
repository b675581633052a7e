/* fflags and frm. The flags are MXCSR's sticky bits together with those collected in the hart; a
 * rounding mode is only compared with the one in force: another one is the interpreter's. */
#include "emu/jit/host/x86_64/emit.h"

#include "emu/riscv/fpu.h"

#define STICKY_MASK 0x3f

#define FLAGS_OF(bits)                                                                           \
    (((bits) & 0x20 ? FPU_NX : 0) | ((bits) & 0x10 ? FPU_UF : 0) | ((bits) & 8 ? FPU_OF : 0) |    \
     ((bits) & 4 ? FPU_DZ : 0) | ((bits) & 1 ? FPU_NV : 0))
#define FLAGS_OF_4(bits)  FLAGS_OF(bits), FLAGS_OF((bits) + 1), FLAGS_OF((bits) + 2), \
                          FLAGS_OF((bits) + 3)
#define FLAGS_OF_16(bits) FLAGS_OF_4(bits), FLAGS_OF_4((bits) + 4), FLAGS_OF_4((bits) + 8), \
                          FLAGS_OF_4((bits) + 12)

/* fflags for each state of the sticky bits. */
static const uint8_t fcsr_flags[STICKY_MASK + 1] = { FLAGS_OF_16(0), FLAGS_OF_16(16),
                                                     FLAGS_OF_16(32), FLAGS_OF_16(48) };

/* fflags in `dst`; uses `temp`. */
static void emit_flags(struct emitter *e, enum x86_reg dst, enum x86_reg temp)
{
    struct x86_asm *as = &e->as;
    struct x86_mem now = x86_at(HART, AREA_OFFSET(fp_now));
    x86_mxcsr(as, 3, now);
    x86_mov_rm(as, false, dst, now);
    x86_alu_ri(as, X86_AND, false, dst, STICKY_MASK);
    x86_mov_ri(as, temp, (uint64_t)(uintptr_t)fcsr_flags, false);
    x86_load(as, 1, false, dst, x86_indexed(temp, dst, 0));
    x86_load(as, 1, false, temp, x86_at(HART, HART_OFFSET(fflags)));
    x86_alu_rr(as, X86_OR, false, dst, temp);
}

void emit_late_flags(struct emitter *e, const struct ir_ins *ins)
{
    if (ins->late == 0) {
        return;
    }
    int home = emit_regs_x.pinned[ins->late];
    emit_flags(e, home == REGS_NONE ? RDX : home, RCX);
    if (home == REGS_NONE) {
        x86_store(&e->as, 8, x86_at(HART, HART_OFFSET(x) + 8 * ins->late), RDX);
    }
}

static void emit_cold_put(struct emitter *e, const struct emit_cold *cold)
{
    x86_store(&e->as, 1, x86_at(HART, HART_OFFSET(fflags)), cold->result);
    x86_mxcsr(&e->as, 2, x86_at(HART, AREA_OFFSET(fp_mode)));
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
}

/* Mostly they are set to what they are: code that saves them around a comparison does. */
static void emit_flags_put(struct emitter *e, const struct ir_ins *ins)
{
    enum x86_reg value = regs_read(&e->x, ins->a);
    enum x86_reg now = regs_scratch(&e->x), temp = regs_scratch(&e->x);
    emit_flags(e, now, temp);
    x86_alu_rr(&e->as, X86_CMP, false, now, value);
    struct emit_cold *cold = emit_cold(e, emit_cold_put, ins, x86_jcc(&e->as, CC_NE));
    if (cold != NULL) {
        cold->result = (int8_t)value;
        cold->resume = e->as.at;
    }
}

static void emit_mode_check(struct emitter *e, const struct ir_ins *ins)
{
    int64_t mode;
    struct x86_mem frm = x86_at(HART, HART_OFFSET(frm));
    if (ir_is_const(e->block, ins->a, &mode)) {
        x86_cmp_m8i(&e->as, frm, (int8_t)mode);
    } else {
        enum x86_reg value = regs_read(&e->x, ins->a), now = regs_scratch(&e->x);
        x86_load(&e->as, 1, false, now, frm);
        x86_alu_rr(&e->as, X86_CMP, false, now, value);
    }
    emit_cold(e, emit_cold_step, ins, x86_jcc(&e->as, CC_NE));
}

/* An integer that a double may not hold exactly is left to the interpreter. */
static void emit_exact_check(struct emitter *e, const struct ir_ins *ins)
{
    enum x86_reg value = regs_read(&e->x, ins->a), temp = regs_scratch(&e->x);
    x86_mov_ri(&e->as, temp, UINT64_C(1) << 53, false);
    x86_alu_rr(&e->as, X86_ADD, true, temp, value);
    x86_shift_ri(&e->as, X86_SHR, true, temp, 54);
    emit_cold(e, emit_cold_step, ins, x86_jcc(&e->as, CC_NE));
}

bool emit_fcsr(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_FLAGS: {
        enum x86_reg temp = regs_scratch(&e->x);
        emit_flags(e, (enum x86_reg)regs_write(&e->x, (uint16_t)index), temp);
        return true;
    }
    case IR_FLAGSPUT: emit_flags_put(e, ins); return true;
    case IR_FMODE: emit_mode_check(e, ins); return true;
    case IR_FEXACT: emit_exact_check(e, ins); return true;
    default: return false;
    }
}
