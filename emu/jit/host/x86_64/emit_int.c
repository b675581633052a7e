/* Integer operations: sums, logic, shifts, comparisons, bit manipulation, products. */
#include "emu/jit/host/x86_64/emit.h"

#include "emu/jit/slow.h"

static void emit_sign_extend(struct emitter *e, const struct ir_ins *ins, enum x86_reg dst)
{
    if (ins->w32) {
        x86_extend(&e->as, 4, true, dst, dst);
    }
}

static void emit_swap(struct operand *a, struct operand *b)
{
    struct operand t = *a;
    *a = *b;
    *b = t;
}

/* ADD with two registers, or a register and a constant, into a third: one lea. */
static bool emit_lea(struct emitter *e, const struct operand *a, const struct operand *b,
                     enum x86_reg dst)
{
    if (a->kind != OPERAND_REG || b->kind == OPERAND_MEM || a->reg == dst ||
        (b->kind == OPERAND_REG && b->reg == dst)) {
        return false;
    }
    x86_lea(&e->as, true, dst, b->kind == OPERAND_IMM
                                   ? x86_at(a->reg, (int32_t)b->imm)
                                   : (struct x86_mem){ a->reg, b->reg, 0, 0 });
    return true;
}

static void emit_group1(struct emitter *e, unsigned index, enum x86_alu op)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct operand b = emit_operand(e, ins->b, true, true);
    struct operand a = emit_operand(e, ins->a, true, true);
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    if (op == X86_ADD && emit_lea(e, &a, &b, dst)) {
        emit_sign_extend(e, ins, dst);
        return;
    }
    bool b_is_dst = b.kind == OPERAND_REG && b.reg == dst;
    if (b_is_dst && !(a.kind == OPERAND_REG && a.reg == dst)) {
        if (op == X86_SUB) {
            x86_group3(&e->as, 3, true, dst);
            op = X86_ADD;
        }
        emit_swap(&a, &b);
    }
    emit_mov(e, true, dst, &a);
    emit_alu(e, op, !ins->w32, dst, &b);
    emit_sign_extend(e, ins, dst);
}

/* ANDN, ORN, XNOR: the second operand is inverted. */
static void emit_inverted(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg b = regs_read(&e->x, ins->b);
    if (ins->op == IR_ANDN) {
        x86_andn(&e->as, true, regs_write(&e->x, (uint16_t)index), b, a);
        return;
    }
    enum x86_reg dst = regs_write_fresh(&e->x, (uint16_t)index);
    x86_mov_rr(&e->as, true, dst, b);
    x86_group3(&e->as, 2, true, dst);
    x86_alu_rr(&e->as, ins->op == IR_ORN ? X86_OR : X86_XOR, true, dst, a);
}

static void emit_shift(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_shift op = ins->op == IR_SLL ? X86_SHL : ins->op == IR_SRL ? X86_SHR : X86_SAR;
    int64_t count;
    if (ir_is_const(e->block, ins->b, &count)) {
        struct operand a = emit_operand(e, ins->a, true, true);
        enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
        emit_mov(e, true, dst, &a);
        if ((count & (ins->w32 ? 31 : 63)) != 0) {
            x86_shift_ri(&e->as, op, !ins->w32, dst, (unsigned)count & (ins->w32 ? 31 : 63));
        }
        emit_sign_extend(e, ins, dst);
        return;
    }
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg b = regs_read(&e->x, ins->b);
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    x86_shiftx(&e->as, op, !ins->w32, dst, a, b);
    emit_sign_extend(e, ins, dst);
}

static void emit_rotate(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int64_t count;
    if (ir_is_const(e->block, ins->b, &count)) {
        enum x86_reg a = regs_read(&e->x, ins->a);
        unsigned bits = ins->w32 ? 32 : 64;
        unsigned right = (unsigned)(ins->op == IR_ROR ? count : -count) & (bits - 1);
        enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
        x86_rorx(&e->as, !ins->w32, dst, a, right);
        emit_sign_extend(e, ins, dst);
        return;
    }
    regs_take(&e->x, RCX);
    emit_copy(e, RCX, ins->b);
    enum x86_reg dst = regs_write_fresh(&e->x, (uint16_t)index);
    emit_copy(e, dst, ins->a);
    x86_shift_rc(&e->as, ins->op == IR_ROR ? X86_ROR : X86_ROL, !ins->w32, dst);
    emit_sign_extend(e, ins, dst);
}

static void emit_set_less(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct operand b = emit_operand(e, ins->b, true, true);
    enum x86_reg a = regs_read(&e->x, ins->a);
    emit_alu(e, X86_CMP, true, a, &b);
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    x86_setcc(&e->as, ins->op == IR_SLT ? CC_L : CC_B, dst);
    x86_extend(&e->as, 1, false, dst, dst);
}

static void emit_extreme(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_cc cc = ins->op == IR_MIN   ? CC_L
                     : ins->op == IR_MAX ? CC_G
                     : ins->op == IR_MINU ? CC_B
                                          : CC_A;
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg b = regs_read(&e->x, ins->b);
    enum x86_reg dst = regs_write_fresh(&e->x, (uint16_t)index);
    x86_mov_rr(&e->as, true, dst, a);
    x86_alu_rr(&e->as, X86_CMP, true, b, a);
    x86_cmov(&e->as, cc, true, dst, b);
}

static void emit_shift_add(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg b = regs_read(&e->x, ins->b);
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    x86_lea(&e->as, true, dst, (struct x86_mem){ b, a, ins->sub, 0 });
}

static void emit_single_bit(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg b = regs_read(&e->x, ins->b);
    if (ins->op == IR_BEXT) {
        enum x86_reg bit = regs_write(&e->x, (uint16_t)index);
        x86_shiftx(&e->as, X86_SHR, true, bit, a, b);
        x86_alu_ri(&e->as, X86_AND, false, bit, 1);
        return;
    }
    enum x86_reg dst = regs_write_fresh(&e->x, (uint16_t)index);
    x86_mov_rr(&e->as, true, dst, a);
    x86_bit_rr(&e->as, ins->op == IR_BSET ? 5 : ins->op == IR_BCLR ? 6 : 7, true, dst, b);
}

/* orc.b: bit 7 of each byte says whether the byte is not 0; then it is spread. */
static void emit_or_combine(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    enum x86_reg a = regs_read(&e->x, ins->a);
    enum x86_reg t = regs_scratch(&e->x);
    enum x86_reg dst = regs_write_fresh(&e->x, (uint16_t)index);
    x86_mov_ri(as, t, 0x7f7f7f7f7f7f7f7f, true);
    x86_mov_rr(as, true, dst, a);
    x86_alu_rr(as, X86_AND, true, dst, t);
    x86_alu_rr(as, X86_ADD, true, dst, t);
    x86_alu_rr(as, X86_OR, true, dst, a);
    x86_andn(as, true, dst, t, dst);
    x86_mov_rr(as, true, t, dst);
    x86_shift_ri(as, X86_SHR, true, t, 7);
    x86_alu_rr(as, X86_ADD, true, dst, dst);
    x86_alu_rr(as, X86_SUB, true, dst, t);
}

static void emit_unary(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_reg a = regs_read(&e->x, ins->a);
    if (ins->op == IR_ORCB) {
        emit_or_combine(e, index);
        return;
    }
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    switch ((enum ir_op)ins->op) {
    case IR_CLZ:  x86_count(&e->as, 0xbd, !ins->w32, dst, a); break;
    case IR_CTZ:  x86_count(&e->as, 0xbc, !ins->w32, dst, a); break;
    case IR_CPOP: x86_count(&e->as, 0xb8, !ins->w32, dst, a); break;
    case IR_SEXT: x86_extend(&e->as, ins->size, true, dst, a); break;
    case IR_ZEXT: x86_extend(&e->as, ins->size, false, dst, a); break;
    default: /* REV8 */
        if (dst != a) {
            x86_mov_rr(&e->as, true, dst, a);
        }
        x86_bswap(&e->as, true, dst);
    }
}

static void emit_multiply(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct operand b = emit_operand(e, ins->b, false, true);
    struct operand a = emit_operand(e, ins->a, false, true);
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    if (b.kind == OPERAND_REG && b.reg == dst) {
        emit_swap(&a, &b);
    }
    if (b.kind == OPERAND_MEM && a.kind == OPERAND_MEM) {
        x86_mov_rm(&e->as, true, dst, a.mem);
        x86_imul_rm(&e->as, !ins->w32, dst, b.mem);
    } else {
        emit_mov(e, true, dst, &a);
        if (b.kind == OPERAND_MEM) {
            x86_imul_rm(&e->as, !ins->w32, dst, b.mem);
        } else {
            x86_imul_rr(&e->as, !ins->w32, dst, b.reg);
        }
    }
    emit_sign_extend(e, ins, dst);
}

/* Puts a in rax and b in a register that is neither rax nor rdx; both are taken. */
static enum x86_reg emit_wide_operands(struct emitter *e, const struct ir_ins *ins)
{
    regs_take(&e->x, RAX);
    regs_take(&e->x, RDX);
    enum x86_reg b = regs_read(&e->x, ins->b);
    emit_copy(e, RAX, ins->a);
    return b;
}

static void emit_multiply_high(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    enum x86_reg b = emit_wide_operands(e, ins);
    if (ins->op == IR_MULHSU) { /* high(a * b) unsigned, minus b where a is negative */
        enum x86_reg t = RCX;
        if (b == RCX) {
            x86_push(as, RBX);
            t = RBX;
        } else {
            regs_take(&e->x, RCX);
        }
        x86_mov_rr(as, true, t, RAX);
        x86_shift_ri(as, X86_SAR, true, t, 63);
        x86_alu_rr(as, X86_AND, true, t, b);
        x86_group3(as, 4, true, b);
        x86_alu_rr(as, X86_SUB, true, RDX, t);
        if (t == RBX) {
            x86_pop(as, RBX);
        }
    } else {
        x86_group3(as, ins->op == IR_MULH ? 5 : 4, true, b);
    }
    regs_define(&e->x, (uint16_t)index, RDX);
}

static bool divide_is_signed(const struct ir_ins *ins)
{
    return ins->op == IR_DIV || ins->op == IR_REM;
}

/* By zero: all ones (remainder: the dividend). By -1, which the host refuses for one dividend: its
 * negation (remainder: 0). The dividend is in rax. */
static void emit_cold_divide(struct emitter *e, const struct emit_cold *cold)
{
    struct x86_asm *as = &e->as;
    bool wide = !cold->ins->w32;
    if (divide_is_signed(cold->ins)) {
        x86_test_rr(as, wide, cold->operand, cold->operand);
        uint8_t *zero = x86_jcc(as, CC_E);
        x86_group3(as, 3, wide, RAX);
        x86_alu_rr(as, X86_XOR, false, RDX, RDX);
        x86_bind(as, x86_jmp(as), cold->resume);
        x86_bind_here(as, zero);
    }
    x86_mov_rr(as, true, RDX, RAX);
    x86_mov_ri(as, RAX, UINT64_MAX, false);
    x86_bind(as, x86_jmp(as), cold->resume);
}

/* Goes to cold code if the host's division by b is not RISC-V's; takes rdx. */
static struct emit_cold *emit_divisor_check(struct emitter *e, const struct ir_ins *ins,
                                            enum x86_reg b)
{
    struct x86_asm *as = &e->as;
    bool wide = !ins->w32;
    bool is_signed = divide_is_signed(ins);
    if (ir_is_nonzero(e->block, ins->b) &&
        (!is_signed || (wide && ir_is_natural(e->block, ins->b)))) {
        return NULL;
    }
    if (is_signed) { /* -1 and 0 become 0 and 1 */
        x86_lea(as, wide, RDX, x86_at(b, 1));
        x86_alu_ri(as, X86_CMP, wide, RDX, 1);
    } else {
        x86_test_rr(as, wide, b, b);
    }
    return emit_cold(e, emit_cold_divide, ins, x86_jcc(as, is_signed ? CC_BE : CC_E));
}

static void emit_divide(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    bool wide = !ins->w32;
    enum x86_reg b = emit_wide_operands(e, ins);
    struct emit_cold *cold = emit_divisor_check(e, ins, b);
    if (divide_is_signed(ins)) {
        x86_sign_rdx(as, wide);
        x86_group3(as, 7, wide, b);
    } else {
        x86_alu_rr(as, X86_XOR, false, RDX, RDX);
        x86_group3(as, 6, wide, b);
    }
    if (cold != NULL) {
        cold->operand = (int8_t)b;
        cold->resume = as->at;
    }
    enum x86_reg result = ins->op == IR_REM || ins->op == IR_REMU ? RDX : RAX;
    emit_sign_extend(e, ins, result);
    regs_define(&e->x, (uint16_t)index, result);
}

static void emit_pc(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    enum x86_reg dst = regs_write(&e->x, (uint16_t)index);
    x86_mov_rm(&e->as, true, dst, x86_at(HART, AREA_OFFSET(pc_page)));
    if (ins->imm != 0) {
        x86_alu_ri(&e->as, X86_ADD, true, dst, (int32_t)ins->imm);
    }
}

/* The others. */
static void emit_csr_call(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    regs_take(&e->x, RAX);
    regs_take(&e->x, RCX);
    regs_take(&e->x, RDX);
    x86_mov_ri(&e->as, RAX, (uint64_t)ins->imm, false);
    x86_mov_ri(&e->as, RCX, slow_info(ins->pc, 0, ins->insns, 0), false);
    emit_call_thunk(e, e->thunks->csr);
    regs_define(&e->x, (uint16_t)index, RAX);
}

/* CSRs that are plain storage. */
static void emit_csr(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_mem csr = x86_at(HART, (int32_t)ins->imm);
    int64_t constant;
    if (ins->op == IR_CSRPUT && ir_is_const(e->block, ins->a, &constant) &&
        constant == (int32_t)constant) {
        x86_store_imm(&e->as, ins->size, csr, (int32_t)constant);
    } else if (ins->op == IR_CSRGET) {
        x86_load(&e->as, ins->size, false, regs_write(&e->x, (uint16_t)index), csr);
    } else {
        x86_store(&e->as, ins->size, csr, regs_read(&e->x, ins->a));
    }
}

bool emit_integer(struct emitter *e, unsigned index)
{
    switch ((enum ir_op)e->block->ins[index].op) {
    case IR_CSRGET: case IR_CSRPUT: emit_csr(e, index); return true;
    case IR_CSRCALL: emit_csr_call(e, index); return true;
    case IR_PC: emit_pc(e, index); return true;
    case IR_ADD: emit_group1(e, index, X86_ADD); return true;
    case IR_SUB: emit_group1(e, index, X86_SUB); return true;
    case IR_AND: emit_group1(e, index, X86_AND); return true;
    case IR_OR: emit_group1(e, index, X86_OR); return true;
    case IR_XOR: emit_group1(e, index, X86_XOR); return true;
    case IR_ANDN: case IR_ORN: case IR_XNOR: emit_inverted(e, index); return true;
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
    case IR_MUL: emit_multiply(e, index); return true;
    case IR_MULH: case IR_MULHU: case IR_MULHSU: emit_multiply_high(e, index); return true;
    case IR_DIV: case IR_DIVU: case IR_REM: case IR_REMU: emit_divide(e, index); return true;
    default: return false;
    }
}
