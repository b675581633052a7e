/* Goal: harts on threads hear a kick in any loop of guest code, and their atomics are atomic. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/riscv/interp.h"
#include "tests/isa/code.h"

#define HARTS 4

struct harts {
    struct fake_machine m;
    struct riscv_hart *hart[HARTS];
};

static void harts_setup(struct harts *t, gconstpointer data)
{
    GError *error = NULL;
    (void)data;
    fake_machine_init(&t->m);
    code_stop_on_trap(&t->m);
    for (unsigned i = 0; i < HARTS; i++) {
        t->hart[i] = riscv_hart_new(&t->m.config, &interp_engine, i, &error);
        g_assert_no_error(error);
        t->hart[i]->mtvec = CODE_HANDLER + 0x1000; /* j . */
        g_assert_true(hart_start(&t->hart[i]->hart, &error));
        hart_wait_parked(&t->hart[i]->hart);
    }
    struct code code = code_at(&t->m, CODE_HANDLER + 0x1000);
    code_put(&code, INSN_jal, 0, 0, 0, 0);
}

static void harts_teardown(struct harts *t, gconstpointer data)
{
    (void)data;
    for (unsigned i = 0; i < HARTS; i++) {
        hart_quit(&t->hart[i]->hart);
    }
    for (unsigned i = 0; i < HARTS; i++) {
        riscv_hart_free(t->hart[i]);
    }
    fake_machine_finish(&t->m);
}

static void count_call(struct hart *hart, void *opaque)
{
    (void)hart;
    atomic_fetch_add((atomic_uint *)opaque, 1);
}

/* Lets one hart run from `pc` and takes it back, several times; the test's limit is the check. */
static void check_kicked(struct harts *t, gpa_t pc, enum riscv_priv priv)
{
    struct riscv_hart *h = t->hart[0];
    atomic_uint calls = 0;
    h->pc = pc;
    h->priv = (uint8_t)priv;
    h->hart.waiting = false;
    h->hart.engine->fence_instructions(&h->hart);
    for (unsigned i = 0; i < 20; i++) {
        hart_resume(&h->hart);
        g_usleep(300);
        hart_call(&h->hart, count_call, &calls);
        while (atomic_load(&calls) != i + 1) {
            g_usleep(100);
        }
        hart_pause(&h->hart);
        hart_wait_parked(&h->hart);
    }
}

static void test_kick(struct harts *t, gconstpointer data)
{
    struct code code = code_at(&t->m, FAKE_RAM_BASE);
    (void)data;
    gpa_t self = code_put(&code, INSN_jal, 0, 0, 0, 0);
    gpa_t near = code.at;
    code_put(&code, INSN_addi, A0, A0, 0, 1);
    code_put(&code, INSN_beq, 0, A0, A0, -4);
    gpa_t indirect = code_put(&code, INSN_jalr, 0, A1, 0, 0);
    gpa_t wait = code_put(&code, INSN_wfi, 0, 0, 0, 0);
    code_put(&code, INSN_jal, 0, 0, 0, -4);
    gpa_t far = FAKE_RAM_BASE + 0x3000;
    code = code_at(&t->m, far);
    code_put(&code, INSN_jal, 0, 0, 0, 0x1000);
    code = code_at(&t->m, far + 0x1000);
    code_put(&code, INSN_jal, 0, 0, 0, -0x1000);
    check_kicked(t, self, PRIV_M);
    check_kicked(t, near, PRIV_M);
    t->hart[0]->x[A1] = indirect;
    check_kicked(t, indirect, PRIV_M);
    check_kicked(t, wait, PRIV_M);
    check_kicked(t, far, PRIV_M);
    /* Traps for ever: the vector cannot be fetched, or is illegal. */
    t->hart[0]->mtvec = 0;
    check_kicked(t, 0x1000, PRIV_M);
    t->hart[0]->mtvec = FAKE_RAM_BASE + 0x5000;
    check_kicked(t, FAKE_RAM_BASE + 0x5000, PRIV_M);
}

/* Every hart adds to one word `rounds` times: by AMO, by LR/SC, under an LR/SC lock. */
static void run_adders(struct harts *t, gpa_t pc, unsigned rounds)
{
    for (unsigned i = 0; i < HARTS; i++) {
        struct riscv_hart *h = t->hart[i];
        memset(h->x, 0, sizeof h->x);
        h->x[A0] = CODE_DATA;
        h->x[A1] = rounds;
        h->x[A5] = 1;
        h->pc = pc;
        h->hart.waiting = false;
        h->hart.engine->fence_instructions(&h->hart);
        hart_resume(&h->hart);
    }
    /* Each signs off at CODE_DATA + 64. */
    volatile uint32_t *done = (void *)fake_machine_ram(&t->m, CODE_DATA + 64);
    while (*done != HARTS) {
        g_usleep(500);
    }
    for (unsigned i = 0; i < HARTS; i++) {
        hart_pause(&t->hart[i]->hart);
        hart_wait_parked(&t->hart[i]->hart);
    }
    *done = 0;
}

static void put_loop_end(struct code *code, gpa_t loop)
{
    code_put(code, INSN_addi, A1, A1, 0, -1);
    code_put(code, INSN_bne, 0, A1, ZERO, (int32_t)(loop - code->at));
    code_put(code, INSN_addi, A0, A0, 0, 64);
    code_put(code, INSN_amoadd_w, 0, A0, A5, 0);
    gpa_t wait = code_put(code, INSN_wfi, 0, 0, 0, 0);
    code_put(code, INSN_jal, 0, 0, 0, (int32_t)(wait - code->at));
}

static void test_atomics(struct harts *t, gconstpointer data)
{
    enum { ROUNDS = 20000 };
    volatile uint32_t *sum = (void *)fake_machine_ram(&t->m, CODE_DATA);
    (void)data;
    struct code code = code_at(&t->m, FAKE_RAM_BASE);
    gpa_t loop = code_put(&code, INSN_amoadd_w, 0, A0, A5, 0);
    put_loop_end(&code, loop);
    run_adders(t, FAKE_RAM_BASE, ROUNDS);
    g_assert_cmpuint(*sum, ==, HARTS * ROUNDS);

    *sum = 0;
    code = code_at(&t->m, FAKE_RAM_BASE + 0x2000);
    loop = code_put(&code, INSN_lr_w, A2, A0, 0, 0);
    code_put(&code, INSN_add, A2, A2, A5, 0);
    code_put(&code, INSN_sc_w, A3, A0, A2, 0);
    code_put(&code, INSN_bne, 0, A3, ZERO, -12);
    put_loop_end(&code, loop);
    run_adders(t, FAKE_RAM_BASE + 0x2000, ROUNDS);
    g_assert_cmpuint(*sum, ==, HARTS * ROUNDS);

    *sum = 0; /* plain loads and stores under a lock at +8 */
    code = code_at(&t->m, FAKE_RAM_BASE + 0x4000);
    loop = code_put(&code, INSN_addi, A4, A0, 0, 8);
    code_put(&code, INSN_amoswap_w, A2, A4, A5, 2); /* .aq */
    code_put(&code, INSN_bne, 0, A2, ZERO, -4);
    code_put(&code, INSN_lw, A2, A0, 0, 0);
    code_put(&code, INSN_addi, A2, A2, 0, 1);
    code_put(&code, INSN_sw, 0, A0, A2, 0);
    code_put(&code, INSN_amoswap_w, 0, A4, ZERO, 1); /* .rl */
    put_loop_end(&code, loop);
    run_adders(t, FAKE_RAM_BASE + 0x4000, ROUNDS / 20);
    g_assert_cmpuint(*sum, ==, HARTS * ROUNDS / 20);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/interp_harts/kick", struct harts, NULL, harts_setup, test_kick, harts_teardown);
    g_test_add("/interp_harts/atomics", struct harts, NULL, harts_setup, test_atomics,
               harts_teardown);
    return g_test_run();
}
