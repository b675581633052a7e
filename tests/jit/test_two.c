/*
 * Goal: translators of one process do not touch each other: a machine goes on translating and
 * running while another one is made, runs and goes.
 */
#include <assert.h>
#include <stdio.h>

#include "emu/jit/jit.h"
#include "emu/riscv/interp.h"
#include "tests/jit/bench.h"

#define MACHINES 4
#define PROGRAMS 10 /* with each */

static struct bench interp, first, second;

static bool make(struct bench *bench, const struct engine *engine)
{
    struct jit_options options;
    GError *error = NULL;
    jit_options_init(&options);
    options.warm = options.rewarm = 0;
    if (bench_init(bench, engine, &options, &error)) {
        return true;
    }
    printf("skipped: %s\n", error->message);
    return false;
}

/* Whether the translator leaves what the interpreter does. */
static void check(struct bench *bench, uint64_t seed)
{
    static struct program program;
    program_generate_plain(&program, seed);
    bench_start(&interp, &program);
    if (!bench_run(&interp)) {
        return; /* it does not end */
    }
    bench_start(bench, &program);
    bool ended = bench_run(bench);
    assert(ended);
    for (unsigned i = 0; i < 32; i++) {
        assert(bench->hart->x[i] == interp.hart->x[i]);
    }
}

int main(void)
{
    if (!make(&interp, &interp_engine) || !make(&first, &jit_engine)) {
        return 77;
    }
    uint64_t seed = 0;
    for (unsigned i = 0; i < MACHINES; i++) {
        bool made = make(&second, &jit_engine);
        assert(made);
        for (unsigned k = 0; k < PROGRAMS; k++) {
            check(&second, seed++);
            check(&first, seed++);
        }
        bench_finish(&second);
        check(&first, seed++);
    }
    bench_finish(&first);
    bench_finish(&interp);
    return 0;
}
