/* Guest loads and stores: the TLB is probed inline, everything else is a call out of line. */
#include "emu/jit/host/aarch64/emit.h"

#include "emu/jit/slow.h"

_Static_assert(sizeof(struct tlb_entry) == 16, "the probe scales by 16");
_Static_assert(offsetof(struct tlb_bank, entry) == 0, "a bank begins with what is read");

#define TLB_TABLE_SIZE (TLB_ENTRIES * (uint32_t)sizeof(struct tlb_entry))

int emit_address(struct emitter *e, uint16_t value, int64_t disp)
{
    int64_t constant;
    if (ir_is_const(e->block, value, &constant)) {
        int at = regs_scratch(&e->x);
        a64_mov_imm(&e->as, at, (uint64_t)constant + (uint64_t)disp);
        return at;
    }
    int base = regs_read(&e->x, value);
    if (disp == 0) {
        return base;
    }
    int at = regs_scratch(&e->x);
    emit_add(e, at, base, disp);
    return at;
}

uint8_t *emit_probe(struct emitter *e, int address, unsigned size, enum tlb_access access)
{
    struct a64_asm *as = &e->as;
    a64_bitfield(as, A64_UBFM, true, S0, address, TLB_PAGE_BITS, TLB_PAGE_BITS + TLB_BITS - 1);
    a64_sum_rr(as, A64_ADD, true, S0, BANK, S0, 4);
    if (access != TLB_READ) {
        a64_sum_ri(as, A64_ADD, true, S0, S0, (uint32_t)access * TLB_TABLE_SIZE);
    }
    a64_pair(as, true, false, S0, S1, S0, 0);
    a64_sum_rr(as, A64_SUB, true, S0, address, S0, 0);
    a64_sum_ri(as, A64_SUBS, true, A64_ZR, S0, TLB_PAGE_SIZE - size);
    return a64_bcc(as, CC_HI);
}

void emit_slow_arguments(struct emitter *e, const struct emit_cold *cold, unsigned op)
{
    const struct ir_ins *ins = cold->ins;
    a64_mov(&e->as, S0, cold->address);
    a64_mov_imm(&e->as, S1, slow_info(ins->pc, ins->size, ins->insns, op));
}

void emit_box(struct emitter *e, int reg)
{
    a64_vec(&e->as, A64_VORR, reg, reg, V_BOX);
}

static void emit_cold_load(struct emitter *e, const struct emit_cold *cold)
{
    const struct ir_ins *ins = cold->ins;
    emit_slow_arguments(e, cold, 0);
    emit_call_thunk(e, e->thunks->load);
    if (ins->op == IR_LOADF) {
        a64_fpx(&e->as, A64_FMOV_F, true, true, false, cold->value, S0);
        if (ins->size == 4) {
            emit_box(e, cold->value);
        }
    } else if (ins->size < 8) {
        a64_extend(&e->as, ins->size, ins->sign, cold->value, S0);
    } else {
        a64_mov(&e->as, cold->value, S0);
    }
    emit_resume(e, cold);
}

static void emit_cold_store(struct emitter *e, const struct emit_cold *cold)
{
    if (cold->ins->op == IR_STOREF) {
        a64_str_d(&e->as, cold->value, AREA_AT(argument[0]));
    } else {
        a64_str(&e->as, cold->value, AREA_AT(argument[0]));
    }
    emit_slow_arguments(e, cold, 0);
    emit_call_thunk(e, e->thunks->store);
    emit_resume(e, cold);
}

/* Goes on after filling the TLB, or falls through. */
static void emit_group_fill(struct emitter *e, const struct emit_cold *cold)
{
    const struct ir_group *group = &e->block->group[cold->ins->group];
    int64_t span = group->max - group->min;
    a64_bitfield(&e->as, A64_UBFM, true, S0, cold->address, 0, TLB_PAGE_BITS - 1);
    emit_add(e, S0, S0, span - 1);
    a64_sum_ri(&e->as, A64_SUBS, true, A64_ZR, S0, TLB_PAGE_SIZE);
    uint8_t *straddles = a64_bcc(&e->as, CC_HS);
    a64_mov_imm(&e->as, S0, (uint64_t)span);
    a64_str(&e->as, S0, AREA_AT(argument[0]));
    emit_slow_arguments(e, cold, group->write ? TLB_WRITE : TLB_READ);
    emit_call_thunk(e, e->thunks->group);
    uint8_t *single = a64_cbz(&e->as, true, false, S0);
    emit_resume(e, cold);
    a64_bind_here(&e->as, straddles);
    a64_bind_here(&e->as, single);
}

/* A group whose range leaves the page, or is no memory, is left to a block without groups. */
static void emit_cold_group(struct emitter *e, const struct emit_cold *cold)
{
    if (ir_group_fills(e->block, cold->ins->group)) {
        emit_group_fill(e, cold);
    }
    emit_count(e, cold->ins->insns);
    emit_patchable(e, cold->ins, cold->ins->pc, true);
}

/* [base + S1 + disp], as an operand; may use S0. */
static struct a64_mem emit_behind(struct emitter *e, unsigned size, int base, int64_t disp)
{
    if (disp == 0) {
        return a64_indexed(S1, base);
    }
    a64_sum_rr(&e->as, A64_ADD, true, S0, S1, base, 0);
    if (!a64_reaches(size, (int32_t)disp)) {
        emit_add(e, S0, S0, disp);
        disp = 0;
    }
    return a64_at(S0, (int32_t)disp);
}

/* An access whose probe another one shares. The first of the group probes for all; there is no
 * other way out of it. */
static struct a64_mem emit_grouped(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    const struct ir_group *group = &e->block->group[ins->group];
    struct a64_mem addend = AREA_AT(addend);
    addend.disp += 8 * ins->group;
    if (index != group->first) {
        int base = regs_read(&e->x, ins->a);
        a64_ldr(&e->as, S1, addend);
        return emit_behind(e, ins->size, base, ins->imm);
    }
    enum tlb_access access = group->write ? TLB_WRITE : TLB_READ;
    int address = emit_address(e, ins->a, group->min);
    const uint8_t *again = e->as.at;
    struct emit_cold *cold = emit_cold(
        e, emit_cold_group, ins,
        emit_probe(e, address, (unsigned)(group->max - group->min), access));
    cold->address = (int8_t)address;
    cold->resume = again;
    a64_str(&e->as, S1, addend);
    return emit_behind(e, ins->size, address, ins->imm - group->min);
}

/* Where the access goes; *ret_cold: what must be completed when the access is emitted, or NULL. */
static struct a64_mem emit_place(struct emitter *e, unsigned index, enum tlb_access access,
                                 emit_cold_fn *fn, struct emit_cold **ret_cold)
{
    const struct ir_ins *ins = &e->block->ins[index];
    *ret_cold = NULL;
    if (ins->group != 0) {
        return emit_grouped(e, index);
    }
    int address = emit_address(e, ins->a, ins->imm);
    *ret_cold = emit_cold(e, fn, ins, emit_probe(e, address, ins->size, access));
    (*ret_cold)->address = (int8_t)address;
    return a64_indexed(S1, address);
}

static void emit_complete(struct emitter *e, struct emit_cold *cold, int value)
{
    if (cold != NULL) {
        cold->value = (int8_t)value;
        cold->resume = e->as.at;
    }
}

static void emit_load(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    bool vector = ins->op == IR_LOADF;
    struct emit_cold *cold;
    struct a64_mem from = emit_place(e, index, TLB_READ, emit_cold_load, &cold);
    int dst = regs_write(vector ? &e->f : &e->x, (uint16_t)index);
    a64_access(&e->as, (struct a64_access){ ins->size, true, ins->sign && !vector, vector }, dst,
               from);
    if (vector && ins->size == 4) {
        emit_box(e, dst);
    }
    emit_complete(e, cold, dst);
}

static void emit_store(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    bool vector = ins->op == IR_STOREF;
    struct emit_cold *cold;
    int value = vector ? regs_read(&e->f, ins->b) : emit_read(e, ins->b);
    struct a64_mem to = emit_place(e, index, TLB_WRITE, emit_cold_store, &cold);
    a64_access(&e->as, (struct a64_access){ ins->size, false, false, vector }, value, to);
    emit_complete(e, cold, value);
}

/* cbo.zero: 64 bytes that lie in one page. */
static void emit_zero(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct a64_asm *as = &e->as;
    struct a64_mem usable = AREA_AT(zero_usable);
    usable.disp += e->block->context;
    a64_access(as, (struct a64_access){ 1, true, false, false }, S0, usable);
    emit_cold(e, emit_cold_step, ins, a64_cbz(as, false, false, S0));
    int address = emit_address(e, ins->a, ins->imm);
    emit_cold(e, emit_cold_step, ins, emit_probe(e, address, 64, TLB_WRITE));
    a64_sum_rr(as, A64_ADD, true, S0, S1, address, 0);
    for (int32_t at = 0; at < 64; at += 16) {
        a64_pair(as, false, false, A64_ZR, A64_ZR, S0, at);
    }
}

bool emit_memory(struct emitter *e, unsigned index)
{
    switch ((enum ir_op)e->block->ins[index].op) {
    case IR_LOAD: case IR_LOADF: emit_load(e, index); return true;
    case IR_STORE: case IR_STOREF: emit_store(e, index); return true;
    case IR_ZERO: emit_zero(e, index); return true;
    default: return false;
    }
}
