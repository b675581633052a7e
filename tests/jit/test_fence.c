/*
 * Goal: code that was written is what each hart runs after its own fence.i, whichever of them the
 * translator noticed the change for, and whether the code was interpreted or translated before; and
 * code that is replaced before it has run often is not translated each time.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/cache.h"
#include "emu/jit/jit.h"
#include "emu/jit/step.h"
#include "emu/riscv/decode.h"
#include "tests/jit/bench.h"

#define ROUNDS 200
#define RUNS   10 /* before code is replaced */
#define CODE   (PROGRAM_CODE & ~UINT64_C(0xfff))

static void write_insn(struct bench *bench, unsigned at, struct isa_insn insn)
{
    uint32_t word = isa_encode(&insn);
    memcpy(bench->ram.base + (CODE - PROGRAM_RAM) + at, &word, sizeof word);
}

/* x10 after a hart has run the code. */
static uint64_t run(struct riscv_hart *h)
{
    h->pc = CODE;
    h->hart.waiting = false;
    atomic_store(&h->hart.requests, 0);
    while (!h->hart.waiting) {
        h->hart.engine->run(&h->hart);
    }
    return h->x[10];
}

/* A machine whose code sees its own changes and ends; false: this host cannot. */
static bool start(struct bench *bench, unsigned warm, unsigned rewarm)
{
    static struct program program;
    struct jit_options options;
    g_autoptr(GError) error = NULL;
    jit_options_init(&options);
    options.warm = warm;
    options.rewarm = rewarm;
    if (!bench_init(bench, &jit_engine, &options, &error)) {
        printf("skipped: %s\n", error->message);
        return false;
    }
    program_generate_plain(&program, 0);
    bench_start(bench, &program);
    write_insn(bench, 0, program_insn(INSN_fence_i, 0, 0, 0, 0));
    write_insn(bench, 8, program_insn(INSN_wfi, 0, 0, 0, 0));
    return true;
}

static bool test_harts(unsigned warm)
{
    static struct bench bench;
    GError *error = NULL;
    if (!start(&bench, warm, warm == 0 ? 0 : warm + 2)) {
        return false;
    }
    struct riscv_hart *other = riscv_hart_new(&bench.config, &jit_engine, 1, &error);
    assert(other != NULL);
    struct riscv_hart *harts[2] = { bench.hart, other };
    for (unsigned round = 0; round < ROUNDS; round++) {
        /* Some values stay for a while, so that the code comes to be translated. */
        unsigned value = round < ROUNDS / 2 ? round : round / 50;
        write_insn(&bench, 4, program_insn(INSN_addi, 10, 0, 0, (int32_t)value));
        assert(run(harts[round / 3 % 2]) == value);
        assert(run(harts[1 - round / 3 % 2]) == value);
    }
    riscv_hart_free(other);
    bench_finish(&bench);
    return true;
}

static void test_replaced(void)
{
    static struct bench bench;
    bool started = start(&bench, 0, RUNS + 2);
    assert(started);
    const struct jit_hart *own = bench.hart->hart.engine_state;
    uint64_t blocks = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        write_insn(&bench, 4, program_insn(INSN_addi, 10, 0, 0, (int32_t)round));
        for (unsigned i = 0; i < RUNS; i++) {
            assert(run(bench.hart) == round);
        }
        assert(round < 2 || own->jit->stats.blocks == blocks);
        blocks = own->jit->stats.blocks;
    }
    assert(blocks > 0);
    for (unsigned i = 0; i < 2 * RUNS; i++) {
        run(bench.hart);
    }
    assert(own->jit->stats.blocks > blocks);
    bench_finish(&bench);
}

int main(void)
{
    for (unsigned warm = 0; warm < 3; warm++) {
        if (!test_harts(warm)) {
            return 77;
        }
    }
    test_replaced();
    return 0;
}
