/*
 * Goal: a store-conditional fails if another hart has stored to the line since the load-reserved,
 * even if the old value is back; it does not fail for stores elsewhere; and loops of LR and SC, of
 * whatever kind, add up. On both engines.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "emu/jit/jit.h"
#include "emu/riscv/interp.h"
#include "tests/isa/code.h"

#define HARTS  2
#define ROUNDS 300
#define FLAGS  (CODE_DATA + 0x1000) /* turn, then how many harts are done */

/* What the other hart does to the line meanwhile. */
enum intruder { STORE_TWICE, STORE_SAME, SWAP_TWICE, ZERO_BLOCK, STORE_ELSEWHERE };

struct harts {
    struct fake_machine m;
    struct riscv_hart *hart[HARTS];
};

static bool harts_init(struct harts *t, const struct engine *engine)
{
    g_autoptr(GError) error = NULL;
    fake_machine_init(&t->m);
    code_stop_on_trap(&t->m);
    for (unsigned i = 0; i < HARTS; i++) {
        t->hart[i] = riscv_hart_new(&t->m.config, engine, i, &error);
        if (t->hart[i] == NULL) {
            printf("not here: %s\n", error->message);
            return false;
        }
        g_assert_true(hart_start(&t->hart[i]->hart, &error));
        hart_wait_parked(&t->hart[i]->hart);
        t->hart[i]->menvcfg = 0xf0;
    }
    return true;
}

static void harts_finish(struct harts *t)
{
    for (unsigned i = 0; i < HARTS; i++) {
        hart_quit(&t->hart[i]->hart);
    }
    for (unsigned i = 0; i < HARTS; i++) {
        riscv_hart_free(t->hart[i]);
    }
    fake_machine_finish(&t->m);
}

/* Waits until the turn (a word at A2) is what A3 holds. */
static void put_wait(struct code *code, unsigned turn)
{
    code_put(code, INSN_addi, A3, ZERO, 0, (int32_t)turn);
    code_put(code, INSN_lw, A4, A2, 0, 0);
    code_put(code, INSN_bne, 0, A4, A3, -4);
    code_put(code, INSN_fence, 0, 0, 0, 0x33);
}

static void put_turn(struct code *code, unsigned turn)
{
    code_put(code, INSN_fence, 0, 0, 0, 0x33);
    code_put(code, INSN_addi, A3, ZERO, 0, (int32_t)turn);
    code_put(code, INSN_sw, 0, A2, A3, 0);
}

/* Goes back while A1 counts down, then signs off. */
static void put_end(struct code *code, gpa_t loop)
{
    code_put(code, INSN_addi, A1, A1, 0, -1);
    code_put(code, INSN_bne, 0, A1, ZERO, (int32_t)(loop - code->at));
    code_put(code, INSN_addi, A3, ZERO, 0, 1);
    code_put(code, INSN_addi, A4, A2, 0, 64);
    code_put(code, INSN_amoadd_w, 0, A4, A3, 0);
    gpa_t wait = code_put(code, INSN_wfi, 0, 0, 0, 0);
    code_put(code, INSN_jal, 0, 0, 0, (int32_t)(wait - code->at));
}

/* Runs both from their places until they have signed off. */
static void harts_run(struct harts *t, const gpa_t pc[HARTS], unsigned rounds)
{
    atomic_uint *done = (atomic_uint *)(void *)fake_machine_ram(&t->m, FLAGS + 64);
    atomic_store(done, 0);
    memset(fake_machine_ram(&t->m, FLAGS), 0, 4);
    for (unsigned i = 0; i < HARTS; i++) {
        struct riscv_hart *h = t->hart[i];
        memset(h->x, 0, sizeof h->x);
        h->x[A0] = CODE_DATA;
        h->x[A1] = rounds;
        h->x[A2] = FLAGS;
        h->pc = pc[i];
        h->hart.waiting = false;
        h->hart.engine->fence_instructions(&h->hart);
        hart_resume(&h->hart);
    }
    while (atomic_load(done) != HARTS) {
        g_usleep(200);
    }
    for (unsigned i = 0; i < HARTS; i++) {
        hart_pause(&t->hart[i]->hart);
        hart_wait_parked(&t->hart[i]->hart);
    }
}

static void put_intruder(struct code *code, enum intruder intruder)
{
    code_put(code, INSN_ld, A5, A0, 0, 0);
    code_put(code, INSN_addi, T0, ZERO, 0, 77);
    switch (intruder) {
    case STORE_TWICE:
        code_put(code, INSN_sd, 0, A0, T0, 0);
        code_put(code, INSN_sd, 0, A0, A5, 0);
        return;
    case STORE_SAME: code_put(code, INSN_sd, 0, A0, A5, 0); return;
    case SWAP_TWICE:
        code_put(code, INSN_amoswap_d, T1, A0, T0, 0);
        code_put(code, INSN_amoswap_d, ZERO, A0, T1, 0);
        return;
    case ZERO_BLOCK: code_put(code, INSN_cbo_zero, 0, A0, 0, 0); return;
    case STORE_ELSEWHERE: code_put(code, INSN_sd, 0, A0, T0, 64); return;
    }
}

/* LR on hart 0; hart 1 intrudes; SC on hart 0, whose results add up in T0. Returns that sum: how
 * many have failed. */
static uint64_t run_intruder(struct harts *t, enum intruder intruder)
{
    gpa_t pc[HARTS] = { FAKE_RAM_BASE, FAKE_RAM_BASE + 0x2000 };
    memset(fake_machine_ram(&t->m, CODE_DATA), 0, 128);
    struct code code = code_at(&t->m, pc[0]);
    gpa_t loop = code_put(&code, INSN_lr_d, A5, A0, 0, 0);
    put_turn(&code, 1);
    put_wait(&code, 0);
    code_put(&code, INSN_sc_d, T1, A0, A5, 0);
    code_put(&code, INSN_add, T0, T0, T1, 0);
    put_end(&code, loop);
    code = code_at(&t->m, pc[1]);
    loop = code.at;
    put_wait(&code, 1);
    put_intruder(&code, intruder);
    put_turn(&code, 0);
    put_end(&code, loop);
    harts_run(t, pc, ROUNDS);
    return t->hart[0]->x[T0];
}

/* Both harts add to one word; `load` puts a load between LR and SC. */
static void run_adders(struct harts *t, gpa_t at, bool load, unsigned rounds)
{
    gpa_t pc[HARTS] = { at, at };
    uint64_t *sum = (uint64_t *)(void *)fake_machine_ram(&t->m, CODE_DATA);
    *sum = 0;
    struct code code = code_at(&t->m, at);
    gpa_t loop = code_put(&code, INSN_lr_d, A5, A0, 0, 0);
    if (load) {
        code_put(&code, INSN_ld, A4, A0, 0, 8);
    }
    code_put(&code, INSN_addi, A5, A5, 0, 1);
    code_put(&code, INSN_sc_d, A3, A0, A5, 0);
    code_put(&code, INSN_bne, 0, A3, ZERO, (int32_t)(loop - code.at));
    put_end(&code, loop);
    harts_run(t, pc, rounds);
    g_assert_cmpuint(*sum, ==, HARTS * rounds);
}

static void test_intruders(gconstpointer data)
{
    struct harts t;
    if (!harts_init(&t, data)) {
        return;
    }
    g_assert_cmpuint(run_intruder(&t, STORE_TWICE), ==, ROUNDS);
    g_assert_cmpuint(run_intruder(&t, STORE_SAME), ==, ROUNDS);
    g_assert_cmpuint(run_intruder(&t, SWAP_TWICE), ==, ROUNDS);
    g_assert_cmpuint(run_intruder(&t, ZERO_BLOCK), ==, ROUNDS);
    g_assert_cmpuint(run_intruder(&t, STORE_ELSEWHERE), ==, 0);
    harts_finish(&t);
}

static void test_adders(gconstpointer data)
{
    struct harts t;
    if (!harts_init(&t, data)) {
        return;
    }
    run_adders(&t, FAKE_RAM_BASE, false, 20000);
    run_adders(&t, FAKE_RAM_BASE + 0x3ff8, false, 2000); /* the SC is in the next page */
    run_adders(&t, FAKE_RAM_BASE + 0x5ffc, false, 2000); /* all but the LR */
    run_adders(&t, FAKE_RAM_BASE + 0x8000, true, 500);
    harts_finish(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/reserve/interp/intruders", &interp_engine, test_intruders);
    g_test_add_data_func("/reserve/interp/adders", &interp_engine, test_adders);
    g_test_add_data_func("/reserve/jit/intruders", &jit_engine, test_intruders);
    g_test_add_data_func("/reserve/jit/adders", &jit_engine, test_adders);
    return g_test_run();
}
