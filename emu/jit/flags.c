/*
 * Reading fflags is slow on hosts that keep them with the rounding mode, and most code that reads
 * them only wants to write them back later: C's isless, floor and their like. Where nothing raises
 * a flag in between, an operation that may leave the block reads them when it does leave (struct
 * ir_ins, late), and the block itself reads them as late as it can, or not at all if the register
 * that takes them is written again before.
 */
#include "emu/jit/host/host.h"

/* Whether the operation may change fflags, or reads them itself. */
static bool flags_touches(const struct ir_ins *ins)
{
    return ins->op == IR_FLAGS || ins->op == IR_FLAGSPUT ||
           (ir_raises_flags(ins->op) && !ins->quiet);
}

/* Whether emitters know how to leave there with flags that were not read yet. */
static bool flags_leaves_well(const struct ir_ins *ins)
{
    switch ((enum ir_op)ins->op) {
    case IR_LOAD: case IR_LOADF: case IR_STORE: case IR_STOREF: case IR_BRANCH:
    case IR_FBOXED: case IR_FMODE: case IR_FEXACT: case IR_FCVTFI:
    case IR_FEQ: case IR_FLT: case IR_FLE: return true;
    default: return false;
    }
}

static bool flags_uses(const struct ir_ins *ins, uint16_t value)
{
    return value != IR_NONE && (ins->a == value || ins->b == value || ins->c == value);
}

/* The value that register `reg` has before operation `index`, if the block knows it. */
static uint16_t flags_before(const struct ir_block *block, unsigned index, unsigned reg)
{
    for (unsigned i = index - 1; i > 0; i--) {
        const struct ir_ins *ins = &block->ins[i];
        if (ins->reg == reg && (ins->op == IR_PUT || ins->op == IR_GET)) {
            return ins->op == IR_PUT ? ins->a : (uint16_t)i;
        }
    }
    return IR_NONE;
}

/* Whether FLAGS at `index`, PUT into a register behind it, serves nothing else, and the register's
 * home may be written wherever the block is left: what it held is not needed any more. */
static bool flags_is_alone(const struct ir_block *block, unsigned index)
{
    const struct ir_ins *put = &block->ins[index + 1];
    if (index + 1 >= block->count || put->op != IR_PUT || put->a != index) {
        return false;
    }
    uint16_t before = flags_before(block, index, put->reg);
    for (unsigned i = index + 2; i < block->count; i++) {
        if (flags_uses(&block->ins[i], (uint16_t)index) ||
            flags_uses(&block->ins[i], before)) {
            return false;
        }
    }
    return true;
}

/* The first operation from `from` on that must find fflags read; block->count: the register `reg`
 * is written before. */
static unsigned flags_find(const struct ir_block *block, unsigned from, unsigned reg)
{
    unsigned touched = 0;
    for (unsigned i = from;; i++) { /* a block ends with a way out */
        const struct ir_ins *ins = &block->ins[i];
        if (ins->op == IR_PUT && ins->reg == reg) {
            return block->count;
        }
        if (ir_is_recovery(block, i) && (touched != 0 || !flags_leaves_well(ins))) {
            return touched != 0 ? touched : i;
        }
        if (touched == 0 && flags_touches(ins)) {
            if (ir_is_recovery(block, i)) {
                return i;
            }
            touched = i;
        }
    }
}

static uint16_t flags_renumber(uint16_t value, unsigned from, unsigned to)
{
    if (value == from) {
        return (uint16_t)(to - 2);
    }
    return value > from && value < to ? (uint16_t)(value - 2) : value;
}

/* Moves FLAGS and its PUT from `from` to just before `to`. */
static void flags_move(struct ir_block *block, unsigned from, unsigned to)
{
    struct ir_ins moved[2] = { block->ins[from], block->ins[from + 1] };
    for (unsigned i = from + 2; i < to; i++) {
        block->ins[i - 2] = block->ins[i];
    }
    block->ins[to - 2] = moved[0];
    block->ins[to - 1] = moved[1];
    for (unsigned i = from; i < block->count; i++) {
        struct ir_ins *ins = &block->ins[i];
        ins->a = flags_renumber(ins->a, from, to);
        ins->b = flags_renumber(ins->b, from, to);
        ins->c = flags_renumber(ins->c, from, to);
    }
}

void ir_delay_flags(struct ir_block *block)
{
    for (unsigned i = 1; host_reads_flags_late && i + 1 < block->count; i++) {
        if (block->ins[i].op != IR_FLAGS || !flags_is_alone(block, i)) {
            continue;
        }
        uint8_t reg = block->ins[i + 1].reg;
        unsigned to = flags_find(block, i + 2, reg);
        for (unsigned k = i + 2; k < to; k++) {
            struct ir_ins *ins = &block->ins[k];
            if (to == block->count && ins->op == IR_PUT && ins->reg == reg) {
                break;
            }
            ins->late = ir_is_recovery(block, k) ? reg : 0;
        }
        if (to < block->count) {
            flags_move(block, i, to);
        } else {
            block->ins[i] = block->ins[i + 1] = (struct ir_ins){ .op = IR_NOP };
        }
    }
}
