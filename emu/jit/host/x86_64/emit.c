/* One IR block to x86-64: the driver, operands, cold code. */
#include "emu/jit/host/x86_64/emit.h"

#include <assert.h>
#include <string.h>

/* Guest registers that live in host registers: the ones compilers use most. */
static const int8_t emit_pinned_x[32] = {
    REGS_NONE, RBX /* ra */, R12 /* sp */, REGS_NONE, REGS_NONE, REGS_NONE, REGS_NONE, REGS_NONE,
    R13 /* s0 */, R14 /* s1 */, RSI /* a0 */, RDI, R8, R9, R10, R11 /* a5 */, R15 /* a6 */,
    [17 ... 31] = REGS_NONE,
};
static const int8_t emit_temps_x[] = { RAX, RCX, RDX, REGS_NONE };

static const int8_t emit_pinned_f[32] = {
    4 /* ft0 */, 5, 6, [3 ... 7] = REGS_NONE, 7 /* fs0 */, REGS_NONE,
    8 /* fa0 */, 9, 10, 11, 12, 13, 14, 15 /* fa7 */, [18 ... 31] = REGS_NONE,
};
static const int8_t emit_temps_f[] = { 0, 1, 2, 3, REGS_NONE };

static struct x86_mem emit_home_x(unsigned guest)
{
    return x86_at(HART, HART_OFFSET(x) + 8 * (int32_t)guest);
}

static struct x86_mem emit_home_f(unsigned guest)
{
    return x86_at(HART, HART_OFFSET(f) + 8 * (int32_t)guest);
}

static void emit_x_move(void *emitter, int dst, int src)
{
    struct emitter *e = emitter;
    if (dst != src) {
        x86_mov_rr(&e->as, true, dst, src);
    }
}

static void emit_x_load_home(void *emitter, int dst, unsigned guest)
{
    struct emitter *e = emitter;
    x86_mov_rm(&e->as, true, dst, emit_home_x(guest));
}

static void emit_x_store_home(void *emitter, unsigned guest, int src)
{
    struct emitter *e = emitter;
    x86_store(&e->as, 8, emit_home_x(guest), src);
}

static void emit_x_load_spill(void *emitter, int dst, unsigned slot)
{
    struct emitter *e = emitter;
    x86_mov_rm(&e->as, true, dst, x86_at(HART, AREA_OFFSET(spill) + 8 * (int32_t)slot));
}

static void emit_x_store_spill(void *emitter, unsigned slot, int src)
{
    struct emitter *e = emitter;
    x86_store(&e->as, 8, x86_at(HART, AREA_OFFSET(spill) + 8 * (int32_t)slot), src);
}

static void emit_x_load_const(void *emitter, int dst, uint64_t value)
{
    struct emitter *e = emitter;
    x86_mov_ri(&e->as, dst, value, false);
}

static void emit_x_store_const(void *emitter, unsigned guest, uint64_t value)
{
    struct emitter *e = emitter;
    if ((int64_t)value == (int32_t)value) {
        x86_store_imm(&e->as, 8, emit_home_x(guest), (int32_t)value);
    } else {
        int temp = regs_scratch(&e->x);
        x86_mov_ri(&e->as, temp, value, false);
        x86_store(&e->as, 8, emit_home_x(guest), temp);
    }
}

const struct regs_host emit_regs_x = {
    .pinned = emit_pinned_x, .temps = emit_temps_x, .move = emit_x_move,
    .load_home = emit_x_load_home, .store_home = emit_x_store_home,
    .load_spill = emit_x_load_spill, .store_spill = emit_x_store_spill,
    .load_const = emit_x_load_const, .store_home_const = emit_x_store_const,
};

static void emit_f_move(void *emitter, int dst, int src)
{
    struct emitter *e = emitter;
    if (dst != src) {
        x86_vmov_xx(&e->as, (unsigned)dst, (unsigned)src);
    }
}

static void emit_f_load_home(void *emitter, int dst, unsigned guest)
{
    struct emitter *e = emitter;
    x86_vload(&e->as, true, (unsigned)dst, emit_home_f(guest));
}

static void emit_f_store_home(void *emitter, unsigned guest, int src)
{
    struct emitter *e = emitter;
    x86_vstore(&e->as, true, emit_home_f(guest), (unsigned)src);
}

static void emit_f_load_spill(void *emitter, int dst, unsigned slot)
{
    struct emitter *e = emitter;
    x86_vload(&e->as, true, (unsigned)dst,
              x86_at(HART, AREA_OFFSET(spill_f) + 8 * (int32_t)slot));
}

static void emit_f_store_spill(void *emitter, unsigned slot, int src)
{
    struct emitter *e = emitter;
    x86_vstore(&e->as, true, x86_at(HART, AREA_OFFSET(spill_f) + 8 * (int32_t)slot),
               (unsigned)src);
}

const struct regs_host emit_regs_f = {
    .pinned = emit_pinned_f, .temps = emit_temps_f, .move = emit_f_move,
    .load_home = emit_f_load_home, .store_home = emit_f_store_home,
    .load_spill = emit_f_load_spill, .store_spill = emit_f_store_spill,
};

struct operand emit_operand(struct emitter *e, uint16_t value, bool imm, bool mem)
{
    int64_t constant;
    unsigned guest;
    if (imm && ir_is_const(e->block, value, &constant) && constant == (int32_t)constant) {
        return (struct operand){ .kind = OPERAND_IMM, .imm = constant };
    }
    if (mem && regs_in_slot(&e->x, value, &guest)) {
        return (struct operand){ .kind = OPERAND_MEM, .mem = emit_home_x(guest) };
    }
    return (struct operand){ .kind = OPERAND_REG, .reg = regs_read(&e->x, value) };
}

void emit_copy(struct emitter *e, enum x86_reg dst, uint16_t value)
{
    int64_t constant;
    unsigned guest;
    int reg = regs_peek(&e->x, value);
    if (reg != REGS_NONE) {
        emit_x_move(e, dst, reg);
    } else if (ir_is_const(e->block, value, &constant)) {
        x86_mov_ri(&e->as, dst, (uint64_t)constant, false);
    } else if (regs_in_slot(&e->x, value, &guest)) {
        emit_x_load_home(e, dst, guest);
    } else {
        assert(e->x.place[value].spill != REGS_NONE);
        emit_x_load_spill(e, dst, (unsigned)e->x.place[value].spill);
    }
}

void emit_mov(struct emitter *e, bool wide, enum x86_reg dst, const struct operand *src)
{
    if (src->kind == OPERAND_IMM) {
        x86_mov_ri(&e->as, dst, (uint64_t)src->imm, false);
    } else if (src->kind == OPERAND_MEM) {
        x86_mov_rm(&e->as, wide, dst, src->mem);
    } else if (src->reg != dst) {
        x86_mov_rr(&e->as, wide, dst, src->reg);
    }
}

void emit_alu(struct emitter *e, enum x86_alu op, bool wide, enum x86_reg dst,
              const struct operand *src)
{
    if (src->kind == OPERAND_IMM) {
        assert(src->imm == (int32_t)src->imm);
        x86_alu_ri(&e->as, op, wide, dst, (int32_t)src->imm);
    } else if (src->kind == OPERAND_MEM) {
        x86_alu_rm(&e->as, op, wide, dst, src->mem);
    } else {
        x86_alu_rr(&e->as, op, wide, dst, src->reg);
    }
}

struct emit_cold *emit_cold(struct emitter *e, emit_cold_fn *fn, const struct ir_ins *ins,
                            uint8_t *from)
{
    if (e->cold_count >= EMIT_COLD_MAX) {
        e->as.overflow = true;
        return NULL;
    }
    struct emit_cold *cold = &e->cold[e->cold_count++];
    *cold = (struct emit_cold){ .fn = fn, .from = { from }, .ins = ins };
    return cold;
}

/* The writable-view address from which a displacement to `target` (executable view) is right. */
static const uint8_t *emit_as_writable(const struct emitter *e, const uint8_t *target)
{
    return e->as.start + (target - e->rx);
}

void emit_call_thunk(struct emitter *e, const uint8_t *thunk)
{
    x86_bind(&e->as, x86_call(&e->as), emit_as_writable(e, thunk));
}

void emit_jmp_thunk(struct emitter *e, const uint8_t *thunk)
{
    x86_bind(&e->as, x86_jmp(&e->as), emit_as_writable(e, thunk));
}

void emit_count(struct emitter *e, unsigned insns)
{
    if (e->block->counting && insns != 0) {
        x86_alu_mi(&e->as, X86_ADD, true, x86_at(HART, HART_OFFSET(instret)), (int32_t)insns);
    }
}

void emit_leave(struct emitter *e, int64_t target, enum jit_reason reason)
{
    struct x86_asm *as = &e->as;
    x86_mov_rm(as, true, RAX, x86_at(HART, AREA_OFFSET(pc_page)));
    x86_alu_ri(as, X86_ADD, true, RAX, (int32_t)target);
    x86_store(as, 8, x86_at(HART, HART_OFFSET(pc)), RAX);
    x86_mov_ri(as, RAX, reason, true);
    emit_jmp_thunk(e, e->thunks->leave);
}

void emit_cold_step(struct emitter *e, const struct emit_cold *cold)
{
    emit_late_flags(e, cold->ins);
    emit_count(e, cold->ins->insns);
    emit_leave(e, cold->ins->pc, JIT_STEP);
}

static void emit_one(struct emitter *e, unsigned index)
{
    if (regs_carry_out(&e->x, &e->f, index)) {
        return;
    }
    bool known = emit_integer(e, index) || emit_memory(e, index) || emit_fcsr(e, index) ||
                 emit_float(e, index) || emit_flow(e, index);
    assert(known);
}

/* Counts an entry of the block, before any register holds a value of its own. */
static void emit_entry_count(struct emitter *e)
{
    if (e->block->counter != NULL) {
        x86_mov_ri(&e->as, RAX, (uintptr_t)e->block->counter, true);
        x86_alu_mi(&e->as, X86_ADD, true, x86_at(RAX, 0), 1);
    }
}

bool host_emit_block(const struct ir_block *block, const struct host_thunks *thunks, uint8_t *rw,
                     const uint8_t *rx, size_t size, uint64_t first_exit,
                     struct jit_code *ret_code)
{
    static _Thread_local struct emitter e;
    e.as = (struct x86_asm){ rw, rw, rw + size, false };
    e.rx = rx;
    e.thunks = thunks;
    e.block = block;
    e.code = ret_code;
    e.first_exit = first_exit;
    e.cold_count = 0;
    e.x.host = &emit_regs_x;
    e.f.host = &emit_regs_f;
    e.x.emitter = e.f.emitter = &e;
    e.f.floating = true;
    memset(e.ordered, 0, block->count);
    e.suspect_count = 0;
    emit_plan_nans(&e);
    ret_code->exits = 0;
    regs_begin(&e.x, block);
    regs_begin(&e.f, block);
    emit_entry_count(&e);
    for (unsigned i = 1; i < block->count && !e.as.overflow; i++) {
        regs_next(&e.x, i);
        regs_next(&e.f, i);
        emit_one(&e, i);
        if (i == IR_CHECK) {
            e.loop = e.as.at;
        }
    }
    for (unsigned i = 0; i < e.cold_count && !e.as.overflow; i++) {
        struct emit_cold *cold = &e.cold[i];
        for (unsigned k = 0; k < 2 && cold->from[k] != NULL; k++) {
            x86_bind_here(&e.as, cold->from[k]);
        }
        cold->fn(&e, cold);
    }
    ret_code->size = x86_size(&e.as);
    return !e.as.overflow && !e.x.failed && !e.f.failed;
}
