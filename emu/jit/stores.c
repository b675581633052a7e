/* Notes of stores: after each operation that stores, three words go to a place of its own in the
 * area. What was noted since they were last cleared is what was stored, in order. */
#include "emu/jit/stores.h"

#include <stddef.h>

#include "emu/jit/area.h"

_Static_assert(JIT_STORES_MAX * 2 >= IR_INSNS_MAX, "half of a block may be stores");

struct stores_pass {
    struct ir_block *to;
    uint16_t value[IR_OPS_MAX]; /* the number that an operation has in `to` */
    unsigned noted;
};

static bool stores_is_store(enum ir_op op)
{
    return op == IR_STORE || op == IR_STOREF || op == IR_AMO || op == IR_SC || op == IR_ZERO;
}

static uint16_t stores_op(struct stores_pass *pass, const struct ir_ins *at, enum ir_op op,
                          uint16_t a, uint16_t b, int64_t imm)
{
    return ir_append(pass->to, (struct ir_ins){ .op = (uint8_t)op, .size = 8, .a = a, .b = b,
                                                .imm = imm, .pc = at->pc, .insns = at->insns });
}

/* What is stored, as an integer. */
static uint16_t stores_value(struct stores_pass *pass, const struct ir_ins *ins)
{
    if (ins->op == IR_ZERO) {
        return stores_op(pass, ins, IR_CONST, IR_NONE, IR_NONE, 0);
    }
    return ins->op == IR_STOREF ? stores_op(pass, ins, IR_FMVXF, ins->b, IR_NONE, 0) : ins->b;
}

/* Appends the notes for operation `number` of the new block. */
static void stores_note(struct stores_pass *pass, uint16_t number)
{
    const struct ir_ins ins = pass->to->ins[number];
    int64_t entry = AREA_OFFSET(stores) + (int64_t)(pass->noted++ * sizeof(struct jit_store));
    uint16_t address = ins.a;
    if (ins.imm != 0) {
        uint16_t offset = stores_op(pass, &ins, IR_CONST, IR_NONE, IR_NONE, ins.imm);
        address = stores_op(pass, &ins, IR_ADD, ins.a, offset, 0);
    }
    stores_op(pass, &ins, IR_CSRPUT, address, IR_NONE,
              entry + (int64_t)offsetof(struct jit_store, address));
    stores_op(pass, &ins, IR_CSRPUT, stores_value(pass, &ins), IR_NONE,
              entry + (int64_t)offsetof(struct jit_store, value));
    unsigned size = ins.op == IR_ZERO ? 64 : ins.size;
    uint16_t info = stores_op(pass, &ins, IR_CONST, IR_NONE, IR_NONE, (int64_t)size << 8 | 2);
    if (ins.op == IR_SC) {
        info = stores_op(pass, &ins, IR_OR, info, number, 0);
    }
    stores_op(pass, &ins, IR_CSRPUT, info, IR_NONE,
              entry + (int64_t)offsetof(struct jit_store, info));
}

void ir_log_stores(struct ir_block *block)
{
    static _Thread_local struct ir_block from;
    struct stores_pass pass = { .to = block };
    from = *block;
    block->count = 1;
    for (unsigned i = 1; i < from.count; i++) {
        struct ir_ins ins = from.ins[i];
        ins.a = pass.value[ins.a];
        ins.b = pass.value[ins.b];
        ins.c = pass.value[ins.c];
        pass.value[i] = ir_append(block, ins);
        if (stores_is_store(ins.op) && pass.noted == JIT_STORES_MAX) {
            block->overflow = true;
        } else if (stores_is_store(ins.op)) {
            stores_note(&pass, pass.value[i]);
        }
    }
}
