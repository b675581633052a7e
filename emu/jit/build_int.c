/* Integer computation: one row a micro-op, in the families of rv64.isa. */
#include "emu/jit/build.h"

/* How a micro-op of two operands becomes IR. `shape`: what the operands are. */
struct build_row {
    uint8_t op;
    bool w32;
    enum { SHAPE_NONE, SHAPE_REG, SHAPE_IMM, SHAPE_UNARY } shape;
    uint8_t sub;  /* SHADD's shift */
    bool word;    /* the first operand is zero-extended from 32 bits before */
    uint8_t size; /* extensions */
    bool sign;
};

#define REG(op) { IR_##op, false, SHAPE_REG, 0, false, 0, false }
#define REGW(op) { IR_##op, true, SHAPE_REG, 0, false, 0, false }
#define IMM(op) { IR_##op, false, SHAPE_IMM, 0, false, 0, false }
#define IMMW(op) { IR_##op, true, SHAPE_IMM, 0, false, 0, false }
#define SHADD(shift, word) { IR_SHADD, false, SHAPE_REG, shift, word, 0, false }
#define UNARY(op, w32) { IR_##op, w32, SHAPE_UNARY, 0, false, 0, false }
#define EXTEND(op, size, sign) { IR_##op, false, SHAPE_UNARY, 0, false, size, sign }

static const struct build_row build_rows[UOP_COUNT] = {
    [UOP_alu_add] = REG(ADD), [UOP_alu_sub] = REG(SUB), [UOP_alu_sll] = REG(SLL),
    [UOP_alu_slt] = REG(SLT), [UOP_alu_sltu] = REG(SLTU), [UOP_alu_xor] = REG(XOR),
    [UOP_alu_srl] = REG(SRL), [UOP_alu_sra] = REG(SRA), [UOP_alu_or] = REG(OR),
    [UOP_alu_and] = REG(AND),
    [UOP_alui_add] = IMM(ADD), [UOP_alui_slt] = IMM(SLT), [UOP_alui_sltu] = IMM(SLTU),
    [UOP_alui_xor] = IMM(XOR), [UOP_alui_or] = IMM(OR), [UOP_alui_and] = IMM(AND),
    [UOP_alui_sll] = IMM(SLL), [UOP_alui_srl] = IMM(SRL), [UOP_alui_sra] = IMM(SRA),
    [UOP_aluw_add] = REGW(ADD), [UOP_aluw_sub] = REGW(SUB), [UOP_aluw_sll] = REGW(SLL),
    [UOP_aluw_srl] = REGW(SRL), [UOP_aluw_sra] = REGW(SRA),
    [UOP_aluwi_add] = IMMW(ADD), [UOP_aluwi_sll] = IMMW(SLL), [UOP_aluwi_srl] = IMMW(SRL),
    [UOP_aluwi_sra] = IMMW(SRA),
    [UOP_muldiv_mul] = REG(MUL), [UOP_muldiv_mulh] = REG(MULH),
    [UOP_muldiv_mulhsu] = REG(MULHSU), [UOP_muldiv_mulhu] = REG(MULHU),
    [UOP_muldiv_div] = REG(DIV), [UOP_muldiv_divu] = REG(DIVU), [UOP_muldiv_rem] = REG(REM),
    [UOP_muldiv_remu] = REG(REMU), [UOP_muldiv_mulw] = REGW(MUL), [UOP_muldiv_divw] = REGW(DIV),
    [UOP_muldiv_divuw] = REGW(DIVU), [UOP_muldiv_remw] = REGW(REM),
    [UOP_muldiv_remuw] = REGW(REMU),
    [UOP_alu_sh1add] = SHADD(1, false), [UOP_alu_sh2add] = SHADD(2, false),
    [UOP_alu_sh3add] = SHADD(3, false), [UOP_alu_adduw] = SHADD(0, true),
    [UOP_alu_sh1adduw] = SHADD(1, true), [UOP_alu_sh2adduw] = SHADD(2, true),
    [UOP_alu_sh3adduw] = SHADD(3, true),
    [UOP_alui_slluw] = { IR_SLL, false, SHAPE_IMM, 0, true, 0, false },
    [UOP_alu_andn] = REG(ANDN), [UOP_alu_orn] = REG(ORN), [UOP_alu_xnor] = REG(XNOR),
    [UOP_alu_max] = REG(MAX), [UOP_alu_maxu] = REG(MAXU), [UOP_alu_min] = REG(MIN),
    [UOP_alu_minu] = REG(MINU), [UOP_alu_rol] = REG(ROL), [UOP_alu_ror] = REG(ROR),
    [UOP_aluw_rol] = REGW(ROL), [UOP_aluw_ror] = REGW(ROR), [UOP_alui_ror] = IMM(ROR),
    [UOP_aluwi_ror] = IMMW(ROR),
    [UOP_bit_clz] = UNARY(CLZ, false), [UOP_bit_ctz] = UNARY(CTZ, false),
    [UOP_bit_cpop] = UNARY(CPOP, false), [UOP_bit_clzw] = UNARY(CLZ, true),
    [UOP_bit_ctzw] = UNARY(CTZ, true), [UOP_bit_cpopw] = UNARY(CPOP, true),
    [UOP_bit_sextb] = EXTEND(SEXT, 1, true), [UOP_bit_sexth] = EXTEND(SEXT, 2, true),
    [UOP_bit_zexth] = EXTEND(ZEXT, 2, false), [UOP_bit_orcb] = UNARY(ORCB, false),
    [UOP_bit_rev8] = UNARY(REV8, false),
    [UOP_alu_bclr] = REG(BCLR), [UOP_alu_bext] = REG(BEXT), [UOP_alu_binv] = REG(BINV),
    [UOP_alu_bset] = REG(BSET), [UOP_alui_bclr] = IMM(BCLR), [UOP_alui_bext] = IMM(BEXT),
    [UOP_alui_binv] = IMM(BINV), [UOP_alui_bset] = IMM(BSET),
};

static uint16_t build_unary(struct build *build, const struct build_row *row, uint16_t a)
{
    uint16_t value = build_op(build, (struct ir_ins){ .op = row->op, .w32 = row->w32, .a = a,
                                                      .size = row->size, .sign = row->sign });
    build->narrow[value] = row->op != IR_REV8 && row->op != IR_ORCB;
    return value;
}

/* The low 32 bits, zero-extended. */
static uint16_t build_word(struct build *build, uint16_t a)
{
    return build_op(build, (struct ir_ins){ .op = IR_ZEXT, .size = 4, .a = a });
}

static uint16_t build_shift_add(struct build *build, const struct build_row *row, uint16_t a,
                                uint16_t b)
{
    int64_t constant;
    if (ir_is_const(build->block, b, &constant) && constant == 0 && row->sub == 0) {
        return a; /* zext.w */
    }
    return build_op(build, (struct ir_ins){ .op = IR_SHADD, .sub = row->sub, .a = a, .b = b });
}

enum build_result build_integer(struct build *build, const struct isa_insn *insn)
{
    const struct build_row *row = &build_rows[insn->uop];
    switch (insn->uop) {
    case UOP_li: build_put(build, insn->rd, build_const(build, insn->imm)); return BUILD_NEXT;
    case UOP_lipc:
        build_put(build, insn->rd,
                  build_op(build, (struct ir_ins){ .op = IR_PC,
                                                   .imm = build->pc + (int64_t)insn->imm }));
        return BUILD_NEXT;
    case UOP_nop: return BUILD_NEXT;
    case UOP_pause: return BUILD_STEP; /* a hart that spins may have to let another run */
    default: break;
    }
    if (row->shape == SHAPE_NONE) {
        return BUILD_OTHER;
    }
    if (insn->rd == 0) {
        return BUILD_NEXT; /* a hint */
    }
    uint16_t a = build_x(build, insn->rs1);
    uint16_t value;
    if (row->word) {
        a = build_word(build, a);
    }
    if (row->shape == SHAPE_UNARY) {
        value = build_unary(build, row, a);
    } else {
        uint16_t b = row->shape == SHAPE_IMM ? build_const(build, insn->imm)
                                             : build_x(build, insn->rs2);
        value = row->op == IR_SHADD ? build_shift_add(build, row, a, b)
                                    : build_binary(build, row->op, row->w32, a, b);
    }
    build_put(build, insn->rd, value);
    return BUILD_NEXT;
}
