/* Guest loads and stores: the TLB is probed inline, everything else is a call out of line. */
#include "emu/jit/host/x86_64/emit.h"

#include "emu/jit/slow.h"

_Static_assert(sizeof(struct tlb_entry) == 16, "the probe scales by 16");

/* Displacement of the tags that an access of this block is looked up in. */
static int32_t emit_tlb_table(const struct emitter *e, enum tlb_access access)
{
    return HART_OFFSET(bank) + (int32_t)e->block->context * (int32_t)sizeof(struct tlb_bank) +
           (int32_t)access * (int32_t)(TLB_ENTRIES * sizeof(struct tlb_entry));
}

/* Where a value is that must be in memory or a constant, as an operand. */
static struct operand emit_stored(struct emitter *e, uint16_t value)
{
    int64_t constant;
    unsigned guest;
    bool in_slot = regs_in_slot(&e->x, value, &guest);
    if (ir_is_const(e->block, value, &constant) && e->x.place[value].spill == REGS_NONE &&
        (constant == (int32_t)constant || !in_slot)) {
        return (struct operand){ .kind = OPERAND_IMM, .imm = constant };
    }
    if (in_slot) {
        return (struct operand){ .kind = OPERAND_MEM,
                                 .mem = x86_at(HART, HART_OFFSET(x) + 8 * (int32_t)guest) };
    }
    return (struct operand){ .kind = OPERAND_MEM,
                             .mem = x86_at(HART, AREA_OFFSET(spill) +
                                                     8 * (int32_t)e->x.place[value].spill) };
}

/* An operand that stays where it is while rax, rcx and rdx are used. `compute`: it is more than
 * copied, so a constant must fit an instruction. */
static struct operand emit_surviving(struct emitter *e, uint16_t value, bool compute)
{
    int64_t constant;
    if (compute && ir_is_const(e->block, value, &constant) && constant != (int32_t)constant) {
        regs_force_spill(&e->x, value);
    }
    int reg = regs_peek(&e->x, value);
    if (reg == REGS_NONE) {
        return emit_stored(e, value);
    }
    if (reg != RAX && reg != RCX && reg != RDX) {
        return (struct operand){ .kind = OPERAND_REG, .reg = reg };
    }
    regs_take(&e->x, reg); /* spills it, unless it has a home */
    e->x.reserved &= ~(1u << reg);
    return emit_stored(e, value);
}

/* value + disp in a register that the probe leaves alone; takes all temporaries. */
static enum x86_reg emit_address_of(struct emitter *e, uint16_t value, int32_t disp)
{
    struct x86_asm *as = &e->as;
    int64_t constant;
    int reg = regs_peek(&e->x, value);
    bool temporary = reg == RAX || reg == RCX || reg == RDX;
    if (reg != REGS_NONE && !temporary && disp == 0) {
        regs_take(&e->x, RAX);
        regs_take(&e->x, RCX);
        regs_take(&e->x, RDX);
        return reg;
    }
    regs_take(&e->x, RAX); /* what was there is still there, only nobody counts on it */
    if (ir_is_const(e->block, value, &constant)) {
        x86_mov_ri(as, RAX, (uint64_t)(constant + disp), false);
    } else if (reg == REGS_NONE) {
        struct operand from = emit_stored(e, value);
        emit_mov(e, true, RAX, &from);
        if (disp != 0) {
            x86_alu_ri(as, X86_ADD, true, RAX, disp);
        }
    } else if (disp != 0) {
        x86_lea(as, true, RAX, x86_at(reg, disp));
    } else if (reg != RAX) {
        x86_mov_rr(as, true, RAX, reg);
    }
    regs_take(&e->x, RCX);
    regs_take(&e->x, RDX);
    return RAX;
}

static enum x86_reg emit_address(struct emitter *e, const struct ir_ins *ins)
{
    return emit_address_of(e, ins->a, (int32_t)ins->imm);
}

/* Probes the TLB: afterwards [RCX + address] is the host location. Returns the miss branch. */
static uint8_t *emit_probe(struct emitter *e, enum x86_reg address, unsigned size,
                           enum tlb_access access)
{
    struct x86_asm *as = &e->as;
    int32_t table = emit_tlb_table(e, access);
    x86_rorx(as, false, RCX, address, TLB_PAGE_BITS - 4);
    x86_alu_ri(as, X86_AND, false, RCX, (TLB_ENTRIES - 1) << 4);
    x86_mov_rr(as, true, RDX, address);
    x86_alu_rm(as, X86_SUB, true, RDX, x86_indexed(HART, RCX, table));
    x86_alu_ri(as, X86_CMP, true, RDX, (int32_t)(TLB_PAGE_SIZE - size));
    uint8_t *miss = x86_jcc(as, CC_A);
    x86_mov_rm(as, true, RCX, x86_indexed(HART, RCX, table + 8));
    return miss;
}

/* Address and info of a slow call, in RAX and RCX. */
static void emit_slow_arguments(struct emitter *e, const struct emit_cold *cold, unsigned op)
{
    const struct ir_ins *ins = cold->ins;
    if (cold->address != RAX) {
        x86_mov_rr(&e->as, true, RAX, cold->address);
    }
    x86_mov_ri(&e->as, RCX, slow_info(ins->pc, ins->size, ins->insns, op), true);
}

static void emit_box(struct emitter *e, unsigned xmm)
{
    x86_vlogic_m(&e->as, 0x56, xmm, xmm, x86_at(HART, AREA_OFFSET(constants.box)));
}

static void emit_cold_load(struct emitter *e, const struct emit_cold *cold)
{
    const struct ir_ins *ins = cold->ins;
    emit_late_flags(e, ins);
    emit_slow_arguments(e, cold, 0);
    emit_call_thunk(e, e->thunks->load);
    if (ins->op == IR_LOADF) {
        x86_vmov_xr(&e->as, true, (unsigned)cold->result, RAX);
        if (ins->size == 4) {
            emit_box(e, (unsigned)cold->result);
        }
    } else if (ins->size < 8) {
        x86_extend(&e->as, ins->size, ins->sign, cold->result, RAX);
    } else if (cold->result != RAX) {
        x86_mov_rr(&e->as, true, cold->result, RAX);
    }
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
}

/* Goes on after filling the TLB, or falls through. */
static void emit_group_fill(struct emitter *e, const struct emit_cold *cold)
{
    const struct ir_group *group = &e->block->group[cold->ins->group];
    int32_t span = group->max - group->min;
    x86_mov_rr(&e->as, false, RDX, cold->address);
    x86_alu_ri(&e->as, X86_AND, false, RDX, TLB_PAGE_SIZE - 1);
    x86_alu_ri(&e->as, X86_CMP, false, RDX, (int32_t)TLB_PAGE_SIZE - span);
    uint8_t *straddles = x86_jcc(&e->as, CC_A);
    x86_mov_ri(&e->as, RDX, (uint64_t)span, true);
    emit_slow_arguments(e, cold, group->write ? TLB_WRITE : TLB_READ);
    emit_call_thunk(e, e->thunks->group);
    x86_test_rr(&e->as, false, RAX, RAX);
    uint8_t *single = x86_jcc(&e->as, CC_E);
    if (cold->address == RAX) {
        x86_mov_rm(&e->as, true, RAX, x86_at(HART, AREA_OFFSET(argument[1])));
    }
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
    x86_bind_here(&e->as, straddles);
    x86_bind_here(&e->as, single);
}

static void emit_cold_group(struct emitter *e, const struct emit_cold *cold)
{
    if (ir_group_fills(e->block, cold->ins->group)) {
        emit_group_fill(e, cold);
    }
    emit_late_flags(e, cold->ins);
    emit_count(e, cold->ins->insns);
    struct jit_exit exit = { .target = cold->ins->pc, .single = true };
    exit.jump = (uint32_t)(x86_jmp_aligned(&e->as) - e->as.start);
    emit_patchable(e, cold->ins, &exit);
}

/* The first access of a group: it probes for all, and there is no other way out of it. Takes all
 * temporaries; afterwards RCX holds the addend, and RAX may hold the address. */
static struct x86_mem emit_group_probe(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    const struct ir_group *group = &e->block->group[ins->group];
    enum x86_reg address = emit_address_of(e, ins->a, group->min);
    const uint8_t *again = e->as.at;
    struct emit_cold *cold = emit_cold(
        e, emit_cold_group, ins,
        emit_probe(e, address, (unsigned)(group->max - group->min),
                   group->write ? TLB_WRITE : TLB_READ));
    if (cold != NULL) {
        cold->address = (int8_t)address;
        cold->resume = again;
    }
    x86_store(&e->as, 8, x86_at(HART, AREA_OFFSET(addend) + 8 * (int32_t)ins->group), RCX);
    regs_define(&e->x, IR_ADDEND(ins->group), RCX);
    return x86_indexed(RCX, address, (int32_t)ins->imm - group->min);
}

/* Where an access is whose group has been probed. */
static struct x86_mem emit_grouped(struct emitter *e, const struct ir_ins *ins)
{
    enum x86_reg base = regs_read(&e->x, ins->a);
    enum x86_reg addend = regs_read(&e->x, IR_ADDEND(ins->group));
    return x86_indexed(addend, base, (int32_t)ins->imm);
}

static bool emit_probes_group(const struct emitter *e, unsigned index)
{
    return e->block->group[e->block->ins[index].group].first == index;
}

static void emit_load_float(struct emitter *e, const struct ir_ins *ins, unsigned dst,
                            struct x86_mem from)
{
    x86_vload(&e->as, ins->size == 8, dst, from);
    if (ins->size == 4) {
        emit_box(e, dst);
    }
}

static void emit_load_grouped(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    bool probes = emit_probes_group(e, index);
    struct x86_mem from = probes ? emit_group_probe(e, index) : emit_grouped(e, ins);
    if (ins->op == IR_LOADF) {
        emit_load_float(e, ins, (unsigned)regs_write(&e->f, (uint16_t)index), from);
        return;
    }
    int dst = probes ? regs_write_hint(&e->x, (uint16_t)index)
                     : regs_write(&e->x, (uint16_t)index);
    if (dst == REGS_NONE) { /* RAX is taken, and free again after the load */
        dst = RAX;
        regs_define(&e->x, (uint16_t)index, RAX);
    }
    x86_load(&e->as, ins->size, ins->sign, dst, from);
}

static void emit_load(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    if (ins->group != 0) {
        emit_load_grouped(e, index);
        return;
    }
    enum x86_reg address = emit_address(e, ins);
    struct emit_cold *cold = emit_cold(e, emit_cold_load, ins,
                                       emit_probe(e, address, ins->size, TLB_READ));
    struct x86_mem from = x86_indexed(RCX, address, 0);
    int dst;
    if (ins->op == IR_LOADF) {
        dst = regs_write(&e->f, (uint16_t)index);
        emit_load_float(e, ins, (unsigned)dst, from);
    } else {
        dst = regs_write_hint(&e->x, (uint16_t)index);
        if (dst == REGS_NONE) {
            dst = RAX;
            regs_define(&e->x, (uint16_t)index, RAX);
        }
        x86_load(&e->as, ins->size, ins->sign, dst, from);
    }
    if (cold != NULL) {
        cold->address = (int8_t)address;
        cold->result = (int8_t)dst;
        cold->resume = e->as.at;
    }
}

static void emit_cold_store(struct emitter *e, const struct emit_cold *cold)
{
    emit_late_flags(e, cold->ins);
    if (cold->ins->op == IR_STOREF) {
        x86_vmov_rx(&e->as, true, RDX, (unsigned)cold->result);
    } else {
        emit_mov(e, true, RDX, &cold->value);
    }
    emit_slow_arguments(e, cold, 0);
    emit_call_thunk(e, e->thunks->store);
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
}

static void emit_store_value(struct emitter *e, const struct ir_ins *ins, struct x86_mem to,
                             const struct operand *value)
{
    if (value->kind == OPERAND_IMM && value->imm == (int32_t)value->imm) {
        x86_store_imm(&e->as, ins->size, to, (int32_t)value->imm);
    } else if (value->kind != OPERAND_REG) {
        emit_mov(e, true, RDX, value);
        x86_store(&e->as, ins->size, to, RDX);
    } else {
        x86_store(&e->as, ins->size, to, value->reg);
    }
}

static void emit_store_grouped(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    bool probes = emit_probes_group(e, index);
    if (ins->op == IR_STOREF) {
        unsigned value_f = (unsigned)regs_read(&e->f, ins->b);
        struct x86_mem to = probes ? emit_group_probe(e, index) : emit_grouped(e, ins);
        x86_vstore(&e->as, ins->size == 8, to, value_f);
        return;
    }
    struct operand value = probes ? emit_surviving(e, ins->b, false)
                                  : emit_operand(e, ins->b, true, false);
    struct x86_mem to = probes ? emit_group_probe(e, index) : emit_grouped(e, ins);
    emit_store_value(e, ins, to, &value);
}

static void emit_store(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    int value_f = REGS_NONE;
    struct operand value = { .kind = OPERAND_IMM };
    if (ins->group != 0) {
        emit_store_grouped(e, index);
        return;
    }
    if (ins->op == IR_STOREF) {
        value_f = regs_read(&e->f, ins->b);
    } else {
        value = emit_surviving(e, ins->b, false);
    }
    enum x86_reg address = emit_address(e, ins);
    struct emit_cold *cold = emit_cold(e, emit_cold_store, ins,
                                       emit_probe(e, address, ins->size, TLB_WRITE));
    struct x86_mem to = x86_indexed(RCX, address, 0);
    if (ins->op == IR_STOREF) {
        x86_vstore(&e->as, ins->size == 8, to, (unsigned)value_f);
    } else {
        emit_store_value(e, ins, to, &value);
    }
    if (cold != NULL) {
        cold->address = (int8_t)address;
        cold->result = (int8_t)value_f;
        cold->value = value;
        cold->resume = e->as.at;
    }
}

/* A miss of an atomic access: fill the TLB and probe again; what cannot be cached is left to the
 * interpreter. */
static void emit_cold_fill(struct emitter *e, const struct emit_cold *cold)
{
    emit_slow_arguments(e, cold, cold->ins->op == IR_LR ? TLB_READ : TLB_WRITE);
    emit_call_thunk(e, e->thunks->fill);
    x86_test_rr(&e->as, false, RAX, RAX);
    uint8_t *uncached = x86_jcc(&e->as, CC_E);
    if (cold->address == RAX) {
        x86_mov_rm(&e->as, true, RAX, x86_at(HART, AREA_OFFSET(argument[1])));
    }
    x86_bind(&e->as, x86_jmp(&e->as), cold->resume);
    x86_bind_here(&e->as, uncached);
    emit_count(e, cold->ins->insns);
    emit_leave(e, cold->ins->pc, JIT_STEP);
}

/* Host address of an aligned atomic access in RCX. RAX and RDX are free afterwards. */
static void emit_atomic_address(struct emitter *e, const struct ir_ins *ins)
{
    enum x86_reg address = emit_address(e, ins);
    const uint8_t *again = e->as.at;
    struct emit_cold *cold = emit_cold(
        e, emit_cold_fill, ins,
        emit_probe(e, address, ins->size, ins->op == IR_LR ? TLB_READ : TLB_WRITE));
    if (cold != NULL) {
        cold->address = (int8_t)address;
        cold->resume = again;
    }
    x86_lea(&e->as, true, RCX, x86_indexed(RCX, address, 0));
    x86_mov_rr(&e->as, false, RDX, RCX);
    x86_alu_ri(&e->as, X86_AND, false, RDX, ins->size - 1);
    emit_cold(e, emit_cold_step, ins, x86_jcc(&e->as, CC_NE));
}

/* One step of a compare-and-swap loop: RDX = RAX op value. */
static void emit_amo_step(struct emitter *e, const struct ir_ins *ins, const struct operand *value)
{
    bool wide = ins->size == 8;
    switch ((enum ir_amo)ins->sub) {
    case IR_AMO_AND: x86_mov_rr(&e->as, true, RDX, RAX); emit_alu(e, X86_AND, wide, RDX, value);
        return;
    case IR_AMO_OR: x86_mov_rr(&e->as, true, RDX, RAX); emit_alu(e, X86_OR, wide, RDX, value);
        return;
    case IR_AMO_XOR: x86_mov_rr(&e->as, true, RDX, RAX); emit_alu(e, X86_XOR, wide, RDX, value);
        return;
    default: break;
    }
    enum x86_cc keep = ins->sub == IR_AMO_MIN   ? CC_L
                       : ins->sub == IR_AMO_MAX ? CC_G
                       : ins->sub == IR_AMO_MINU ? CC_B
                                                 : CC_A;
    emit_mov(e, true, RDX, value);
    x86_alu_rr(&e->as, X86_CMP, wide, RAX, RDX);
    x86_cmov(&e->as, keep, wide, RDX, RAX);
}

static void emit_amo(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    bool wide = ins->size == 8;
    struct operand value = emit_surviving(e, ins->b, true);
    emit_atomic_address(e, ins);
    if (ins->sub == IR_AMO_SWAP || ins->sub == IR_AMO_ADD) {
        emit_mov(e, true, RAX, &value);
        x86_locked(as, ins->sub == IR_AMO_ADD ? 0x0fc1 : 0x87, wide, x86_at(RCX, 0), RAX);
    } else {
        x86_mov_rm(as, wide, RAX, x86_at(RCX, 0));
        const uint8_t *again = as->at;
        emit_amo_step(e, ins, &value);
        x86_locked(as, 0x0fb1, wide, x86_at(RCX, 0), RDX);
        x86_bind(as, x86_jcc(as, CC_NE), again);
    }
    if (!wide) {
        x86_extend(as, 4, true, RAX, RAX);
    }
    regs_define(&e->x, (uint16_t)index, RAX);
}

/* LR remembers the place and the value; SC compares and swaps. */
static void emit_load_reserved(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    emit_atomic_address(e, ins);
    x86_load(&e->as, ins->size, true, RAX, x86_at(RCX, 0));
    x86_lea(&e->as, true, RCX, x86_at(RCX, ins->size / 8));
    x86_store(&e->as, 8, x86_at(HART, HART_OFFSET(reserved)), RCX);
    x86_store(&e->as, 8, x86_at(HART, HART_OFFSET(reserved_value)), RAX);
    regs_define(&e->x, (uint16_t)index, RAX);
}

static void emit_store_conditional(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    struct operand value = emit_surviving(e, ins->b, true);
    emit_atomic_address(e, ins);
    emit_mov(e, true, RDX, &value);
    x86_lea(as, true, RAX, x86_at(RCX, ins->size / 8));
    x86_alu_rm(as, X86_CMP, true, RAX, x86_at(HART, HART_OFFSET(reserved)));
    uint8_t *fail = x86_jcc(as, CC_NE);
    x86_mov_rm(as, true, RAX, x86_at(HART, HART_OFFSET(reserved_value)));
    x86_locked(as, 0x0fb1, ins->size == 8, x86_at(RCX, 0), RDX);
    x86_bind_here(as, fail);
    x86_setcc(as, CC_NE, RAX);
    x86_extend(as, 1, false, RAX, RAX);
    x86_store_imm(as, 8, x86_at(HART, HART_OFFSET(reserved)), 0);
    regs_define(&e->x, (uint16_t)index, RAX);
}

/* cbo.zero: 64 bytes that lie in one page. */
static void emit_zero(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    struct x86_asm *as = &e->as;
    x86_cmp_m8i(as, x86_at(HART, AREA_OFFSET(zero_usable) + e->block->context), 0);
    emit_cold(e, emit_cold_step, ins, x86_jcc(as, CC_E));
    enum x86_reg address = emit_address(e, ins);
    emit_cold(e, emit_cold_step, ins, emit_probe(e, address, 64, TLB_WRITE));
    unsigned zero = (unsigned)regs_scratch(&e->f);
    x86_vlogic(as, 0x57, zero, zero, zero);
    for (int32_t at = 0; at < 64; at += 16) {
        x86_vstore_u(as, x86_indexed(RCX, address, at), zero);
    }
}

bool emit_memory(struct emitter *e, unsigned index)
{
    const struct ir_ins *ins = &e->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_LOAD: case IR_LOADF: emit_load(e, index); return true;
    case IR_STORE: case IR_STOREF: emit_store(e, index); return true;
    case IR_AMO: emit_amo(e, index); return true;
    case IR_LR: emit_load_reserved(e, index); return true;
    case IR_SC: emit_store_conditional(e, index); return true;
    case IR_ZERO: emit_zero(e, index); return true;
    case IR_FENCE: /* the host keeps every other order by itself */
        if ((ins->order & IR_FENCE_FULL) != 0) {
            x86_full_fence(&e->as);
        }
        return true;
    default: return false;
    }
}
