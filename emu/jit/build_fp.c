/* Floating point. Only what the host computes to the bit is built; fclass is a step of the
 * interpreter, and so are, at run time, static rounding modes that differ from frm's and formats
 * that are not boxed. */
#include "emu/jit/build.h"

#include "emu/riscv/fpu.h"

#define RM_DYNAMIC 7

struct float_row {
    uint8_t op;
    bool w32;
    enum {
        FLOAT_NONE, FLOAT_LOAD, FLOAT_STORE, FLOAT_2, FLOAT_1, FLOAT_3, FLOAT_SIGN, FLOAT_COMPARE,
        FLOAT_WIDEN, FLOAT_NARROW, FLOAT_FROM, FLOAT_TO, FLOAT_MOVE_TO, FLOAT_MOVE_FROM,
    } shape;
    bool rounds; /* has a rounding mode that matters: the dynamic one only */
    uint8_t size; /* of the integer in conversions */
    bool sign;
};

#define BOTH(name, op, shape, rounds)                                                            \
    [UOP_fp_##name##32] = { IR_##op, true, shape, rounds, 0, false },                            \
    [UOP_fp_##name##64] = { IR_##op, false, shape, rounds, 0, false }
#define FROM(name, size, sign, exact64)                                                          \
    [UOP_fp_##name##_f32] = { IR_FCVTIF, true, FLOAT_FROM, true, size, sign },                   \
    [UOP_fp_##name##_f64] = { IR_FCVTIF, false, FLOAT_FROM, !(exact64), size, sign }
#define TO(name, size, sign)                                                                     \
    [UOP_fp_f32_##name] = { IR_FCVTFI, true, FLOAT_TO, false, size, sign },                      \
    [UOP_fp_f64_##name] = { IR_FCVTFI, false, FLOAT_TO, false, size, sign }

static const struct float_row float_rows[UOP_COUNT] = {
    [UOP_fld_32] = { IR_LOADF, true, FLOAT_LOAD, false, 4, false },
    [UOP_fld_64] = { IR_LOADF, false, FLOAT_LOAD, false, 8, false },
    [UOP_fst_32] = { IR_STOREF, true, FLOAT_STORE, false, 4, false },
    [UOP_fst_64] = { IR_STOREF, false, FLOAT_STORE, false, 8, false },
    BOTH(add, FADD, FLOAT_2, true), BOTH(sub, FSUB, FLOAT_2, true), BOTH(mul, FMUL, FLOAT_2, true),
    BOTH(div, FDIV, FLOAT_2, true), BOTH(sqrt, FSQRT, FLOAT_1, true),
    BOTH(min, FMIN, FLOAT_2, false), BOTH(max, FMAX, FLOAT_2, false),
    BOTH(madd, FMADD, FLOAT_3, true), BOTH(msub, FMSUB, FLOAT_3, true),
    BOTH(nmsub, FNMSUB, FLOAT_3, true), BOTH(nmadd, FNMADD, FLOAT_3, true),
    BOTH(sgnj, FSGNJ, FLOAT_SIGN, false), BOTH(sgnjn, FSGNJN, FLOAT_SIGN, false),
    BOTH(sgnjx, FSGNJX, FLOAT_SIGN, false),
    BOTH(eq, FEQ, FLOAT_COMPARE, false), BOTH(lt, FLT, FLOAT_COMPARE, false),
    BOTH(le, FLE, FLOAT_COMPARE, false),
    [UOP_fp_f32_f64] = { IR_FCVTFF, false, FLOAT_WIDEN, false, 0, false },
    [UOP_fp_f64_f32] = { IR_FCVTFF, true, FLOAT_NARROW, true, 0, false },
    FROM(i32, 4, true, true), FROM(u32, 4, false, true), FROM(i64, 8, true, false),
    FROM(u64, 8, false, false),
    TO(i32, 4, true), TO(u32, 4, false), TO(i64, 8, true), TO(u64, 8, false),
    [UOP_fp_f32_x] = { IR_FMVXF, true, FLOAT_MOVE_TO, false, 0, false },
    [UOP_fp_f64_x] = { IR_FMVXF, false, FLOAT_MOVE_TO, false, 0, false },
    [UOP_fp_x_f32] = { IR_FMVFX, true, FLOAT_MOVE_FROM, false, 0, false },
    [UOP_fp_x_f64] = { IR_FMVFX, false, FLOAT_MOVE_FROM, false, 0, false },
};

static uint16_t build_f(struct build *build, unsigned reg)
{
    if (build->f[reg] == IR_NONE) {
        build->f[reg] = build_op(build, (struct ir_ins){ .op = IR_GETF, .reg = (uint8_t)reg });
    }
    return build->f[reg];
}

/* An operand in the format of the operation: singles must be boxed. */
static uint16_t build_operand(struct build *build, bool single, unsigned reg)
{
    uint16_t value = build_f(build, reg);
    if (single && !build->boxed[value]) {
        build_op(build, (struct ir_ins){ .op = IR_FBOXED, .a = value });
        build->boxed[value] = true;
    }
    return value;
}

static void build_put_f(struct build *build, unsigned reg, uint16_t value, bool boxed)
{
    build->boxed[value] |= boxed;
    if (build->f[reg] != value) {
        build->f[reg] = value;
        build_op(build, (struct ir_ins){ .op = IR_PUTF, .reg = (uint8_t)reg, .a = value });
    }
}

static enum build_result build_float_memory(struct build *build, const struct isa_insn *insn,
                                            const struct float_row *row)
{
    struct ir_ins ins = { .op = row->op, .size = row->size, .w32 = row->w32, .imm = insn->imm };
    if (row->shape == FLOAT_STORE) {
        ins.b = build_f(build, insn->rs2);
        ins.a = build_x(build, insn->rs1);
        build_op(build, ins);
        return BUILD_NEXT;
    }
    ins.a = build_x(build, insn->rs1);
    build_put_f(build, insn->rd, build_op(build, ins), row->w32);
    return BUILD_NEXT;
}

static enum build_result build_sign(struct build *build, const struct isa_insn *insn,
                                    const struct float_row *row)
{
    uint16_t a = build_operand(build, row->w32, insn->rs1);
    uint16_t b = build_operand(build, row->w32, insn->rs2);
    if (a == b && row->op == IR_FSGNJ) {
        build_put_f(build, insn->rd, a, row->w32);
        return BUILD_NEXT;
    }
    uint16_t value = build_op(build, (struct ir_ins){ .op = row->op, .w32 = row->w32, .a = a,
                                                      .b = b });
    build_put_f(build, insn->rd, value, row->w32);
    return BUILD_NEXT;
}

/* Whether an integer becomes a floating-point number as it is: it is small enough, or it was one
 * of the same kind of integer before. */
static bool build_is_exact(struct build *build, const struct ir_ins *ins)
{
    struct ir_ins *from = &build->block->ins[ins->a];
    if (ins->op != IR_FCVTIF || (!ins->w32 && ins->size == 4)) {
        return ins->op == IR_FCVTIF;
    }
    bool back = from->op == IR_FCVTFI && from->size == ins->size && from->sign == ins->sign &&
                (from->w32 || !ins->w32);
    from->bounded |= back;
    return back;
}

static enum build_result build_convert(struct build *build, const struct isa_insn *insn,
                                       const struct float_row *row)
{
    struct ir_ins ins = { .op = row->op, .w32 = row->w32, .size = row->size, .sign = row->sign };
    uint16_t value;
    switch (row->shape) {
    case FLOAT_FROM:
    case FLOAT_MOVE_FROM:
        ins.a = build_x(build, insn->rs1);
        ins.quiet = build_is_exact(build, &ins);
        build_put_f(build, insn->rd, build_op(build, ins), row->w32);
        return BUILD_NEXT;
    case FLOAT_MOVE_TO: /* moves bits, boxed or not */
        ins.a = build_f(build, insn->rs1);
        value = build_op(build, ins);
        build->narrow[value] = row->w32;
        build_put(build, insn->rd, value);
        return BUILD_NEXT;
    case FLOAT_TO:
        if (insn->rm == FPU_RMM) {
            return BUILD_STEP;
        }
        ins.sub = insn->rm;
        ins.a = build_operand(build, row->w32, insn->rs1);
        value = build_op(build, ins);
        build->narrow[value] = row->size == 4;
        build_put(build, insn->rd, value);
        return BUILD_NEXT;
    default: /* between the formats: w32 is the result's */
        ins.a = build_operand(build, !row->w32, insn->rs1);
        build_put_f(build, insn->rd, build_op(build, ins), row->w32);
        return BUILD_NEXT;
    }
}

static enum build_result build_arithmetic(struct build *build, const struct isa_insn *insn,
                                          const struct float_row *row)
{
    struct ir_ins ins = { .op = row->op, .w32 = row->w32 };
    ins.a = build_operand(build, row->w32, insn->rs1);
    if (row->shape != FLOAT_1) {
        ins.b = build_operand(build, row->w32, insn->rs2);
    }
    if (row->shape == FLOAT_3) {
        ins.c = build_operand(build, row->w32, insn->rs3);
    }
    uint16_t value = build_op(build, ins);
    if (row->shape == FLOAT_COMPARE) {
        build->narrow[value] = true;
        build_put(build, insn->rd, value);
    } else {
        build_put_f(build, insn->rd, value, row->w32);
    }
    return BUILD_NEXT;
}

void build_need_float(struct build *build)
{
    if (!build->fp_checked) {
        /* At the start of the block, so that a loop over it checks once. */
        build->block->ins[IR_CHECK] = (struct ir_ins){ .op = IR_FCHECK,
                                                               .pc = build->block->start };
        build->fp_checked = true;
    }
}

/* An operation rounds as frm says: a mode in the instruction has to be the same, unless there is
 * nothing to round. */
static void build_static_mode(struct build *build, const struct isa_insn *insn,
                              const struct float_row *row)
{
    struct ir_ins ins = { .op = row->op, .w32 = row->w32, .size = row->size, .sign = row->sign };
    if (row->op == IR_FCVTIF) {
        ins.a = build_x(build, insn->rs1);
    }
    if (build_is_exact(build, &ins)) {
        return;
    }
    if (row->op == IR_FCVTIF && !row->w32 && row->sign) { /* the check is of a signed number */
        build_op(build, (struct ir_ins){ .op = IR_FEXACT, .a = build_x(build, insn->rs1) });
    } else {
        build_op(build, (struct ir_ins){ .op = IR_FMODE, .a = build_const(build, insn->rm) });
    }
}

enum build_result build_float(struct build *build, const struct isa_insn *insn)
{
    const struct float_row *row = &float_rows[insn->uop];
    if (row->shape == FLOAT_NONE) {
        return BUILD_OTHER;
    }
    if (row->rounds && insn->rm != RM_DYNAMIC && insn->rm > FPU_RUP) {
        return BUILD_STEP;
    }
    build_need_float(build);
    if (row->rounds && insn->rm != RM_DYNAMIC) {
        build_static_mode(build, insn, row);
    }
    switch (row->shape) {
    case FLOAT_LOAD:
    case FLOAT_STORE: return build_float_memory(build, insn, row);
    case FLOAT_SIGN: return build_sign(build, insn, row);
    case FLOAT_2:
    case FLOAT_1:
    case FLOAT_3:
    case FLOAT_COMPARE: return build_arithmetic(build, insn, row);
    default: return build_convert(build, insn, row);
    }
}
