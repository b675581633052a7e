/* IR blocks: appending, dead code, use counts, listing. */
#include "emu/jit/ir.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/host/host.h"

enum ir_kind {
    KIND_E = 0, KIND_V = 1, KIND_F = 2, KIND_R = 4, KIND_S = 8,
    KIND_V0 = KIND_V, KIND_V1 = KIND_V, KIND_V2 = KIND_V, KIND_VR = KIND_V | KIND_R,
    KIND_F0 = KIND_F, KIND_F1 = KIND_F, KIND_F2 = KIND_F, KIND_FR = KIND_F | KIND_R,
    KIND_F1S = KIND_F | KIND_S, KIND_F2S = KIND_F | KIND_S, KIND_F3S = KIND_F | KIND_S,
    KIND_F1R = KIND_F | KIND_R, KIND_F2R = KIND_F | KIND_R, KIND_F3R = KIND_F | KIND_R,
    KIND_FIR = KIND_V | KIND_R, KIND_FI = KIND_V, KIND_ER = KIND_R,
};

#define IR_KIND(name, kind) [IR_##name] = KIND_##kind,
static const uint8_t ir_kind[IR_OP_COUNT] = { IR_OPS(IR_KIND) };

#define IR_NAME(name, kind) [IR_##name] = #name,
static const char *const ir_name[IR_OP_COUNT] = { IR_OPS(IR_NAME) };

#define IR_PASS_NAME(name) #name,
const char *const ir_pass_names[IR_PASS_COUNT + 1] = { IR_PASSES(IR_PASS_NAME) NULL };

void ir_reset(struct ir_block *block, uint16_t start, uint8_t context)
{
    block->count = 1;
    block->insns = 0;
    block->start = start;
    block->lines = 0;
    block->context = context;
    block->overflow = false;
    block->counting = false;
    block->counter = NULL;
    block->passes = IR_PASSES_ALL;
    memset(block->group, 0, sizeof block->group);
    memset(&block->ins[0], 0, sizeof block->ins[0]);
    memset(&block->ins[IR_OPS_MAX], 0, IR_GROUPS_MAX * sizeof block->ins[0]);
}

uint16_t ir_append(struct ir_block *block, struct ir_ins ins)
{
    if (block->count >= IR_OPS_MAX) {
        block->overflow = true;
        return IR_NONE;
    }
    block->ins[block->count] = ins;
    return (uint16_t)block->count++;
}

bool ir_makes_value(enum ir_op op)
{
    return (ir_kind[op] & (KIND_V | KIND_F)) != 0;
}

bool ir_is_const(const struct ir_block *block, uint16_t value, int64_t *ret_imm)
{
    const struct ir_ins *ins = &block->ins[value];
    if (ins->op != IR_CONST) {
        return false;
    }
    *ret_imm = ins->imm;
    return true;
}

bool ir_is_nonzero(const struct ir_block *block, uint16_t value)
{
    const struct ir_ins *ins = &block->ins[value];
    int64_t constant;
    return ir_is_const(block, ins->op == IR_OR ? ins->b : value, &constant) &&
           (uint32_t)constant != 0;
}

/* ir_is_natural of a value whose operands do not matter but for constants. */
static bool ir_is_natural_alone(const struct ir_block *block, uint16_t value)
{
    const struct ir_ins *ins = &block->ins[value];
    int64_t constant;
    switch (ins->op) {
    case IR_CONST: return ins->imm >= 0;
    case IR_SRL: return ir_is_const(block, ins->b, &constant) &&
                        (constant & (ins->w32 ? 31 : 63)) != 0;
    case IR_AND: return ir_is_const(block, ins->b, &constant) && constant >= 0;
    case IR_LOAD: return !ins->sign && ins->size < 8;
    case IR_SLT:
    case IR_SLTU: return true;
    default: return false;
    }
}

bool ir_is_natural(const struct ir_block *block, uint16_t value)
{
    const struct ir_ins *ins = &block->ins[value];
    return ir_is_natural_alone(block, value) ||
           (ins->op == IR_OR && ir_is_natural_alone(block, ins->a) &&
            ir_is_natural_alone(block, ins->b));
}

bool ir_is_float(enum ir_op op)
{
    return (ir_kind[op] & KIND_F) != 0;
}

bool ir_raises_flags(enum ir_op op)
{
    return op >= IR_FADD && op <= IR_FCVTFI && op != IR_FSGNJ && op != IR_FSGNJN &&
           op != IR_FSGNJX;
}

bool ir_is_recovery(const struct ir_block *block, unsigned index)
{
    const struct ir_ins *ins = &block->ins[index];
    return (ir_kind[ins->op] & KIND_R) != 0 && !host_stays(ins) &&
           (ins->group == 0 || block->group[ins->group].first == index);
}

void ir_drop_dead_puts(struct ir_block *block)
{
    uint32_t dead_x = 0, dead_f = 0; /* registers written again before the next recovery point */
    for (unsigned i = block->count - 1; i > 0; i--) {
        struct ir_ins *ins = &block->ins[i];
        uint32_t bit = 1u << (ins->reg & 31);
        if (ir_is_recovery(block, i)) {
            dead_x = dead_f = 0;
        } else if (ins->op == IR_PUT || ins->op == IR_PUTF) {
            uint32_t *dead = ins->op == IR_PUT ? &dead_x : &dead_f;
            if ((*dead & bit) != 0) {
                ins->op = ins->a == i - 1 ? IR_HINT : IR_NOP;
                ins->a = IR_NONE;
            }
            *dead |= bit;
        } else if (ins->op == IR_GET) {
            dead_x &= ~bit;
        } else if (ins->op == IR_GETF) {
            dead_f &= ~bit;
        }
    }
}

static void ir_use(struct ir_block *block, uint16_t value, unsigned by)
{
    if (value != IR_NONE) {
        block->ins[value].uses++;
        if (block->ins[value].last < by) {
            block->ins[value].last = (uint16_t)by;
        }
    }
}

void ir_count_uses(struct ir_block *block)
{
    bool drop = (block->passes & IR_PASS_BIT(values)) != 0;
    for (unsigned i = 0; i < block->count; i++) {
        block->ins[i].uses = 0;
        block->ins[i].last = 0;
    }
    for (unsigned i = block->count - 1; i > 0; i--) {
        struct ir_ins *ins = &block->ins[i];
        if (drop && ir_makes_value(ins->op) && ins->uses == 0 &&
            (ir_kind[ins->op] & (KIND_R | KIND_S)) == 0) {
            ins->op = IR_NOP;
        }
        if (ins->op != IR_NOP) {
            ir_use(block, ins->a, i);
            ir_use(block, ins->b, i);
            ir_use(block, ins->c, i);
        }
    }
}

bool ir_is_loop(const struct ir_block *block, int64_t target)
{
    return target == block->start && (block->passes & IR_PASS_BIT(loop)) != 0;
}

void ir_print(const struct ir_block *block, char *text, unsigned size)
{
    unsigned used = 0;
    for (unsigned i = 1; i < block->count && used < size; i++) {
        const struct ir_ins *ins = &block->ins[i];
        if (ins->op == IR_NOP) {
            continue;
        }
        int n = snprintf(text + used, size - used,
                         "%03x %4u %s%s reg %u size %u sub %u (%u, %u, %u) imm %" PRId64 "\n",
                         ins->pc, i, ir_name[ins->op], ins->w32 ? ".32" : "", ins->reg, ins->size,
                         ins->sub, ins->a, ins->b, ins->c, ins->imm);
        assert(n >= 0);
        used += (unsigned)n;
    }
}
