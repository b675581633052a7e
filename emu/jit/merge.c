/*
 * Accesses off one base register usually touch one page: the first one's probe covers the range of
 * all, and the others use what it found. Where the range leaves the page, or is no memory, the
 * block is left for one that probes each access.
 *
 * This is right because nothing in a block can take a translation away: shootdowns reach a hart
 * between blocks only.
 */
#include "emu/jit/ir.h"

#define MERGE_SPAN_MAX 512 /* longer ranges would leave their page too often */

static bool merge_is_access(const struct ir_ins *ins, bool *ret_write)
{
    *ret_write = ins->op == IR_STORE || ins->op == IR_STOREF;
    return *ret_write || ins->op == IR_LOAD || ins->op == IR_LOADF;
}

/* The group that the access may join: its number, or 0. */
static unsigned merge_find(const struct ir_block *block, const struct ir_ins *ins, bool write)
{
    for (unsigned g = IR_GROUPS_MAX - 1; g > 0; g--) {
        const struct ir_group *group = &block->group[g];
        int64_t min = ins->imm < group->min ? ins->imm : group->min;
        int64_t end = ins->imm + ins->size;
        int64_t max = end > group->max ? end : group->max;
        if (group->count > 0 && group->base == ins->a && group->write == write &&
            max - min <= MERGE_SPAN_MAX) {
            return g;
        }
    }
    return 0;
}

static void merge_join(struct ir_block *block, unsigned index, unsigned number)
{
    struct ir_group *group = &block->group[number];
    struct ir_ins *ins = &block->ins[index];
    int32_t from = (int32_t)ins->imm, end = from + ins->size;
    group->min = from < group->min ? from : group->min;
    group->max = end > group->max ? end : group->max;
    group->count++;
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
    unsigned used = 1;
    for (unsigned i = 1; i < block->count; i++) {
        struct ir_ins *ins = &block->ins[i];
        bool write;
        if (!merge_is_access(ins, &write) || block->ins[ins->a].op == IR_CONST) {
            continue;
        }
        unsigned number = merge_find(block, ins, write);
        if (number == 0 && used < IR_GROUPS_MAX) {
            number = used++;
            block->group[number] = (struct ir_group){
                .base = ins->a, .first = (uint16_t)i, .write = write,
                .min = (int32_t)ins->imm, .max = (int32_t)ins->imm + ins->size,
            };
        }
        if (number != 0) {
            merge_join(block, i, number);
        }
    }
    merge_settle(block);
}
