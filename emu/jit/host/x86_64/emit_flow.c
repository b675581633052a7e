/* Ways out of a block: conditional and direct exits that get linked, indirect jumps through the
 * jump cache, and single steps left to the interpreter. */
#include <assert.h>

#include "emu/jit/host/x86_64/emit.h"

_Static_assert(sizeof(struct jump_entry) == 16 && sizeof(struct fetch_entry) == 16,
               "look-ups scale by 16");

/* Displacement of a field of a context. */
#define CONTEXT_OFFSET(number, field)                                                          \
    (AREA_OFFSET(context) + (int32_t)((number) * sizeof(struct jit_context)) +                 \
     (int32_t)offsetof(struct jit_context, field))

/* A branch has changed nothing yet and is run again. */
static void emit_cold_before(struct emitter *e, const struct emit_cold *cold)
{
    emit_late_flags(e, cold->ins);
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
    x86_store(&e->as, 8, x86_at(HART, HART_OFFSET(pc)), RAX);
    x86_mov_ri(&e->as, RAX, JIT_REQUEST, true);
    emit_jmp_thunk(e, e->thunks->leave);
}

/* Leaves if somebody wants this hart's attention. */
static void emit_request_check(struct emitter *e, const struct ir_ins *ins, emit_cold_fn *fn)
{
    x86_alu_mi(&e->as, X86_CMP, false, x86_at(HART, HART_OFFSET(hart.requests)), 0);
    emit_cold(e, fn, ins, x86_jcc(&e->as, CC_NE));
}

static bool emit_same_page(int64_t target)
{
    return target >= 0 && target < (int64_t)TLB_PAGE_SIZE;
}

/* Reports the exit, so that it can be linked, and leaves to page + `target`. */
static void emit_report_exit(struct emitter *e, const struct emit_cold *cold, int64_t target)
{
    bool single = e->code->exit[cold->exit].single;
    x86_store_imm(&e->as, 8, x86_at(HART, AREA_OFFSET(link)),
                  (int32_t)(e->first_exit + (uint64_t)cold->exit));
    emit_leave(e, target, single ? JIT_SINGLE : JIT_LINK);
}

/* Where the jump of an unlinked exit leads. That of a guarded one is already in the new page. */
static void emit_cold_exit(struct emitter *e, const struct emit_cold *cold)
{
    struct jit_exit *exit = &e->code->exit[cold->exit];
    exit->stub = (uint32_t)x86_size(&e->as);
    emit_report_exit(e, cold, exit->target & (TLB_PAGE_SIZE - 1));
}

/* Where a guard that fails leads: still in the old page. */
static void emit_cold_guard(struct emitter *e, const struct emit_cold *cold)
{
    emit_report_exit(e, cold, e->code->exit[cold->exit].target);
}

uint16_t emit_patchable(struct emitter *e, const struct ir_ins *ins, const struct jit_exit *exit)
{
    struct jit_code *code = e->code;
    if (code->exits >= JIT_EXITS_MAX) {
        e->as.overflow = true;
        return 0;
    }
    code->exit[code->exits] = *exit;
    code->exit[code->exits].context = ins->op == IR_LEAVE ? ins->sub : e->block->context;
    struct emit_cold *cold = emit_cold(e, emit_cold_exit, ins, e->as.start + exit->jump);
    if (cold != NULL) {
        cold->exit = (uint16_t)code->exits;
    }
    return (uint16_t)code->exits++;
}

/* The exit of a branch or jump whose displacement is at `jump`. */
static uint16_t emit_linked(struct emitter *e, const struct ir_ins *ins, const uint8_t *jump,
                            unsigned guard)
{
    struct jit_exit exit = { .target = (int32_t)ins->imm, .jump = (uint32_t)(jump - e->as.start),
                             .guard = guard };
    return emit_patchable(e, ins, &exit);
}

/* A jump to another page: right only while that page is the one it was when this was linked. */
static void emit_guarded_jump(struct emitter *e, const struct ir_ins *ins)
{
    struct x86_asm *as = &e->as;
    int64_t page = ins->imm & ~(int64_t)(TLB_PAGE_SIZE - 1);
    x86_mov_rm(as, true, RAX, x86_at(HART, AREA_OFFSET(pc_page)));
    x86_alu_ri(as, X86_ADD, true, RAX, (int32_t)page);
    x86_rorx(as, false, RCX, RAX, TLB_PAGE_BITS - 4);
    x86_alu_ri(as, X86_AND, false, RCX, (FETCH_CACHE_ENTRIES - 1) << 4);
    int32_t table = CONTEXT_OFFSET(e->block->context, fetch[0].va);
    x86_alu_rm(as, X86_CMP, true, RAX, x86_indexed(HART, RCX, table));
    uint8_t *other_page = x86_jcc(as, CC_NE);
    /* The identity is patched while others run: its four bytes stay in one cache line. */
    while ((((uintptr_t)as->at + 7) & 63) > 60 && !as->overflow) {
        x86_byte(as, 0x90);
    }
    struct x86_mem identity = x86_indexed(
        HART, RCX, CONTEXT_OFFSET(e->block->context, fetch[0].id));
    x86_cmp_m32i(as, identity, 0);
    unsigned guard = (unsigned)(x86_size(as) - 4);
    uint8_t *stale = x86_jcc(as, CC_NE);
    x86_store(as, 8, x86_at(HART, AREA_OFFSET(pc_page)), RAX);
    uint16_t exit = emit_linked(e, ins, x86_jmp_aligned(as), guard);
    struct emit_cold *cold = emit_cold(e, emit_cold_guard, ins, other_page);
    if (cold != NULL) {
        cold->from[1] = stale;
        cold->exit = exit;
    }
}

static void emit_jump(struct emitter *e, const struct ir_ins *ins)
{
    if (!emit_same_page(ins->imm)) {
        emit_guarded_jump(e, ins);
    } else if (ir_is_loop(e->block, ins->imm)) {
        x86_bind(&e->as, x86_jmp(&e->as), e->loop);
    } else {
        emit_linked(e, ins, x86_jmp_aligned(&e->as), 0);
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

/* The taken side of a branch that needs more than a jump. */
static void emit_cold_taken(struct emitter *e, const struct emit_cold *cold)
{
    emit_late_flags(e, cold->ins);
    emit_count(e, cold->ins->insns + 1u);
    emit_jump(e, cold->ins);
}

static enum x86_cc emit_condition(enum ir_cond cond)
{
    static const uint8_t cc[] = {
        [IR_EQ] = CC_E, [IR_NE] = CC_NE, [IR_LT] = CC_L, [IR_GE] = CC_GE, [IR_LTU] = CC_B,
        [IR_GEU] = CC_AE,
    };
    return cc[cond];
}

/* Compares; the branch instruction follows at once. */
static void emit_compare(struct emitter *e, enum x86_reg a, const struct operand *b)
{
    if (b->kind == OPERAND_IMM && b->imm == 0) {
        x86_test_rr(&e->as, true, a, a);
    } else {
        emit_alu(e, X86_CMP, true, a, b);
    }
}

static void emit_guard(struct emitter *e, const struct ir_ins *ins)
{
    struct operand b = emit_operand(e, ins->b, true, true);
    emit_compare(e, regs_read(&e->x, ins->a), &b);
    emit_cold(e, emit_cold_step, ins, x86_jcc(&e->as, CC_NE));
}

static void emit_branch(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    struct operand b = emit_operand(e, ins->b, true, true);
    enum x86_reg a = regs_read(&e->x, ins->a);
    if (ins->imm <= ins->pc) {
        emit_request_check(e, ins, emit_cold_before);
    }
    enum x86_cc cc = emit_condition(ins->sub);
    if (!emit_same_page(ins->imm) || e->block->counting || ins->late != 0) {
        emit_compare(e, a, &b);
        emit_cold(e, emit_cold_taken, ins, x86_jcc(as, cc));
    } else if (ir_is_loop(e->block, ins->imm)) {
        emit_compare(e, a, &b);
        x86_bind(as, x86_jcc(as, cc), e->loop);
    } else {
        /* Its displacement is patched while others run: keep it in one cache line. */
        uint8_t *before = as->at;
        uint8_t *jump;
        for (unsigned pad = 0;; pad++) {
            for (unsigned i = 0; i < pad; i++) {
                x86_byte(as, 0x90);
            }
            emit_compare(e, a, &b);
            jump = x86_jcc(as, cc);
            if (((uintptr_t)jump & 63) <= 60 || as->overflow) {
                break;
            }
            as->at = before;
        }
        emit_linked(e, ins, jump, 0);
    }
}

static void emit_cold_indirect(struct emitter *e, const struct emit_cold *cold)
{
    (void)cold;
    x86_store(&e->as, 8, x86_at(HART, HART_OFFSET(pc)), RAX);
    x86_mov_ri(&e->as, RAX, JIT_LOOKUP, true);
    emit_jmp_thunk(e, e->thunks->leave);
}

/* Guest address in RAX: look it up in the jump cache of a context. */
static void emit_indirect(struct emitter *e, unsigned index, unsigned context, unsigned retires)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    emit_count(e, ins->insns + retires);
    int at = regs_peek(&e->x, ins->a);
    if (at != RAX) {
        regs_take(&e->x, RAX);
        struct operand from = emit_operand(e, ins->a, false, true);
        emit_mov(e, true, RAX, &from);
    }
    emit_request_check(e, ins, emit_cold_after_indirect);
    x86_lea(as, false, RCX, (struct x86_mem){ X86_NONE_BASE, RAX, 3, 0 });
    x86_alu_ri(as, X86_AND, false, RCX, (JUMP_CACHE_ENTRIES - 1) << 4);
    x86_alu_rm(as, X86_CMP, true, RAX, x86_indexed(HART, RCX, CONTEXT_OFFSET(context, jump[0].pc)));
    emit_cold(e, emit_cold_indirect, ins, x86_jcc(as, CC_NE));
    x86_alu_ri(as, X86_AND, true, RAX, -(int32_t)TLB_PAGE_SIZE);
    x86_store(as, 8, x86_at(HART, AREA_OFFSET(pc_page)), RAX);
    x86_jmp_m(as, x86_indexed(HART, RCX, CONTEXT_OFFSET(context, jump[0].code)));
}

/* The block ends, not the guest's straight line. */
static void emit_leave_block(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    emit_count(e, ins->insns);
    if (ins->imm <= e->block->start) {
        emit_request_check(e, ins, emit_cold_after);
    }
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
