/*
 * Where values are while a block is emitted: one instance for integers, one for floating point.
 *
 * Some guest registers live in host registers for good (pinned, the same in every block, so that
 * linked blocks need no moves); the others have a slot in the hart. Values in between get one of
 * a few temporaries. The emitter asks for places and emits; this keeps the books. Portable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/jit/ir.h"

#define REGS_NONE  (-1)
#define REGS_SPILL 8 /* spill slots; behind them each group's addend has one of its own */

/* What a host emitter provides: moves between its registers and memory. */
struct regs_host {
    const int8_t *pinned; /* host register of each guest register, or REGS_NONE */
    const int8_t *temps;  /* host registers for temporaries, ends with REGS_NONE */
    void (*move)(void *emitter, int dst, int src);
    void (*load_home)(void *emitter, int dst, unsigned guest);
    void (*store_home)(void *emitter, unsigned guest, int src);
    void (*load_spill)(void *emitter, int dst, unsigned slot);
    void (*store_spill)(void *emitter, unsigned slot, int src);
    /* Of integers: there are no floating-point constants. */
    void (*load_const)(void *emitter, int dst, uint64_t value);
    void (*store_home_const)(void *emitter, unsigned guest, uint64_t value);
};

/* Where one value can be found; several may hold at once. */
struct regs_place {
    int8_t temp;  /* host register, or REGS_NONE */
    int8_t home;  /* guest register whose home holds it, or REGS_NONE */
    int8_t spill; /* spill slot, or REGS_NONE */
};

struct regs {
    const struct regs_host *host;
    void *emitter;
    const struct ir_block *block;
    bool floating;
    bool failed;  /* more values at once than there are places: take a shorter block */
    unsigned now; /* the operation being emitted */
    struct regs_place place[IR_OPS_MAX + IR_GROUPS_MAX];
    uint16_t in_home[32];     /* the value a guest register's home holds, or IR_NONE */
    uint16_t in_temp[32];     /* the value a host register holds, or IR_NONE */
    uint16_t in_spill[REGS_SPILL];
    uint32_t locked;          /* temporaries that the present operation uses */
    uint32_t reserved;        /* temporaries taken for scratch, without a value */
};

/* Starts a block: all guest registers are at home. */
void regs_begin(struct regs *regs, const struct ir_block *block);

/* Moves on to operation `now`; temporaries of dead values become free. */
void regs_next(struct regs *regs, unsigned now);

/* The host register that holds the value: loads or makes it if it must. Locked until next. */
int regs_read(struct regs *regs, uint16_t value);

/* The host register that holds it already, or REGS_NONE (a slot or a constant). */
int regs_peek(const struct regs *regs, uint16_t value);

/* Whether the value is only in the slot of an unpinned guest register; *ret_guest is which. */
bool regs_in_slot(const struct regs *regs, uint16_t value, unsigned *ret_guest);

/* Where to put the value of the present operation: the pinned register of a PUT that follows if
 * that is safe, else a temporary. Call after reading operands that must not share it, or test. */
int regs_write(struct regs *regs, uint16_t value);

/* The pinned register of a PUT that follows at once, or REGS_NONE when there is none. */
int regs_write_hint(struct regs *regs, uint16_t value);

/* The same as regs_write, but never a register that still holds operand values needed in this
 * operation. */
int regs_write_fresh(struct regs *regs, uint16_t value);

/* Whether the present operation, which makes `value`, may do so in the register of an operand: a
 * PUT that follows wants it there. */
bool regs_overwrites(const struct regs *regs, uint16_t value, uint16_t operand);

/* The same as regs_write for one whose operand `over` is overwritten, which is best, or copied
 * first. IR_NONE: no operand may be. */
int regs_write_over(struct regs *regs, uint16_t value, uint16_t over);

/* Declares that the value is now in temporary `temp`, which the caller had taken. */
void regs_define(struct regs *regs, uint16_t value, int temp);

/* A free temporary for scratch use within this operation. */
int regs_scratch(struct regs *regs);

/* Frees one given temporary for scratch use within this operation, saving what is in it. */
void regs_take(struct regs *regs, int temp);

/* Makes sure a constant has a spill slot, for hosts that take it from memory only. */
void regs_force_spill(struct regs *regs, uint16_t value);

/* Carries out an operation that only moves values between the homes of guest registers and them;
 * false: it is another one. `x` and `f`: the two instances of a block. */
bool regs_carry_out(struct regs *x, struct regs *f, unsigned index);
