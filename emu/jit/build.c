/* The builder's frame: which instructions make a block, and values of guest registers. */
#include "emu/jit/build.h"

#include <assert.h>
#include <string.h>

#include "emu/cpu/tlb.h"
#include "emu/jit/stores.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/fpu.h"

#define LINE_SIZE 64

/* Keeps account of what may have raised floating-point flags since they were read. A comparison
 * raises none, or is a step; what a conversion raises must not be missed by anybody. */
static void build_note_flags(struct build *build, uint16_t value)
{
    const struct ir_ins *ins = &build->block->ins[value];
    bool compares = ins->op == IR_FEQ || ins->op == IR_FLT || ins->op == IR_FLE;
    bool converts = ins->op == IR_FCVTFI && ins->sub <= FPU_RUP;
    if (build->converted && (compares || ir_is_recovery(build->block, value))) {
        build->flags = IR_NONE;
    }
    if (ins->op == IR_FLAGS) {
        build->flags = value;
        build->quiet_count = 0;
        build->converted = false;
    } else if ((compares || converts) && build->quiet_count < BUILD_QUIET_MAX) {
        build->quiet[build->quiet_count++] = value;
        build->converted |= converts;
    } else if (ins->op == IR_FLAGSPUT || (ir_raises_flags(ins->op) && !ins->quiet)) {
        build->flags = IR_NONE;
    }
}

uint16_t build_op(struct build *build, struct ir_ins ins)
{
    ins.pc = build->pc;
    ins.insns = (uint16_t)build->block->insns;
    uint16_t value = ir_append(build->block, ins);
    build_note_flags(build, value);
    return value;
}

uint16_t build_const(struct build *build, int64_t value)
{
    if (value == 0 && build->zero != IR_NONE) {
        return build->zero;
    }
    uint16_t constant = build_op(build, (struct ir_ins){ .op = IR_CONST, .imm = value });
    build->narrow[constant] = value == (int32_t)value;
    if (value == 0) {
        build->zero = constant;
    }
    return constant;
}

uint16_t build_x(struct build *build, unsigned reg)
{
    if (reg == 0) {
        return build_const(build, 0);
    }
    if (build->x[reg] == IR_NONE) {
        build->x[reg] = build_op(build, (struct ir_ins){ .op = IR_GET, .reg = (uint8_t)reg });
    }
    return build->x[reg];
}

void build_put(struct build *build, unsigned reg, uint16_t value)
{
    if (reg != 0 && build->x[reg] != value) {
        build->x[reg] = value;
        build_op(build, (struct ir_ins){ .op = IR_PUT, .reg = (uint8_t)reg, .a = value });
    }
}

static bool build_fold(enum ir_op op, bool w32, int64_t a, int64_t b, int64_t *ret)
{
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b, r;
    unsigned count = (unsigned)ub & (w32 ? 31 : 63);
    switch (op) {
    case IR_ADD: r = ua + ub; break;
    case IR_SUB: r = ua - ub; break;
    case IR_AND: r = ua & ub; break;
    case IR_OR:  r = ua | ub; break;
    case IR_XOR: r = ua ^ ub; break;
    case IR_SLL: r = ua << count; break;
    case IR_SRL: r = w32 ? (uint32_t)ua >> count : ua >> count; break;
    case IR_SRA: r = w32 ? (uint64_t)((int32_t)ua >> count) : (uint64_t)(a >> count); break;
    case IR_SLT: r = a < b; break;
    case IR_SLTU: r = ua < ub; break;
    default: return false;
    }
    *ret = w32 ? (int32_t)r : (int64_t)r;
    return true;
}

static bool build_commutes(enum ir_op op)
{
    return op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL;
}

/* Identities with a constant on the right: the value itself, or IR_NONE. */
static uint16_t build_identity(const struct build *build, enum ir_op op, bool w32, uint16_t a,
                               int64_t b)
{
    bool shift = op == IR_SLL || op == IR_SRL || op == IR_SRA || op == IR_ROR || op == IR_ROL;
    bool neutral = (b == 0 && (op == IR_ADD || op == IR_SUB || op == IR_OR || op == IR_XOR)) ||
                   (b == -1 && op == IR_AND) || (shift && (b & (w32 ? 31 : 63)) == 0);
    return neutral && (!w32 || build->narrow[a]) ? a : IR_NONE;
}

/* Sums with a constant join what is a sum with the page already. */
static uint16_t build_join_pc(struct build *build, enum ir_op op, uint16_t a, int64_t b)
{
    const struct ir_ins *base = &build->block->ins[a];
    int64_t sum = base->imm + b;
    if (op != IR_ADD || base->op != IR_PC || sum != (int32_t)sum) {
        return IR_NONE;
    }
    return build_op(build, (struct ir_ins){ .op = IR_PC, .imm = sum });
}

/* A sum with something shifted by 1, 2 or 3, as for the index of an array: one SHADD. */
static uint16_t build_shifted_sum(struct build *build, uint16_t a, uint16_t b)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        const struct ir_ins *shift = &build->block->ins[turn == 0 ? a : b];
        int64_t count;
        if (shift->op == IR_SLL && !shift->w32 && ir_is_const(build->block, shift->b, &count) &&
            count >= 1 && count <= 3) {
            return build_op(build, (struct ir_ins){ .op = IR_SHADD, .sub = (uint8_t)count,
                                                    .a = shift->a, .b = turn == 0 ? b : a });
        }
    }
    return IR_NONE;
}

uint16_t build_binary(struct build *build, enum ir_op op, bool w32, uint16_t a, uint16_t b)
{
    int64_t ca, cb, folded;
    bool fold = (build->block->passes & IR_PASS_BIT(fold)) != 0;
    bool a_const = fold && ir_is_const(build->block, a, &ca);
    bool b_const = fold && ir_is_const(build->block, b, &cb);
    if (a_const && b_const && build_fold(op, w32, ca, cb, &folded)) {
        return build_const(build, folded);
    }
    if (a_const && !b_const && build_commutes(op)) {
        return build_binary(build, op, w32, b, a);
    }
    if (!b_const && !w32 && op == IR_ADD && fold) {
        uint16_t sum = build_shifted_sum(build, a, b);
        if (sum != IR_NONE) {
            return sum;
        }
    }
    if (b_const) {
        uint16_t same = build_identity(build, op, w32, a, cb);
        if (same == IR_NONE && !w32) {
            same = build_join_pc(build, op, a, cb);
        }
        if (same != IR_NONE) {
            return same;
        }
    }
    uint16_t value = build_op(build, (struct ir_ins){ .op = (uint8_t)op, .w32 = w32, .a = a,
                                                      .b = b });
    bool logic = op == IR_AND || op == IR_OR || op == IR_XOR;
    bool masked = op == IR_AND && b_const && cb >= 0;
    build->narrow[value] = w32 || op == IR_SLT || op == IR_SLTU || op == IR_BEXT ||
                           (logic && build->narrow[b] && (build->narrow[a] || masked));
    return value;
}

static enum build_result build_insn(struct build *build, const struct isa_insn *insn)
{
    enum build_result result = build_integer(build, insn);
    if (result == BUILD_OTHER) {
        result = build_memory(build, insn);
    }
    if (result == BUILD_OTHER) {
        result = build_system(build, insn);
    }
    if (result == BUILD_OTHER) {
        result = build_trap(build, insn);
    }
    if (result == BUILD_OTHER) {
        result = build_flow(build, insn);
    }
    if (result == BUILD_OTHER) {
        result = build_float(build, insn);
    }
    return result == BUILD_OTHER ? BUILD_STEP : result;
}

/* Fetches the instruction at `at`; false if it leaves the page or is illegal. */
static bool build_fetch(const uint8_t *page, uint16_t at, struct isa_insn *ret)
{
    uint16_t half[2] = { 0, 0 };
    memcpy(&half[0], page + at, 2);
    if (isa_length(half[0]) == 4) {
        if (at + 4u > TLB_PAGE_SIZE) {
            return false;
        }
        memcpy(&half[1], page + at + 2, 2);
    }
    return isa_decode((uint32_t)half[1] << 16 | half[0], ret);
}

/* The lines that an instruction at `at` may lie in. */
static void build_note_lines(struct ir_block *block, uint16_t at)
{
    unsigned last = at + 3u < TLB_PAGE_SIZE ? at + 3u : TLB_PAGE_SIZE - 1;
    block->lines |= UINT64_C(1) << at / LINE_SIZE | UINT64_C(1) << last / LINE_SIZE;
}

/* The block ends in front of `at`. */
static void build_leave(struct build *build, uint16_t at)
{
    build_op(build, (struct ir_ins){ .op = IR_LEAVE, .imm = at, .sub = build->context });
}

/* Translates instructions until the block ends. */
static void build_insns(struct build *build, const struct build_request *request)
{
    struct ir_block *block = build->block;
    uint64_t seen[TLB_PAGE_SIZE / 2 / 64] = { 0 };
    uint16_t at = request->start;
    for (;;) {
        struct isa_insn insn;
        build->pc = at;
        if (block->insns == request->insns_max || at >= TLB_PAGE_SIZE ||
            (seen[at / 128] >> at / 2 % 64 & 1) != 0) {
            build_leave(build, at);
            break;
        }
        seen[at / 128] |= UINT64_C(1) << at / 2 % 64;
        bool fetched = build_fetch(request->page, at, &insn);
        build_note_lines(block, at);
        build->next = (uint16_t)(at + (fetched ? insn.length : 0));
        enum build_result result =
            fetched && !request->step ? build_insn(build, &insn) : BUILD_STEP;
        if (result == BUILD_LEAVE) {
            build_leave(build, at);
            break;
        }
        if (result == BUILD_STEP) {
            build_op(build, (struct ir_ins){ .op = IR_STEP });
            break;
        }
        block->insns++;
        if (result == BUILD_END) {
            break;
        }
        if (result == BUILD_LAST) {
            build_leave(build, build->next);
            break;
        }
        at = result == BUILD_JUMP ? build->jump_to : build->next;
        if (result == BUILD_JUMP && at == request->start) { /* another round of a loop */
            memset(seen, 0, sizeof seen);
        }
    }
}

/* Tells who watches that a pass has run. */
static void build_passed(struct ir_block *block, const struct build_request *request,
                         enum ir_pass pass)
{
    const struct jit_options *options = request->options;
    if (options->after_pass != NULL &&
        (pass == IR_PASS_COUNT || (block->passes & 1u << pass) != 0)) {
        options->after_pass(options->opaque, block, pass);
    }
}

/* The passes over a whole block, in this order. */
static void build_optimise(struct ir_block *block, const struct build_request *request)
{
    build_passed(block, request, IR_PASS_COUNT);
    build_passed(block, request, IR_PASS_fold);
    build_passed(block, request, IR_PASS_follow);
    build_passed(block, request, IR_PASS_unroll);
    if ((block->passes & IR_PASS_BIT(flags)) != 0) {
        ir_delay_flags(block);
        build_passed(block, request, IR_PASS_flags);
    }
    if ((block->passes & IR_PASS_BIT(merge)) != 0) {
        ir_merge(block);
        build_passed(block, request, IR_PASS_merge);
    }
    if ((block->passes & IR_PASS_BIT(puts)) != 0) {
        ir_drop_dead_puts(block);
        build_passed(block, request, IR_PASS_puts);
    }
    ir_count_uses(block);
    build_passed(block, request, IR_PASS_values);
    build_passed(block, request, IR_PASS_loop);
}

bool build_block(struct ir_block *block, const struct build_request *request)
{
    static _Thread_local struct build build;
    assert(request->start < TLB_PAGE_SIZE);
    assert(request->insns_max >= 1 && request->insns_max <= IR_INSNS_MAX);
    ir_reset(block, request->start, request->context);
    block->counting = request->counting;
    block->passes = request->passes;
    block->counter = request->counter;
    memset(&build, 0, sizeof build);
    build.block = block;
    build.request = request;
    build.insns_max = request->insns_max;
    build.pc = request->start;
    build.context = request->context;
    build_op(&build, (struct ir_ins){ .op = IR_NOP });
    build_insns(&build, request);
    if (!block->overflow && request->options->log_stores) {
        ir_log_stores(block);
    }
    if (!block->overflow) {
        build_optimise(block, request);
    }
    return !block->overflow;
}
