/* Branches and jumps. A block goes on behind a branch that is not taken, and at the target of a
 * plain jump inside its page. */
#include "emu/jit/build.h"

#include "emu/cpu/tlb.h"

#define UNROLL_ROUNDS_MAX 7  /* besides the first one */
#define UNROLL_INSNS_MAX  64 /* of all rounds */

static const uint8_t flow_cond[UOP_COUNT] = {
    [UOP_br_eq] = IR_EQ, [UOP_br_ne] = IR_NE, [UOP_br_lt] = IR_LT, [UOP_br_ge] = IR_GE,
    [UOP_br_ltu] = IR_LTU, [UOP_br_geu] = IR_GEU,
};

static void build_link(struct build *build, const struct isa_insn *insn)
{
    if (insn->rd != 0) {
        build_put(build, insn->rd,
                  build_op(build, (struct ir_ins){ .op = IR_PC, .imm = build->next }));
    }
}

/* Whether a jump back to the start goes round once more inside the block, so that passes see what
 * rounds have in common. */
static bool build_unrolls(struct build *build, int64_t target)
{
    unsigned insns = build->block->insns + 1;
    unsigned all = insns + (insns - build->round_start);
    if ((build->block->passes & IR_PASS_BIT(unroll)) == 0 || target != build->block->start ||
        all > build->insns_max || all > UNROLL_INSNS_MAX ||
        build->rounds == UNROLL_ROUNDS_MAX) {
        return false;
    }
    build->rounds++;
    build->round_start = insns;
    build->jump_to = (uint16_t)target;
    return true;
}

static enum build_result build_branch(struct build *build, const struct isa_insn *insn)
{
    uint16_t a = build_x(build, insn->rs1);
    uint16_t b = build_x(build, insn->rs2);
    int64_t target = (int64_t)build->pc + insn->imm;
    struct ir_ins branch = { .op = IR_BRANCH, .sub = flow_cond[insn->uop], .a = a, .b = b,
                             .imm = target };
    if (build_unrolls(build, target)) {
        branch.sub ^= 1; /* the opposite condition */
        branch.imm = build->next;
        build_op(build, branch);
        return BUILD_JUMP;
    }
    build_op(build, branch);
    return BUILD_NEXT;
}

static enum build_result build_jump(struct build *build, const struct isa_insn *insn)
{
    int64_t target = (int64_t)build->pc + insn->imm;
    build_link(build, insn);
    if (insn->rd == 0 && build_unrolls(build, target)) {
        return BUILD_JUMP;
    }
    bool follow = (build->block->passes & IR_PASS_BIT(follow)) != 0;
    if (follow && insn->rd == 0 && target > build->pc && target < (int64_t)TLB_PAGE_SIZE) {
        build->jump_to = (uint16_t)target;
        return BUILD_JUMP;
    }
    build_op(build, (struct ir_ins){ .op = IR_EXIT, .imm = target });
    return BUILD_END;
}

static enum build_result build_jump_register(struct build *build, const struct isa_insn *insn)
{
    uint16_t target = build_binary(build, IR_ADD, false, build_x(build, insn->rs1),
                                   build_const(build, insn->imm));
    const struct ir_ins *base = &build->block->ins[target];
    if (base->op == IR_PC) { /* auipc and jalr: a far direct jump */
        int64_t to = base->imm & ~INT64_C(1);
        build_link(build, insn);
        build_op(build, (struct ir_ins){ .op = IR_EXIT, .imm = to });
        return BUILD_END;
    }
    target = build_binary(build, IR_AND, false, target, build_const(build, -2));
    build_link(build, insn);
    build_op(build, (struct ir_ins){ .op = IR_EXITR, .a = target });
    return BUILD_END;
}

enum build_result build_flow(struct build *build, const struct isa_insn *insn)
{
    switch (insn->uop) {
    case UOP_br_eq: case UOP_br_ne: case UOP_br_lt: case UOP_br_ge: case UOP_br_ltu:
    case UOP_br_geu: return build_branch(build, insn);
    case UOP_jump: return build_jump(build, insn);
    case UOP_jumpr: return build_jump_register(build, insn);
    default: return BUILD_OTHER;
    }
}
