/* Goal: every CSR is there, holds what is legal, and traps exactly when the manual says so. */
#include <glib.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/trap.h"
#include "tests/isa/rig.h"

enum {
    FFLAGS = 0x001, FRM = 0x002, FCSR = 0x003, SSTATUS = 0x100, SIE = 0x104, STVEC = 0x105,
    SCOUNTEREN = 0x106, SENVCFG = 0x10a, SSCRATCH = 0x140, SEPC = 0x141, SIP = 0x144,
    STIMECMP = 0x14d, SATP = 0x180, MSTATUS = 0x300, MISA = 0x301, MEDELEG = 0x302,
    MIDELEG = 0x303, MIE = 0x304, MTVEC = 0x305, MCOUNTEREN = 0x306, MENVCFG = 0x30a,
    MCOUNTINHIBIT = 0x320, MSCRATCH = 0x340, MEPC = 0x341, MIP = 0x344, PMPCFG0 = 0x3a0,
    PMPCFG2 = 0x3a2, PMPADDR0 = 0x3b0, MSECCFG = 0x747, TSELECT = 0x7a0, TDATA1 = 0x7a1,
    TINFO = 0x7a4, MCYCLE = 0xb00, MINSTRET = 0xb02, MHPMCOUNTER3 = 0xb03, CYCLE = 0xc00,
    TIME = 0xc01, INSTRET = 0xc02, HPMCOUNTER3 = 0xc03, MVENDORID = 0xf11, MHARTID = 0xf14,
    MCONFIGPTR = 0xf15,
};

static struct rig rig;

static uint64_t get(unsigned number)
{
    uint64_t value;
    g_assert_true(riscv_csr(rig.hart, number, CSR_READ, 0, &value));
    return value;
}

static void put(unsigned number, uint64_t value)
{
    uint64_t old;
    g_assert_true(riscv_csr(rig.hart, number, CSR_WRITE, value, &old));
}

static void set(unsigned number, uint64_t bits)
{
    uint64_t old;
    g_assert_true(riscv_csr(rig.hart, number, CSR_SET, bits, &old));
}

static void clear(unsigned number, uint64_t bits)
{
    uint64_t old;
    g_assert_true(riscv_csr(rig.hart, number, CSR_CLEAR, bits, &old));
}

static bool may_read(enum riscv_priv priv, unsigned number)
{
    uint64_t value;
    rig.hart->priv = (uint8_t)priv;
    bool may = riscv_csr(rig.hart, number, CSR_READ, 0, &value);
    rig.hart->priv = PRIV_M;
    return may;
}

static bool may_write(enum riscv_priv priv, unsigned number)
{
    uint64_t value;
    rig.hart->priv = (uint8_t)priv;
    bool may = riscv_csr(rig.hart, number, CSR_SET, 0, &value);
    rig.hart->priv = PRIV_M;
    return may;
}

/* What is left of all ones and of all zeros. */
static void check_warl(unsigned number, uint64_t zeros, uint64_t ones)
{
    put(number, 0);
    g_assert_cmphex(get(number), ==, zeros);
    put(number, UINT64_MAX);
    g_assert_cmphex(get(number), ==, ones);
    put(number, 0);
}

static void test_masks(void)
{
    check_warl(MSCRATCH, 0, UINT64_MAX);
    check_warl(SSCRATCH, 0, UINT64_MAX);
    check_warl(MEPC, 0, ~UINT64_C(1));
    check_warl(SEPC, 0, ~UINT64_C(1));
    check_warl(MIE, 0, 0xaaa);
    check_warl(MIDELEG, 0, 0x222);
    check_warl(MEDELEG, 0, 0xb3ff);
    check_warl(MCOUNTEREN, 0, 0xffffffff);
    check_warl(SCOUNTEREN, 0, 0xffffffff);
    check_warl(MCOUNTINHIBIT, 0, 5);
    check_warl(MENVCFG, 0, UINT64_C(0xa0000000000000f1));
    check_warl(SENVCFG, 0, 0xf1);
    check_warl(MISA, UINT64_C(0x800000000014112d), UINT64_C(0x800000000014112d));
    check_warl(MHPMCOUNTER3, 0, 0);
    check_warl(TSELECT, 0, 0);
    check_warl(TDATA1, 0, 0);
    check_warl(TINFO, 1, 1);
    check_warl(PMPADDR0, 0, UINT64_C(0x3fffffffffffff));
    put(MSTATUS, MSTATUS_FS);
    check_warl(FCSR, 0, 0xff);
    check_warl(SSTATUS, UINT64_C(2) << 32, UINT64_C(0x80000002000c6122));
    check_warl(MSTATUS, UINT64_C(0xa) << 32, UINT64_C(0x8000000a007e79aa));
}

static void test_set_and_clear(void)
{
    uint64_t old;
    put(MSCRATCH, 0xf0);
    g_assert_true(riscv_csr(rig.hart, MSCRATCH, CSR_SET, 0x0f, &old));
    g_assert_cmphex(old, ==, 0xf0);
    g_assert_true(riscv_csr(rig.hart, MSCRATCH, CSR_CLEAR, 0x3c, &old));
    g_assert_cmphex(old, ==, 0xff);
    g_assert_cmphex(get(MSCRATCH), ==, 0xc3);
}

static void test_absent(void)
{
    static const unsigned absent[] = {
        MSECCFG, 0x757, 0x7a5, 0x7a8, 0x7b0, 0x10c, 0x30c, 0x31a, 0x321, 0x322, 0x3a1, 0x3a3,
        0x3c0, 0x5a8, 0x600, 0x680, 0x008, 0xb01, 0xda0, 0xfb0, 0xfff, 0x1000, 0x015,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
        uint64_t value;
        g_assert_false(riscv_csr(rig.hart, absent[i], CSR_READ, 0, &value));
        g_assert_false(riscv_csr_peek(rig.hart, absent[i], &value));
        g_assert_null(riscv_csr_name(absent[i]));
    }
    g_assert_cmpstr(riscv_csr_name(MSTATUS), ==, "mstatus");
    g_assert_cmpstr(riscv_csr_name(0xb1f), ==, "mhpmcounter31");
}

/* Every number, as the number itself says (volume II, 2.1); FS is on and counters are open. */
static void test_privilege(void)
{
    put(MSTATUS, MSTATUS_FS);
    put(MCOUNTEREN, UINT32_MAX);
    put(SCOUNTEREN, UINT32_MAX);
    put(MENVCFG, ENVCFG_STCE);
    unsigned count = 0;
    for (unsigned number = 0; number < 4096; number++) {
        bool exists = riscv_csr_name(number) != NULL;
        unsigned lowest = number >> 8 & 3;
        count += exists;
        for (unsigned priv = 0; priv < 4; priv++) {
            if (priv == 2) {
                continue;
            }
            bool permitted = exists && priv >= lowest;
            g_assert_cmpint(may_read(priv, number), ==, permitted);
            g_assert_cmpint(may_write(priv, number), ==, permitted && number >> 10 != 3);
        }
    }
    g_assert_cmpuint(count, >, 140);
}

static void test_float_off(void)
{
    clear(MSTATUS, MSTATUS_FS);
    g_assert_false(may_read(PRIV_M, FCSR));
    g_assert_false(may_read(PRIV_U, FFLAGS));
    g_assert_false(may_write(PRIV_S, FRM));
    set(MSTATUS, UINT64_C(1) << 13);
    g_assert_cmphex(get(FCSR), ==, 0);
    g_assert_cmphex(get(MSTATUS) & (MSTATUS_FS | MSTATUS_SD), ==, UINT64_C(1) << 13);
    put(FCSR, 0xfe);
    g_assert_cmphex(get(MSTATUS) & MSTATUS_SD, ==, MSTATUS_SD);
    g_assert_cmphex(get(FRM), ==, 7);
    g_assert_cmphex(get(FFLAGS), ==, 0x1e);
    put(FRM, 2);
    set(FFLAGS, 1);
    g_assert_cmphex(get(FCSR), ==, 0x5f);
}

static void test_status(void)
{
    put(MSTATUS, UINT64_C(1) << MSTATUS_MPP_SHIFT);
    put(MSTATUS, UINT64_C(2) << MSTATUS_MPP_SHIFT); /* no such privilege: keeps the old one */
    g_assert_cmphex(get(MSTATUS) & MSTATUS_MPP, ==, UINT64_C(1) << MSTATUS_MPP_SHIFT);
    set(SSTATUS, MSTATUS_SUM | MSTATUS_TVM); /* sstatus has no TVM */
    g_assert_cmphex(get(MSTATUS) & (MSTATUS_SUM | MSTATUS_TVM), ==, MSTATUS_SUM);
    put(STVEC, 0x80000001);
    put(STVEC, 0x90000002);
    g_assert_cmphex(get(STVEC), ==, 0x80000001);
    put(MTVEC, 0x80000100);
    put(MTVEC, 0x90000003);
    g_assert_cmphex(get(MTVEC), ==, 0x80000100);
}

static void test_interrupt_registers(void)
{
    put(MIDELEG, 0x220); /* STI and SEI, not SSI */
    put(MIE, 0xaaa);
    g_assert_cmphex(get(SIE), ==, 0x220);
    put(SIE, 0);
    g_assert_cmphex(get(MIE), ==, 0x88a);
    put(MIP, 0xaaa); /* MSIP, MTIP, MEIP are lines */
    g_assert_cmphex(get(MIP), ==, 0x222);
    g_assert_cmphex(get(SIP), ==, 0x220);
    clear(SIP, 0x222); /* only a delegated SSIP is writable there */
    g_assert_cmphex(get(MIP), ==, 0x222);
    put(MIDELEG, 0x222);
    clear(SIP, 0x222);
    g_assert_cmphex(get(MIP), ==, 0x220);
    put(MIP, 0);
    riscv_hart_set_irq(rig.hart, IRQ_MTIP, true);
    put(MIP, 0);
    g_assert_cmphex(get(MIP), ==, 0x80);
    riscv_hart_set_irq(rig.hart, IRQ_MTIP, false);
    g_assert_cmphex(get(MIP), ==, 0);
}

/* mip.SEIP is a line OR a software bit; csrrs of another bit must not copy the one to the other. */
static void test_seip(void)
{
    riscv_hart_set_irq(rig.hart, IRQ_SEIP, true);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_SEIP));
    set(MIP, IRQ_BIT(IRQ_SSIP));
    riscv_hart_set_irq(rig.hart, IRQ_SEIP, false);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_SSIP));
    set(MIP, IRQ_BIT(IRQ_SEIP));
    riscv_hart_set_irq(rig.hart, IRQ_SEIP, true);
    riscv_hart_set_irq(rig.hart, IRQ_SEIP, false);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_SSIP) | IRQ_BIT(IRQ_SEIP));
    clear(MIP, IRQ_BIT(IRQ_SEIP) | IRQ_BIT(IRQ_SSIP));
    g_assert_cmphex(get(MIP), ==, 0);
}

static void test_counters(void)
{
    struct riscv_hart *hart = rig.hart;
    hart->instret = 1000;
    g_assert_cmpuint(get(MINSTRET), ==, 1000);
    put(MINSTRET, 50); /* this instruction itself does not count */
    hart->instret++;
    g_assert_cmpuint(get(MINSTRET), ==, 50);
    hart->instret++;
    g_assert_cmpuint(get(INSTRET), ==, 51);
    put(MCOUNTINHIBIT, 4);
    hart->instret += 100;
    g_assert_cmpuint(get(MINSTRET), ==, 51);
    put(MINSTRET, 7);
    hart->instret += 100;
    g_assert_cmpuint(get(MINSTRET), ==, 7);
    g_assert_cmpuint(get(MCYCLE), ==, 1202); /* was not inhibited */
    put(MCOUNTINHIBIT, 0);
    hart->instret++;
    g_assert_cmpuint(get(MINSTRET), ==, 7);
    hart->instret++;
    g_assert_cmpuint(get(MINSTRET), ==, 8);
    put(MCYCLE, UINT64_MAX);
    hart->instret += 2;
    g_assert_cmpuint(get(CYCLE), ==, 0);
}

static void test_counter_enables(void)
{
    static const unsigned numbers[] = { CYCLE, TIME, INSTRET, HPMCOUNTER3, 0xc1f };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        uint64_t bit = UINT64_C(1) << (numbers[i] & 31);
        put(MCOUNTEREN, ~bit);
        put(SCOUNTEREN, UINT64_MAX);
        g_assert_true(may_read(PRIV_M, numbers[i]));
        g_assert_false(may_read(PRIV_S, numbers[i]));
        g_assert_false(may_read(PRIV_U, numbers[i]));
        put(MCOUNTEREN, bit);
        g_assert_true(may_read(PRIV_S, numbers[i]));
        g_assert_true(may_read(PRIV_U, numbers[i]));
        put(SCOUNTEREN, ~bit);
        g_assert_true(may_read(PRIV_S, numbers[i]));
        g_assert_false(may_read(PRIV_U, numbers[i]));
        g_assert_false(may_write(PRIV_M, numbers[i]));
    }
    rig_set_time(&rig, 123456789);
    g_assert_cmpuint(get(TIME), ==, 123456789);
}

/* A write to mtime moves what `time` shows, and when stimecmp is reached. */
static void test_mtime_delta(void)
{
    _Atomic uint64_t delta = 1000;
    rig.config.mtime_delta = &delta;
    rig_set_time(&rig, 5);
    g_assert_cmpuint(get(TIME), ==, 1005);
    put(MENVCFG, ENVCFG_STCE);
    put(STIMECMP, 1007);
    rig_set_time(&rig, 6);
    aio_poll(rig.ctx, false);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, 0);
    rig_set_time(&rig, 7);
    aio_poll(rig.ctx, false);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_STIP));
    rig.config.mtime_delta = NULL;
}

static void test_stimecmp_access(void)
{
    put(MENVCFG, 0);
    put(MCOUNTEREN, 2);
    g_assert_true(may_read(PRIV_M, STIMECMP));
    g_assert_false(may_read(PRIV_S, STIMECMP));
    put(MENVCFG, ENVCFG_STCE);
    g_assert_true(may_write(PRIV_S, STIMECMP));
    put(MCOUNTEREN, 0);
    g_assert_false(may_write(PRIV_S, STIMECMP));
    g_assert_false(may_read(PRIV_U, STIMECMP));
}

/* Without Sstc neither the register nor its enable is there. */
static void test_without_options(void)
{
    rig.config.sstc = rig.config.svadu = rig.config.sv48 = false;
    g_assert_false(may_read(PRIV_M, STIMECMP));
    check_warl(MENVCFG, 0, 0xf1);
    put(SATP, UINT64_C(9) << 60);
    g_assert_cmphex(get(SATP), ==, 0);
}

static void test_stip(void)
{
    put(MENVCFG, ENVCFG_STCE);
    rig_set_time(&rig, 1000);
    put(STIMECMP, 1001);
    g_assert_cmphex(get(MIP), ==, 0);
    put(MIP, 0xaaa); /* stimecmp alone decides STIP */
    g_assert_cmphex(get(MIP), ==, 0x202);
    put(MIP, 0);
    rig_set_time(&rig, 1001);
    g_assert_true(aio_poll(rig.ctx, false));
    g_assert_cmphex(atomic_load(&rig.hart->hart.requests) & HART_REQUEST_IRQ, !=, 0);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_STIP));
    put(STIMECMP, 5000);
    g_assert_cmphex(get(MIP), ==, 0);
    put(STIMECMP, 500);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_STIP));
    put(MENVCFG, 0); /* STIP is software's again */
    g_assert_cmphex(get(MIP), ==, 0);
    put(MIP, IRQ_BIT(IRQ_STIP));
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_STIP));
}

/* The timer fires for an old stimecmp: no interrupt, and the new one still comes. */
static void test_stimer_moved(void)
{
    put(MENVCFG, ENVCFG_STCE);
    put(STIMECMP, 100);
    put(STIMECMP, 300);
    rig_set_time(&rig, 100);
    aio_poll(rig.ctx, false);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, 0);
    rig_set_time(&rig, 299);
    aio_poll(rig.ctx, false);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, 0);
    rig_set_time(&rig, 300);
    aio_poll(rig.ctx, false);
    put(STIMECMP, 400); /* taken back between the callback and the hart */
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, 0);
    rig_set_time(&rig, 400);
    aio_poll(rig.ctx, false);
    riscv_poll_stimer(rig.hart);
    g_assert_cmphex(get(MIP), ==, IRQ_BIT(IRQ_STIP));
}

static void test_satp(void)
{
    static const unsigned absent[] = { 1, 2, 7, 10, 11, 14, 15 };
    uint64_t sv39 = UINT64_C(0x8abcdfedcba98765);
    put(SATP, sv39);
    g_assert_cmphex(get(SATP), ==, sv39);
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
        put(SATP, (uint64_t)absent[i] << 60 | 5);
        g_assert_cmphex(get(SATP), ==, sv39);
    }
    put(SATP, UINT64_C(9) << 60);
    g_assert_cmphex(get(SATP), ==, UINT64_C(9) << 60);
    unsigned flushes = rig_engine()->flushes;
    put(SATP, UINT64_C(9) << 60);
    g_assert_cmpuint(rig_engine()->flushes, ==, flushes);
    put(SATP, 0);
    g_assert_cmpuint(rig_engine()->flushes, ==, flushes + 1);
    put(MSTATUS, MSTATUS_TVM);
    g_assert_false(may_read(PRIV_S, SATP));
    g_assert_false(may_write(PRIV_S, SATP));
    g_assert_true(may_write(PRIV_M, SATP));
}

static void test_envcfg(void)
{
    put(MENVCFG, 0x10);
    put(MENVCFG, 0x20); /* reserved */
    g_assert_cmphex(get(MENVCFG), ==, 0x10);
    put(SENVCFG, 0x30);
    put(SENVCFG, 0xa1);
    g_assert_cmphex(get(SENVCFG), ==, 0xb1);
}

static void test_pmp_locks(void)
{
    put(PMPCFG0, 0x1a); /* W without R, NAPOT: W goes */
    g_assert_cmphex(get(PMPCFG0), ==, 0x18);
    put(PMPCFG0, 0x7f); /* bits 5 and 6 are zero */
    g_assert_cmphex(get(PMPCFG0), ==, 0x1f);
    put(PMPADDR0, 0x111);
    put(PMPADDR0 + 1, 0x222);
    put(PMPCFG0, UINT64_C(0x8f00)); /* entry 1: locked, TOR: its bounds are entries 0 and 1 */
    put(PMPCFG0, 0);
    put(PMPADDR0, 0x333);
    put(PMPADDR0 + 1, 0x444);
    g_assert_cmphex(get(PMPCFG0), ==, 0x8f00);
    g_assert_cmphex(get(PMPADDR0), ==, 0x111);
    g_assert_cmphex(get(PMPADDR0 + 1), ==, 0x222);
    put(PMPCFG2, UINT64_C(0x1f) << 56);
    g_assert_cmphex(rig.hart->pmpcfg[15], ==, 0x1f);
    g_assert_true(rig.hart->pmp_active);
    riscv_hart_reset(rig.hart);
    g_assert_cmphex(get(PMPCFG0), ==, 0);
    g_assert_false(rig.hart->pmp_active);
}

static void test_notices_interrupts(void)
{
    struct riscv_hart *hart = rig.hart;
    put(MIDELEG, 0x222);
    put(MIE, 0x222);
    put(MIP, IRQ_BIT(IRQ_SSIP));
    hart->priv = PRIV_S;
    atomic_store(&hart->hart.requests, 0);
    uint64_t old;
    g_assert_true(riscv_csr(hart, SSTATUS, CSR_SET, MSTATUS_SIE, &old));
    g_assert_cmphex(atomic_load(&hart->hart.requests), ==, HART_REQUEST_IRQ);
}

/* Without machine mode the guest starts in S, delegated to and with its counters and timer open. */
static void test_supervisor_start(void)
{
    struct riscv_hart *hart = rig.hart;
    rig.config.machine_mode = false;
    hart->reset_pc = 0x80200000;
    hart->reset_a1 = 0x1234;
    riscv_hart_reset(hart);
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    g_assert_cmphex(hart->pc, ==, 0x80200000);
    g_assert_cmphex(hart->x[11], ==, 0x1234);
    g_assert_cmphex(get(STIMECMP), ==, UINT64_MAX);
    g_assert_cmphex(get(INSTRET), ==, 0);
    uint64_t value;
    g_assert_false(riscv_csr(hart, MSTATUS, CSR_READ, 0, &value));
}

/* Any sequence of accesses from any privilege leaves every register legal, and M-mode's registers
 * as they were unless it was M-mode. */
static void test_random(void)
{
    struct riscv_hart *hart = rig.hart;
    for (unsigned i = 0; i < 200000; i++) {
        static const uint8_t privileges[] = { PRIV_U, PRIV_S, PRIV_M };
        unsigned number = (unsigned)g_test_rand_int() & 0xfff;
        uint64_t operand = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
        uint64_t old, medeleg = hart->medeleg, satp = hart->satp;
        hart->priv = privileges[g_test_rand_int_range(0, 3)];
        bool done = riscv_csr(hart, number, (enum csr_op)g_test_rand_int_range(0, 4),
                              g_test_rand_bit() ? operand : operand >> (number & 63), &old);
        g_assert_cmpint(done && riscv_csr_name(number) == NULL, ==, false);
        g_assert_true(hart->medeleg == medeleg || hart->priv == PRIV_M);
        g_assert_true(hart->satp == satp || hart->priv != PRIV_U);
        g_assert_cmphex(hart->mstatus & MSTATUS_MPP, !=, UINT64_C(2) << MSTATUS_MPP_SHIFT);
        g_assert_cmphex(hart->mie & ~(IRQS_M | IRQS_S), ==, 0);
        g_assert_cmphex((hart->mtvec | hart->stvec) & 2, ==, 0);
        g_assert_cmphex((hart->mepc | hart->sepc) & 1, ==, 0);
        unsigned mode = (unsigned)(hart->satp >> SATP_MODE_SHIFT);
        g_assert_true(mode == 0 || mode == 8 || mode == 9);
        g_assert_cmphex(hart->menvcfg & ENVCFG_CBIE, !=, 0x20);
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
        { "/csr/masks", test_masks },
        { "/csr/set-and-clear", test_set_and_clear },
        { "/csr/absent", test_absent },
        { "/csr/privilege", test_privilege },
        { "/csr/float-off", test_float_off },
        { "/csr/status", test_status },
        { "/csr/interrupt-registers", test_interrupt_registers },
        { "/csr/seip", test_seip },
        { "/csr/counters", test_counters },
        { "/csr/counter-enables", test_counter_enables },
        { "/csr/mtime-delta", test_mtime_delta },
        { "/csr/stimecmp-access", test_stimecmp_access },
        { "/csr/without-options", test_without_options },
        { "/csr/stip", test_stip },
        { "/csr/stimer-moved", test_stimer_moved },
        { "/csr/satp", test_satp },
        { "/csr/envcfg", test_envcfg },
        { "/csr/pmp-locks", test_pmp_locks },
        { "/csr/notices-interrupts", test_notices_interrupts },
        { "/csr/supervisor-start", test_supervisor_start },
        { "/csr/random", test_random },
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i].test, (GTestDataFunc)(void *)run);
    }
    return g_test_run();
}
