/*
 * Goal: translated code leaves every guest-visible state exactly as the interpreter does, over
 * random programs, under every switch of the translator. On a difference the program is shortened,
 * and the block and the pass that make it wrong are named.
 *
 *   test_lockstep [INSTRUCTIONS [FIRST-SEED [WAY]]]
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/jit/bisect.h"

#define BATCH 200 /* programs on one machine */

/* A way of running programs. 0 in passes or insns: another one in each batch. */
struct way {
    const char *name;
    bool exits;      /* compare at every exit */
    bool log_stores;
    bool small;      /* little code memory */
    unsigned passes, insns;
};

static const struct way ways[] = {
    { "linked", false, false, false, IR_PASSES_ALL, IR_INSNS_MAX },
    { "stores", true, true, false, IR_PASSES_ALL, IR_INSNS_MAX },
    { "exits", true, false, false, IR_PASSES_ALL, IR_INSNS_MAX },
    { "short", true, true, false, IR_PASSES_ALL, 0 },
    { "small", false, false, true, IR_PASSES_ALL, IR_INSNS_MAX },
    { "passes", true, true, false, 0, IR_INSNS_MAX },
    { "mixed", false, false, true, 0, 0 },
};

static struct jit_options way_options(const struct way *way, uint64_t batch)
{
    struct jit_options options;
    uint64_t state = batch;
    jit_options_init(&options);
    options.log_stores = way->log_stores;
    options.passes = way->passes != 0 ? way->passes
                                      : (unsigned)program_random(&state) & IR_PASSES_ALL;
    options.block_insns = way->insns != 0 ? way->insns : 1 + program_pick(&state, 9);
    /* Pieces that are interpreted note no stores. */
    static const unsigned rounds[] = { 0, 1, 2, 3, UCHAR_MAX };
    options.warm = way->exits ? 0 : rounds[program_pick(&state, G_N_ELEMENTS(rounds))];
    options.rewarm = way->exits ? 0 : rounds[program_pick(&state, G_N_ELEMENTS(rounds))];
    options.segment_size = way->small ? JIT_SEGMENT_SIZE_MIN : JIT_SEGMENT_SIZE_DEFAULT;
    return options;
}

struct run {
    uint64_t programs, endless, instructions;
};

static void run_bisect(const struct way *way, const struct jit_options *options,
                       const struct program *program)
{
    static struct bisect bisect;
    bisect.exits = way->exits;
    bisect.options = *options;
    bisect.program = *program;
    if (bisect_run(&bisect)) {
        bisect_print(&bisect);
    } else {
        printf("on a new machine it is right: the programs before it in its batch matter\n");
    }
}

/* One batch of programs, one way. False: a difference, which is explained. */
static bool run_batch(struct run *run, const struct way *way, uint64_t batch)
{
    static struct lockstep lockstep;
    static struct program program;
    struct jit_options options = way_options(way, batch);
    GError *error = NULL;
    if (!lockstep_init(&lockstep, way->exits, &options, &error)) {
        printf("skipped: %s\n", error->message);
        exit(77);
    }
    bool same = true;
    for (uint64_t i = 0; i < BATCH && same; i++) {
        program_generate(&program, batch * BATCH + i);
        enum lockstep_result result = lockstep_run(&lockstep, &program);
        run->programs++;
        run->endless += result == LOCKSTEP_ENDLESS;
        same = result != LOCKSTEP_DIFFERENT;
    }
    if (!same) {
        printf("seed %" PRIu64 ", %s, %s: %s\n", program.seed, way->name,
               !program.paged ? "not paged" : program.user ? "paged, user" : "paged",
               lockstep.text);
        fflush(stdout);
    }
    run->instructions += lockstep.instructions;
    lockstep_finish(&lockstep);
    if (!same) {
        run_bisect(way, &options, &program);
    }
    return same;
}

int main(int argc, char **argv)
{
    uint64_t wanted = argc > 1 ? (uint64_t)strtod(argv[1], NULL) : 1000000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) / BATCH : 0;
    struct run run = { 0 };
    for (uint64_t batch = first; run.instructions < wanted; batch++) {
        const struct way *way = &ways[batch % G_N_ELEMENTS(ways)];
        if (argc > 3) {
            for (way = ways; way < ways + G_N_ELEMENTS(ways) - 1 && strcmp(way->name, argv[3]);) {
                way++;
            }
        }
        if (!run_batch(&run, way, batch)) {
            return 1;
        }
    }
    printf("%" PRIu64 " programs, %" PRIu64 " of them endless, %" PRIu64 " instructions\n",
           run.programs, run.endless, run.instructions);
    return 0;
}
