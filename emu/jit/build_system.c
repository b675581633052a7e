/* System instructions that only move data: CSRs without side effects, in the mode they belong to,
 * and cbo.zero. A block's context tells the mode: BANK_S is S-mode, BANK_M is M-mode. */
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
        old = build_op(build, (struct ir_ins){ .op = IR_CSRGET, .imm = row->offset });
    }
    if (write) {
        value = build_binary(build, IR_AND, false, value,
                             build_const(build, (int64_t)row->writable));
        build_op(build, (struct ir_ins){ .op = IR_CSRPUT, .a = value, .imm = row->offset });
    }
    if (insn->rd != 0) {
        build_put(build, insn->rd, old);
    }
    return BUILD_NEXT;
}

enum build_result build_system(struct build *build, const struct isa_insn *insn)
{
    switch (insn->uop) {
    case UOP_csr_write: return build_csr(build, insn, true, build_x(build, insn->rs1));
    case UOP_csri_write: return build_csr(build, insn, true, build_const(build, insn->rs1));
    case UOP_csr_set:
    case UOP_csr_clear:
    case UOP_csri_set:
    case UOP_csri_clear:
        return insn->rs1 == 0 ? build_csr(build, insn, false, IR_NONE) : BUILD_STEP;
    case UOP_cbo_zero: {
        uint16_t block = build_binary(build, IR_AND, false, build_x(build, insn->rs1),
                                      build_const(build, -64));
        build_op(build, (struct ir_ins){ .op = IR_ZERO, .a = block, .size = 8 });
        return BUILD_NEXT;
    }
    default: return BUILD_OTHER;
    }
}
