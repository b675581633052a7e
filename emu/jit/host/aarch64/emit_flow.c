/* Ways out of a block: conditional and direct exits that get linked, indirect jumps through the
 * jump cache, and single steps left to the interpreter. On a way out nobody needs the temporaries
 * any more, so they are scratch here. */
#include "emu/jit/host/aarch64/emit.h"

_Static_assert(sizeof(struct jump_entry) == 16 && sizeof(struct fetch_entry) == 16,
               "look-ups scale by 16");

/* A branch has changed nothing yet and is run again. */
static void emit_cold_before(struct emitter *e, const struct emit_cold *cold)
{
    emit_count(e, cold->ins->insns);
    emit_leave(e, cold->ins->pc, JIT_REQUEST);
}

/* An exit has written its link register: it is done, and goes on at its target later. */
static void emit_cold_after(struct emitter *e, const struct emit_cold *cold)
{
    emit_leave(e, cold->ins->imm, JIT_REQUEST);
}

static void emit_cold_after_indirect(struct emitter *e, const struct emit_cold *cold)
{
    (void)cold;
    emit_leave_to(e, T0, JIT_REQUEST);
}

/* Leaves if somebody wants this hart's attention. */
static void emit_request_check(struct emitter *e, const struct ir_ins *ins, emit_cold_fn *fn)
{
    a64_access(&e->as, (struct a64_access){ 4, true, false, false }, S0, HART_AT(hart.requests));
    emit_cold(e, fn, ins, a64_cbz(&e->as, false, true, S0));
}

static bool emit_same_page(int64_t target)
{
    return target >= 0 && target < (int64_t)TLB_PAGE_SIZE;
}

/* Reports the exit, so that it can be linked, and leaves to page + `target`. */
static void emit_report_exit(struct emitter *e, const struct emit_cold *cold, int64_t target)
{
    bool single = e->code->exit[cold->exit].single;
    a64_mov_imm(&e->as, S0, e->first_exit + cold->exit);
    a64_str(&e->as, S0, AREA_AT(link));
    emit_leave(e, target, single ? JIT_SINGLE : JIT_LINK);
}

/* Where the jump of an unlinked exit leads. That of a guarded one is already in the new page. */
static void emit_cold_exit(struct emitter *e, const struct emit_cold *cold)
{
    struct jit_exit *exit = &e->code->exit[cold->exit];
    exit->stub = (uint32_t)a64_size(&e->as);
    emit_report_exit(e, cold, exit->target & (int32_t)(TLB_PAGE_SIZE - 1));
}

/* Where a guard that fails leads: still in the old page. */
static void emit_cold_guard(struct emitter *e, const struct emit_cold *cold)
{
    emit_report_exit(e, cold, e->code->exit[cold->exit].target);
}

uint16_t emit_patchable(struct emitter *e, const struct ir_ins *ins, int64_t target, bool single)
{
    struct jit_code *code = e->code;
    if (code->exits >= JIT_EXITS_MAX) {
        e->as.overflow = true;
        return 0;
    }
    uint8_t *jump = a64_b(&e->as);
    code->exit[code->exits] = (struct jit_exit){
        .target = (int32_t)target, .jump = (uint32_t)(jump - e->as.start), .single = single,
        .context = ins->op == IR_LEAVE ? ins->sub : e->block->context,
    };
    emit_cold(e, emit_cold_exit, ins, jump)->exit = (uint16_t)code->exits;
    return (uint16_t)code->exits++;
}

/* T0 in the entry of a table that begins at CONTEXT + `table`: its two words in T2 and T3. */
static void emit_look_up(struct emitter *e, unsigned shift, unsigned bits, size_t table)
{
    struct a64_asm *as = &e->as;
    a64_bitfield(as, A64_UBFM, true, T1, T0, shift, shift + bits - 1);
    a64_sum_rr(as, A64_ADD, true, T1, CONTEXT, T1, 4);
    if (table != 0) {
        emit_add(e, T1, T1, (int64_t)table);
    }
    a64_pair(as, true, false, T2, T3, T1, 0);
}

/* A jump to another page: right only while that page is the one it was when this was linked. The
 * identity lies behind the jump, as data, so that it can be replaced while others run this. */
static void emit_guarded_jump(struct emitter *e, const struct ir_ins *ins)
{
    struct a64_asm *as = &e->as;
    a64_ldr(as, T0, AREA_AT(pc_page));
    emit_add(e, T0, T0, ins->imm & ~(int64_t)(TLB_PAGE_SIZE - 1));
    emit_look_up(e, TLB_PAGE_BITS, (unsigned)__builtin_ctz(FETCH_CACHE_ENTRIES),
                 offsetof(struct jit_context, fetch));
    uint8_t *identity = a64_literal(as, S0);
    a64_sum_rr(as, A64_SUBS, true, A64_ZR, T2, T0, 0);
    a64_ccmp(as, false, T3, S0, 0, CC_EQ);
    uint8_t *other = a64_bcc(as, CC_NE);
    a64_str(as, T0, AREA_AT(pc_page));
    uint16_t exit = emit_patchable(e, ins, ins->imm, false);
    a64_bind_here(as, identity);
    e->code->exit[exit].guard = (uint32_t)a64_size(as);
    a64_word(as, 0);
    emit_cold(e, emit_cold_guard, ins, other)->exit = exit;
}

static void emit_jump(struct emitter *e, const struct ir_ins *ins)
{
    if (!emit_same_page(ins->imm)) {
        emit_guarded_jump(e, ins);
    } else if (ir_is_loop(e->block, ins->imm)) {
        a64_bind(&e->as, a64_b(&e->as), e->loop);
    } else {
        emit_patchable(e, ins, ins->imm, false);
    }
}

static void emit_exit(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    emit_count(e, ins->insns + 1u);
    if (ins->imm <= ins->pc) {
        emit_request_check(e, ins, emit_cold_after);
    }
    emit_jump(e, ins);
}

/* The taken side of a branch: a conditional branch does not reach all of the code, so that what is
 * patched is an unconditional one out here. */
static void emit_cold_taken(struct emitter *e, const struct emit_cold *cold)
{
    emit_count(e, cold->ins->insns + 1u);
    emit_jump(e, cold->ins);
}

/* Compares and branches; returns the branch. */
static uint8_t *emit_compare(struct emitter *e, const struct ir_ins *ins)
{
    static const uint8_t cc[] = { [IR_EQ] = CC_EQ, [IR_NE] = CC_NE, [IR_LT] = CC_LT,
                                  [IR_GE] = CC_GE, [IR_LTU] = CC_LO, [IR_GEU] = CC_HS };
    int64_t imm;
    bool constant = ir_is_const(e->block, ins->b, &imm) && imm > -4096 && imm < 4096;
    if (constant && imm == 0 && (ins->sub == IR_EQ || ins->sub == IR_NE)) {
        return a64_cbz(&e->as, true, ins->sub == IR_NE, emit_read(e, ins->a));
    }
    if (constant) {
        a64_sum_ri(&e->as, imm < 0 ? A64_ADDS : A64_SUBS, true, A64_ZR, regs_read(&e->x, ins->a),
                   (uint32_t)(imm < 0 ? -imm : imm));
    } else {
        int n = emit_read(e, ins->a), m = emit_read(e, ins->b);
        a64_sum_rr(&e->as, A64_SUBS, true, A64_ZR, n, m, 0);
    }
    return a64_bcc(&e->as, cc[ins->sub]);
}

static void emit_guard(struct emitter *e, const struct ir_ins *ins)
{
    a64_sum_rr(&e->as, A64_SUBS, true, A64_ZR, emit_read(e, ins->a), emit_read(e, ins->b), 0);
    emit_cold(e, emit_cold_step, ins, a64_bcc(&e->as, CC_NE));
}

static void emit_branch(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    if (ins->imm <= ins->pc) {
        emit_request_check(e, ins, emit_cold_before);
    }
    uint8_t *taken = emit_compare(e, ins);
    if (ir_is_loop(e->block, ins->imm) && !e->block->counting) {
        a64_bind(&e->as, taken, e->loop);
    } else {
        emit_cold(e, emit_cold_taken, ins, taken);
    }
}

static void emit_cold_indirect(struct emitter *e, const struct emit_cold *cold)
{
    (void)cold;
    emit_leave_to(e, T0, JIT_LOOKUP);
}

/* What follows the block is in this context. */
static void emit_enter_context(struct emitter *e, unsigned context)
{
    if (context != e->block->context) {
        emit_add(e, CONTEXT, AREA, (int64_t)(offsetof(struct jit_area, context) +
                                             context * sizeof(struct jit_context)));
        emit_add(e, BANK, HART, (int64_t)(offsetof(struct riscv_hart, bank) +
                                          context * sizeof(struct tlb_bank)));
    }
}

/* Guest address in T0: look it up in the jump cache of a context. */
static void emit_indirect(struct emitter *e, unsigned index, unsigned context, unsigned retires)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct a64_asm *as = &e->as;
    emit_count(e, ins->insns + retires);
    int at = emit_read(e, ins->a);
    if (at != T0) {
        a64_mov(as, T0, at);
    }
    emit_request_check(e, ins, emit_cold_after_indirect);
    emit_enter_context(e, context);
    emit_look_up(e, 1, JUMP_CACHE_BITS, offsetof(struct jit_context, jump));
    a64_sum_rr(as, A64_SUBS, true, A64_ZR, T2, T0, 0);
    emit_cold(e, emit_cold_indirect, ins, a64_bcc(as, CC_NE));
    a64_logic_ri(as, A64_AND, true, T0, T0, TLB_PAGE_MASK);
    a64_str(as, T0, AREA_AT(pc_page));
    a64_br(as, false, T3);
}

/* The block ends, not the guest's straight line. */
static void emit_leave_block(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    emit_count(e, ins->insns);
    if (ins->imm <= e->block->start) {
        emit_request_check(e, ins, emit_cold_after);
    }
    emit_enter_context(e, ins->sub);
    emit_jump(e, ins);
}

static void emit_step(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    emit_count(e, ins->insns);
    emit_leave(e, ins->pc, JIT_STEP);
}

bool emit_flow(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_BRANCH: emit_branch(e, index); return true;
    case IR_EXIT: emit_exit(e, index); return true;
    case IR_EXITR: emit_indirect(e, index, e->block->context, 1); return true;
    case IR_EXITC: emit_indirect(e, index, ins->sub, ins->size); return true;
    case IR_GUARD: emit_guard(e, ins); return true;
    case IR_LEAVE: emit_leave_block(e, index); return true;
    case IR_STEP: emit_step(e, index); return true;
    default: return false;
    }
}
