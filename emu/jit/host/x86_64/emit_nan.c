/*
 * NaN results become the canonical one where it matters which NaN they are. Arithmetic makes a NaN
 * from every NaN, so one check serves a chain of operations: that of the last one, before anybody
 * can see the others or the block can be left. When it finds a NaN, those before it are looked at.
 */
#include "emu/jit/host/x86_64/emit.h"

/* Whether the result is a NaN if an operand is. */
static bool nan_passes(enum ir_op op)
{
    return (op >= IR_FADD && op <= IR_FSQRT) || (op >= IR_FMADD && op <= IR_FNMADD) ||
           op == IR_FCVTFF;
}

static bool nan_uses(const struct ir_ins *ins, uint16_t value)
{
    return ins->a == value || ins->b == value || ins->c == value;
}

/* Whether it makes no difference to the operation which NaN an operand is. */
static bool nan_is_blind(enum ir_op op)
{
    return nan_passes(op) || op == IR_PUTF || op == IR_FEQ || op == IR_FLT || op == IR_FLE;
}

/* The operation whose check serves `value` too, or IR_NONE. Those behind it are known already. */
static uint16_t nan_find_check(const struct emitter *e, uint16_t value)
{
    const struct ir_block *block = e->block;
    unsigned check = IR_NONE;
    for (unsigned i = value + 1u; i < block->count; i++) {
        const struct ir_ins *ins = &block->ins[i];
        bool uses = nan_uses(ins, value);
        if (ir_is_recovery(block, i) || (uses && !nan_is_blind(ins->op))) {
            break;
        }
        if (uses && nan_passes(ins->op) && check == IR_NONE) {
            check = e->checked_by[i] != IR_NONE ? e->checked_by[i] : i;
        }
        if (i == check) {
            return (uint16_t)check;
        }
    }
    return IR_NONE;
}

void emit_plan_nans(struct emitter *e)
{
    for (unsigned i = e->block->count - 1; i > 0; i--) {
        enum ir_op op = e->block->ins[i].op;
        e->checked_by[i] =
            op >= IR_FADD && op <= IR_FSQRT ? nan_find_check(e, (uint16_t)i) : (uint16_t)IR_NONE;
    }
}

static struct x86_mem nan_constant(const struct ir_ins *ins)
{
    return x86_at(HART, ins->w32 ? AREA_OFFSET(constants.nan32) : AREA_OFFSET(constants.nan64));
}

/* Remembers a place that holds a value which has not been checked. */
static void nan_note(struct emitter *e, uint16_t value, int reg, int32_t slot)
{
    if (e->suspect_count == EMIT_SUSPECTS_MAX) {
        e->as.overflow = true;
        return;
    }
    e->suspect[e->suspect_count++] = (struct emit_suspect){ value, (int8_t)reg, slot };
}

/* Remembers all places of a value at this moment. */
static void nan_note_places(struct emitter *e, uint16_t value)
{
    const struct regs_place *place = &e->f.place[value];
    if (place->temp != REGS_NONE && e->f.in_temp[place->temp] == value) {
        nan_note(e, value, place->temp, 0);
    }
    if (place->spill != REGS_NONE && e->f.in_spill[place->spill] == value) {
        nan_note(e, value, REGS_NONE, AREA_OFFSET(spill_f) + 8 * place->spill);
    }
    for (unsigned guest = 0; guest < 32; guest++) {
        if (e->f.in_home[guest] == value) {
            nan_note(e, value, emit_regs_f.pinned[guest],
                     HART_OFFSET(f) + 8 * (int32_t)guest);
        }
    }
}

/* A place that may hold a NaN is made canonical; `free`: a register. */
static void nan_settle(struct emitter *e, const struct emit_suspect *suspect, unsigned free)
{
    const struct ir_ins *ins = &e->block->ins[suspect->value];
    struct x86_mem slot = x86_at(HART, suspect->slot);
    bool in_register = suspect->reg != REGS_NONE;
    unsigned reg = in_register ? (unsigned)suspect->reg : free;
    if (!in_register) {
        x86_vload(&e->as, true, reg, slot);
    }
    x86_vcompare(&e->as, 0x2e, !ins->w32, reg, reg);
    uint8_t *number = x86_jcc(&e->as, CC_NP);
    x86_vload(&e->as, true, reg, nan_constant(ins));
    if (!in_register) {
        x86_vstore(&e->as, true, slot, reg);
    }
    x86_bind_here(&e->as, number);
}

void emit_cold_nan(struct emitter *e, const struct emit_cold *cold)
{
    for (unsigned i = 0; i < cold->suspects; i++) {
        nan_settle(e, &e->suspect[cold->suspect + i], (unsigned)cold->result);
    }
    x86_vload(&e->as, true, (unsigned)cold->result, nan_constant(cold->ins));
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
}

struct emit_cold *emit_nan_check(struct emitter *e, unsigned index, unsigned dst, emit_cold_fn *fn)
{
    const struct ir_ins *ins = &e->block->ins[index];
    if (e->checked_by[index] != IR_NONE) {
        return NULL;
    }
    x86_vcompare(&e->as, 0x2e, !ins->w32, dst, dst);
    struct emit_cold *cold = emit_cold(e, fn, ins, x86_jcc(&e->as, CC_P));
    if (cold == NULL) {
        return NULL;
    }
    cold->result = (int8_t)dst;
    cold->resume = e->as.at;
    cold->suspect = (uint16_t)e->suspect_count;
    for (unsigned i = index - 1; i > 0 && !ir_is_recovery(e->block, i); i--) {
        if (e->checked_by[i] == index) {
            nan_note_places(e, (uint16_t)i);
        }
    }
    cold->suspects = (uint16_t)(e->suspect_count - cold->suspect);
    return cold;
}
