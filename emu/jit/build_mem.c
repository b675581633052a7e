/* Loads, stores, atomics and fences. */
#include <stddef.h>

#include "emu/jit/build.h"
#include "emu/riscv/hart.h"
#include "emu/riscv/reserve.h"

struct memory_row {
    uint8_t op;
    uint8_t size;
    bool sign;
    uint8_t sub;
};

#define AMO(name) \
    [UOP_amo_##name##32] = { IR_AMO, 4, true, IR_AMO_NAME_##name }, \
    [UOP_amo_##name##64] = { IR_AMO, 8, true, IR_AMO_NAME_##name }
enum {
    IR_AMO_NAME_swap = IR_AMO_SWAP, IR_AMO_NAME_add = IR_AMO_ADD, IR_AMO_NAME_xor = IR_AMO_XOR,
    IR_AMO_NAME_and = IR_AMO_AND, IR_AMO_NAME_or = IR_AMO_OR, IR_AMO_NAME_min = IR_AMO_MIN,
    IR_AMO_NAME_max = IR_AMO_MAX, IR_AMO_NAME_minu = IR_AMO_MINU, IR_AMO_NAME_maxu = IR_AMO_MAXU,
};

static const struct memory_row memory_rows[UOP_COUNT] = {
    [UOP_ld_s8] = { IR_LOAD, 1, true, 0 }, [UOP_ld_s16] = { IR_LOAD, 2, true, 0 },
    [UOP_ld_s32] = { IR_LOAD, 4, true, 0 }, [UOP_ld_u64] = { IR_LOAD, 8, false, 0 },
    [UOP_ld_u8] = { IR_LOAD, 1, false, 0 }, [UOP_ld_u16] = { IR_LOAD, 2, false, 0 },
    [UOP_ld_u32] = { IR_LOAD, 4, false, 0 },
    [UOP_st_8] = { IR_STORE, 1, false, 0 }, [UOP_st_16] = { IR_STORE, 2, false, 0 },
    [UOP_st_32] = { IR_STORE, 4, false, 0 }, [UOP_st_64] = { IR_STORE, 8, false, 0 },
    [UOP_lr_32] = { IR_LR, 4, true, 0 }, [UOP_lr_64] = { IR_LR, 8, true, 0 },
    [UOP_sc_32] = { IR_SC, 4, true, 0 }, [UOP_sc_64] = { IR_SC, 8, true, 0 },
    AMO(swap), AMO(add), AMO(xor), AMO(and), AMO(or), AMO(min), AMO(max), AMO(minu), AMO(maxu),
};

/* fm, predecessor and successor sets as in the instruction: I O R W. */
#define FENCE_TSO 8
#define FENCE_I 8
#define FENCE_O 4
#define FENCE_R 2
#define FENCE_W 1

/* What the fence orders: enum ir_fence. */
static unsigned build_fence_order(int32_t imm)
{
    unsigned fm = (unsigned)imm >> 8 & 15, before = (unsigned)imm >> 4 & 15,
             after = (unsigned)imm & 15;
    bool loads = (before & (FENCE_R | FENCE_I)) != 0, stores = (before & (FENCE_W | FENCE_O)) != 0;
    unsigned order = loads && after != 0 ? IR_FENCE_LOADS : 0;
    if (stores && (after & (FENCE_W | FENCE_O)) != 0) {
        order |= IR_FENCE_STORES;
    }
    if (stores && (after & (FENCE_R | FENCE_I)) != 0 && fm != FENCE_TSO) {
        order |= IR_FENCE_FULL;
    }
    return order;
}

static void build_hart_put(struct build *build, size_t offset, int64_t value)
{
    build_op(build, (struct ir_ins){ .op = IR_CSRPUT, .size = 8,
                                     .a = build_const(build, value), .imm = (int64_t)offset });
}

/* With other harts, only the LR and the SC of a constrained sequence that is all in this block are
 * translated; reserve.h says why. */
static enum build_result build_reserve(struct build *build)
{
    const struct build_request *request = build->request;
    unsigned insns;
    if (request->alone) {
        return BUILD_NEXT;
    }
    unsigned distance = riscv_constrained(request->page, build->pc, &insns);
    if (distance != 0 && build->block->insns + insns < request->insns_max) {
        build->conditional = (uint16_t)(build->pc + distance);
        build_hart_put(build, offsetof(struct riscv_hart, reserved_sc), 0);
        return BUILD_NEXT;
    }
    return distance == 0 || build->block->insns == 0 ? BUILD_STEP : BUILD_LEAVE;
}

static enum build_result build_conditional(struct build *build)
{
    bool paired = build->conditional == build->pc;
    if (!build->request->alone) {
        build->conditional = 0;
        build_hart_put(build, offsetof(struct riscv_hart, sc_paired), paired);
    }
    return build->request->alone || paired ? BUILD_NEXT : BUILD_STEP;
}

static enum build_result build_atomic(struct build *build, const struct isa_insn *insn,
                                      const struct memory_row *row)
{
    enum build_result result = row->op == IR_LR   ? build_reserve(build)
                               : row->op == IR_SC ? build_conditional(build)
                                                  : BUILD_NEXT;
    if (result != BUILD_NEXT) {
        return result;
    }
    struct ir_ins ins = { .op = row->op, .size = row->size, .w32 = row->size == 4, .sign = true,
                          .sub = row->sub, .order = insn->imm & 3 };
    if (row->op != IR_LR) {
        ins.b = build_x(build, insn->rs2);
    }
    ins.a = build_x(build, insn->rs1);
    uint16_t value = build_op(build, ins);
    build->narrow[value] = row->size == 4 || row->op == IR_SC;
    build_put(build, insn->rd, value);
    return BUILD_NEXT;
}

enum build_result build_memory(struct build *build, const struct isa_insn *insn)
{
    const struct memory_row *row = &memory_rows[insn->uop];
    if (insn->uop == UOP_fence_data) {
        unsigned order = build_fence_order(insn->imm);
        if (order != 0) {
            build_op(build, (struct ir_ins){ .op = IR_FENCE, .order = (uint8_t)order });
        }
        return BUILD_NEXT;
    }
    switch ((enum ir_op)row->op) {
    case IR_LOAD: {
        uint16_t a = build_x(build, insn->rs1);
        uint16_t value = build_op(build, (struct ir_ins){ .op = IR_LOAD, .size = row->size,
                                                          .sign = row->sign, .a = a,
                                                          .imm = insn->imm });
        build->narrow[value] = row->size < 4 || (row->size == 4 && row->sign);
        build_put(build, insn->rd, value);
        return BUILD_NEXT;
    }
    case IR_STORE: {
        uint16_t b = build_x(build, insn->rs2);
        uint16_t a = build_x(build, insn->rs1);
        build_op(build, (struct ir_ins){ .op = IR_STORE, .size = row->size, .a = a, .b = b,
                                         .imm = insn->imm });
        return BUILD_NEXT;
    }
    case IR_AMO:
    case IR_LR:
    case IR_SC:
        return build_atomic(build, insn, row);
    default: return BUILD_OTHER;
    }
}
