/* Goal: traps go where delegation and priority say, and xRET brings back exactly what they took. */
#include <glib.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/trap.h"
#include "tests/isa/rig.h"

static struct rig rig;

static void enter(enum riscv_priv priv, uint64_t mstatus)
{
    rig.hart->priv = (uint8_t)priv;
    rig.hart->mstatus = mstatus;
    riscv_update_banks(rig.hart);
}

static void test_to_machine(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->pc = 0x80001234;
    hart->mtvec = 0x80000101; /* vectored: exceptions go to the base all the same */
    enter(PRIV_U, MSTATUS_MIE);
    riscv_raise(hart, CAUSE_LOAD_PAGE, 0xdead);
    g_assert_cmpuint(hart->priv, ==, PRIV_M);
    g_assert_cmphex(hart->pc, ==, 0x80000100);
    g_assert_cmphex(hart->mepc, ==, 0x80001234);
    g_assert_cmphex(hart->mcause, ==, CAUSE_LOAD_PAGE);
    g_assert_cmphex(hart->mtval, ==, 0xdead);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_MPIE);
    g_assert_cmpint(hart->bank_fetch, ==, BANK_M);
    g_assert_cmpint(hart->bank_data, ==, BANK_M);
}

static void test_to_supervisor(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->pc = 0x1000;
    hart->stvec = 0x2000;
    hart->medeleg = 1u << CAUSE_ECALL_U | 1u << CAUSE_STORE_PAGE;
    enter(PRIV_S, MSTATUS_SIE | MSTATUS_SUM);
    riscv_raise(hart, CAUSE_STORE_PAGE, 0x42);
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    g_assert_cmphex(hart->pc, ==, 0x2000);
    g_assert_cmphex(hart->sepc, ==, 0x1000);
    g_assert_cmphex(hart->scause, ==, CAUSE_STORE_PAGE);
    g_assert_cmphex(hart->stval, ==, 0x42);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SUM);
    g_assert_cmpint(hart->bank_data, ==, BANK_S_SUM);
    g_assert_cmpint(hart->bank_fetch, ==, BANK_S);
    /* A trap in M-mode is never delegated. */
    enter(PRIV_M, 0);
    riscv_raise(hart, CAUSE_STORE_PAGE, 0);
    g_assert_cmpuint(hart->priv, ==, PRIV_M);
    g_assert_cmphex(hart->mstatus & MSTATUS_MPP, ==, MSTATUS_MPP);
}

static void test_ecall(void)
{
    static const struct {
        enum riscv_priv priv;
        unsigned cause;
    } rows[] = {
        { PRIV_U, CAUSE_ECALL_U }, { PRIV_S, CAUSE_ECALL_S }, { PRIV_M, CAUSE_ECALL_M },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        rig.hart->pc = 0x500;
        enter(rows[i].priv, 0);
        riscv_ecall(rig.hart);
        g_assert_cmphex(rig.hart->mcause, ==, rows[i].cause);
        g_assert_cmphex(rig.hart->mepc, ==, 0x500);
        g_assert_cmphex(rig.hart->mtval, ==, 0);
    }
}

static bool serve_only_7(struct riscv_hart *hart, void *opaque)
{
    (*(unsigned *)opaque)++;
    return hart->x[17] == 7;
}

static void test_ecall_served(void)
{
    struct riscv_hart *hart = rig.hart;
    unsigned calls = 0;
    hart->ecall = serve_only_7;
    hart->ecall_opaque = &calls;
    hart->pc = 0x500;
    hart->x[17] = 7;
    enter(PRIV_S, 0);
    riscv_ecall(hart);
    g_assert_cmphex(hart->pc, ==, 0x504);
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    hart->x[17] = 8;
    riscv_ecall(hart);
    g_assert_cmphex(hart->mcause, ==, CAUSE_ECALL_S);
    g_assert_cmphex(hart->mepc, ==, 0x504);
    enter(PRIV_U, 0);
    riscv_ecall(hart); /* U-mode's are for the kernel, not for the SBI */
    g_assert_cmpuint(calls, ==, 2);
}

/* Takes all that is pending, one after the other, in the manual's order. */
static void test_priority(void)
{
    static const unsigned order[] = {
        IRQ_MEIP, IRQ_MSIP, IRQ_MTIP, IRQ_SEIP, IRQ_SSIP, IRQ_STIP,
    };
    struct riscv_hart *hart = rig.hart;
    hart->mie = IRQS_M | IRQS_S;
    hart->mtvec = 0x80000001;
    atomic_store(&hart->mip, IRQS_M | IRQS_S);
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        enter(PRIV_M, MSTATUS_MIE);
        g_assert_true(riscv_take_interrupt(hart));
        g_assert_cmphex(hart->mcause, ==, CAUSE_INTERRUPT | order[i]);
        g_assert_cmphex(hart->pc, ==, 0x80000000 + 4 * order[i]);
        g_assert_false(riscv_take_interrupt(hart));
        riscv_hart_set_irq(hart, order[i], false);
    }
    enter(PRIV_M, MSTATUS_MIE);
    g_assert_false(riscv_take_interrupt(hart));
}

/* Who may interrupt whom: privilege, its enable, delegation. */
static void test_enables(void)
{
    static const struct {
        enum riscv_priv priv;
        uint64_t mstatus;
        bool m_taken, s_taken;
    } rows[] = {
        { PRIV_M, 0, false, false },
        { PRIV_M, MSTATUS_MIE | MSTATUS_SIE, true, false },
        { PRIV_S, 0, true, false },
        { PRIV_S, MSTATUS_MIE, true, false },
        { PRIV_S, MSTATUS_SIE, true, true },
        { PRIV_U, 0, true, true },
    };
    struct riscv_hart *hart = rig.hart;
    hart->mideleg = IRQS_S;
    hart->mie = IRQS_M | IRQS_S;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        enter(rows[i].priv, rows[i].mstatus);
        atomic_store(&hart->mip, IRQ_BIT(IRQ_MTIP));
        g_assert_cmpint(riscv_take_interrupt(hart), ==, rows[i].m_taken);
        enter(rows[i].priv, rows[i].mstatus);
        atomic_store(&hart->mip, IRQ_BIT(IRQ_SEIP));
        g_assert_cmpint(riscv_take_interrupt(hart), ==, rows[i].s_taken);
        g_assert_true(riscv_has_wakeup(hart));
    }
    /* A delegated one with a higher number does not overtake one of M-mode. */
    enter(PRIV_U, 0);
    atomic_store(&hart->mip, IRQ_BIT(IRQ_SEIP) | IRQ_BIT(IRQ_MTIP));
    g_assert_true(riscv_take_interrupt(hart));
    g_assert_cmphex(hart->mcause, ==, CAUSE_INTERRUPT | IRQ_MTIP);
    hart->mie = 0;
    g_assert_false(riscv_has_wakeup(hart));
}

static void test_mret(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->mepc = 0x8000;
    hart->reserved = 0x80000000;
    enter(PRIV_M, MSTATUS_MPIE | MSTATUS_MPRV | UINT64_C(1) << MSTATUS_MPP_SHIFT);
    g_assert_cmpint(hart->bank_data, ==, BANK_S);
    g_assert_true(riscv_mret(hart));
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    g_assert_cmphex(hart->pc, ==, 0x8000);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_MIE | MSTATUS_MPIE); /* MPP is U, MPRV is clear */
    g_assert_cmphex(hart->reserved, ==, 0);
    g_assert_false(riscv_mret(hart));
    enter(PRIV_M, MSTATUS_MPP | MSTATUS_MPRV);
    g_assert_true(riscv_mret(hart));
    g_assert_cmpuint(hart->priv, ==, PRIV_M);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_MPIE | MSTATUS_MPRV); /* stays in M: stays set */
}

static void test_sret(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->sepc = 0x4000;
    enter(PRIV_S, MSTATUS_SPIE | MSTATUS_TSR);
    g_assert_false(riscv_sret(hart));
    enter(PRIV_U, 0);
    g_assert_false(riscv_sret(hart));
    enter(PRIV_S, MSTATUS_SPP);
    g_assert_true(riscv_sret(hart));
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_SPIE);
    enter(PRIV_M, MSTATUS_SPIE | MSTATUS_MPRV | MSTATUS_TSR);
    g_assert_true(riscv_sret(hart)); /* M-mode may, whatever TSR says; MPRV goes */
    g_assert_cmpuint(hart->priv, ==, PRIV_U);
    g_assert_cmphex(hart->pc, ==, 0x4000);
    g_assert_cmphex(hart->mstatus, ==, MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_TSR);
}

static void test_xret_notices(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->mie = hart->mideleg = IRQ_BIT(IRQ_SSIP);
    atomic_store(&hart->mip, IRQ_BIT(IRQ_SSIP));
    enter(PRIV_S, 0);
    atomic_store(&hart->hart.requests, 0);
    g_assert_true(riscv_sret(hart)); /* to U, where S-mode's interrupts are always enabled */
    g_assert_cmphex(atomic_load(&hart->hart.requests), ==, HART_REQUEST_IRQ);
}

static void test_wfi(void)
{
    enter(PRIV_M, MSTATUS_TW);
    g_assert_true(riscv_wfi_allowed(rig.hart));
    enter(PRIV_S, 0);
    g_assert_true(riscv_wfi_allowed(rig.hart));
    enter(PRIV_S, MSTATUS_TW);
    g_assert_false(riscv_wfi_allowed(rig.hart));
    enter(PRIV_U, 0);
    g_assert_false(riscv_wfi_allowed(rig.hart));
}

/* Which context loads and stores are made in. */
static void test_banks(void)
{
    static const struct {
        enum riscv_priv priv;
        uint64_t mstatus;
        enum riscv_bank data, fetch;
    } rows[] = {
        { PRIV_U, MSTATUS_SUM, BANK_U, BANK_U },
        { PRIV_S, 0, BANK_S, BANK_S },
        { PRIV_S, MSTATUS_SUM, BANK_S_SUM, BANK_S },
        { PRIV_M, MSTATUS_SUM, BANK_M, BANK_M },
        { PRIV_M, MSTATUS_MPRV, BANK_U, BANK_M },
        { PRIV_M, MSTATUS_MPRV | UINT64_C(1) << MSTATUS_MPP_SHIFT, BANK_S, BANK_M },
        { PRIV_M, MSTATUS_MPRV | MSTATUS_SUM | UINT64_C(1) << MSTATUS_MPP_SHIFT, BANK_S_SUM,
          BANK_M },
        { PRIV_M, MSTATUS_MPRV | MSTATUS_MPP, BANK_M, BANK_M },
        { PRIV_S, MSTATUS_MPRV, BANK_S, BANK_S }, /* MPRV is M-mode's alone */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        enter(rows[i].priv, rows[i].mstatus);
        g_assert_cmpint(rig.hart->bank_data, ==, rows[i].data);
        g_assert_cmpint(rig.hart->bank_fetch, ==, rows[i].fetch);
    }
}

/* Without machine mode everything ends up in S-mode, whatever medeleg could say. */
static void test_without_machine_mode(void)
{
    struct riscv_hart *hart = rig.hart;
    rig.config.machine_mode = false;
    riscv_hart_reset(hart);
    hart->stvec = 0x3000;
    for (unsigned cause = 0; cause < 16; cause++) {
        enter(PRIV_U, 0);
        hart->pc = 0x100;
        riscv_raise(hart, cause, 1);
        g_assert_cmpuint(hart->priv, ==, PRIV_S);
        g_assert_cmphex(hart->scause, ==, cause);
        g_assert_cmphex(hart->pc, ==, 0x3000);
    }
}

static void run(void (*const *test)(void))
{
    rig_init(&rig);
    rig_start(&rig);
    (*test)();
    rig_finish(&rig);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        { "/trap/to-machine", test_to_machine },
        { "/trap/to-supervisor", test_to_supervisor },
        { "/trap/ecall", test_ecall },
        { "/trap/ecall-served", test_ecall_served },
        { "/trap/priority", test_priority },
        { "/trap/enables", test_enables },
        { "/trap/mret", test_mret },
        { "/trap/sret", test_sret },
        { "/trap/xret-notices", test_xret_notices },
        { "/trap/wfi", test_wfi },
        { "/trap/banks", test_banks },
        { "/trap/without-machine-mode", test_without_machine_mode },
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i].test, (GTestDataFunc)(void *)run);
    }
    return g_test_run();
}
