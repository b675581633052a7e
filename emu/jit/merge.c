/*
 * Accesses at known distances from each other usually touch one page: the first one's probe covers
 * the range of all, and the others use what it found. Distances are known off one base register,
 * off sums of it with constants (a pointer that a loop steps along), and off the pc. Where the
 * range leaves the page, or is no memory, the block is left for one that probes each access.
 *
 * What may be stored to may be loaded from, so a group with both asks for stores. If a load asks
 * for a store that comes later, and may never come, nothing is filled in: the page would become
 * dirty. The block is left in that case too, and a store in the other one fills it in.
 *
 * This is right because nothing in a block can take a translation away: shootdowns reach a hart
 * between blocks only.
 */
#include "emu/jit/ir.h"

#include <stdlib.h>

#define MERGE_SPAN_MAX 512 /* longer ranges would leave their page too often */
#define MERGE_PC       IR_OPS_MAX /* the root of values relative to the pc: no operation */

/* What an address is counted from, and its distance from there. */
struct merge_address {
    unsigned root;
    int64_t distance;
};

static bool merge_is_access(const struct ir_ins *ins, bool *ret_write)
{
    *ret_write = ins->op == IR_STORE || ins->op == IR_STOREF;
    return *ret_write || ins->op == IR_LOAD || ins->op == IR_LOADF;
}

bool ir_group_fills(const struct ir_block *block, unsigned group)
{
    bool write;
    merge_is_access(&block->ins[block->group[group].first], &write);
    return write == block->group[group].write;
}

static struct merge_address merge_address(const struct ir_block *block, const struct ir_ins *ins)
{
    struct merge_address at = { ins->a, ins->imm };
    const struct ir_ins *base = &block->ins[ins->a];
    while (base->op == IR_ADD && !base->w32 && block->ins[base->b].op == IR_CONST &&
           llabs(block->ins[base->b].imm) <= INT32_MAX && llabs(at.distance) <= INT32_MAX) {
        at.distance += block->ins[base->b].imm;
        at.root = base->a;
        base = &block->ins[at.root];
    }
    if (base->op == IR_PC) {
        at = (struct merge_address){ MERGE_PC, at.distance + base->imm };
    }
    return at;
}

/* The group that the access may join: its number, or 0. */
static unsigned merge_find(const struct ir_block *block, const struct merge_address *groups,
                           struct merge_address at, unsigned size)
{
    for (unsigned g = IR_GROUPS_MAX - 1; g > 0; g--) {
        const struct ir_group *group = &block->group[g];
        if (group->count == 0 || groups[g].root != at.root) {
            continue;
        }
        int64_t from = at.distance - groups[g].distance, end = from + size;
        int64_t min = from < group->min ? from : group->min;
        int64_t max = end > group->max ? end : group->max;
        if (max - min <= MERGE_SPAN_MAX) {
            return g;
        }
    }
    return 0;
}

static void merge_join(struct ir_block *block, unsigned index, unsigned number, int64_t from,
                       bool write)
{
    struct ir_group *group = &block->group[number];
    struct ir_ins *ins = &block->ins[index];
    int64_t end = from + ins->size;
    group->min = from < group->min ? (int32_t)from : group->min;
    group->max = end > group->max ? (int32_t)end : group->max;
    group->count++;
    group->write |= write;
    block->ins[IR_ADDEND(number)].last = (uint16_t)index;
    ins->group = (uint8_t)number;
}

/* Groups of one go back to being accesses of their own. */
static void merge_settle(struct ir_block *block)
{
    for (unsigned g = 1; g < IR_GROUPS_MAX; g++) {
        if (block->group[g].count == 1) {
            block->ins[block->group[g].first].group = 0;
        }
    }
}

void ir_merge(struct ir_block *block)
{
    struct merge_address groups[IR_GROUPS_MAX]; /* of the base of each group's first access */
    unsigned used = 1;
    for (unsigned i = 1; i < block->count; i++) {
        struct ir_ins *ins = &block->ins[i];
        bool write;
        if (!merge_is_access(ins, &write) || block->ins[ins->a].op == IR_CONST) {
            continue;
        }
        struct merge_address at = merge_address(block, ins);
        unsigned number = merge_find(block, groups, at, ins->size);
        if (number == 0 && used < IR_GROUPS_MAX) {
            number = used++;
            groups[number] = (struct merge_address){ at.root, at.distance - ins->imm };
            block->group[number] = (struct ir_group){
                .first = (uint16_t)i,
                .min = (int32_t)ins->imm, .max = (int32_t)ins->imm + ins->size,
            };
        }
        if (number != 0) {
            merge_join(block, i, number, at.distance - groups[number].distance, write);
        }
    }
    merge_settle(block);
}
