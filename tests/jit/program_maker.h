/* What the parts of the generator of random programs share. Private to program*.c. */
#pragma once

#include "tests/jit/program.h"

#define REG_DATA   5
#define REG_BUDGET 31
#define REG_AT     10
#define REG_AT2    11

/* A program under construction. */
struct maker {
    struct program *program;
    uint64_t state;
    unsigned limit; /* items of the random part */
    bool plain;
};

/* A pseudo-random number below a limit. */
unsigned maker_pick(struct maker *maker, unsigned limit);

/* Appends an empty item of `length` bytes. */
struct program_item *maker_item(struct maker *maker, uint8_t length);

/* An item somewhere behind the next few. */
uint16_t maker_forward(struct maker *maker);

/* The offset of data that is mostly aligned to 8, and anywhere else now and then. */
int32_t maker_offset(struct maker *maker);

/* Appends an instruction. */
static inline struct program_item *add(struct maker *maker, enum isa_row_id id, unsigned rd,
                                       unsigned rs1, unsigned rs2, int32_t imm)
{
    struct program_item *item = maker_item(maker, 4);
    item->insn = program_insn(id, rd, rs1, rs2, imm);
    return item;
}

/* Floating-point flags saved, something that may raise some, and mostly the flags put back: what
 * isless, floor and their like are. */
void add_saved_flags(struct maker *maker);

/* Floating-point operations that use each other's results, NaNs and infinities among them, and some
 * that tell one NaN from another. */
void add_chain(struct maker *maker);
