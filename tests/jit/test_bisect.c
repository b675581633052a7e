/*
 * Goal: the lockstep harness finds wrong code and names who made it. Each pass in turn, and the
 * builder, is given a bug: it spoils the blocks it has worked on. Random programs must show it, and
 * the bisection must name the pass and a block that was spoilt.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/cpu/tlb.h"
#include "emu/jit/host/host.h"
#include "tests/jit/bisect.h"

#define PROGRAMS_MAX 400

/* Spoils a block if it has what the pass works on. */
typedef bool spoil_fn(struct ir_block *block);

static struct {
    enum ir_pass pass;
    spoil_fn *fn;
    bool page[TLB_PAGE_SIZE]; /* page offsets where blocks that were spoilt start */
    uint64_t spoilt;
} bug;

static struct ir_ins *spoil_find(struct ir_block *block, enum ir_op op)
{
    for (unsigned i = block->count - 1; i > 0; i--) {
        if (block->ins[i].op == op) {
            return &block->ins[i];
        }
    }
    return NULL;
}

/* The builder takes sums for differences. */
static bool spoil_builder(struct ir_block *block)
{
    struct ir_ins *ins = spoil_find(block, IR_ADD);
    if (ins != NULL) {
        ins->op = IR_SUB;
    }
    return ins != NULL;
}

/* Constants come out too large. */
static bool spoil_fold(struct ir_block *block)
{
    struct ir_ins *ins = spoil_find(block, IR_CONST);
    if (ins != NULL) {
        ins->imm += 8;
    }
    return ins != NULL;
}

/* From an operation on, a sum becomes a difference or the other way round. */
static bool spoil_sum(struct ir_block *block, unsigned from)
{
    for (unsigned i = from; i < block->count; i++) {
        struct ir_ins *ins = &block->ins[i];
        if (ins->op == IR_ADD || ins->op == IR_SUB) {
            ins->op = ins->op == IR_ADD ? IR_SUB : IR_ADD;
            return true;
        }
    }
    return false;
}

/* Where a block goes on behind a jump. */
static bool spoil_follow(struct ir_block *block)
{
    for (unsigned i = 2; i < block->count; i++) {
        if (block->ins[i].pc > block->ins[i - 1].pc + 4 && block->ins[i].insns > 0) {
            return spoil_sum(block, i);
        }
    }
    return false;
}

/* In the second round of a loop. */
static bool spoil_unroll(struct ir_block *block)
{
    for (unsigned i = 2; i < block->count; i++) {
        if (block->ins[i].insns > 0 && block->ins[i].pc == block->start) {
            return spoil_sum(block, i);
        }
    }
    return false;
}

/* A block is left without reading the flags that were put off. */
static bool spoil_flags(struct ir_block *block)
{
    bool spoilt = false;
    for (unsigned i = 1; i < block->count; i++) {
        spoilt |= block->ins[i].late != 0;
        block->ins[i].late = 0;
    }
    return spoilt;
}

/* A PUT too many is dropped. */
static bool spoil_puts(struct ir_block *block)
{
    struct ir_ins *ins = spoil_find(block, IR_PUT);
    if (ins != NULL) {
        ins->op = IR_NOP;
        ins->a = IR_NONE;
    }
    return ins != NULL;
}

/* A value that is used is taken for another one. */
static bool spoil_values(struct ir_block *block)
{
    struct ir_ins *ins = spoil_find(block, IR_SUB);
    if (ins != NULL) {
        ins->b = ins->a;
    }
    return ins != NULL;
}

/* An access that another one's probe covers goes elsewhere. */
static bool spoil_merge(struct ir_block *block)
{
    for (unsigned i = block->count - 1; i > 0; i--) {
        struct ir_ins *ins = &block->ins[i];
        if (ins->group != 0 && i != block->group[ins->group].first) {
            ins->imm++;
            return true;
        }
    }
    return false;
}

static void bug_apply(void *opaque, struct ir_block *block, enum ir_pass pass)
{
    (void)opaque;
    if (pass == bug.pass && bug.fn(block)) {
        bug.page[block->start] = true;
        bug.spoilt++;
    }
}

/* The first program that shows the bug. */
static bool bug_show(struct bisect *bisect)
{
    static struct lockstep lockstep;
    GError *error = NULL;
    enum lockstep_result result = LOCKSTEP_EQUAL;
    if (!lockstep_init(&lockstep, bisect->exits, &bisect->options, &error)) {
        printf("skipped: %s\n", error->message);
        exit(77);
    }
    for (uint64_t seed = 1; seed <= PROGRAMS_MAX && result != LOCKSTEP_DIFFERENT; seed++) {
        program_generate(&bisect->program, seed);
        result = lockstep_run(&lockstep, &bisect->program);
    }
    lockstep_finish(&lockstep);
    return result == LOCKSTEP_DIFFERENT;
}

static void bug_check(enum ir_pass pass, spoil_fn *fn)
{
    static struct bisect bisect;
    const char *name = pass == IR_PASS_COUNT ? "the builder" : ir_pass_names[pass];
    memset(&bug, 0, sizeof bug);
    memset(&bisect, 0, sizeof bisect);
    bug.pass = pass;
    bug.fn = fn;
    bisect.exits = true;
    jit_options_init(&bisect.options);
    bisect.options.warm = bisect.options.rewarm = 0;
    bisect.options.segment_size = 16 * JIT_SEGMENT_SIZE_MIN; /* none is used twice */
    bisect.options.after_pass = bug_apply;
    bool shown = bug_show(&bisect);
    printf("%s: %s\n", name, shown ? "seen" : "NOT SEEN");
    assert(shown && bug.spoilt > 0);
    bool found = bisect_run(&bisect);
    assert(found);
    bisect_print(&bisect);
    fflush(stdout);
    assert(bug.page[bisect.guilty_pc % TLB_PAGE_SIZE]);
    if (pass == IR_PASS_COUNT) {
        assert(bisect.plain);
    } else {
        assert((bisect.passes & 1u << pass) != 0);
    }
}

int main(void)
{
    bug_check(IR_PASS_COUNT, spoil_builder);
    bug_check(IR_PASS_fold, spoil_fold);
    bug_check(IR_PASS_follow, spoil_follow);
    bug_check(IR_PASS_unroll, spoil_unroll);
    if (host_reads_flags_late) {
        bug_check(IR_PASS_flags, spoil_flags);
    }
    bug_check(IR_PASS_puts, spoil_puts);
    bug_check(IR_PASS_values, spoil_values);
    bug_check(IR_PASS_merge, spoil_merge);
    return 0;
}
