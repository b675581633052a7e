/*
 * Guest instructions to IR. Micro-ops that the translator does not do itself end the block with a
 * STEP: the interpreter, which has all of them, runs that one instruction.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/jit/options.h"
#include "emu/riscv/isa.h"

/* What a family of micro-ops did with an instruction. */
enum build_result {
    BUILD_OTHER, /* not of this family */
    BUILD_NEXT,  /* go on with the instruction behind it */
    BUILD_END,   /* the block ends here */
    BUILD_STEP,  /* leave it to the interpreter */
    BUILD_LEAVE, /* the block ends in front of it */
    BUILD_JUMP,  /* go on at build->jump_to, in the same page */
    BUILD_LAST,  /* the block ends behind it, and goes on there in build->context */
};

#define BUILD_QUIET_MAX 4

struct build {
    struct ir_block *block;
    uint16_t pc;              /* page offset of the instruction */
    uint16_t next;            /* page offset of the one behind it */
    uint16_t jump_to;
    unsigned insns_max;       /* of the block */
    unsigned rounds;          /* of a loop over the block that follow in it */
    unsigned round_start;     /* number of the present one's first instruction */
    const struct build_request *request;
    uint8_t context;          /* enum riscv_bank of what follows the block */
    uint16_t conditional;     /* page offset of the SC that ends a constrained sequence, or 0 */
    bool fp_checked;
    uint16_t flags;           /* what fflags are, if `quiet` have raised none; or IR_NONE */
    uint16_t quiet[BUILD_QUIET_MAX]; /* operations since then that can be made to raise none */
    unsigned quiet_count;
    bool converted;           /* one of them raises what must be seen where the block is left */
    uint16_t x[32], f[32];    /* the value a guest register has now, or IR_NONE: not read yet */
    uint16_t zero;            /* the constant 0, or IR_NONE */
    bool narrow[IR_OPS_MAX];  /* the value is the sign extension of its low 32 bits */
    bool boxed[IR_OPS_MAX];   /* the value is a NaN-boxed single */
};

/* What a block is to be. */
struct build_request {
    const uint8_t *page; /* the bytes of its page */
    uint16_t start;      /* page offset of its first instruction */
    uint8_t context;     /* enum riscv_bank */
    bool counting;       /* it counts instructions */
    uint64_t *counter;   /* of its executions, or NULL */
    bool step;           /* nothing is translated: one step */
    bool alone;          /* no other hart runs on the same memory */
    unsigned insns_max;  /* at least 1 */
    unsigned passes;     /* IR_PASS_BIT of those that may run */
    const struct jit_options *options;
};

/* Builds a block. False if it has too many operations: ask for fewer instructions. */
bool build_block(struct ir_block *block, const struct build_request *request);

/* Appends an operation at the present instruction. */
uint16_t build_op(struct build *build, struct ir_ins ins);

/* The value of an integer register. */
uint16_t build_x(struct build *build, unsigned reg);

/* A constant. */
uint16_t build_const(struct build *build, int64_t value);

/* An integer operation of two values, folded if it can be. */
uint16_t build_binary(struct build *build, enum ir_op op, bool w32, uint16_t a, uint16_t b);

/* Writes an integer register; x0 takes nothing. */
void build_put(struct build *build, unsigned reg, uint16_t value);

/* Makes sure, once a block, that floating point is usable in it. */
void build_need_float(struct build *build);

/* Reads of CSRs that are more than a field. */
enum build_result build_csr_call(struct build *build, const struct isa_insn *insn);
/* csrr of sstatus or mstatus. */
enum build_result build_status_read(struct build *build, const struct isa_insn *insn);
/* The other CSR instructions on them; `operand`: what rs1 or the immediate says. */
enum build_result build_status_write(struct build *build, const struct isa_insn *insn,
                                     uint16_t operand);

/* Integer computation. */
enum build_result build_integer(struct build *build, const struct isa_insn *insn);
/* Loads, stores, atomics, fences. */
enum build_result build_memory(struct build *build, const struct isa_insn *insn);
/* System instructions that need no step. */
enum build_result build_system(struct build *build, const struct isa_insn *insn);
/* Environment calls and returns from traps. */
enum build_result build_trap(struct build *build, const struct isa_insn *insn);
/* Branches and jumps. */
enum build_result build_flow(struct build *build, const struct isa_insn *insn);
/* Floating point, its loads and stores included. */
enum build_result build_float(struct build *build, const struct isa_insn *insn);
