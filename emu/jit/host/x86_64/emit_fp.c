/* Floating point on the host's: MXCSR's sticky bits are fflags, and the few cases where x86 differs
 * from RISC-V are left to the interpreter, before anything that it would read has changed. Scalar
 * AVX operations copy bits 63:32 of their first source, so that NaN boxes survive. */
#include "emu/jit/host/x86_64/emit.h"

#include "emu/riscv/fpu.h"

#define MSTATUS_FS_DIRTY 0x6000

static struct x86_mem emit_constant(const struct ir_ins *ins, int32_t offset32, int32_t offset64)
{
    return x86_at(HART, ins->w32 ? offset32 : offset64);
}

static void emit_fp_box(struct emitter *e, unsigned xmm)
{
    x86_vlogic_m(&e->as, 0x56, xmm, xmm, x86_at(HART, AREA_OFFSET(constants.box)));
}

static void emit_fp_binary(struct emitter *e, unsigned index, unsigned opcode)
{
    const struct ir_ins *ins = &e->block->ins[index];
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned b = ins->b == IR_NONE ? a : (unsigned)regs_read(&e->f, ins->b);
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    x86_vscalar(&e->as, opcode, !ins->w32, dst, a, b);
    emit_nan_check(e, index, dst, emit_cold_nan);
}

/* A NaN result: the canonical one, and perhaps a flag. No integer temporary is free. */
static void emit_cold_product(struct emitter *e, const struct emit_cold *cold)
{
    static const uint8_t temps[] = { RAX, RCX, RDX };
    struct x86_asm *as = &e->as;
    for (unsigned i = 0; i < sizeof temps; i++) {
        x86_store(as, 8, x86_at(HART, AREA_OFFSET(temps_x) + 8 * (int32_t)i), temps[i]);
    }
    x86_vmov_rx(as, true, RAX, (unsigned)cold->address);
    x86_vmov_rx(as, true, RDX, (unsigned)cold->operand);
    x86_mov_ri(as, RCX, cold->ins->w32, false);
    emit_call_thunk(e, e->thunks->product);
    for (unsigned i = 0; i < sizeof temps; i++) {
        x86_mov_rm(as, true, temps[i], x86_at(HART, AREA_OFFSET(temps_x) + 8 * (int32_t)i));
    }
    emit_cold_nan(e, cold);
}

#define FMA_213 0x10 /* less than the opcode that adds to the destination: this one multiplies it */

/* The factors are needed for a NaN: one that is overwritten is copied first, unlike the addend. */
static void emit_fma(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    static const uint8_t opcodes[] = { [IR_FMADD - IR_FMADD] = 0xb9, [IR_FMSUB - IR_FMADD] = 0xbb,
                                       [IR_FNMSUB - IR_FMADD] = 0xbd,
                                       [IR_FNMADD - IR_FMADD] = 0xbf };
    unsigned opcode = opcodes[ins->op - IR_FMADD];
    bool over_a = regs_overwrites(&e->f, (uint16_t)index, ins->a);
    bool over_b = !over_a && regs_overwrites(&e->f, (uint16_t)index, ins->b);
    bool over_c = ins->c != ins->a && ins->c != ins->b;
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned b = (unsigned)regs_read(&e->f, ins->b);
    unsigned c = (unsigned)regs_read(&e->f, ins->c);
    unsigned dst;
    if (over_a || over_b) {
        unsigned copy = (unsigned)regs_scratch(&e->f), other = over_a ? b : a;
        dst = (unsigned)regs_write_over(&e->f, (uint16_t)index, over_a ? ins->a : ins->b);
        x86_vmov_xx(&e->as, copy, dst);
        x86_vfma(&e->as, opcode - FMA_213, !ins->w32, dst, other, c);
        a = copy;
        b = other == dst ? copy : other;
    } else {
        dst = (unsigned)regs_write_over(&e->f, (uint16_t)index, over_c ? ins->c : IR_NONE);
        emit_regs_f.move(e, (int)dst, (int)c);
        x86_vfma(&e->as, opcode, !ins->w32, dst, a, b);
    }
    struct emit_cold *cold = emit_nan_check(e, index, dst, emit_cold_product);
    if (cold != NULL) {
        cold->address = (int8_t)a;
        cold->operand = (int8_t)b;
    }
}

/* min: both orders OR-ed, max: AND-ed, which settles the sign of zeros. */
static void emit_fp_extreme(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    bool is_min = ins->op == IR_FMIN;
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned b = (unsigned)regs_read(&e->f, ins->b);
    x86_vcompare(as, 0x2e, !ins->w32, a, b);
    emit_cold(e, emit_cold_step, ins, x86_jcc(as, CC_P));
    unsigned t = (unsigned)regs_scratch(&e->f);
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    x86_vscalar(as, is_min ? 0x5d : 0x5f, !ins->w32, t, a, b);
    x86_vscalar(as, is_min ? 0x5d : 0x5f, !ins->w32, dst, b, a);
    x86_vlogic(as, is_min ? 0x56 : 0x54, dst, dst, t);
}

static void emit_sign(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    struct x86_mem sign = emit_constant(ins, AREA_OFFSET(constants.sign32),
                                        AREA_OFFSET(constants.sign64));
    struct x86_mem magnitude = emit_constant(ins, AREA_OFFSET(constants.abs32),
                                             AREA_OFFSET(constants.abs64));
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned b = (unsigned)regs_read(&e->f, ins->b);
    if (a == b && ins->op != IR_FSGNJ) {
        unsigned to = (unsigned)regs_write(&e->f, (uint16_t)index);
        x86_vlogic_m(as, ins->op == IR_FSGNJN ? 0x57 : 0x54, to, a,
                     ins->op == IR_FSGNJN ? sign : magnitude);
        return;
    }
    unsigned t = (unsigned)regs_scratch(&e->f);
    x86_vload(as, true, t, sign);
    x86_vlogic(as, ins->op == IR_FSGNJN ? 0x55 : 0x54, t, b, t);
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    if (ins->op == IR_FSGNJX) {
        x86_vlogic(as, 0x57, dst, a, t);
        return;
    }
    x86_vlogic_m(as, 0x54, dst, a, magnitude);
    x86_vlogic(as, 0x56, dst, dst, t);
}

/* Whether the operation makes canonical NaNs only, which do not signal. */
static bool emit_makes_quiet(enum ir_op op)
{
    return (op >= IR_FADD && op <= IR_FNMADD) || op == IR_FCVTFF || op == IR_FCVTIF;
}

static bool emit_is_sign(enum ir_op op)
{
    return op == IR_FSGNJ || op == IR_FSGNJN || op == IR_FSGNJX;
}

/* With flags to be read when the block is left, a NaN that signals must not get as far as an
 * operation that raises "invalid" for it: an exponent of ones is left to the interpreter. */
static void emit_order_check(struct emitter *e, const struct ir_ins *ins, uint16_t value,
                             unsigned xmm)
{
    struct x86_asm *as = &e->as;
    while (emit_is_sign(e->block->ins[value].op)) {
        value = e->block->ins[value].a;
    }
    if (ins->late == 0 || e->ordered[value] || emit_makes_quiet(e->block->ins[value].op)) {
        return;
    }
    enum x86_reg t = regs_scratch(&e->x);
    x86_vmov_rx(as, !ins->w32, t, xmm);
    if (!ins->w32) {
        x86_shift_ri(as, X86_SHR, true, t, 32);
    }
    x86_alu_rr(as, X86_ADD, false, t, t);
    x86_alu_ri(as, X86_CMP, false, t, ins->w32 ? -0x1000000 : -0x200000);
    emit_cold(e, emit_cold_step, ins, x86_jcc(as, CC_AE));
    e->ordered[value] = true;
}

static void emit_fp_compare(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned b = (unsigned)regs_read(&e->f, ins->b);
    bool quiet = ins->quiet;
    emit_order_check(e, ins, ins->a, a);
    emit_order_check(e, ins, ins->b, b);
    if (quiet) { /* a NaN is left to the interpreter */
        x86_vcompare(as, 0x2e, !ins->w32, b, a);
        emit_cold(e, emit_cold_step, ins, x86_jcc(as, CC_P));
    }
    if (ins->op == IR_FEQ && !quiet) {
        enum x86_reg t = regs_scratch(&e->x);
        enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
        x86_vcompare(as, 0x2e, !ins->w32, a, b);
        x86_setcc(as, CC_NP, t);
        x86_setcc(as, CC_E, dst);
        x86_alu_rr(as, X86_AND, false, dst, t);
        x86_extend(as, 1, false, dst, dst);
        return;
    }
    int dst = regs_write(&e->x, (uint16_t)index);
    if (!quiet) {
        x86_vcompare(as, 0x2f, !ins->w32, b, a);
    }
    x86_setcc(as, ins->op == IR_FEQ ? CC_E : ins->op == IR_FLT ? CC_A : CC_AE, dst);
    x86_extend(as, 1, false, dst, dst);
}

static void emit_convert_format(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index]; /* w32: the result's format */
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    x86_vcvt_ff(&e->as, ins->w32, dst, a, a);
    if (ins->w32) {
        emit_fp_box(e, dst);
    }
    emit_nan_check(e, index, dst, emit_cold_nan);
}

static void emit_from_integer(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg from = a;
    if (!ins->sign && ins->size == 4) {
        from = regs_scratch(&e->x);
        x86_extend(as, 4, false, from, a);
    } else if (!ins->sign) {
        x86_test_rr(as, true, a, a);
        emit_cold(e, emit_cold_step, ins, x86_jcc(as, CC_S));
    }
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    x86_vlogic(as, 0x57, dst, dst, dst);
    x86_vcvt_if(as, !ins->w32, ins->size == 8 || !ins->sign, dst, dst, from);
    if (ins->w32) {
        emit_fp_box(e, dst);
    }
}

/* Unsigned results: the pattern, as an integer, must be below the bound (so also positive). */
static uint8_t *emit_unsigned_check(struct emitter *e, const struct ir_ins *ins, unsigned xmm)
{
    struct x86_asm *as = &e->as;
    x86_vmov_rx(as, !ins->w32, RAX, xmm);
    if (ins->w32) {
        x86_alu_ri(as, X86_CMP, false, RAX, ins->size == 4 ? 0x4f800000 : 0x5f000000);
    } else {
        x86_mov_ri(as, RCX, ins->size == 4 ? 0x41efffffffe00000 : 0x43e0000000000000, false);
        x86_alu_rr(as, X86_CMP, true, RAX, RCX);
    }
    return x86_jcc(as, CC_AE);
}

/* A number's magnitude must be below the largest integer of the result's size, so that rounding it
 * first does not tell "inexact" of what turns out too large. */
static uint8_t *emit_magnitude_check(struct emitter *e, const struct ir_ins *ins, unsigned xmm)
{
    struct x86_asm *as = &e->as;
    x86_vmov_rx(as, !ins->w32, RAX, xmm);
    x86_shift_ri(as, X86_SHL, !ins->w32, RAX, 1); /* drops the sign */
    if (ins->w32) {
        x86_mov_ri(as, RCX, (ins->size == 4 ? 0x4f000000u : 0x5f000000u) << 1, false);
    } else {
        x86_mov_ri(as, RCX, (ins->size == 4 ? 0x41dfffffffc00000u : 0x43e0000000000000u) << 1,
                   false);
    }
    x86_alu_rr(as, X86_CMP, !ins->w32, RAX, RCX);
    return x86_jcc(as, CC_AE);
}

#define ROUND_QUIET 8 /* in the control of vround: inexact is not raised */

/* Whether rounding must come first: another mode than truncation, or nothing may be raised. */
static bool emit_rounds_first(const struct ir_ins *ins)
{
    return ins->sub == FPU_RNE || ins->sub == FPU_RDN || ins->sub == FPU_RUP || ins->quiet;
}

static void emit_to_integer(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    regs_take(&e->x, RAX);
    regs_take(&e->x, RCX);
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    uint8_t *bad = NULL, *large = NULL;
    if (!ins->sign) {
        bad = emit_unsigned_check(e, ins, a);
    }
    unsigned from = a;
    bool truncate = ins->sub == FPU_RTZ;
    if (emit_rounds_first(ins)) {
        static const uint8_t control[] = { [FPU_RNE] = 0, [FPU_RTZ] = 3, [FPU_RDN] = 1,
                                           [FPU_RUP] = 2 };
        if (ins->sign && ins->quiet) {
            bad = emit_magnitude_check(e, ins, a);
        } else if (ins->sign && ins->size == 4 && !ins->w32) {
            large = emit_magnitude_check(e, ins, a);
        }
        from = (unsigned)regs_scratch(&e->f);
        x86_vround(as, !ins->w32, from, a, control[ins->sub] | (ins->quiet ? ROUND_QUIET : 0));
        truncate = true;
    }
    x86_vcvt_fi(as, truncate ? 0x2c : 0x2d, !ins->w32, ins->size == 8 || !ins->sign, RAX, from);
    if (bad == NULL) { /* the smallest integer stands for "invalid" too */
        x86_alu_ri(as, X86_CMP, ins->size == 8, RAX, 1);
        bad = x86_jcc(as, CC_O);
    }
    if (ins->size == 4) {
        x86_extend(as, 4, true, RAX, RAX);
    }
    struct emit_cold *cold = emit_cold(e, emit_cold_step, ins, bad);
    if (cold != NULL) {
        cold->from[1] = large;
    }
    regs_define(&e->x, (uint16_t)index, RAX);
}

static void emit_fp_moves(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    if (ins->op == IR_FMVXF) {
        unsigned a = (unsigned)regs_read(&e->f, ins->a);
        enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
        x86_vmov_rx(&e->as, !ins->w32, dst, a);
        if (ins->w32) {
            x86_extend(&e->as, 4, true, dst, dst);
        }
        return;
    }
    enum x86_reg a = regs_read(&e->x, ins->a);
    unsigned dst = (unsigned)regs_write(&e->f, (uint16_t)index);
    x86_vmov_xr(&e->as, !ins->w32, dst, a);
    if (ins->w32) {
        emit_fp_box(e, dst);
    }
}

/* FS becomes dirty, if FP is usable at all. */
static void emit_cold_fp(struct emitter *e, const struct emit_cold *cold)
{
    struct x86_asm *as = &e->as;
    struct x86_mem usable = x86_at(HART, AREA_OFFSET(fp_usable));
    x86_cmp_m8i(as, usable, JIT_FP_OFF);
    uint8_t *off = x86_jcc(as, CC_E);
    x86_alu_mi(as, X86_OR, false, x86_at(HART, HART_OFFSET(mstatus)), MSTATUS_FS_DIRTY);
    x86_store_imm(as, 1, usable, JIT_FP_DIRTY);
    x86_bind(as, x86_jmp(as), cold->resume);
    x86_bind_here(as, off);
    emit_cold_step(e, cold);
}

/* The first FP instruction of a block. */
static void emit_fp_check(struct emitter *e, const struct ir_ins *ins)
{
    x86_cmp_m8i(&e->as, x86_at(HART, AREA_OFFSET(fp_usable)), JIT_FP_DIRTY);
    struct emit_cold *cold = emit_cold(e, emit_cold_fp, ins, x86_jcc(&e->as, CC_NE));
    if (cold != NULL) {
        cold->resume = e->as.at;
    }
}

/* A single that may not be NaN-boxed is left to the interpreter. */
static void emit_box_check(struct emitter *e, const struct ir_ins *ins)
{
    unsigned a = (unsigned)regs_read(&e->f, ins->a);
    enum x86_reg t = regs_scratch(&e->x);
    x86_vmov_rx(&e->as, true, t, a);
    x86_shift_ri(&e->as, X86_SAR, true, t, 32);
    x86_alu_ri(&e->as, X86_CMP, false, t, -1);
    emit_cold(e, emit_cold_step, ins, x86_jcc(&e->as, CC_NE));
}

bool emit_float(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_FCHECK: emit_fp_check(e, ins); return true;
    case IR_FBOXED: emit_box_check(e, ins); return true;
    case IR_FADD: emit_fp_binary(e, index, 0x58); return true;
    case IR_FSUB: emit_fp_binary(e, index, 0x5c); return true;
    case IR_FMUL: emit_fp_binary(e, index, 0x59); return true;
    case IR_FDIV: emit_fp_binary(e, index, 0x5e); return true;
    case IR_FSQRT: emit_fp_binary(e, index, 0x51); return true;
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

const bool host_reads_flags_late = true;

bool host_stays(const struct ir_ins *ins)
{
    switch ((enum ir_op)ins->op) {
    case IR_FMUL: case IR_FDIV: case IR_FCVTFF: case IR_FMADD: case IR_FMSUB: case IR_FNMSUB:
    case IR_FNMADD: return true;
    case IR_FEQ: case IR_FLT: case IR_FLE: return !ins->quiet;
    case IR_FCVTIF: return ins->sign || ins->size == 4;
    default: return false;
    }
}

void host_fp_begin(struct riscv_hart *hart)
{
    static const uint8_t rounding[] = { [FPU_RNE] = 0, [FPU_RTZ] = 3, [FPU_RDN] = 1,
                                        [FPU_RUP] = 2 };
    uint32_t mode = hart->frm <= FPU_RUP ? rounding[hart->frm] : 0u;
    uint32_t mxcsr = 0x1f80u | mode << 13;
    __asm__ volatile("stmxcsr %0" : "=m"(jit_area(hart)->fp_mode_host));
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    jit_area(hart)->fp_mode = mxcsr;
}

void host_sync_flags(struct riscv_hart *hart)
{
    uint32_t now;
    __asm__ volatile("stmxcsr %0" : "=m"(now));
    if ((now & 0x3d) != 0) {
        hart->fflags |= (uint8_t)((now & 0x20 ? FPU_NX : 0) | (now & 0x10 ? FPU_UF : 0) |
                                  (now & 8 ? FPU_OF : 0) | (now & 4 ? FPU_DZ : 0) |
                                  (now & 1 ? FPU_NV : 0));
        __asm__ volatile("ldmxcsr %0" : : "m"(jit_area(hart)->fp_mode));
    }
}

void host_fp_end(struct riscv_hart *hart)
{
    host_sync_flags(hart);
    __asm__ volatile("ldmxcsr %0" : : "m"(jit_area(hart)->fp_mode_host));
}
