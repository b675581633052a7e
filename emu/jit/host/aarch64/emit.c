/* One IR block to A64: the driver, operands, cold code. */
#include "emu/jit/host/aarch64/emit.h"

#include <assert.h>

/* Guest registers that live in host registers: all but gp, tp, t0, t2, s7 to s11 and t4 to t6. */
static const int8_t emit_pinned_x[32] = {
    REGS_NONE, 4 /* ra */, 5 /* sp */, REGS_NONE, REGS_NONE, REGS_NONE, 6 /* t1 */, REGS_NONE,
    19 /* s0 */, 20, 7 /* a0 */, 8, 9, 10, 11, 12, 13, 14 /* a7 */,
    21 /* s2 */, 22, 23, 24, 29 /* s6 */, [23 ... 27] = REGS_NONE, 15 /* t3 */,
    [29 ... 31] = REGS_NONE,
};
static const int8_t emit_temps_x[] = { T0, T1, T2, T3, REGS_NONE };

static const int8_t emit_pinned_f[32] = {
    16 /* ft0 */, 17, 18, 19, 20, 21, 22, 23, 8 /* fs0 */, 9, 24 /* fa0 */, 25, 26, 27, 28, 29, 30,
    31 /* fa7 */, 10 /* fs2 */, 11, 12, 13, 14, 15, 6, 7 /* fs9 */, [26 ... 31] = REGS_NONE,
};
static const int8_t emit_temps_f[] = { 0, 1, 2, 3, REGS_NONE };

static struct a64_mem emit_home_x(unsigned guest)
{
    return a64_at(HART, HART_OFFSET(x) + 8 * (int32_t)guest);
}

static struct a64_mem emit_home_f(unsigned guest)
{
    return a64_at(HART, HART_OFFSET(f) + 8 * (int32_t)guest);
}

static struct a64_mem emit_spill_x(unsigned slot)
{
    return a64_at(AREA, (int32_t)offsetof(struct jit_area, spill) + 8 * (int32_t)slot);
}

static struct a64_mem emit_spill_f(unsigned slot)
{
    return a64_at(AREA, (int32_t)offsetof(struct jit_area, spill_f) + 8 * (int32_t)slot);
}

static void emit_x_move(void *emitter, int dst, int src)
{
    struct emitter *e = emitter;
    if (dst != src) {
        a64_mov(&e->as, dst, src);
    }
}

static void emit_x_load_home(void *emitter, int dst, unsigned guest)
{
    struct emitter *e = emitter;
    a64_ldr(&e->as, dst, emit_home_x(guest));
}

static void emit_x_store_home(void *emitter, unsigned guest, int src)
{
    struct emitter *e = emitter;
    a64_str(&e->as, src, emit_home_x(guest));
}

static void emit_x_load_spill(void *emitter, int dst, unsigned slot)
{
    struct emitter *e = emitter;
    a64_ldr(&e->as, dst, emit_spill_x(slot));
}

static void emit_x_store_spill(void *emitter, unsigned slot, int src)
{
    struct emitter *e = emitter;
    a64_str(&e->as, src, emit_spill_x(slot));
}

static void emit_x_load_const(void *emitter, int dst, uint64_t value)
{
    struct emitter *e = emitter;
    a64_mov_imm(&e->as, dst, value);
}

static void emit_x_store_const(void *emitter, unsigned guest, uint64_t value)
{
    struct emitter *e = emitter;
    if (value != 0) {
        a64_mov_imm(&e->as, S0, value);
    }
    a64_str(&e->as, value == 0 ? A64_ZR : S0, emit_home_x(guest));
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
        a64_fp1(&e->as, A64_FMOV, true, dst, src);
    }
}

static void emit_f_load_home(void *emitter, int dst, unsigned guest)
{
    struct emitter *e = emitter;
    a64_ldr_d(&e->as, dst, emit_home_f(guest));
}

static void emit_f_store_home(void *emitter, unsigned guest, int src)
{
    struct emitter *e = emitter;
    a64_str_d(&e->as, src, emit_home_f(guest));
}

static void emit_f_load_spill(void *emitter, int dst, unsigned slot)
{
    struct emitter *e = emitter;
    a64_ldr_d(&e->as, dst, emit_spill_f(slot));
}

static void emit_f_store_spill(void *emitter, unsigned slot, int src)
{
    struct emitter *e = emitter;
    a64_str_d(&e->as, src, emit_spill_f(slot));
}

const struct regs_host emit_regs_f = {
    .pinned = emit_pinned_f, .temps = emit_temps_f, .move = emit_f_move,
    .load_home = emit_f_load_home, .store_home = emit_f_store_home,
    .load_spill = emit_f_load_spill, .store_spill = emit_f_store_spill,
};

int emit_read(struct emitter *e, uint16_t value)
{
    int64_t constant;
    if (ir_is_const(e->block, value, &constant) && constant == 0) {
        return A64_ZR;
    }
    return regs_read(&e->x, value);
}

void emit_add(struct emitter *e, int d, int n, int64_t imm)
{
    assert(n != S1);
    enum a64_sum op = imm < 0 ? A64_SUB : A64_ADD;
    uint64_t magnitude = imm < 0 ? 0 - (uint64_t)imm : (uint64_t)imm;
    if (a64_sum_fits(magnitude)) {
        a64_sum_ri(&e->as, op, true, d, n, (uint32_t)magnitude);
    } else if (magnitude < UINT64_C(1) << 24) {
        a64_sum_ri(&e->as, op, true, d, n, (uint32_t)magnitude & ~0xfffu);
        a64_sum_ri(&e->as, op, true, d, d, (uint32_t)magnitude & 0xfff);
    } else {
        a64_mov_imm(&e->as, S1, (uint64_t)imm);
        a64_sum_rr(&e->as, A64_ADD, true, d, n, S1, 0);
    }
}

struct emit_cold *emit_cold(struct emitter *e, emit_cold_fn *fn, const struct ir_ins *ins,
                            uint8_t *from)
{
    if (e->cold_count >= EMIT_COLD_MAX) {
        e->as.overflow = true; /* the block is dropped, so its last cold code may be any */
        e->cold_count--;
    }
    struct emit_cold *cold = &e->cold[e->cold_count++];
    *cold = (struct emit_cold){ .fn = fn, .from = { from }, .ins = ins };
    return cold;
}

void emit_resume(struct emitter *e, const struct emit_cold *cold)
{
    a64_bind(&e->as, a64_b(&e->as), cold->resume);
}

/* The writable-view address from which a distance to `target` (executable view) is right. */
static const uint8_t *emit_as_writable(const struct emitter *e, const uint8_t *target)
{
    return e->as.start + (target - e->rx);
}

void emit_call_thunk(struct emitter *e, const uint8_t *thunk)
{
    a64_bind(&e->as, a64_bl(&e->as), emit_as_writable(e, thunk));
}

void emit_count(struct emitter *e, unsigned insns)
{
    if (e->block->counting && insns != 0) {
        a64_ldr(&e->as, S0, HART_AT(instret));
        a64_sum_ri(&e->as, A64_ADD, true, S0, S0, insns);
        a64_str(&e->as, S0, HART_AT(instret));
    }
}

void emit_leave_to(struct emitter *e, int reg, enum jit_reason reason)
{
    a64_str(&e->as, reg, HART_AT(pc));
    a64_mov_imm(&e->as, S0, reason);
    a64_bind(&e->as, a64_b(&e->as), emit_as_writable(e, e->thunks->leave));
}

void emit_leave(struct emitter *e, int64_t target, enum jit_reason reason)
{
    a64_ldr(&e->as, T0, AREA_AT(pc_page));
    emit_add(e, T0, T0, target);
    emit_leave_to(e, T0, reason);
}

void emit_cold_step(struct emitter *e, const struct emit_cold *cold)
{
    emit_count(e, cold->ins->insns);
    emit_leave(e, cold->ins->pc, JIT_STEP);
}

static void emit_one(struct emitter *e, unsigned index)
{
    if (regs_carry_out(&e->x, &e->f, index)) {
        return;
    }
    bool known = emit_integer(e, index) || emit_memory(e, index) || emit_atomic(e, index) ||
                 emit_fcsr(e, index) || emit_float(e, index) || emit_flow(e, index);
    assert(known);
}

/* Counts an entry of the block. */
static void emit_entry_count(struct emitter *e)
{
    if (e->block->counter != NULL) {
        a64_mov_imm(&e->as, S0, (uintptr_t)e->block->counter);
        a64_ldr(&e->as, S1, a64_at(S0, 0));
        a64_sum_ri(&e->as, A64_ADD, true, S1, S1, 1);
        a64_str(&e->as, S1, a64_at(S0, 0));
    }
}

bool host_emit_block(const struct ir_block *block, const struct host_thunks *thunks, uint8_t *rw,
                     const uint8_t *rx, size_t size, uint64_t first_exit,
                     struct jit_code *ret_code)
{
    static _Thread_local struct emitter e;
    e.as = (struct a64_asm){ rw, rw, rw + size, false };
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
        const struct emit_cold *cold = &e.cold[i];
        for (unsigned k = 0; k < 2 && cold->from[k] != NULL; k++) {
            a64_bind_here(&e.as, cold->from[k]);
        }
        cold->fn(&e, cold);
    }
    ret_code->size = a64_size(&e.as);
    return !e.as.overflow && !e.x.failed && !e.f.failed;
}
