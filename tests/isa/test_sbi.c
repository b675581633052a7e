/* Goal: the built-in SBI answers every call of SBI 2.0 that it has as the specification says. */
#include <string.h>

#include <glib.h>

#include "emu/board/sbi.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/trap.h"
#include "tests/isa/rig.h"

#define HARTS 3
#define TIME  0x54494d45
#define IPI   0x735049
#define RFNC  0x52464e43
#define HSM   0x48534d
#define SRST  0x53525354
#define DBCN  0x4442434e

enum { SUCCESS = 0, NOT_SUPPORTED = -2, INVALID_PARAM = -3, INVALID_ADDRESS = -5,
       ALREADY_AVAILABLE = -6 };

#define CODE (RIG_RAM_BASE + 0x1000)

/* A machine whose hart 0 is this thread; harts 1 and 2 have threads and wait. */
struct bench {
    struct rig rig;
    struct riscv_hart *hart[HARTS];
    struct sbi *sbi;
    GByteArray *output;
    size_t room; /* bytes that the console takes before it is full */
    const char *input;
    int reset; /* enum sbi_reset, or -1 */
};

static struct bench bench;

static size_t console_write(void *opaque, const uint8_t *data, size_t size)
{
    struct bench *b = opaque;
    g_assert_false(host_mutex_trylock(&b->rig.lock)); /* the machine lock is held */
    size_t taken = MIN(size, b->room);
    g_byte_array_append(b->output, data, (guint)taken);
    b->room -= taken;
    return taken;
}

static size_t console_read(void *opaque, uint8_t *data, size_t size)
{
    struct bench *b = opaque;
    size_t taken = MIN(size, strlen(b->input));
    memcpy(data, b->input, taken);
    b->input += taken;
    return taken;
}

static void reset(void *opaque, enum sbi_reset kind)
{
    ((struct bench *)opaque)->reset = (int)kind;
}

static void bench_init(void)
{
    struct rig *rig = &bench.rig;
    rig_init(rig);
    rig->config.machine_mode = false;
    for (unsigned i = 0; i < HARTS; i++) {
        bench.hart[i] = rig_hart_new(rig, i);
        bench.hart[i]->reset_pc = CODE;
    }
    struct sbi_host host = {
        .bus = rig->bus, .lock = &rig->lock, .console_write = console_write,
        .console_read = console_read, .reset = reset, .opaque = &bench,
    };
    bench.output = g_byte_array_new();
    bench.room = SIZE_MAX;
    bench.input = "";
    bench.reset = -1;
    bench.sbi = sbi_new(&host, bench.hart, HARTS);
    sbi_reset(bench.sbi, 0);
    atomic_store(&bench.hart[0]->hart.requests, 0);
    for (unsigned i = 1; i < HARTS; i++) {
        g_assert_true(hart_start(&bench.hart[i]->hart, NULL));
        hart_resume(&bench.hart[i]->hart);
    }
}

/* What a machine does for a reset. */
static void machine_reset_harts(void)
{
    for (unsigned i = 1; i < HARTS; i++) {
        hart_pause(&bench.hart[i]->hart);
        hart_wait_parked(&bench.hart[i]->hart);
    }
    sbi_reset(bench.sbi, 0);
    for (unsigned i = 1; i < HARTS; i++) {
        hart_resume(&bench.hart[i]->hart);
    }
}

static void bench_finish(void)
{
    for (unsigned i = 1; i < HARTS; i++) {
        hart_quit(&bench.hart[i]->hart);
    }
    sbi_free(bench.sbi);
    for (unsigned i = 0; i < HARTS; i++) {
        riscv_hart_free(bench.hart[i]);
    }
    g_byte_array_unref(bench.output);
    rig_finish(&bench.rig);
}

/* A call by hart 0: the error, with the value in *ret_value. */
static int64_t call(uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1, uint64_t a2,
                    uint64_t *ret_value)
{
    struct riscv_hart *hart = bench.hart[0];
    uint64_t pc = hart->pc;
    hart->x[10] = a0;
    hart->x[11] = a1;
    hart->x[12] = a2;
    hart->x[13] = 0;
    hart->x[14] = 0;
    hart->x[16] = function;
    hart->x[17] = extension;
    riscv_ecall(hart);
    g_assert_cmphex(hart->pc, ==, pc + 4);
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    if (ret_value != NULL) {
        *ret_value = hart->x[11];
    }
    return (int64_t)hart->x[10];
}

static void test_base(void)
{
    static const uint64_t present[] = { 0, 8, 0x10, TIME, IPI, RFNC, HSM, SRST, DBCN };
    static const uint64_t absent[] = { 9, 0x11, 0x504d55, 0x53555350, 0x43505043, UINT64_MAX };
    uint64_t value;
    g_assert_cmpint(call(0x10, 0, 0, 0, 0, &value), ==, SUCCESS);
    g_assert_cmphex(value, ==, 0x2000000);
    for (size_t i = 0; i < G_N_ELEMENTS(present); i++) {
        g_assert_cmpint(call(0x10, 3, present[i], 0, 0, &value), ==, SUCCESS);
        g_assert_cmpuint(value, ==, 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
        g_assert_cmpint(call(0x10, 3, absent[i], 0, 0, &value), ==, SUCCESS);
        g_assert_cmpuint(value, ==, 0);
        g_assert_cmpint(call(absent[i], 0, 0, 0, 0, NULL), ==, NOT_SUPPORTED);
    }
    for (unsigned function = 4; function < 7; function++) {
        g_assert_cmpint(call(0x10, function, 0, 0, 0, &value), ==, SUCCESS);
        g_assert_cmpuint(value, ==, 0);
    }
    static const uint64_t extensions[] = { 0x10, TIME, IPI, RFNC, HSM, SRST, DBCN };
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        g_assert_cmpint(call(extensions[i], 7, 0, 0, 0, NULL), ==, NOT_SUPPORTED);
    }
}

static void test_timer(void)
{
    struct riscv_hart *hart = bench.hart[0];
    g_assert_cmpint(call(TIME, 0, 100, 0, 0, NULL), ==, SUCCESS);
    g_assert_cmphex(atomic_load(&hart->mip), ==, 0);
    rig_set_time(&bench.rig, 100);
    g_assert_true(aio_poll(bench.rig.ctx, false));
    hart->mie = IRQ_BIT(IRQ_STIP);
    hart->stvec = 0x2000;
    hart->mstatus |= MSTATUS_SIE;
    g_assert_true(riscv_take_interrupt(hart));
    g_assert_cmphex(hart->scause, ==, CAUSE_INTERRUPT | IRQ_STIP);
    g_assert_cmpint(call(TIME, 0, UINT64_MAX, 0, 0, NULL), ==, SUCCESS); /* also takes it back */
    g_assert_cmphex(atomic_load(&hart->mip), ==, 0);
    g_assert_cmpint(call(0, 0, 50, 0, 0, NULL), ==, 0); /* of SBI 0.1 */
    g_assert_cmphex(atomic_load(&hart->mip), ==, IRQ_BIT(IRQ_STIP));
}

/* Starts hart `index` and waits until it waits for an interrupt. */
static void start(unsigned index, uint64_t pc, uint64_t opaque)
{
    uint64_t state;
    g_assert_cmpint(call(HSM, 0, index, pc, opaque, NULL), ==, SUCCESS);
    do {
        g_assert_cmpint(call(HSM, 2, index, 0, 0, &state), ==, SUCCESS);
        g_assert_true(state == 0 || state == 2);
    } while (state != 0);
}

static void test_hart_start(void)
{
    uint64_t state;
    g_assert_cmpint(call(HSM, 2, 0, 0, 0, &state), ==, SUCCESS);
    g_assert_cmpuint(state, ==, 0);
    g_assert_cmpint(call(HSM, 2, 1, 0, 0, &state), ==, SUCCESS);
    g_assert_cmpuint(state, ==, 1);
    g_assert_cmpint(call(HSM, 2, HARTS, 0, 0, &state), ==, INVALID_PARAM);
    g_assert_cmpint(call(HSM, 0, HARTS, CODE, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(HSM, 0, 1, 0x10000000, 0, NULL), ==, INVALID_ADDRESS);
    g_assert_cmpint(call(HSM, 0, 1, CODE + 1, 0, NULL), ==, INVALID_ADDRESS);
    g_assert_cmpint(call(HSM, 0, 0, CODE, 0, NULL), ==, ALREADY_AVAILABLE);
    start(1, CODE + 0x100, 0x77);
    g_assert_cmpint(call(HSM, 0, 1, CODE, 0, NULL), ==, ALREADY_AVAILABLE);
    hart_pause(&bench.hart[1]->hart);
    hart_wait_parked(&bench.hart[1]->hart);
    struct riscv_hart *hart = bench.hart[1];
    g_assert_cmphex(hart->pc, ==, CODE + 0x100);
    g_assert_cmphex(hart->x[10], ==, 1);
    g_assert_cmphex(hart->x[11], ==, 0x77);
    g_assert_cmpuint(hart->priv, ==, PRIV_S);
    g_assert_cmphex(hart->satp, ==, 0);
    g_assert_cmphex(hart->mstatus & MSTATUS_SIE, ==, 0);
    g_assert_false(atomic_load(&hart->hart.halted));
    g_assert_true(atomic_load(&bench.hart[2]->hart.halted));
}

static void test_hart_stop(void)
{
    uint64_t state;
    call(HSM, 1, 0, 0, 0, NULL);
    g_assert_true(atomic_load(&bench.hart[0]->hart.halted));
    g_assert_cmphex(atomic_load(&bench.hart[0]->hart.requests), !=, 0); /* the engine returns */
    g_assert_cmpint(call(HSM, 2, 0, 0, 0, &state), ==, SUCCESS);
    g_assert_cmpuint(state, ==, 1);
    start(2, CODE, 0);
    machine_reset_harts(); /* brings the first state back */
    g_assert_false(atomic_load(&bench.hart[0]->hart.halted));
    g_assert_cmpint(call(HSM, 2, 2, 0, 0, &state), ==, SUCCESS);
    g_assert_cmpuint(state, ==, 1);
}

static void test_hart_suspend(void)
{
    struct riscv_hart *hart = bench.hart[0];
    uint64_t state;
    g_assert_cmpint(call(HSM, 3, 1, 0, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(HSM, 3, 0x80000001, CODE, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(HSM, 3, 0x80000000, 0x10000000, 0, NULL), ==, INVALID_ADDRESS);
    hart->satp = UINT64_C(8) << 60;
    g_assert_cmpint(call(HSM, 3, 0, 0, 0, NULL), ==, SUCCESS);
    g_assert_true(hart->hart.waiting);
    g_assert_cmphex(hart->satp, ==, UINT64_C(8) << 60);
    call(HSM, 2, 0, 0, 0, &state); /* as another hart would see it */
    g_assert_cmpuint(state, ==, 4);
    hart->hart.class->take_interrupt(&hart->hart); /* what happens before it runs again */
    call(HSM, 2, 0, 0, 0, &state);
    g_assert_cmpuint(state, ==, 0);
    /* Not retentive: resumes as a hart starts, but what wakes it is still there. */
    hart->mie = IRQ_BIT(IRQ_SSIP);
    hart->pc = CODE + 0x200 - 4; /* call() expects the next instruction */
    call(HSM, 3, 0x80000000, CODE + 0x200, 0x99, NULL);
    g_assert_true(hart->hart.waiting);
    g_assert_cmphex(hart->x[10], ==, 0);
    g_assert_cmphex(hart->x[11], ==, 0x99);
    g_assert_cmphex(hart->satp, ==, 0);
    g_assert_false(riscv_has_wakeup(hart));
    riscv_hart_set_irq(hart, IRQ_SSIP, true);
    g_assert_true(riscv_has_wakeup(hart));
}

static void test_ipi(void)
{
    start(2, CODE, 0);
    g_assert_cmpint(call(IPI, 0, 5, 0, 0, NULL), ==, SUCCESS);
    g_assert_cmphex(atomic_load(&bench.hart[0]->mip), ==, IRQ_BIT(IRQ_SSIP));
    g_assert_cmphex(atomic_load(&bench.hart[2]->mip), ==, IRQ_BIT(IRQ_SSIP));
    g_assert_cmpint(call(3, 0, 0, 0, 0, NULL), ==, 1); /* clear_ipi of SBI 0.1 */
    g_assert_cmpint(call(3, 0, 0, 0, 0, NULL), ==, 0);
    g_assert_cmpint(call(IPI, 0, 2, 0, 0, NULL), ==, SUCCESS); /* hart 1 is stopped */
    g_assert_cmphex(atomic_load(&bench.hart[1]->mip), ==, 0);
    g_assert_cmpint(call(IPI, 0, 1, 1, 0, NULL), ==, SUCCESS);
    g_assert_cmpint(call(IPI, 0, 8, 0, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(IPI, 0, 1, HARTS, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(IPI, 0, 1, UINT64_MAX - 1, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmphex(atomic_load(&bench.hart[0]->mip), ==, 0);
    g_assert_cmpint(call(IPI, 0, 0, UINT64_MAX, 0, NULL), ==, SUCCESS);
    g_assert_cmphex(atomic_load(&bench.hart[0]->mip), ==, IRQ_BIT(IRQ_SSIP));
    rig_store(&bench.rig, RIG_RAM_BASE + 0x100, 2 | 4);
    g_assert_cmpint(call(4, 0, RIG_RAM_BASE + 0x100, 0, 0, NULL), ==, SUCCESS);
    g_assert_cmpint(call(4, 0, 0x10000000, 0, 0, NULL), ==, INVALID_ADDRESS);
}

static void fill_tlb(struct hart *cpu, void *opaque)
{
    struct riscv_hart *hart = (struct riscv_hart *)cpu;
    (void)opaque;
    for (gva_t address = 0; address < 0x4000; address += TLB_PAGE_SIZE) {
        tlb_bank_fill(&hart->bank[BANK_S], TLB_READ, address, TLB_LOCAL, bench.rig.ram);
    }
}

static bool cached(unsigned hart, gva_t address)
{
    return tlb_probe(&bench.hart[hart]->bank[BANK_S], TLB_READ, address, 1) != NULL;
}

/* Fills the TLBs of harts 0 and 1, fences [0x1000, 0x1000 + size) on them. */
static void fence(uint64_t function, uint64_t size, uint64_t asid)
{
    struct hart *const both[] = { &bench.hart[0]->hart, &bench.hart[1]->hart };
    hart_call_all(both[0], both, 2, fill_tlb, NULL);
    bench.hart[0]->x[13] = size;
    bench.hart[0]->x[14] = asid;
    bench.hart[0]->x[10] = 3;
    bench.hart[0]->x[11] = 0;
    bench.hart[0]->x[12] = 0x1000;
    bench.hart[0]->x[16] = function;
    bench.hart[0]->x[17] = RFNC;
    riscv_ecall(bench.hart[0]);
    g_assert_cmpint((int64_t)bench.hart[0]->x[10], ==, SUCCESS);
}

static void test_remote_fences(void)
{
    start(1, CODE, 0);
    unsigned fences = rig_engine()->fences;
    g_assert_cmpint(call(RFNC, 0, 1, 0, 0, NULL), ==, SUCCESS);
    g_assert_cmpuint(rig_engine()->fences, ==, fences + 1);
    g_assert_cmpint(call(RFNC, 3, 1, 0, 0, NULL), ==, NOT_SUPPORTED); /* hypervisor fences */
    g_assert_cmpint(call(RFNC, 1, 8, 0, 0, NULL), ==, INVALID_PARAM);
    for (unsigned hart = 0; hart < 2; hart++) {
        fence(1, 0x1800, 0); /* both pages that it touches */
        g_assert_true(cached(hart, 0) && cached(hart, 0x3000));
        g_assert_true(!cached(hart, 0x1000) && !cached(hart, 0x2000));
        fence(1, UINT64_MAX, 0);
        g_assert_true(!cached(hart, 0) && !cached(hart, 0x3000));
        fence(2, 0x1000, 9); /* another address space */
        g_assert_true(cached(hart, 0x1000));
        fence(2, 0x1000, 0);
        g_assert_false(cached(hart, 0x1000));
    }
}

static void test_reset(void)
{
    g_assert_cmpint(call(SRST, 0, 3, 0, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(SRST, 0, 0, 2, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(bench.reset, ==, -1);
    call(SRST, 0, 0, 0, 0, NULL);
    g_assert_cmpint(bench.reset, ==, SBI_SHUTDOWN);
    g_assert_true(atomic_load(&bench.hart[0]->hart.halted));
    call(SRST, 0, 0, 1, 0, NULL);
    g_assert_cmpint(bench.reset, ==, SBI_SHUTDOWN_FAILED);
    call(SRST, 0, 1, 0, 0, NULL);
    g_assert_cmpint(bench.reset, ==, SBI_REBOOT);
    call(8, 0, 0, 0, 0, NULL);
    g_assert_cmpint(bench.reset, ==, SBI_SHUTDOWN);
}

static void expect_output(const char *text)
{
    g_assert_cmpmem(bench.output->data, (int)bench.output->len, text,
                    (int)strlen(text));
    g_byte_array_set_size(bench.output, 0);
}

static void test_console_write(void)
{
    uint64_t value;
    memcpy(bench.rig.ram, "hello, tinamou", 14);
    g_assert_cmpint(call(DBCN, 0, 14, RIG_RAM_BASE, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 14);
    expect_output("hello, tinamou");
    bench.room = 5;
    g_assert_cmpint(call(DBCN, 0, 14, RIG_RAM_BASE, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 5);
    expect_output("hello");
    bench.room = SIZE_MAX;
    g_assert_cmpint(call(DBCN, 0, 100000, RIG_RAM_BASE, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 4096);
    g_byte_array_set_size(bench.output, 0);
    g_assert_cmpint(call(DBCN, 0, 1, 0x10000000, 0, &value), ==, INVALID_PARAM);
    g_assert_cmpint(call(DBCN, 0, 1, RIG_RAM_BASE, 1, &value), ==, INVALID_PARAM);
    g_assert_cmpint(call(DBCN, 0, RIG_RAM_SIZE + 1, RIG_RAM_BASE, 0, NULL), ==, INVALID_PARAM);
    g_assert_cmpint(call(DBCN, 0, 0, 0, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 0);
    g_assert_cmpint(call(DBCN, 2, 'x', 0, 0, NULL), ==, SUCCESS);
    g_assert_cmpint(call(1, 0, 'y', 0, 0, NULL), ==, 0);
    expect_output("xy");
}

/* A byte waits for room: the hart makes the same call again. */
static void test_console_full(void)
{
    static const uint64_t extensions[] = { DBCN, 1 };
    struct riscv_hart *hart = bench.hart[0];
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        bench.room = 0;
        hart->pc = CODE;
        hart->x[10] = 'z';
        hart->x[11] = 0x1234;
        hart->x[16] = 2;
        hart->x[17] = extensions[i];
        riscv_ecall(hart);
        g_assert_cmphex(hart->pc, ==, CODE);
        g_assert_cmphex(hart->x[10], ==, 'z');
        g_assert_cmphex(hart->x[11], ==, 0x1234);
        bench.room = 1;
        riscv_ecall(hart);
        g_assert_cmphex(hart->pc, ==, CODE + 4);
        g_assert_cmphex(hart->x[10], ==, 0);
        expect_output("z");
    }
}

static void test_console_read(void)
{
    uint64_t value;
    bench.input = "type";
    g_assert_cmpint(call(DBCN, 1, 3, RIG_RAM_BASE, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 3);
    g_assert_cmpmem(bench.rig.ram, 4, "typ\0", 4);
    g_assert_cmpint(call(2, 0, 0, 0, 0, NULL), ==, 'e');
    g_assert_cmpint(call(2, 0, 0, 0, 0, NULL), ==, -1);
    g_assert_cmpint(call(DBCN, 1, 3, RIG_RAM_BASE, 0, &value), ==, SUCCESS);
    g_assert_cmpuint(value, ==, 0);
    g_assert_cmpint(call(DBCN, 1, 3, RIG_ROM_BASE, 0, NULL), ==, INVALID_PARAM);
}

/* A value that is near some limit as often as not. */
static uint64_t random_argument(void)
{
    uint64_t random = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
    switch (g_test_rand_int_range(0, 6)) {
    case 0: return random & 7;
    case 1: return UINT64_MAX - (random & 0xfff);
    case 2: return RIG_RAM_BASE + RIG_RAM_SIZE - (random & 0x1fff);
    case 3: return RIG_RAM_BASE + (random & 0xffff);
    case 4: return random >> (random & 63);
    default: return random;
    }
}

/* Whatever a guest asks for, it gets an answer; harts come and go meanwhile. */
static void test_random(void)
{
    static const uint64_t extensions[] = {
        0, 1, 2, 3, 4, 5, 6, 7, 9, 0x10, TIME, IPI, RFNC, HSM, SRST, DBCN,
    };
    struct riscv_hart *hart = bench.hart[0];
    bench.input = "some input that ends";
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned reg = 10; reg < 16; reg++) {
            hart->x[reg] = random_argument();
        }
        hart->x[16] = (uint64_t)g_test_rand_int_range(0, 5);
        hart->x[17] = extensions[g_test_rand_int_range(0, G_N_ELEMENTS(extensions))];
        riscv_ecall(hart);
        g_assert_cmpuint(hart->priv, ==, PRIV_S);
        hart->hart.waiting = false;
        g_byte_array_set_size(bench.output, 0);
        if (atomic_load(&hart->hart.halted)) {
            machine_reset_harts();
        }
    }
}

static void run(void (*const *test)(void))
{
    bench_init();
    (*test)();
    bench_finish();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        { "/sbi/base", test_base },
        { "/sbi/timer", test_timer },
        { "/sbi/hart-start", test_hart_start },
        { "/sbi/hart-stop", test_hart_stop },
        { "/sbi/hart-suspend", test_hart_suspend },
        { "/sbi/ipi", test_ipi },
        { "/sbi/remote-fences", test_remote_fences },
        { "/sbi/reset", test_reset },
        { "/sbi/console-write", test_console_write },
        { "/sbi/console-full", test_console_full },
        { "/sbi/console-read", test_console_read },
        { "/sbi/random", test_random },
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i].test, (GTestDataFunc)(void *)run);
    }
    return g_test_run();
}
