/* Goal: code is fetched from where it is now, over page ends, after fence.i, faulting precisely. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/mem/dma.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "tests/isa/code.h"

#define PAGE UINT64_C(4096)

/* An instruction of 4 bytes that begins 2 bytes before the end of a page, at every entry. */
static void test_straddle(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    struct code code = code_at(m, FAKE_RAM_BASE + PAGE - 4);
    code_put16(&code, 0x0001); /* c.nop */
    gpa_t straddler = code_put(&code, INSN_addi, A0, A0, 0, 5);
    code_put16(&code, 0x0505); /* c.addi a0, 1 */
    code_stop(&code);
    code_stop_on_trap(m);
    for (unsigned i = 0; i < 3; i++) {
        m->hart->x[A0] = 0;
        code_run(m, i == 2 ? straddler : FAKE_RAM_BASE + PAGE - 4, PRIV_M);
        g_assert_cmpuint(m->hart->x[A0], ==, 6);
    }
    /* Its second half changes: the next page's slots and this one's see it after fence.i. */
    struct code change = code_at(m, straddler);
    code_put(&change, INSN_addi, A0, A0, 0, 9);
    m->hart->x[A0] = 0;
    code_run(m, straddler, PRIV_M);
    g_assert_cmpuint(m->hart->x[A0], ==, 10);
}

/* Jumps and branches that straddle, are taken out of the page, or link. */
static void test_straddle_jump(struct fake_machine *m, gconstpointer data)
{
    static const enum isa_row_id ids[] = { INSN_jal, INSN_beq };
    (void)data;
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        struct code code = code_at(m, FAKE_RAM_BASE + PAGE - 2);
        bool jal = ids[i] == INSN_jal;
        gpa_t at = code_put(&code, ids[i], jal ? RA : 0, 0, 0, -0x100);
        struct code target = code_at(m, at - 0x100);
        code_put(&target, INSN_auipc, A0, 0, 0, 0);
        code_stop(&target);
        m->hart->x[RA] = 0;
        code_run(m, at, PRIV_M);
        g_assert_cmphex(m->hart->x[A0], ==, at - 0x100);
        g_assert_cmphex(m->hart->x[RA], ==, jal ? at + 4 : 0);
    }
}

/* U-mode may execute up to a byte in the middle of a page: the PMP says so. */
static void test_partial_page(struct fake_machine *m, gconstpointer data)
{
    struct riscv_hart *h = m->hart;
    (void)data;
    gpa_t limit = FAKE_RAM_BASE + 2 * PAGE + 12;
    pmp_write_addr(h, 0, limit >> 2);
    pmp_write_cfg(h, 0, PMP_A_TOR | PMP_X);
    pmp_update(h);
    struct code code = code_at(m, FAKE_RAM_BASE + 2 * PAGE);
    for (unsigned i = 0; i < 8; i++) {
        code_put(&code, INSN_addi, A0, A0, 0, 1);
    }
    code_stop_on_trap(m);
    h->x[A0] = 0;
    code_run(m, FAKE_RAM_BASE + 2 * PAGE, PRIV_U);
    g_assert_cmphex(h->mcause, ==, CAUSE_FETCH_ACCESS);
    g_assert_cmphex(h->mepc, ==, limit);
    g_assert_cmphex(h->mtval, ==, limit);
    g_assert_cmpuint(h->x[A0], ==, 3);
    /* Its last halfword inside, the rest outside: the fault names the part outside. */
    code = code_at(m, limit - 2);
    code_put(&code, INSN_addi, A0, A0, 0, 1);
    code_run(m, limit - 2, PRIV_U);
    g_assert_cmphex(h->mcause, ==, CAUSE_FETCH_ACCESS);
    g_assert_cmphex(h->mepc, ==, limit - 2);
    g_assert_cmphex(h->mtval, ==, limit);
    /* A loop of one instruction at a time can be left, too. */
    code = code_at(m, FAKE_RAM_BASE + 2 * PAGE);
    code_put(&code, INSN_addi, A0, A0, 0, -1);
    code_put(&code, INSN_bne, 0, A0, ZERO, -4);
    code_put(&code, INSN_ecall, 0, 0, 0, 0);
    h->x[A0] = 1000;
    code_run(m, FAKE_RAM_BASE + 2 * PAGE, PRIV_U);
    g_assert_cmphex(h->mcause, ==, CAUSE_ECALL_U);
    g_assert_cmpuint(h->x[A0], ==, 0);
}

/* The next page may not be executed: an instruction that straddles into it faults there. */
static void test_straddle_fault(struct fake_machine *m, gconstpointer data)
{
    struct riscv_hart *h = m->hart;
    (void)data;
    gpa_t next = FAKE_RAM_BASE + PAGE;
    pmp_write_addr(h, 0, next >> 2);
    pmp_write_cfg(h, 0, PMP_A_TOR | PMP_X);
    pmp_update(h);
    struct code code = code_at(m, next - 6);
    code_put(&code, INSN_addi, A0, A0, 0, 1);
    code_put(&code, INSN_addi, A0, A0, 0, 1);
    code_stop_on_trap(m);
    h->x[A0] = 0;
    code_run(m, next - 6, PRIV_U);
    g_assert_cmphex(h->mcause, ==, CAUSE_FETCH_ACCESS);
    g_assert_cmphex(h->mepc, ==, next - 2);
    g_assert_cmphex(h->mtval, ==, next);
    g_assert_cmpuint(h->x[A0], ==, 1);
}

static void test_no_memory(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    static const gpa_t places[] = { 0, FAKE_DEVICE, FAKE_RAM_BASE + FAKE_RAM_SIZE,
                                    UINT64_MAX - 1 };
    code_stop_on_trap(m);
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        code_run(m, places[i], PRIV_M);
        g_assert_cmphex(m->hart->mcause, ==, CAUSE_FETCH_ACCESS);
        g_assert_cmphex(m->hart->mepc, ==, places[i]);
        g_assert_cmphex(m->hart->mtval, ==, places[i]);
    }
}

/* Guest code that writes an instruction ahead of itself, with fence.i. */
static void test_self_modifying(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    struct code code = code_at(m, FAKE_RAM_BASE);
    code_put(&code, INSN_sw, 0, A1, A2, 0);
    code_put(&code, INSN_fence_i, 0, 0, 0, 0);
    gpa_t patched = code_put(&code, INSN_addi, A0, ZERO, 0, 1);
    code_stop(&code);
    for (unsigned value = 0; value < 100; value++) {
        m->hart->x[A1] = patched;
        m->hart->x[A2] = value << 20 | 0x00000513; /* li a0, value */
        m->hart->pc = FAKE_RAM_BASE;
        fake_machine_run(m); /* no fence but the guest's own */
        g_assert_cmpuint(m->hart->x[A0], ==, value);
    }
}

/* A page that was run, then changed by a device, and changed back. */
static void test_dma(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    struct code code = code_at(m, FAKE_RAM_BASE);
    code_put(&code, INSN_addi, A0, ZERO, 0, 1);
    code_put(&code, INSN_fence_i, 0, 0, 0, 0);
    code_stop(&code);
    for (unsigned i = 0; i < 20; i++) {
        uint32_t word = (i % 2) << 20 | 0x00000513; /* li a0, i % 2 */
        g_assert_true(dma_write(m->bus, FAKE_RAM_BASE, &word, 4));
        m->hart->hart.engine->fence_instructions(&m->hart->hart);
        m->hart->pc = FAKE_RAM_BASE;
        fake_machine_run(m);
        g_assert_cmpuint(m->hart->x[A0], ==, i % 2);
    }
}

/* More pages of code than the interpreter keeps, run round and round. */
static void test_many_pages(struct fake_machine *m, gconstpointer data)
{
    enum { PAGES = 1400, ROUNDS = 3 };
    (void)data;
    for (unsigned i = 0; i < PAGES; i++) {
        struct code code = code_at(m, FAKE_RAM_BASE + i * PAGE + 0x10);
        code_put(&code, INSN_addi, A0, A0, 0, 1);
        if (i + 1 < PAGES) {
            code_put(&code, INSN_jal, 0, 0, 0, (int32_t)PAGE - 4);
        }
    }
    struct code code = code_at(m, FAKE_RAM_BASE + (PAGES - 1) * PAGE + 0x14);
    code_put(&code, INSN_addi, A1, A1, 0, -1);
    gpa_t out = code_put(&code, INSN_beq, 0, A1, ZERO, 8);
    code_put(&code, INSN_jalr, 0, A2, 0, 0);
    g_assert_cmphex(code.at, ==, out + 8);
    code_stop(&code);
    m->hart->x[A0] = 0;
    m->hart->x[A1] = ROUNDS;
    m->hart->x[A2] = FAKE_RAM_BASE + 0x10;
    code_run(m, FAKE_RAM_BASE + 0x10, PRIV_M);
    g_assert_cmpuint(m->hart->x[A0], ==, PAGES * ROUNDS);
}

/* instret counts each retired instruction once, on every way out of the interpreter. */
static void test_instret(struct fake_machine *m, gconstpointer data)
{
    (void)data;
    struct code code = code_at(m, FAKE_RAM_BASE + PAGE - 8);
    code_put(&code, INSN_csrrs, A0, ZERO, 0, 0xb02); /* minstret */
    code_put(&code, INSN_lw, A2, A4, 0, 0);          /* a TLB miss; ends the page */
    code_put(&code, INSN_lw, A2, A5, 0, 0);          /* a device */
    code_put(&code, INSN_jal, RA, 0, 0, 8);
    code_put(&code, INSN_ebreak, 0, 0, 0, 0);
    code_put(&code, INSN_amoadd_w, A2, A4, ZERO, 0);
    code_put(&code, INSN_beq, 0, A4, A4, 8);
    code_put(&code, INSN_ebreak, 0, 0, 0, 0);
    code_put(&code, INSN_csrrs, A1, ZERO, 0, 0xb02);
    code_stop(&code);
    code_stop_on_trap(m);
    m->hart->x[A4] = CODE_DATA;
    m->hart->x[A5] = FAKE_SCRATCH;
    code_run(m, FAKE_RAM_BASE + PAGE - 8, PRIV_M);
    g_assert_cmphex(m->hart->mcause, ==, UINT64_MAX);
    g_assert_cmpuint(m->hart->x[A1] - m->hart->x[A0], ==, 6);
}

static void test_illegal(struct fake_machine *m, gconstpointer data)
{
    static const struct {
        uint32_t word, tval;
        enum riscv_priv priv;
    } cases[] = {
        { 0x00000000, 0x0000, PRIV_M }, { 0xffffffff, 0xffffffff, PRIV_M },
        { 0xabcd6101, 0x6101, PRIV_M },     /* c.addi16sp 0 */
        { 0x30200073, 0x30200073, PRIV_S }, /* mret */
        { 0x10200073, 0x10200073, PRIV_U }, /* sret */
        { 0x12000073, 0x12000073, PRIV_U }, /* sfence.vma */
        { 0x18000073, 0x18000073, PRIV_U }, /* sfence.w.inval */
        { 0x30002573, 0x30002573, PRIV_S }, /* csrr a0, mstatus */
        { 0x0040200f, 0x0040200f, PRIV_S }, /* cbo.zero without menvcfg.CBZE */
    };
    (void)data;
    pmp_write_addr(m->hart, 0, UINT64_MAX >> 10);
    pmp_write_cfg(m->hart, 0, PMP_A_NAPOT | PMP_R | PMP_W | PMP_X);
    pmp_update(m->hart);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        memcpy(fake_machine_ram(m, FAKE_RAM_BASE + 2), &cases[i].word, 4);
        code_stop_on_trap(m);
        code_run(m, FAKE_RAM_BASE + 2, cases[i].priv);
        g_assert_cmphex(m->hart->mcause, ==, CAUSE_ILLEGAL);
        g_assert_cmphex(m->hart->mtval, ==, cases[i].tval);
        g_assert_cmphex(m->hart->mepc, ==, FAKE_RAM_BASE + 2);
    }
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
        { "/interp_code/straddle", test_straddle },
        { "/interp_code/straddle_jump", test_straddle_jump },
        { "/interp_code/partial_page", test_partial_page },
        { "/interp_code/straddle_fault", test_straddle_fault },
        { "/interp_code/no_memory", test_no_memory },
        { "/interp_code/self_modifying", test_self_modifying },
        { "/interp_code/dma", test_dma },
        { "/interp_code/many_pages", test_many_pages },
        { "/interp_code/instret", test_instret },
        { "/interp_code/illegal", test_illegal },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fake_machine, NULL, machine_setup, tests[i].fn,
                   machine_teardown);
    }
    return g_test_run();
}
