/* System instructions that only move data: CSRs without side effects, in the mode they belong to,
 * the floating-point ones, and cbo.zero. A block's context tells the mode: BANK_S is S-mode, BANK_M
 * is M-mode. */
#include <stddef.h>

#include "emu/jit/build.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/hart.h"

/* A CSR that is a field of the hart. */
struct csr_row {
    uint16_t number;
    uint32_t offset;
    uint64_t writable; /* 0: writing it has effects */
};

enum { CHECK_NONE, CHECK_FLOAT, CHECK_COUNTER, CHECK_STIMECMP, CHECK_SATP };

#define CSR_ROW(number, field, check, mask) \
    { CHECK_##check == CHECK_NONE ? number : 0, offsetof(struct riscv_hart, field), mask },
#define CSR_FIELD(number, name, access, check, mask) CSR_ROW(number, name, check, mask)
#define CSR_WARL(number, name, access, check, field, function) CSR_ROW(number, field, check, 0)
#define CSR_CODE(number, name, access, check, function)
#define CSR_LOOK(number, name, access, check, function)
#define CSR_CONST(number, name, access, check, value)
static const struct csr_row csr_rows[] = {
#include "emu/riscv/csr.def"
};

/* The least privilege that a CSR's number demands (volume II, 2.1). */
static unsigned csr_priv(unsigned number)
{
    return number >> 8 & 3;
}

static const struct csr_row *build_find_csr(const struct build *build, int32_t number)
{
    unsigned context = build->block->context;
    for (size_t i = 0; i < sizeof csr_rows / sizeof csr_rows[0]; i++) {
        const struct csr_row *row = &csr_rows[i];
        bool allowed = context == BANK_M || (csr_priv(row->number) == PRIV_S &&
                                             (context == BANK_S || context == BANK_S_SUM));
        if (row->number == number && number != 0 && allowed) {
            return row;
        }
    }
    return NULL;
}

static enum build_result build_csr(struct build *build, const struct isa_insn *insn, bool write,
                                   uint16_t value)
{
    const struct csr_row *row = build_find_csr(build, insn->imm);
    if (row == NULL || (write && row->writable == 0)) {
        return BUILD_STEP;
    }
    uint16_t old = IR_NONE;
    if (insn->rd != 0) {
        old = build_op(build, (struct ir_ins){ .op = IR_CSRGET, .size = 8, .imm = row->offset });
    }
    if (write) {
        value = build_binary(build, IR_AND, false, value,
                             build_const(build, (int64_t)row->writable));
        build_op(build, (struct ir_ins){ .op = IR_CSRPUT, .size = 8, .a = value,
                                          .imm = row->offset });
    }
    if (insn->rd != 0) {
        build_put(build, insn->rd, old);
    }
    return BUILD_NEXT;
}

enum { CSR_FFLAGS = 1, CSR_FRM, CSR_FCSR };

static uint16_t build_fcsr_read(struct build *build, int32_t number)
{
    uint16_t flags = IR_NONE, mode = IR_NONE;
    if (number != CSR_FRM) {
        flags = build_op(build, (struct ir_ins){ .op = IR_FLAGS });
    }
    if (number != CSR_FFLAGS) {
        mode = build_op(build, (struct ir_ins){ .op = IR_CSRGET, .size = 1,
                                                .imm = offsetof(struct riscv_hart, frm) });
    }
    if (number != CSR_FCSR) {
        return number == CSR_FRM ? mode : flags;
    }
    mode = build_binary(build, IR_SLL, false, mode, build_const(build, 5));
    return build_binary(build, IR_OR, false, mode, flags);
}

/* frm is written only with what it is: another value is a step. */
static void build_fcsr_write(struct build *build, int32_t number, uint16_t value)
{
    if (number != CSR_FFLAGS) {
        uint16_t mode = value;
        if (number == CSR_FCSR) {
            mode = build_binary(build, IR_SRL, false, value, build_const(build, 5));
        }
        mode = build_binary(build, IR_AND, false, mode, build_const(build, 7));
        build_op(build, (struct ir_ins){ .op = IR_FMODE, .a = mode });
    }
    if (number == CSR_FFLAGS && value == build->flags) {
        /* What is written is what was read, and what came between need not raise any: C's isless
         * and floor. */
        for (unsigned i = 0; i < build->quiet_count; i++) {
            build->block->ins[build->quiet[i]].quiet = true;
        }
        build->converted = false;
    } else if (number != CSR_FRM) {
        value = build_binary(build, IR_AND, false, value, build_const(build, 31));
        build_op(build, (struct ir_ins){ .op = IR_FLAGSPUT, .a = value });
    }
}

static enum build_result build_fcsr(struct build *build, const struct isa_insn *insn)
{
    enum isa_uop uop = insn->uop;
    bool immediate = uop == UOP_csri_write || uop == UOP_csri_set || uop == UOP_csri_clear;
    bool replace = uop == UOP_csr_write || uop == UOP_csri_write;
    build_need_float(build);
    uint16_t operand =
        immediate ? build_const(build, insn->rs1) : build_x(build, insn->rs1);
    uint16_t old = IR_NONE;
    if (!replace || insn->rd != 0) {
        old = build_fcsr_read(build, insn->imm);
    }
    if (replace) {
        build_fcsr_write(build, insn->imm, operand);
    } else if (insn->rs1 != 0) {
        bool set = uop == UOP_csr_set || uop == UOP_csri_set;
        build_fcsr_write(build, insn->imm,
                         build_binary(build, set ? IR_OR : IR_ANDN, false, old, operand));
    }
    build_put(build, insn->rd, old);
    return BUILD_NEXT;
}

/* CSRs that depend on how many instructions were run, which blocks count only once asked. */
static bool build_counts(int32_t number)
{
    return number == 0xc00 || number == 0xc02 || number == 0xb00 || number == 0xb02;
}

static enum build_result build_csr_read(struct build *build, const struct isa_insn *insn)
{
    if (insn->imm == 0x100 || insn->imm == 0x300) {
        return build_status_read(build, insn);
    }
    if (build_counts(insn->imm)) {
        return BUILD_STEP;
    }
    return build_find_csr(build, insn->imm) == NULL ? build_csr_call(build, insn)
                                                    : build_csr(build, insn, false, IR_NONE);
}

static enum build_result build_csr_write(struct build *build, const struct isa_insn *insn,
                                         uint16_t value)
{
    if (insn->imm == 0x100) {
        return build_status_write(build, insn, value);
    }
    bool replace = insn->uop == UOP_csr_write || insn->uop == UOP_csri_write;
    return replace ? build_csr(build, insn, true, value) : BUILD_STEP;
}

static bool build_is_csr(enum isa_uop uop)
{
    return uop == UOP_csr_write || uop == UOP_csr_set || uop == UOP_csr_clear ||
           uop == UOP_csri_write || uop == UOP_csri_set || uop == UOP_csri_clear;
}

enum build_result build_system(struct build *build, const struct isa_insn *insn)
{
    if (build_is_csr(insn->uop) && insn->imm >= CSR_FFLAGS && insn->imm <= CSR_FCSR) {
        return build_fcsr(build, insn);
    }
    switch (insn->uop) {
    case UOP_csr_write: return build_csr_write(build, insn, build_x(build, insn->rs1));
    case UOP_csri_write: return build_csr_write(build, insn, build_const(build, insn->rs1));
    case UOP_csr_set:
    case UOP_csr_clear:
        return insn->rs1 == 0 ? build_csr_read(build, insn)
                              : build_csr_write(build, insn, build_x(build, insn->rs1));
    case UOP_csri_set:
    case UOP_csri_clear:
        return insn->rs1 == 0 ? build_csr_read(build, insn)
                              : build_csr_write(build, insn, build_const(build, insn->rs1));
    case UOP_cbo_zero: {
        uint16_t block = build_binary(build, IR_AND, false, build_x(build, insn->rs1),
                                      build_const(build, -64));
        build_op(build, (struct ir_ins){ .op = IR_ZERO, .a = block, .size = 8 });
        return BUILD_NEXT;
    }
    default: return BUILD_OTHER;
    }
}
