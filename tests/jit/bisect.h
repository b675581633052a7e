/* Which block and which pass make a program go wrong. */
#pragma once

#include "tests/jit/lockstep.h"

/* What is known about a wrong program. */
struct bisect {
    bool exits;                 /* as for lockstep_init */
    struct jit_options options; /* with which it goes wrong, on a new machine */
    struct program program;
    unsigned passes;   /* out: IR_PASS_BIT of those without which it is right */
    bool plain;        /* out: it is wrong without any pass: the builder or the emitter is */
    uint64_t blocks;   /* out: that are translated in all */
    uint64_t guilty;   /* out: number of the block that must be translated for it to be wrong */
    uint64_t guilty_pc; /* out */
    char text[LOCKSTEP_TEXT_SIZE]; /* out: the difference */
};

/* Blanks the instructions that do not matter, then finds passes and block. False: on a new machine
 * the program is right. */
bool bisect_run(struct bisect *bisect);

/* Prints what bisect_run has found: instructions, passes, the block's code and IR. */
void bisect_print(struct bisect *bisect);
