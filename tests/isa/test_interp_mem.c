/* Goal: loads, stores and atomics reach the right bytes, whole or not at all; faults are exact. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "tests/isa/code.h"

static const uint8_t pattern[8] = { 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88 };

/* One instruction with a1 = address, a2 = value, a0 = result, run in M-mode. */
static void run_access(struct fake_machine *m, enum isa_row_id id, uint64_t address, uint64_t value)
{
    const struct isa_format *format = &isa_formats[isa_rows[id].format];
    struct code code = code_at(m, FAKE_RAM_BASE);
    code_put(&code, id, format->rd == ISA_REG_NONE ? 0 : A0, A1,
             format->rs2 == ISA_REG_NONE ? 0 : A2, 0);
    code_stop(&code);
    code_stop_on_trap(m);
    m->hart->x[A0] = 0x5555;
    m->hart->x[A1] = address;
    m->hart->x[A2] = value;
    code_run(m, FAKE_RAM_BASE, PRIV_M);
}

static void check_fault(struct fake_machine *m, uint64_t cause, uint64_t tval)
{
    g_assert_cmphex(m->hart->mcause, ==, cause);
    g_assert_cmphex(m->hart->mtval, ==, tval);
    g_assert_cmphex(m->hart->mepc, ==, FAKE_RAM_BASE);
    g_assert_cmphex(m->hart->x[A0], ==, 0x5555);
}

static void test_loads(struct fake_machine *m, gconstpointer data)
{
    static const struct {
        enum isa_row_id id;
        uint64_t want;
    } cases[] = {
        { INSN_lb, 0xffffffffffffff81 },  { INSN_lbu, 0x81 },
        { INSN_lh, 0xffffffffffff8281 },  { INSN_lhu, 0x8281 },
        { INSN_lw, 0xffffffff84838281 },  { INSN_lwu, 0x84838281 },
        { INSN_ld, 0x8887868584838281 },
    };
    (void)data;
    /* Aligned, misaligned, over the end of a page; twice each, so that the TLB hits too. */
    static const gpa_t places[] = { CODE_DATA, CODE_DATA + 3, CODE_DATA + 0xfff,
                                    CODE_DATA + 0xffc };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases) * G_N_ELEMENTS(places) * 2; i++) {
        gpa_t at = places[i / 2 % G_N_ELEMENTS(places)];
        unsigned n = i / 2 / G_N_ELEMENTS(places);
        memcpy(fake_machine_ram(m, at), pattern, sizeof pattern);
        run_access(m, cases[n].id, at, 0);
        g_assert_cmphex(m->hart->x[A0], ==, cases[n].want);
        g_assert_cmphex(m->hart->mcause, ==, UINT64_MAX);
    }
}

static void test_stores(struct fake_machine *m, gconstpointer data)
{
    static const enum isa_row_id ids[] = { INSN_sb, INSN_sh, INSN_sw, INSN_sd };
    static const gpa_t places[] = { CODE_DATA, CODE_DATA + 5, CODE_DATA + 0xfff,
                                    CODE_DATA + 0xffb };
    (void)data;
    for (unsigned i = 0; i < 4 * G_N_ELEMENTS(places) * 2; i++) {
        gpa_t at = places[i / 2 % G_N_ELEMENTS(places)];
        unsigned size = 1u << i / 2 / G_N_ELEMENTS(places);
        uint8_t want[16];
        memset(want, 0x11, sizeof want);
        memset(fake_machine_ram(m, at - 4), 0x11, sizeof want);
        memcpy(want + 4, pattern, size);
        run_access(m, ids[__builtin_ctz(size)], at, 0x8887868584838281);
        g_assert_cmpmem(want, sizeof want, fake_machine_ram(m, at - 4), sizeof want);
    }
}

static void test_devices(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    run_access(m, INSN_sw, FAKE_SCRATCH, 0x80000001);
    g_assert_cmphex(m->scratch, ==, 0x80000001);
    run_access(m, INSN_lw, FAKE_SCRATCH, 0);
    g_assert_cmphex(m->hart->x[A0], ==, 0xffffffff80000001);
    unsigned before = m->device_reads;
    run_access(m, INSN_lh, FAKE_SCRATCH + 1, 0); /* misaligned: never reaches the device */
    check_fault(m, CAUSE_LOAD_ACCESS, FAKE_SCRATCH + 1);
    g_assert_cmpuint(m->device_reads, ==, before);
    run_access(m, INSN_ld, FAKE_DEVICE + 16, 0); /* the device refuses */
    check_fault(m, CAUSE_LOAD_ACCESS, FAKE_DEVICE + 16);
    run_access(m, INSN_sd, FAKE_DEVICE + 16, 0);
    check_fault(m, CAUSE_STORE_ACCESS, FAKE_DEVICE + 16);
    run_access(m, INSN_lw, 0, 0); /* nothing there */
    check_fault(m, CAUSE_LOAD_ACCESS, 0);
    run_access(m, INSN_amoadd_w, FAKE_SCRATCH, 1); /* no atomics on devices */
    check_fault(m, CAUSE_STORE_ACCESS, FAKE_SCRATCH);
    run_access(m, INSN_lr_w, FAKE_SCRATCH, 1);
    check_fault(m, CAUSE_LOAD_ACCESS, FAKE_SCRATCH);
}

/* A store over the end of RAM: the first page could be written, but nothing is. */
static void test_all_or_nothing(struct fake_machine *m, gconstpointer data)
{
    gpa_t end = FAKE_RAM_BASE + FAKE_RAM_SIZE;
    (void)data;
    memset(fake_machine_ram(m, end - 4), 0x11, 4);
    run_access(m, INSN_sd, end - 4, 0);
    g_assert_cmphex(m->hart->mcause, ==, CAUSE_STORE_ACCESS);
    g_assert_cmphex(*(uint32_t *)(void *)fake_machine_ram(m, end - 4), ==, 0x11111111);
    run_access(m, INSN_ld, end - 4, 0);
    g_assert_cmphex(m->hart->mcause, ==, CAUSE_LOAD_ACCESS);
}

static void test_amo(struct fake_machine *m, gconstpointer data)
{
    static const struct {
        enum isa_row_id id;
        uint64_t old, operand, want;
    } cases[] = {
        { INSN_amoswap_d, 1, 2, 2 },
        { INSN_amoadd_d, UINT64_MAX, 2, 1 },
        { INSN_amoxor_d, 0xff, 0x0f, 0xf0 },
        { INSN_amoand_d, 0xff, 0x0f, 0x0f },
        { INSN_amoor_d, 0xf0, 0x0f, 0xff },
        { INSN_amomin_d, UINT64_MAX, 1, UINT64_MAX },
        { INSN_amomax_d, UINT64_MAX, 1, 1 },
        { INSN_amominu_d, UINT64_MAX, 1, 1 },
        { INSN_amomaxu_d, UINT64_MAX, 1, UINT64_MAX },
        { INSN_amoswap_w, 0xaaaaaaaa80000000, 2, 0xaaaaaaaa00000002 },
        { INSN_amoadd_w, 0xaaaaaaaaffffffff, 2, 0xaaaaaaaa00000001 },
        { INSN_amomin_w, 0xaaaaaaaa00000001, 0x80000000, 0xaaaaaaaa80000000 },
        { INSN_amomax_w, 0xaaaaaaaa80000000, 1, 0xaaaaaaaa00000001 },
        { INSN_amominu_w, 0xaaaaaaaa80000000, 1, 0xaaaaaaaa00000001 },
        { INSN_amomaxu_w, 0xaaaaaaaa00000001, 0xfff00000000, 0xaaaaaaaa00000001 },
        { INSN_amoxor_w, 0xaaaaaaaa000000ff, 0x0f, 0xaaaaaaaa000000f0 },
        { INSN_amoand_w, 0xaaaaaaaa000000ff, 0x0f, 0xaaaaaaaa0000000f },
        { INSN_amoor_w, 0xaaaaaaaa000000f0, 0x0f, 0xaaaaaaaa000000ff },
    };
    (void)data;
    uint64_t *at = (uint64_t *)(void *)fake_machine_ram(m, CODE_DATA);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool word = isa_rows[cases[i].id].name[strlen(isa_rows[cases[i].id].name) - 1] == 'w';
        *at = cases[i].old;
        run_access(m, cases[i].id, CODE_DATA, cases[i].operand);
        g_assert_cmphex(*at, ==, cases[i].want);
        g_assert_cmphex(m->hart->x[A0], ==,
                        word ? (uint64_t)(int64_t)(int32_t)cases[i].old : cases[i].old);
    }
    run_access(m, INSN_amoadd_d, CODE_DATA + 4, 1);
    check_fault(m, CAUSE_STORE_MISALIGNED, CODE_DATA + 4);
    run_access(m, INSN_lr_d, CODE_DATA + 4, 1);
    check_fault(m, CAUSE_LOAD_MISALIGNED, CODE_DATA + 4);
}

static void test_reservation(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    uint64_t *at = (uint64_t *)(void *)fake_machine_ram(m, CODE_DATA);
    *at = 7;
    run_access(m, INSN_sc_d, CODE_DATA, 8); /* without a reservation */
    g_assert_cmphex(m->hart->x[A0], ==, 1);
    g_assert_cmphex(*at, ==, 7);
    run_access(m, INSN_lr_d, CODE_DATA, 0);
    g_assert_cmphex(m->hart->x[A0], ==, 7);
    run_access(m, INSN_sc_d, CODE_DATA, 8);
    g_assert_cmphex(m->hart->x[A0], ==, 0);
    g_assert_cmphex(*at, ==, 8);
    run_access(m, INSN_sc_d, CODE_DATA, 9); /* it was used up */
    g_assert_cmphex(m->hart->x[A0], ==, 1);
    run_access(m, INSN_lr_d, CODE_DATA, 0);
    run_access(m, INSN_sc_d, CODE_DATA + 8, 9); /* another address */
    g_assert_cmphex(m->hart->x[A0], ==, 1);
    run_access(m, INSN_lr_d, CODE_DATA, 0);
    *at = 10; /* another hart's store */
    run_access(m, INSN_sc_d, CODE_DATA, 9);
    g_assert_cmphex(m->hart->x[A0], ==, 1);
    g_assert_cmphex(*at, ==, 10);
}

static void test_cache_blocks(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    memset(fake_machine_ram(m, CODE_DATA), 0x11, 192);
    run_access(m, INSN_cbo_zero, CODE_DATA + 64 + 17, 0);
    g_assert_cmphex(*fake_machine_ram(m, CODE_DATA + 63), ==, 0x11);
    g_assert_cmphex(*fake_machine_ram(m, CODE_DATA + 64), ==, 0);
    g_assert_cmphex(*fake_machine_ram(m, CODE_DATA + 127), ==, 0);
    g_assert_cmphex(*fake_machine_ram(m, CODE_DATA + 128), ==, 0x11);
    run_access(m, INSN_cbo_zero, FAKE_DEVICE + 64, 0);
    check_fault(m, CAUSE_STORE_ACCESS, FAKE_DEVICE + 64);
    run_access(m, INSN_cbo_flush, CODE_DATA, 0);
    g_assert_cmphex(m->hart->mcause, ==, UINT64_MAX);
}

static void test_float(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    struct riscv_hart *h = m->hart;
    memcpy(fake_machine_ram(m, CODE_DATA), pattern, sizeof pattern);
    h->mstatus &= ~MSTATUS_FS;
    run_access(m, INSN_flw, CODE_DATA, 0);
    g_assert_cmphex(h->mcause, ==, CAUSE_ILLEGAL);
    g_assert_cmphex(h->mtval, ==, 0x0005a507); /* the instruction */
    h->mstatus |= UINT64_C(1) << 13;
    run_access(m, INSN_flw, CODE_DATA, 0);
    g_assert_cmphex(h->f[A0], ==, 0xffffffff84838281);
    g_assert_cmphex(h->mstatus & MSTATUS_FS, ==, MSTATUS_FS);
    run_access(m, INSN_fld, CODE_DATA, 0);
    g_assert_cmphex(h->f[A0], ==, 0x8887868584838281);
    h->f[A2] = 0x123456789abcdef0;
    run_access(m, INSN_fsw, CODE_DATA, 0);
    g_assert_cmphex(*(uint64_t *)(void *)fake_machine_ram(m, CODE_DATA), ==, 0x888786859abcdef0);
}

static void machine_setup(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    fake_machine_init(m);
}

static void machine_teardown(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    fake_machine_finish(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*fn)(struct fake_machine *m, gconstpointer data);
    } tests[] = {
        { "/interp_mem/loads", test_loads },
        { "/interp_mem/stores", test_stores },
        { "/interp_mem/devices", test_devices },
        { "/interp_mem/all_or_nothing", test_all_or_nothing },
        { "/interp_mem/amo", test_amo },
        { "/interp_mem/reservation", test_reservation },
        { "/interp_mem/cache_blocks", test_cache_blocks },
        { "/interp_mem/float", test_float },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fake_machine, NULL, machine_setup, tests[i].fn,
                   machine_teardown);
    }
    return g_test_run();
}
