/*
 * The translator's switches: what users turn with -accel jit,... and what tests watch. Part of a
 * machine's configuration (struct riscv_config), constant while the machine lives.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/jit/ir.h"

struct riscv_hart;

#define JIT_WARM_DEFAULT         0
#define JIT_REWARM_DEFAULT       32
#define JIT_WARM_MAX             255
#define JIT_SEGMENTS             4
#define JIT_SEGMENT_SIZE_MIN     (128u << 10)
#define JIT_SEGMENT_SIZE_DEFAULT (64u << 20)

/* A block that has been translated. */
struct jit_translation {
    uint64_t number;           /* 0 for the first one */
    uint64_t pc;               /* where it was when it was first needed */
    const struct ir_block *ir;
    const uint8_t *page;       /* the bytes of its page, as they were translated */
    const uint8_t *code;       /* executable */
    size_t size;
};

/* Called on the thread that translates, or runs, with `opaque` of the options. */
typedef void jit_pass_fn(void *opaque, struct ir_block *block, enum ir_pass pass);
typedef void jit_block_fn(void *opaque, const struct jit_translation *translation);
typedef void jit_exit_fn(void *opaque, struct riscv_hart *hart);

/* -accel jit,perf=... */
enum jit_perf {
    JIT_PERF_OFF,
    JIT_PERF_MAP,  /* a map of names and addresses */
    JIT_PERF_DUMP, /* names, and the code as it was */
};

struct jit_options {
    unsigned passes;      /* IR_PASS_BIT of those that are on */
    uint64_t bisect;      /* how many blocks are translated, in order; the rest is interpreted */
    unsigned warm;        /* how often code is interpreted before it is translated */
    unsigned rewarm;      /* the same, in pages whose code has changed before, if it is more */
    unsigned block_insns; /* guest instructions in a block, 1 to IR_INSNS_MAX */
    size_t segment_size;  /* bytes of code memory in each of JIT_SEGMENTS */
    bool counting;        /* count instructions from the start, not when the guest first asks */
    char *dump;           /* a file for guest code, IR and host code of each block; NULL: none */
    enum jit_perf perf;   /* how Linux's perf is told what each block is */
    unsigned hot;         /* how many of the hottest blocks somebody will ask for; 0: not counted */
    bool log_stores;      /* blocks note their stores: see struct jit_store */
    /* All optional. After a pass has run over a block, first with IR_PASS_COUNT when the builder
     * has made it; it may change the block. */
    jit_pass_fn *after_pass;
    jit_block_fn *after_block; /* under the translator's lock */
    /* Each time the hart has left generated code or run a step, its state exact. It sees every
     * block exit if the passes link, lookup and loop are off. */
    jit_exit_fn *after_exit;
    void *opaque;
};

/* What the translator does when nobody asks for anything else. */
void jit_options_init(struct jit_options *options);
