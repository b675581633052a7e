/* Random guest programs from the ISA table: see program.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/isa.h"

/* Where things are, in guest addresses; identity-mapped where paging is on. */
#define PROGRAM_RAM       UINT64_C(0x80000000)
#define PROGRAM_RAM_SIZE  (UINT64_C(1) << 18)
#define PROGRAM_HANDLER   (PROGRAM_RAM + 0x1000)  /* trap handler, M-mode; its table of modes */
#define PROGRAM_VECTOR    (PROGRAM_RAM + 0x1400)  /* mtvec: interrupts are counted here */
#define PROGRAM_HANDLER_S (PROGRAM_RAM + 0x1800)  /* trap handler, S-mode */
#define PROGRAM_CODE      (PROGRAM_RAM + 0x2f40)  /* so that programs cross a page */
#define PROGRAM_TABLES    (PROGRAM_RAM + 0x10000) /* page tables: 3 pages */
#define PROGRAM_DATA      (PROGRAM_RAM + 0x20000) /* 16 pages, random */
#define PROGRAM_DEVICE    UINT64_C(0x10000000)    /* a store at its start ends the run */
#define PROGRAM_ITEMS_MAX 400

/* Where x5 points: the border of a page that paging makes read-only and one that it does not. */
#define PROGRAM_X5 (PROGRAM_DATA + 8 * 4096 - 1024)

/* How an item's immediate is found when its place is known. */
enum program_fix {
    FIX_NONE,
    FIX_TARGET, /* distance from the item to its target */
    FIX_PAIR,   /* distance from item `base`, an auipc with 0, to the target */
};

/* One instruction of a program. */
struct program_item {
    struct isa_insn insn;
    uint16_t half;  /* a compressed one; then insn counts for nothing */
    uint8_t length; /* 2 or 4 */
    uint8_t fix;    /* enum program_fix */
    bool inner;     /* it relies on the items before it: nothing jumps here */
    uint16_t target, base;
};

struct program {
    uint64_t seed;
    unsigned count;
    bool paged;
    bool user;     /* pages are the user's: run in U, else in S */
    bool delegate; /* S-mode takes some exceptions */
    uint8_t start; /* enum riscv_priv */
    struct program_item item[PROGRAM_ITEMS_MAX];
};

/* Makes the program of a seed. */
void program_generate(struct program *program, uint64_t seed);

/* Makes one that has no effects but on its data, does not depend on when it is run or what runs
 * beside it, and may lie anywhere: no paging, device, LR or SC, nor code that changes itself. */
void program_generate_plain(struct program *program, uint64_t seed);

/* Appends an instruction. */
struct program_item *program_add(struct program *program, struct isa_insn insn);

/* Appends the end: nops for branches to land on, and the store that stops. */
void program_finish(struct program *program);

/* Writes program, handlers and page tables into guest memory, and random data. */
void program_load(const struct program *program, uint8_t *ram);

/* Replaces an item by a nop of the same length. */
void program_blank(struct program_item *item);

/* Whether it is one. */
bool program_is_blank(const struct program_item *item);

/* The guest address of an item. */
uint64_t program_address(const struct program *program, unsigned item);

/* The word or halfword of an item as it stands in memory. */
uint32_t program_word(const struct program *program, unsigned item);

/* The next pseudo-random number of a stream. */
uint64_t program_random(uint64_t *state);

/* A pseudo-random number below a limit. */
unsigned program_pick(uint64_t *state, unsigned limit);

/* An instruction from its fields; those that the row has not are 0. */
struct isa_insn program_insn(enum isa_row_id id, unsigned rd, unsigned rs1, unsigned rs2,
                             int32_t imm);
