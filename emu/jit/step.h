/* Instructions that the translator runs itself, one at a time: the system's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"
#include "emu/riscv/isa.h"

struct interp;
struct jit;

#define STEP_DECODED_BITS 8
#define JIT_RECENT_MAX    32
#define JIT_INTERP_PAGES  128 /* of code that changes, whose decoded form a hart keeps */

/* A word and what it means. */
struct step_decoded {
    uint32_t word; /* 0, which is illegal, when empty */
    struct isa_insn insn;
};

/* What the translator keeps for a hart besides the area. */
struct jit_hart {
    struct jit *jit;
    struct interp *interp; /* runs what is not translated */
    uint32_t exit;         /* exit that led to the present pc and may be linked; or JIT_NONE */
    bool counting;         /* somebody looks at instret */
    uint32_t epoch;        /* counts this hart's fence.i, from 1 */
    /* Which pages its caches may hold code of; more than fit if the count is above the maximum. */
    uint32_t recent[JIT_RECENT_MAX];
    unsigned recent_count;
    uint64_t stale_known; /* jit.stats.stale_blocks when it was last sure to hold none of them */
    uint64_t steps;
    uint64_t warmings;     /* pieces of code that were interpreted because they were new */
    uint64_t tlb_misses;   /* of generated code */
    uint64_t jump_misses;  /* indirect jumps that the jump cache did not know */
    struct step_decoded decoded[1 << STEP_DECODED_BITS];
};

/* Runs the instruction at h->pc if it is a CSR access, an environment call, a return from a trap,
 * a fence or WFI; false if it is another one. */
bool jit_step_system(struct riscv_hart *h, struct jit_hart *own);
