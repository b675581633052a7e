/* What every system call and interrupt of a kernel needs: sstatus, environment calls of U-mode and
 * returns to it, reading CSRs that are more than a field. The usual case is built, and guarded;
 * any other one is a step. */
#include <stddef.h>

#include "emu/jit/area.h"
#include "emu/jit/build.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/decode.h"

#define CSR_SSTATUS 0x100
#define CSR_MSTATUS 0x300

#define HART_FIELD(field) \
    offsetof(struct riscv_hart, field), sizeof(((struct riscv_hart *)0)->field)

static uint16_t build_get(struct build *build, size_t offset, size_t size)
{
    return build_op(build, (struct ir_ins){ .op = IR_CSRGET, .size = (uint8_t)size,
                                            .imm = (int64_t)offset });
}

static void build_set(struct build *build, size_t offset, size_t size, uint16_t value)
{
    build_op(build, (struct ir_ins){ .op = IR_CSRPUT, .size = (uint8_t)size, .a = value,
                                     .imm = (int64_t)offset });
}

static void build_set_const(struct build *build, size_t offset, size_t size, int64_t value)
{
    build_set(build, offset, size, build_const(build, value));
}

/* value & mask, moved up by so many bits (down if negative). */
static uint16_t build_bits(struct build *build, uint16_t value, uint64_t mask, int up)
{
    value = build_binary(build, IR_AND, false, value, build_const(build, (int64_t)mask));
    return build_binary(build, up < 0 ? IR_SRL : IR_SLL, false, value,
                        build_const(build, up < 0 ? -up : up));
}

static void build_guard(struct build *build, uint16_t value, int64_t expected)
{
    build_op(build, (struct ir_ins){ .op = IR_GUARD, .a = value,
                                     .b = build_const(build, expected) });
}

/* The interrupts that are pending and enabled, wherever they go. */
static uint16_t build_pending(struct build *build)
{
    uint16_t software = build_get(build, HART_FIELD(seip_software));
    software = build_binary(build, IR_SLL, false, software, build_const(build, IRQ_SEIP));
    uint16_t lines = build_get(build, HART_FIELD(mip));
    lines = build_binary(build, IR_OR, false, lines, software);
    return build_binary(build, IR_AND, false, lines, build_get(build, HART_FIELD(mie)));
}

/* FS has another value: what that means for blocks with floating point. */
static void build_float_state(struct build *build, uint16_t status)
{
    uint16_t shift = build_bits(build, status, MSTATUS_FS, 3 - MSTATUS_FS_SHIFT);
    uint16_t states = build_get(build, AREA_OFFSET(fp_states), sizeof(uint64_t));
    build_set(build, AREA_OFFSET(fp_usable), 1,
              build_binary(build, IR_SRL, false, states, shift));
}

static bool build_in_supervisor(const struct build *build)
{
    return build->block->context == BANK_S || build->block->context == BANK_S_SUM;
}

/* mstatus with SD, as S-mode sees it if `visible` says so. */
static uint16_t build_status_value(struct build *build, uint16_t status, uint64_t visible)
{
    /* FS is 3 if adding its low bit carries out of it. */
    uint16_t carry = build_binary(build, IR_ADD, false,
                                  build_bits(build, status, MSTATUS_FS, 0),
                                  build_const(build, INT64_C(1) << MSTATUS_FS_SHIFT));
    uint16_t dirty = build_bits(build, carry, UINT64_C(4) << MSTATUS_FS_SHIFT,
                                63 - MSTATUS_FS_SHIFT - 2);
    status = build_binary(build, IR_AND, false, status, build_const(build, (int64_t)visible));
    return build_binary(build, IR_OR, false, status, dirty);
}

enum build_result build_csr_call(struct build *build, const struct isa_insn *insn)
{
    build_put(build, insn->rd, build_op(build, (struct ir_ins){ .op = IR_CSRCALL,
                                                                .imm = isa_encode(insn) }));
    return BUILD_NEXT;
}

enum build_result build_status_read(struct build *build, const struct isa_insn *insn)
{
    bool machine = insn->imm == CSR_MSTATUS;
    if (build->block->context != BANK_M && (machine || !build_in_supervisor(build))) {
        return build_csr_call(build, insn);
    }
    uint16_t status = build_get(build, HART_FIELD(mstatus));
    build_put(build, insn->rd,
              build_status_value(build, status, machine ? UINT64_MAX : SSTATUS_VISIBLE));
    return BUILD_NEXT;
}

/* What an instruction may change in sstatus: constant operands name the bits. */
static uint64_t build_status_mask(const struct build *build, const struct isa_insn *insn,
                                  uint16_t operand)
{
    int64_t constant;
    bool replace = insn->uop == UOP_csr_write || insn->uop == UOP_csri_write;
    if (!replace && ir_is_const(build->block, operand, &constant)) {
        return (uint64_t)constant & SSTATUS_WRITABLE;
    }
    return SSTATUS_WRITABLE;
}

static uint16_t build_status_new(struct build *build, const struct isa_insn *insn, uint16_t old,
                                 uint16_t operand)
{
    uint16_t bits = build_binary(build, IR_AND, false, operand,
                                 build_const(build, (int64_t)SSTATUS_WRITABLE));
    switch (insn->uop) {
    case UOP_csr_set: case UOP_csri_set: return build_binary(build, IR_OR, false, old, bits);
    case UOP_csr_clear: case UOP_csri_clear:
        return build_binary(build, IR_ANDN, false, old, bits);
    default:
        old = build_binary(build, IR_AND, false, old,
                           build_const(build, (int64_t)~SSTATUS_WRITABLE));
        return build_binary(build, IR_OR, false, old, bits);
    }
}

/* Steps if an interrupt could be taken now, or a bit of `fixed` changes. */
static void build_status_guard(struct build *build, uint16_t old, uint16_t new, uint64_t fixed,
                               bool enables)
{
    uint16_t changed = build_binary(build, IR_XOR, false, old, new);
    uint16_t bad = build_binary(build, IR_AND, false, changed,
                                build_const(build, (int64_t)fixed));
    if (enables) { /* all bits of the mask if SIE comes to be set */
        uint16_t set = build_bits(build, build_binary(build, IR_AND, false, changed, new),
                                  MSTATUS_SIE, -1);
        uint16_t mask = build_binary(build, IR_SUB, false, build_const(build, 0), set);
        uint16_t pending = build_binary(build, IR_AND, false, build_pending(build), mask);
        bad = build_binary(build, IR_OR, false, bad, pending);
    }
    build_guard(build, bad, 0);
}

/* Another SUM is another context for what follows. */
static void build_status_context(struct build *build, uint64_t mask, bool set)
{
    if ((mask & MSTATUS_SUM) != 0) {
        build->context = set ? BANK_S_SUM : BANK_S;
        build_set_const(build, HART_FIELD(bank_data), build->context);
    }
}

enum build_result build_status_write(struct build *build, const struct isa_insn *insn,
                                     uint16_t operand)
{
    int64_t constant;
    bool replace = insn->uop == UOP_csr_write || insn->uop == UOP_csri_write;
    bool clear = insn->uop == UOP_csr_clear || insn->uop == UOP_csri_clear;
    bool known = !replace && ir_is_const(build->block, operand, &constant);
    uint64_t mask = build_status_mask(build, insn, operand);
    if (!build_in_supervisor(build) || build->next >= TLB_PAGE_SIZE ||
        (known && (mask & MSTATUS_MXR) != 0)) {
        return BUILD_STEP;
    }
    /* What a register says is mostly SIE to be put back, or all of a trap frame's status. */
    uint64_t fixed = known ? 0 : MSTATUS_MXR | MSTATUS_SUM | (replace ? 0 : MSTATUS_FS);
    bool enables = !clear && (mask & MSTATUS_SIE) != 0;
    uint16_t old = build_get(build, HART_FIELD(mstatus));
    uint16_t new = build_status_new(build, insn, old, operand);
    if (fixed != 0 || enables) {
        build_status_guard(build, old, new, fixed, enables);
    }
    build_set(build, HART_FIELD(mstatus), new);
    if (insn->rd != 0) {
        build_put(build, insn->rd, build_status_value(build, old, SSTATUS_VISIBLE));
    }
    mask &= ~fixed;
    if ((mask & MSTATUS_FS) != 0) {
        build_float_state(build, new);
    }
    build_status_context(build, mask, !clear);
    return (mask & (MSTATUS_FS | MSTATUS_SUM)) != 0 ? BUILD_LAST : BUILD_NEXT;
}

/* The hart is in another mode from here on. */
static void build_privilege(struct build *build, enum riscv_priv priv, enum riscv_bank bank)
{
    build_set_const(build, HART_FIELD(priv), priv);
    build_set_const(build, HART_FIELD(bank_data), bank);
    build_set_const(build, HART_FIELD(bank_fetch), bank);
}

/* From U-mode to S-mode, which has delegated it, with SUM clear. */
static enum build_result build_call(struct build *build)
{
    if (build->block->context != BANK_U) {
        return BUILD_STEP;
    }
    uint16_t status = build_get(build, HART_FIELD(mstatus));
    uint16_t delegated = build_bits(build, build_get(build, HART_FIELD(medeleg)),
                                    UINT64_C(1) << CAUSE_ECALL_U, 0);
    build_guard(build, build_binary(build, IR_OR, false, delegated,
                                    build_bits(build, status, MSTATUS_SUM, 0)),
                INT64_C(1) << CAUSE_ECALL_U);
    build_set_const(build, HART_FIELD(scause), CAUSE_ECALL_U);
    build_set(build, HART_FIELD(sepc),
              build_op(build, (struct ir_ins){ .op = IR_PC, .imm = build->pc }));
    build_set_const(build, HART_FIELD(stval), 0);
    uint16_t enabled = build_bits(build, status, MSTATUS_SIE, 4); /* SPIE */
    status = build_bits(build, status, ~(MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP), 0);
    build_set(build, HART_FIELD(mstatus), build_binary(build, IR_OR, false, status, enabled));
    build_privilege(build, PRIV_S, BANK_S);
    uint16_t vector = build_bits(build, build_get(build, HART_FIELD(stvec)), ~UINT64_C(3), 0);
    build_op(build, (struct ir_ins){ .op = IR_EXITC, .a = vector, .sub = BANK_S });
    return BUILD_END;
}

/* To U-mode, with no interrupt to take there and no reservation to end. */
static enum build_result build_return(struct build *build)
{
    if (!build_in_supervisor(build)) {
        return BUILD_STEP;
    }
    uint16_t status = build_get(build, HART_FIELD(mstatus));
    uint16_t bad = build_bits(build, status, MSTATUS_SPP | MSTATUS_TSR, 0);
    bad = build_binary(build, IR_OR, false, bad, build_pending(build));
    bad = build_binary(build, IR_OR, false, bad, build_get(build, HART_FIELD(reserved)));
    build_guard(build, bad, 0);
    build_set_const(build, HART_FIELD(reserved_sc), 0);
    uint16_t enable = build_bits(build, status, MSTATUS_SPIE, -4); /* SIE */
    status = build_bits(build, status, ~(MSTATUS_SIE | MSTATUS_MPRV), 0);
    status = build_binary(build, IR_OR, false, status,
                          build_const(build, (int64_t)MSTATUS_SPIE));
    build_set(build, HART_FIELD(mstatus), build_binary(build, IR_OR, false, status, enable));
    build_privilege(build, PRIV_U, BANK_U);
    build_op(build, (struct ir_ins){ .op = IR_EXITC, .a = build_get(build, HART_FIELD(sepc)),
                                     .sub = BANK_U, .size = 1 });
    return BUILD_END;
}

enum build_result build_trap(struct build *build, const struct isa_insn *insn)
{
    switch (insn->uop) {
    case UOP_trap_ecall: return build_call(build);
    case UOP_sys_sret: return build_return(build);
    default: return BUILD_OTHER;
    }
}
