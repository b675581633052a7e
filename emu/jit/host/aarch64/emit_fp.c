/*
 * Floating point on the host's. FPCR.DN makes NaN results the canonical one, FPSR's sticky bits
 * are fflags, with one exception: the host calls a result tiny before rounding, RISC-V after. So
 * FPSR.UFC is kept clear. What may underflow looks at its result's exponent; when the flag was
 * raised it moves to hart->fflags, except where the result is the smallest normal number, and the
 * two rules may differ: then the interpreter does it again. Sums are exact where they are tiny.
 */
#include "emu/jit/host/aarch64/emit.h"

#include "emu/riscv/fpu.h"

#define MSTATUS_FS_DIRTY 0x6000
#define FPSR_UFC 8
#define FPCR_DN (1u << 25)
#define FPCR_MODE_SHIFT 22

/* Whether an operand of a product is zero, so that the result is exact. */
static uint8_t *emit_zero_check(struct emitter *e, bool wide, int reg)
{
    a64_fpx(&e->as, A64_FMOV_X, wide, wide, false, S0, reg);
    a64_shift_ri(&e->as, A64_LSL, wide, S0, S0, 1);
    return a64_cbz(&e->as, wide, false, S0);
}

/* The result is zero, subnormal, or below twice the smallest normal number. */
static void emit_cold_tiny(struct emitter *e, const struct emit_cold *cold)
{
    struct a64_asm *as = &e->as;
    const struct ir_ins *ins = cold->ins;
    bool wide = !ins->w32, narrows = ins->op == IR_FCVTFF;
    struct a64_mem fflags = HART_AT(fflags);
    a64_bind(as, emit_zero_check(e, wide || narrows, cold->a), cold->resume);
    if (ins->op != IR_FDIV && !narrows) {
        a64_bind(as, emit_zero_check(e, wide, cold->b), cold->resume);
    }
    a64_fpsr(as, true, S0);
    a64_logic_ri(as, A64_ANDS, true, A64_ZR, S0, FPSR_UFC);
    a64_bind(as, a64_bcc(as, CC_EQ), cold->resume);
    a64_logic_ri(as, A64_AND, true, S0, S0, ~(uint64_t)FPSR_UFC);
    a64_fpsr(as, false, S0);
    a64_fpx(as, A64_FMOV_X, wide, wide, false, S0, cold->value);
    a64_shift_ri(as, A64_LSL, wide, S0, S0, 1);
    a64_logic_ri(as, A64_EOR, wide, S0, S0, wide ? UINT64_C(1) << 53 : UINT64_C(1) << 24);
    uint8_t *again = a64_cbz(as, wide, false, S0);
    a64_access(as, (struct a64_access){ 1, true, false, false }, S0, fflags);
    a64_logic_ri(as, A64_ORR, false, S0, S0, FPU_UF);
    a64_access(as, (struct a64_access){ 1, false, false, false }, S0, fflags);
    emit_resume(e, cold);
    a64_bind_here(as, again);
    emit_cold_step(e, cold);
}

/* Goes to the cold code if the exponent field of the result is 0 or 1. */
static void emit_tiny_check(struct emitter *e, const struct ir_ins *ins, int dst, int a, int b)
{
    bool wide = !ins->w32;
    a64_fpx(&e->as, A64_FMOV_X, wide, wide, false, S0, dst);
    a64_bitfield(&e->as, A64_UBFM, wide, S0, S0, wide ? 53 : 24, wide ? 62 : 30);
    struct emit_cold *cold = emit_cold(e, emit_cold_tiny, ins, a64_cbz(&e->as, wide, false, S0));
    cold->value = (int8_t)dst;
    cold->a = (int8_t)a;
    cold->b = (int8_t)b;
    cold->resume = e->as.at;
}

static void emit_box_result(struct emitter *e, const struct ir_ins *ins, int dst)
{
    if (ins->w32) {
        emit_box(e, dst);
    }
}

/* Sums and roots: tiny results are exact. */
static void emit_fp_sum(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a);
    int b = ins->op == IR_FSQRT ? a : regs_read(&e->f, ins->b);
    int dst = regs_write(&e->f, (uint16_t)index);
    if (ins->op == IR_FSQRT) {
        a64_fp1(&e->as, A64_FSQRT, !ins->w32, dst, a);
    } else {
        a64_fp2(&e->as, ins->op == IR_FADD ? A64_FADD : A64_FSUB, !ins->w32, dst, a, b);
    }
    emit_box_result(e, ins, dst);
}

static void emit_fp_product(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a), b = regs_read(&e->f, ins->b);
    int dst = regs_write_fresh(&e->f, (uint16_t)index);
    a64_fp2(&e->as, ins->op == IR_FMUL ? A64_FMUL : A64_FDIV, !ins->w32, dst, a, b);
    emit_box_result(e, ins, dst);
    emit_tiny_check(e, ins, dst, a, b);
}

static void emit_fma(struct emitter *e, unsigned index)
{
    static const uint8_t ops[] = { [IR_FMADD - IR_FMADD] = A64_FMADD,
                                   [IR_FMSUB - IR_FMADD] = A64_FNMSUB,
                                   [IR_FNMSUB - IR_FMADD] = A64_FMSUB,
                                   [IR_FNMADD - IR_FMADD] = A64_FNMADD };
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a), b = regs_read(&e->f, ins->b);
    int c = regs_read(&e->f, ins->c);
    int dst = regs_write_fresh(&e->f, (uint16_t)index);
    a64_fp3(&e->as, ops[ins->op - IR_FMADD], !ins->w32, dst, a, b, c);
    emit_box_result(e, ins, dst);
    emit_tiny_check(e, ins, dst, a, b);
}

/* NaNs differ, and are left to the interpreter. */
static void emit_fp_extreme(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a), b = regs_read(&e->f, ins->b);
    a64_fcmp(&e->as, !ins->w32, false, a, b);
    emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_VS));
    int dst = regs_write(&e->f, (uint16_t)index);
    a64_fp2(&e->as, ins->op == IR_FMIN ? A64_FMIN : A64_FMAX, !ins->w32, dst, a, b);
    emit_box_result(e, ins, dst);
}

/* Sign injection is bit moving. The upper halves of singles are all ones on both sides. */
static void emit_sign(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct a64_asm *as = &e->as;
    int a = regs_read(&e->f, ins->a), b = regs_read(&e->f, ins->b);
    if (a == b && ins->op != IR_FSGNJ) {
        int to = regs_write(&e->f, (uint16_t)index);
        a64_fp1(as, ins->op == IR_FSGNJN ? A64_FNEG : A64_FABS, !ins->w32, to, a);
        emit_box_result(e, ins, to);
        return;
    }
    a64_mov_imm(as, S0, UINT64_C(1) << (ins->w32 ? 31 : 63));
    a64_fpx(as, A64_FMOV_F, true, true, false, V_SCRATCH, S0);
    int dst = regs_write(&e->f, (uint16_t)index);
    if (ins->op == IR_FSGNJX) {
        a64_vec(as, A64_VAND, V_SCRATCH, V_SCRATCH, b);
        a64_vec(as, A64_VEOR, dst, a, V_SCRATCH);
        return;
    }
    a64_vec(as, A64_VBSL, V_SCRATCH, b, a);
    a64_fp1(as, ins->op == IR_FSGNJ ? A64_FMOV : A64_FNEG, !ins->w32, dst, V_SCRATCH);
    emit_box_result(e, ins, dst);
}

static void emit_fp_compare(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a), b = regs_read(&e->f, ins->b);
    bool quiet = ins->quiet;
    a64_fcmp(&e->as, !ins->w32, ins->op != IR_FEQ && !quiet, a, b);
    if (quiet) { /* a NaN is left to the interpreter */
        emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_VS));
    }
    int dst = regs_write(&e->x, (uint16_t)index);
    a64_cset(&e->as, dst, ins->op == IR_FEQ ? CC_EQ : ins->op == IR_FLT ? CC_MI : CC_LS);
}

static void emit_convert_format(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index]; /* w32: the result's format */
    int a = regs_read(&e->f, ins->a);
    int dst = regs_write_fresh(&e->f, (uint16_t)index);
    a64_fp1(&e->as, ins->w32 ? A64_FCVT_S : A64_FCVT_D, ins->w32, dst, a);
    emit_box_result(e, ins, dst);
    if (ins->w32) {
        emit_tiny_check(e, ins, dst, a, a);
    }
}

static void emit_from_integer(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int a = emit_read(e, ins->a);
    int dst = regs_write(&e->f, (uint16_t)index);
    a64_fpx(&e->as, ins->sign ? A64_SCVTF : A64_UCVTF, ins->size == 8, !ins->w32, false, dst, a);
    emit_box_result(e, ins, dst);
}

/* Rounded first, without a flag; what may be out of range goes to the interpreter, and only what
 * was in range may be inexact. */
static void emit_to_integer_rounded(struct emitter *e, const struct ir_ins *ins, int dst, int a)
{
    static const uint8_t ops[] = { [FPU_RNE] = A64_FRINTN, [FPU_RTZ] = A64_FRINTZ,
                                   [FPU_RDN] = A64_FRINTM, [FPU_RUP] = A64_FRINTP };
    struct a64_asm *as = &e->as;
    bool wide = ins->size == 8;
    a64_fp1(as, ins->sub <= FPU_RUP ? ops[ins->sub] : A64_FRINTI, !ins->w32, V_SCRATCH, a);
    a64_fpx(as, A64_FCVTZS, wide, !ins->w32, !ins->sign, S1, V_SCRATCH);
    if (ins->sign) { /* both bounds become the upper one, whose successor overflows */
        a64_logic_rs(as, A64_EOR, wide, S0, S1, S1, A64_ASR, wide ? 63 : 31);
        a64_sum_ri(as, A64_ADDS, wide, A64_ZR, S0, 1);
        emit_cold(e, emit_cold_step, ins, a64_bcc(as, CC_VS));
    } else {
        a64_sum_ri(as, A64_ADD, wide, S0, S1, 1);
        a64_sum_ri(as, A64_SUBS, wide, A64_ZR, S0, 1);
        emit_cold(e, emit_cold_step, ins, a64_bcc(as, CC_LS));
    }
    if (!ins->quiet) {
        a64_fp1(as, A64_FRINTX, !ins->w32, V_SCRATCH, a);
    }
    a64_mov(as, dst, S1);
}

/* The host saturates as RISC-V does, but for NaNs. */
static void emit_to_integer(struct emitter *e, unsigned index)
{
    static const uint8_t ops[] = { [FPU_RNE] = A64_FCVTNS, [FPU_RTZ] = A64_FCVTZS,
                                   [FPU_RDN] = A64_FCVTMS, [FPU_RUP] = A64_FCVTPS };
    const struct ir_ins *ins = &e->block->ins[index];
    int a = regs_read(&e->f, ins->a);
    a64_fcmp(&e->as, !ins->w32, false, a, a);
    emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_VS));
    int dst = regs_write_fresh(&e->x, (uint16_t)index);
    if (ins->sub <= FPU_RUP && !ins->quiet && !ins->bounded) {
        a64_fpx(&e->as, ops[ins->sub], ins->size == 8, !ins->w32, !ins->sign, dst, a);
    } else {
        emit_to_integer_rounded(e, ins, dst, a);
    }
    if (ins->size == 4) {
        a64_extend(&e->as, 4, true, dst, dst);
    }
}

static void emit_fp_moves(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    bool wide = !ins->w32;
    if (ins->op == IR_FMVXF) {
        int from = regs_read(&e->f, ins->a);
        int to = regs_write(&e->x, (uint16_t)index);
        a64_fpx(&e->as, A64_FMOV_X, wide, wide, false, to, from);
        if (ins->w32) {
            a64_extend(&e->as, 4, true, to, to);
        }
        return;
    }
    int from = emit_read(e, ins->a);
    int to = regs_write(&e->f, (uint16_t)index);
    a64_fpx(&e->as, A64_FMOV_F, wide, wide, false, to, from);
    emit_box_result(e, ins, to);
}

/* The first FP instruction of a block: is FP usable at all? Then FS becomes dirty. */
static void emit_fp_check(struct emitter *e, const struct ir_ins *ins)
{
    struct a64_asm *as = &e->as;
    a64_access(as, (struct a64_access){ 1, true, false, false }, S0, AREA_AT(fp_usable));
    emit_cold(e, emit_cold_step, ins, a64_cbz(as, false, false, S0));
    a64_ldr(as, S0, HART_AT(mstatus));
    a64_logic_ri(as, A64_ORR, true, S0, S0, MSTATUS_FS_DIRTY);
    a64_str(as, S0, HART_AT(mstatus));
}

/* A single that may not be NaN-boxed is left to the interpreter. */
static void emit_box_check(struct emitter *e, const struct ir_ins *ins)
{
    struct a64_asm *as = &e->as;
    a64_fpx(as, A64_FMOV_X, true, true, false, S0, regs_read(&e->f, ins->a));
    a64_shift_ri(as, A64_ASR, true, S0, S0, 32);
    a64_sum_ri(as, A64_ADDS, false, A64_ZR, S0, 1);
    emit_cold(e, emit_cold_step, ins, a64_bcc(as, CC_NE));
}

bool emit_float(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_FCHECK: emit_fp_check(e, ins); return true;
    case IR_FBOXED: emit_box_check(e, ins); return true;
    case IR_FADD: case IR_FSUB: case IR_FSQRT: emit_fp_sum(e, index); return true;
    case IR_FMUL: case IR_FDIV: emit_fp_product(e, index); return true;
    case IR_FMADD: case IR_FMSUB: case IR_FNMSUB: case IR_FNMADD: emit_fma(e, index); return true;
    case IR_FMIN: case IR_FMAX: emit_fp_extreme(e, index); return true;
    case IR_FSGNJ: case IR_FSGNJN: case IR_FSGNJX: emit_sign(e, index); return true;
    case IR_FEQ: case IR_FLT: case IR_FLE: emit_fp_compare(e, index); return true;
    case IR_FCVTFF: emit_convert_format(e, index); return true;
    case IR_FCVTIF: emit_from_integer(e, index); return true;
    case IR_FCVTFI: emit_to_integer(e, index); return true;
    case IR_FMVXF: case IR_FMVFX: emit_fp_moves(e, index); return true;
    default: return false;
    }
}

const bool host_reads_flags_late = false;

bool host_stays(const struct ir_ins *ins)
{
    return ins->op == IR_FCVTIF || ((ins->op == IR_FEQ || ins->op == IR_FLT ||
                                     ins->op == IR_FLE) && !ins->quiet);
}

void host_fp_begin(struct riscv_hart *hart)
{
    static const uint8_t rounding[] = { [FPU_RNE] = 0, [FPU_RTZ] = 3, [FPU_RDN] = 2,
                                        [FPU_RUP] = 1 };
    uint64_t mode = hart->frm <= FPU_RUP ? rounding[hart->frm] : 0u, before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(FPCR_DN | mode << FPCR_MODE_SHIFT));
    __asm__ volatile("msr fpsr, xzr");
    jit_area(hart)->fp_mode_host = (uint32_t)before;
}

void host_sync_flags(struct riscv_hart *hart)
{
    uint64_t now;
    __asm__ volatile("mrs %0, fpsr" : "=r"(now));
    if ((now & 0x1f) != 0) {
        hart->fflags |= (uint8_t)((now & 0x10 ? FPU_NX : 0) | (now & FPSR_UFC ? FPU_UF : 0) |
                                  (now & 4 ? FPU_OF : 0) | (now & 2 ? FPU_DZ : 0) |
                                  (now & 1 ? FPU_NV : 0));
        __asm__ volatile("msr fpsr, xzr");
    }
}

void host_fp_end(struct riscv_hart *hart)
{
    host_sync_flags(hart);
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)jit_area(hart)->fp_mode_host));
}
