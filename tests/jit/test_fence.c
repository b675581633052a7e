/*
 * Goal: code that was written is what each hart runs after its own fence.i, whichever of them the
 * translator noticed the change for, and whether the code was interpreted or translated before.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/jit.h"
#include "emu/riscv/decode.h"
#include "tests/jit/bench.h"

#define ROUNDS 200
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

static bool test_harts(unsigned warm)
{
    static struct bench bench;
    static struct program program;
    struct jit_options options;
    GError *error = NULL;
    jit_options_init(&options);
    options.warm = warm;
    options.rewarm = warm == 0 ? 0 : warm + 2;
    if (!bench_init(&bench, &jit_engine, &options, &error)) {
        printf("skipped: %s\n", error->message);
        return false;
    }
    program_generate_plain(&program, 0);
    bench_start(&bench, &program);
    struct riscv_hart *other = riscv_hart_new(&bench.config, &jit_engine, 1, &error);
    assert(other != NULL);
    struct riscv_hart *harts[2] = { bench.hart, other };
    write_insn(&bench, 0, program_insn(INSN_fence_i, 0, 0, 0, 0));
    write_insn(&bench, 8, program_insn(INSN_wfi, 0, 0, 0, 0));
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

int main(void)
{
    for (unsigned warm = 0; warm < 3; warm++) {
        if (!test_harts(warm)) {
            return 77;
        }
    }
    return 0;
}
