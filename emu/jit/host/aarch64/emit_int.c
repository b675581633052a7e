/* Integer operations: sums, logic, shifts, comparisons, bit manipulation, products. */
#include "emu/jit/host/aarch64/emit.h"

#include "emu/jit/slow.h"

static const struct ir_ins *emit_ins(const struct emitter *e, unsigned index)
{
    return &e->block->ins[index];
}

static void emit_sign_extend(struct emitter *e, const struct ir_ins *ins, int dst)
{
    if (ins->w32) {
        a64_extend(&e->as, 4, true, dst, dst);
    }
}

static void emit_sum(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    bool subtract = ins->op == IR_SUB;
    int64_t imm;
    if (ir_is_const(e->block, ins->b, &imm) && imm > -4096 && imm < 4096) {
        imm = subtract ? -imm : imm;
        int n = regs_read(&e->x, ins->a);
        int d = regs_write(&e->x, (uint16_t)index);
        a64_sum_ri(&e->as, imm < 0 ? A64_SUB : A64_ADD, !ins->w32, d, n,
                   (uint32_t)(imm < 0 ? -imm : imm));
        emit_sign_extend(e, ins, d);
        return;
    }
    int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    a64_sum_rr(&e->as, subtract ? A64_SUB : A64_ADD, !ins->w32, d, n, m, 0);
    emit_sign_extend(e, ins, d);
}

static void emit_logic(struct emitter *e, unsigned index, enum a64_logic op)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int64_t imm;
    bool constant = op % 2 == 0 && ir_is_const(e->block, ins->b, &imm) &&
                    a64_logic_fits(true, (uint64_t)imm);
    int n = emit_read(e, ins->a);
    int m = constant ? A64_ZR : emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    if (constant) {
        a64_logic_ri(&e->as, op, true, d, n, (uint64_t)imm);
    } else {
        a64_logic_rr(&e->as, op, true, d, n, m);
    }
    emit_sign_extend(e, ins, d);
}

/* A shift of 32 bits whose result is sign-extended can be one bit-field move. */
static void emit_shift_const(struct emitter *e, const struct ir_ins *ins, enum a64_shift op, int d,
                             int n, unsigned count)
{
    if (!ins->w32) {
        a64_shift_ri(&e->as, op, true, d, n, count);
    } else if (op == A64_LSL) {
        a64_shift_ri(&e->as, op, false, d, n, count);
        emit_sign_extend(e, ins, d);
    } else if (op == A64_ASR || count == 0) {
        a64_bitfield(&e->as, A64_SBFM, true, d, n, count, 31);
    } else {
        a64_shift_ri(&e->as, op, false, d, n, count);
    }
}

static void emit_shift(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int64_t count;
    bool constant = ir_is_const(e->block, ins->b, &count);
    int n = emit_read(e, ins->a);
    int m = constant ? A64_ZR : emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    if (constant) {
        enum a64_shift op = ins->op == IR_SLL   ? A64_LSL
                            : ins->op == IR_SRL ? A64_LSR
                                                : A64_ASR;
        emit_shift_const(e, ins, op, d, n, (unsigned)count & (ins->w32 ? 31 : 63));
        return;
    }
    enum a64_two op = ins->op == IR_SLL   ? A64_LSLV
                      : ins->op == IR_SRL ? A64_LSRV
                                          : A64_ASRV;
    a64_two(&e->as, op, !ins->w32, d, n, m);
    emit_sign_extend(e, ins, d);
}

static void emit_rotate(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int64_t count;
    bool constant = ir_is_const(e->block, ins->b, &count);
    int n = emit_read(e, ins->a);
    int m = constant ? A64_ZR : emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    if (constant) {
        unsigned right = (unsigned)(ins->op == IR_ROR ? count : -count) & (ins->w32 ? 31 : 63);
        a64_shift_ri(&e->as, A64_ROR, !ins->w32, d, n, right);
    } else if (ins->op == IR_ROR) {
        a64_two(&e->as, A64_RORV, !ins->w32, d, n, m);
    } else {
        a64_sum_rr(&e->as, A64_SUB, true, S0, A64_ZR, m, 0);
        a64_two(&e->as, A64_RORV, !ins->w32, d, n, S0);
    }
    emit_sign_extend(e, ins, d);
}

static void emit_set_less(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int64_t imm;
    if (ir_is_const(e->block, ins->b, &imm) && imm >= 0 && imm < 4096) {
        a64_sum_ri(&e->as, A64_SUBS, true, A64_ZR, regs_read(&e->x, ins->a), (uint32_t)imm);
    } else {
        int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
        a64_sum_rr(&e->as, A64_SUBS, true, A64_ZR, n, m, 0);
    }
    a64_cset(&e->as, regs_write(&e->x, (uint16_t)index), ins->op == IR_SLT ? CC_LT : CC_LO);
}

static void emit_extreme(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    enum a64_cc cc = ins->op == IR_MIN    ? CC_LT
                     : ins->op == IR_MAX  ? CC_GT
                     : ins->op == IR_MINU ? CC_LO
                                          : CC_HI;
    int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
    a64_sum_rr(&e->as, A64_SUBS, true, A64_ZR, n, m, 0);
    a64_select(&e->as, A64_CSEL, true, regs_write(&e->x, (uint16_t)index), n, m, cc);
}

static void emit_shift_add(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int n = emit_read(e, ins->b), m = emit_read(e, ins->a);
    a64_sum_rr(&e->as, A64_ADD, true, regs_write(&e->x, (uint16_t)index), n, m, ins->sub);
}

static void emit_single_bit_const(struct emitter *e, unsigned index, unsigned bit)
{
    const struct ir_ins *ins = emit_ins(e, index);
    uint64_t mask = UINT64_C(1) << bit;
    int n = emit_read(e, ins->a);
    int d = regs_write(&e->x, (uint16_t)index);
    switch ((enum ir_op)ins->op) {
    case IR_BSET: a64_logic_ri(&e->as, A64_ORR, true, d, n, mask); return;
    case IR_BCLR: a64_logic_ri(&e->as, A64_AND, true, d, n, ~mask); return;
    case IR_BINV: a64_logic_ri(&e->as, A64_EOR, true, d, n, mask); return;
    default: a64_bitfield(&e->as, A64_UBFM, true, d, n, bit, bit);
    }
}

static void emit_single_bit(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int64_t bit;
    if (ir_is_const(e->block, ins->b, &bit)) {
        emit_single_bit_const(e, index, (unsigned)bit & 63);
        return;
    }
    int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    if (ins->op == IR_BEXT) {
        a64_two(&e->as, A64_LSRV, true, d, n, m);
        a64_logic_ri(&e->as, A64_AND, true, d, d, 1);
        return;
    }
    a64_mov_imm(&e->as, S0, 1);
    a64_two(&e->as, A64_LSLV, true, S0, S0, m);
    a64_logic_rr(&e->as, ins->op == IR_BSET   ? A64_ORR
                         : ins->op == IR_BCLR ? A64_BIC
                                              : A64_EOR,
                 true, d, n, S0);
}

/* orc.b and cpop: vector registers count bits and test bytes. */
static void emit_by_vector(struct emitter *e, const struct ir_ins *ins, int d, int n)
{
    bool wide = !ins->w32;
    a64_fpx(&e->as, A64_FMOV_F, wide, wide, false, V_SCRATCH, n);
    if (ins->op == IR_CPOP) {
        a64_vec_popcount(&e->as, V_SCRATCH, V_SCRATCH);
        a64_fpx(&e->as, A64_FMOV_X, false, false, false, d, V_SCRATCH);
    } else {
        a64_vec(&e->as, A64_VCMTST, V_SCRATCH, V_SCRATCH, V_SCRATCH);
        a64_fpx(&e->as, A64_FMOV_X, true, true, false, d, V_SCRATCH);
    }
}

static void emit_unary(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    bool wide = !ins->w32;
    int n = emit_read(e, ins->a);
    int d = regs_write(&e->x, (uint16_t)index);
    switch ((enum ir_op)ins->op) {
    case IR_CLZ: a64_one(&e->as, A64_CLZ, wide, d, n); return;
    case IR_CTZ:
        a64_one(&e->as, A64_RBIT, wide, d, n);
        a64_one(&e->as, A64_CLZ, wide, d, d);
        return;
    case IR_SEXT: a64_extend(&e->as, ins->size, true, d, n); return;
    case IR_ZEXT: a64_extend(&e->as, ins->size, false, d, n); return;
    case IR_REV8: a64_one(&e->as, A64_REV, true, d, n); return;
    default: emit_by_vector(e, ins, d, n);
    }
}

static void emit_multiply(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    struct a64_asm *as = &e->as;
    int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    switch ((enum ir_op)ins->op) {
    case IR_MUL:
        a64_three(as, A64_MADD, !ins->w32, d, n, m, A64_ZR);
        emit_sign_extend(e, ins, d);
        return;
    case IR_MULH: a64_three(as, A64_SMULH, true, d, n, m, A64_ZR); return;
    case IR_MULHU: a64_three(as, A64_UMULH, true, d, n, m, A64_ZR); return;
    default: /* MULHSU: unsigned, minus m where n is negative */
        a64_logic_rs(as, A64_AND, true, S0, m, n, A64_ASR, 63);
        a64_three(as, A64_UMULH, true, S1, n, m, A64_ZR);
        a64_sum_rr(as, A64_SUB, true, d, S1, S0, 0);
    }
}

/* The host gives 0 for a division by zero, from which the remainder comes out as RISC-V's; the
 * one overflow is the same on both. */
static void emit_divide(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    bool wide = !ins->w32;
    int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
    int d = regs_write(&e->x, (uint16_t)index);
    a64_two(&e->as, ins->op == IR_DIV || ins->op == IR_REM ? A64_SDIV : A64_UDIV, wide, S0, n, m);
    if (ins->op == IR_REM || ins->op == IR_REMU) {
        a64_three(&e->as, A64_MSUB, wide, d, S0, m, n);
    } else {
        a64_sum_rr(&e->as, A64_SUBS, wide, A64_ZR, m, A64_ZR, 0);
        a64_select(&e->as, A64_CSINV, wide, d, S0, A64_ZR, CC_NE);
    }
    emit_sign_extend(e, ins, d);
}

static void emit_pc(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int d = regs_write(&e->x, (uint16_t)index);
    a64_ldr(&e->as, d, AREA_AT(pc_page));
    if (ins->imm != 0) {
        emit_add(e, d, d, ins->imm);
    }
}

/* The others. */
static void emit_csr_call(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    a64_mov_imm(&e->as, S0, (uint64_t)ins->imm);
    a64_mov_imm(&e->as, S1, slow_info(ins->pc, 0, ins->insns, 0));
    emit_call_thunk(e, e->thunks->csr);
    a64_mov(&e->as, regs_write(&e->x, (uint16_t)index), S0);
}

/* CSRs that are plain storage. */
static void emit_csr(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = emit_ins(e, index);
    int from = ins->op == IR_CSRPUT ? emit_read(e, ins->a) : REGS_NONE;
    struct a64_mem csr = a64_at(HART, (int32_t)ins->imm);
    if (!a64_reaches(ins->size, (int32_t)ins->imm)) {
        emit_add(e, S0, HART, ins->imm);
        csr = a64_at(S0, 0);
    }
    bool get = ins->op == IR_CSRGET;
    int reg = get ? regs_write(&e->x, (uint16_t)index) : from;
    a64_access(&e->as, (struct a64_access){ ins->size, get, false, false }, reg, csr);
}

bool emit_integer(struct emitter *e, unsigned index)
{
    switch ((enum ir_op)emit_ins(e, index)->op) {
    case IR_CSRGET: case IR_CSRPUT: emit_csr(e, index); return true;
    case IR_CSRCALL: emit_csr_call(e, index); return true;
    case IR_PC: emit_pc(e, index); return true;
    case IR_ADD: case IR_SUB: emit_sum(e, index); return true;
    case IR_AND: emit_logic(e, index, A64_AND); return true;
    case IR_OR: emit_logic(e, index, A64_ORR); return true;
    case IR_XOR: emit_logic(e, index, A64_EOR); return true;
    case IR_ANDN: emit_logic(e, index, A64_BIC); return true;
    case IR_ORN: emit_logic(e, index, A64_ORN); return true;
    case IR_XNOR: emit_logic(e, index, A64_EON); return true;
    case IR_SLL: case IR_SRL: case IR_SRA: emit_shift(e, index); return true;
    case IR_ROL: case IR_ROR: emit_rotate(e, index); return true;
    case IR_SLT: case IR_SLTU: emit_set_less(e, index); return true;
    case IR_MIN: case IR_MAX: case IR_MINU: case IR_MAXU: emit_extreme(e, index); return true;
    case IR_SHADD: emit_shift_add(e, index); return true;
    case IR_BSET: case IR_BCLR: case IR_BINV: case IR_BEXT:
        emit_single_bit(e, index);
        return true;
    case IR_CLZ: case IR_CTZ: case IR_CPOP: case IR_REV8: case IR_ORCB: case IR_SEXT:
    case IR_ZEXT:
        emit_unary(e, index);
        return true;
    case IR_MUL: case IR_MULH: case IR_MULHU: case IR_MULHSU: emit_multiply(e, index); return true;
    case IR_DIV: case IR_DIVU: case IR_REM: case IR_REMU: emit_divide(e, index); return true;
    default: return false;
    }
}
