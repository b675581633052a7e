/* Goal: integer instructions give the manual's results, the odd operands above all. */
#include <stdlib.h>

#include <glib.h>

#include "tests/isa/code.h"

#define MIN64 UINT64_C(0x8000000000000000)
#define MIN32 UINT64_C(0xffffffff80000000)
#define ONES  UINT64_MAX

/* Register forms: a op b. */
static const struct {
    enum isa_row_id id;
    uint64_t a, b, want;
} register_cases[] = {
    { INSN_add, ONES, 2, 1 },
    { INSN_sub, 1, 2, ONES },
    { INSN_sll, 1, 64 + 63, MIN64 },
    { INSN_srl, MIN64, 63, 1 },
    { INSN_sra, MIN64, 63, ONES },
    { INSN_slt, ONES, 0, 1 },
    { INSN_sltu, ONES, 0, 0 },
    { INSN_xor, 0xff00, 0x0ff0, 0xf0f0 },
    { INSN_or, 0xff00, 0x0ff0, 0xfff0 },
    { INSN_and, 0xff00, 0x0ff0, 0x0f00 },
    { INSN_addw, 0x7fffffff, 1, MIN32 },
    { INSN_subw, 0, 1, ONES },
    { INSN_sllw, 1, 31, MIN32 },
    { INSN_srlw, MIN32, 31, 1 },
    { INSN_sraw, 0x80000000, 31, ONES },
    { INSN_mul, MIN64, 3, MIN64 },
    { INSN_mulh, ONES, ONES, 0 },
    { INSN_mulh, MIN64, 2, ONES },
    { INSN_mulhu, ONES, ONES, ONES - 1 },
    { INSN_mulhsu, ONES, ONES, ONES },
    { INSN_mulhsu, 1, ONES, 0 },
    { INSN_mulw, 0x10000, 0x8000, MIN32 },
    { INSN_div, MIN64, ONES, MIN64 },
    { INSN_div, 7, 0, ONES },
    { INSN_div, -UINT64_C(7), 2, -UINT64_C(3) },
    { INSN_divu, 7, 0, ONES },
    { INSN_divu, ONES, 2, ONES >> 1 },
    { INSN_rem, MIN64, ONES, 0 },
    { INSN_rem, -UINT64_C(7), 2, ONES },
    { INSN_rem, 7, 0, 7 },
    { INSN_remu, 7, 0, 7 },
    { INSN_divw, MIN32, ONES, MIN32 },
    { INSN_divw, 7, UINT64_C(1) << 32, ONES },
    { INSN_divuw, ONES, 0, ONES },
    { INSN_divuw, 0xffffffff, 1, ONES },
    { INSN_remw, MIN32, ONES, 0 },
    { INSN_remw, 0x80000001, 0, MIN32 + 1 },
    { INSN_remuw, 0x80000001, 0, MIN32 + 1 },
    { INSN_sh1add, 3, 4, 10 },
    { INSN_sh2add, 3, 4, 16 },
    { INSN_sh3add, 3, 4, 28 },
    { INSN_add_uw, ONES, 1, UINT64_C(1) << 32 },
    { INSN_sh1add_uw, ONES, 1, UINT64_C(0x1ffffffff) },
    { INSN_sh2add_uw, ONES, 1, UINT64_C(0x3fffffffd) },
    { INSN_sh3add_uw, ONES, 1, UINT64_C(0x7fffffff9) },
    { INSN_andn, 0xff, 0x0f, 0xf0 },
    { INSN_orn, 0, 0x0f, ~UINT64_C(0x0f) },
    { INSN_xnor, 5, 5, ONES },
    { INSN_min, ONES, 1, ONES },
    { INSN_max, ONES, 1, 1 },
    { INSN_minu, ONES, 1, 1 },
    { INSN_maxu, ONES, 1, ONES },
    { INSN_rol, MIN64 | 1, 1, 3 },
    { INSN_rol, 5, 64, 5 },
    { INSN_ror, 3, 1, MIN64 | 1 },
    { INSN_ror, 5, 0, 5 },
    { INSN_rolw, 0x80000001, 1, 3 },
    { INSN_rorw, 3, 1, MIN32 + 1 },
    { INSN_rorw, 0x80000000, 32, MIN32 },
    { INSN_bclr, ONES, 63 + 64, ONES >> 1 },
    { INSN_bext, MIN64, 63, 1 },
    { INSN_binv, 0, 63, MIN64 },
    { INSN_bset, 0, 64, 1 },
    { INSN_clz, 0, 0, 64 },
    { INSN_clz, 1, 0, 63 },
    { INSN_ctz, 0, 0, 64 },
    { INSN_ctz, MIN64, 0, 63 },
    { INSN_cpop, ONES, 0, 64 },
    { INSN_clzw, UINT64_C(1) << 32, 0, 32 },
    { INSN_ctzw, UINT64_C(1) << 32, 0, 32 },
    { INSN_cpopw, ONES, 0, 32 },
    { INSN_sext_b, 0x80, 0, -UINT64_C(0x80) },
    { INSN_sext_h, 0x8000, 0, -UINT64_C(0x8000) },
    { INSN_zext_h, ONES, 0, 0xffff },
    { INSN_rev8, 0x0102030405060708, 0, 0x0807060504030201 },
    { INSN_orc_b, 0x0100800000ff007f, 0, 0xff00ff0000ff00ff },
    { INSN_orc_b, 0x8080808080808080, 0, ONES },
};

/* Immediate forms: a op imm. */
static const struct {
    enum isa_row_id id;
    uint64_t a;
    int32_t imm;
    uint64_t want;
} immediate_cases[] = {
    { INSN_addi, 1, -2, ONES },
    { INSN_slti, 0, -1, 0 },
    { INSN_sltiu, 0, -1, 1 },
    { INSN_xori, 0, -1, ONES },
    { INSN_ori, 0x800, 1, 0x801 },
    { INSN_andi, ONES, -2048, ONES - 2047 },
    { INSN_slli, 1, 63, MIN64 },
    { INSN_srli, MIN64, 63, 1 },
    { INSN_srai, MIN64, 63, ONES },
    { INSN_addiw, 0x7fffffff, 1, MIN32 },
    { INSN_slliw, 1, 31, MIN32 },
    { INSN_srliw, MIN32, 31, 1 },
    { INSN_sraiw, 0x80000000, 31, ONES },
    { INSN_slli_uw, ONES, 4, 0xffffffff0 },
    { INSN_rori, 1, 1, MIN64 },
    { INSN_roriw, 1, 1, MIN32 },
    { INSN_bclri, ONES, 63, ONES >> 1 },
    { INSN_bexti, 2, 1, 1 },
    { INSN_binvi, 1, 0, 0 },
    { INSN_bseti, 0, 63, MIN64 },
    { INSN_lui, 0, INT32_MIN, MIN32 },
    { INSN_auipc, 0, 0x1000, FAKE_RAM_BASE + 0x1000 },
};

static struct fake_machine machine;

/* Runs one instruction with a1 = a, a2 = b and rd = a0, and once more with rd = x0. */
static uint64_t run_one(enum isa_row_id id, uint64_t a, uint64_t b, int32_t imm)
{
    struct riscv_hart *h = machine.hart;
    const struct isa_format *format = &isa_formats[isa_rows[id].format];
    for (unsigned rd = 0; rd <= A0; rd += A0) {
        struct code code = code_at(&machine, FAKE_RAM_BASE);
        code_put(&code, id, rd, format->rs1 == ISA_REG_X ? A1 : 0,
                 format->rs2 == ISA_REG_X ? A2 : 0, imm);
        code_stop(&code);
        h->x[A1] = a;
        h->x[A2] = b;
        code_run(&machine, FAKE_RAM_BASE, PRIV_M);
        g_assert_cmphex(h->x[0], ==, 0);
    }
    return h->x[A0];
}

static void test_registers(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(register_cases); i++) {
        uint64_t got = run_one(register_cases[i].id, register_cases[i].a, register_cases[i].b, 0);
        if (got != register_cases[i].want) {
            g_error("case %u, %s: 0x%" G_GINT64_MODIFIER "x", i,
                    isa_rows[register_cases[i].id].name, got);
        }
    }
}

static void test_immediates(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(immediate_cases); i++) {
        uint64_t got = run_one(immediate_cases[i].id, immediate_cases[i].a, 0,
                               immediate_cases[i].imm);
        if (got != immediate_cases[i].want) {
            g_error("case %u, %s: 0x%" G_GINT64_MODIFIER "x", i,
                    isa_rows[immediate_cases[i].id].name, got);
        }
    }
}

/* Each row that computes something stands in one of the tables. */
static void test_complete(void)
{
    for (unsigned id = 0; id < INSN_COUNT; id++) {
        const char *uop = isa_uop_names[isa_rows[id].uop];
        bool computes = g_str_has_prefix(uop, "alu") || g_str_has_prefix(uop, "bit") ||
                        g_str_has_prefix(uop, "muldiv");
        bool found = !computes;
        for (unsigned i = 0; i < G_N_ELEMENTS(register_cases); i++) {
            found |= register_cases[i].id == id;
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(immediate_cases); i++) {
            found |= immediate_cases[i].id == id;
        }
        if (!found) {
            g_error("no case for %s", isa_rows[id].name);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fake_machine_init(&machine);
    g_test_add_func("/interp_alu/registers", test_registers);
    g_test_add_func("/interp_alu/immediates", test_immediates);
    g_test_add_func("/interp_alu/complete", test_complete);
    int status = g_test_run();
    fake_machine_finish(&machine);
    return status;
}
