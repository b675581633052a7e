/* Bisection: the program is run again and again, each time on a new machine, other switches set. */
#include "tests/jit/bisect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/riscv/disasm.h"

#define PRINT_SIZE 65536
#define HEAD_ITEMS 1 /* counts instructions from here on */
#define TAIL_ITEMS 4 /* the end of a program stays */

/* The watcher of one run, in front of the one that the options name. */
struct bisect_watch {
    const struct bisect *bisect;
    uint64_t blocks; /* translated so far */
    uint64_t wanted; /* the block that is looked for */
    uint64_t pc;     /* its address */
    char *listing;   /* PRINT_SIZE bytes for it, or NULL */
};

static struct lockstep bisect_lockstep;
static struct bisect_watch bisect_watch;

static void bisect_block(void *opaque, const struct jit_translation *translation)
{
    struct bisect_watch *watch = &bisect_watch;
    (void)opaque;
    if (translation->number == watch->wanted) {
        watch->pc = translation->pc;
        if (watch->listing != NULL) {
            ir_print(translation->ir, watch->listing, PRINT_SIZE);
        }
    }
    watch->blocks = translation->number + 1;
}

/* Whether the program goes wrong with these options. */
static bool bisect_wrong(struct bisect *bisect, const struct jit_options *options)
{
    struct jit_options watched = *options;
    watched.after_block = bisect_block;
    bisect_watch.blocks = 0;
    if (!lockstep_init(&bisect_lockstep, bisect->exits, &watched, NULL)) {
        return false;
    }
    bool wrong = lockstep_run(&bisect_lockstep, &bisect->program) == LOCKSTEP_DIFFERENT;
    if (wrong) {
        memcpy(bisect->text, bisect_lockstep.text, sizeof bisect->text);
    }
    lockstep_finish(&bisect_lockstep);
    return wrong;
}

/* Blanks items [from, to) if the program stays wrong. Sequences are blanked whole: the rest of one
 * might store anywhere, and change code that no fence.i follows. */
static void bisect_blank(struct bisect *bisect, unsigned from, unsigned to)
{
    static struct program_item saved[PROGRAM_ITEMS_MAX];
    struct program *program = &bisect->program;
    while (program->item[from].inner) {
        from--;
    }
    while (program->item[to].inner) {
        to++;
    }
    memcpy(saved, program->item, sizeof saved);
    for (unsigned i = from; i < to; i++) {
        program_blank(&program->item[i]);
    }
    if (memcmp(saved, program->item, sizeof saved) != 0 &&
        !bisect_wrong(bisect, &bisect->options)) {
        memcpy(program->item, saved, sizeof saved);
    }
}

static void bisect_shorten(struct bisect *bisect)
{
    unsigned count = bisect->program.count - TAIL_ITEMS;
    for (unsigned step = 64; step > 0; step /= 4) {
        for (unsigned i = HEAD_ITEMS; i < count; i += step) {
            bisect_blank(bisect, i, i + step < count ? i + step : count);
        }
    }
}

static void bisect_passes(struct bisect *bisect)
{
    struct jit_options options = bisect->options;
    bisect->passes = 0;
    for (unsigned pass = 0; pass < IR_PASS_COUNT; pass++) {
        options.passes = bisect->options.passes & ~(1u << pass);
        if (options.passes != bisect->options.passes && !bisect_wrong(bisect, &options)) {
            bisect->passes |= 1u << pass;
        }
    }
    options.passes = 0;
    bisect->plain = bisect_wrong(bisect, &options);
}

/* With `low` blocks it is right, with `high` it is wrong. */
static void bisect_blocks(struct bisect *bisect)
{
    struct jit_options options = bisect->options;
    uint64_t low = 0, high = bisect->blocks;
    while (high - low > 1) {
        options.bisect = low + (high - low) / 2;
        if (bisect_wrong(bisect, &options)) {
            high = options.bisect;
        } else {
            low = options.bisect;
        }
    }
    bisect->guilty = high - 1;
    bisect_watch.wanted = bisect->guilty;
    options.bisect = high;
    bisect_wrong(bisect, &options);
    bisect->guilty_pc = bisect_watch.pc;
}

bool bisect_run(struct bisect *bisect)
{
    bisect_watch = (struct bisect_watch){ .bisect = bisect, .wanted = UINT64_MAX };
    if (!bisect_wrong(bisect, &bisect->options)) {
        return false;
    }
    bisect_shorten(bisect);
    bisect_wrong(bisect, &bisect->options);
    bisect->blocks = bisect_watch.blocks;
    bisect_passes(bisect);
    bisect_blocks(bisect);
    return true;
}

static void bisect_print_program(const struct bisect *bisect)
{
    const struct program *program = &bisect->program;
    for (unsigned i = 0; i < program->count; i++) {
        char text[DISASM_TEXT_SIZE];
        uint64_t at = program_address(program, i);
        if (!program_is_blank(&program->item[i])) {
            uint32_t word = program_word(program, i);
            isa_disassemble(word, at, text);
            printf("%s %8" PRIx64 "  %08x  %s\n", at == bisect->guilty_pc ? "->" : "  ", at, word,
                   text);
        }
    }
}

void bisect_print(struct bisect *bisect)
{
    static char listing[PRINT_SIZE];
    printf("%s\n", bisect->text);
    bisect_print_program(bisect);
    printf("it is right without the passes:");
    for (unsigned pass = 0; pass < IR_PASS_COUNT; pass++) {
        printf("%s%s", (bisect->passes & 1u << pass) != 0 ? " " : "",
               (bisect->passes & 1u << pass) != 0 ? ir_pass_names[pass] : "");
    }
    printf("%s\n", bisect->plain ? " (wrong without any: builder or emitter)" : "");
    struct jit_options options = bisect->options;
    options.bisect = bisect->guilty + 1;
    bisect_watch.wanted = bisect->guilty;
    bisect_watch.listing = listing;
    listing[0] = 0;
    bisect_wrong(bisect, &options);
    bisect_watch.listing = NULL;
    printf("block %" PRIu64 " of %" PRIu64 " makes it wrong, at %" PRIx64 ":\n%s", bisect->guilty,
           bisect->blocks, bisect->guilty_pc, listing);
}
