/* Random guest programs from the ISA table: see program.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Where things are, in guest addresses; identity-mapped where paging is on. */
#define PROGRAM_RAM      UINT64_C(0x80000000)
#define PROGRAM_RAM_SIZE (UINT64_C(1) << 20)
#define PROGRAM_HANDLER  (PROGRAM_RAM + 0x1000)  /* trap handler, M-mode */
#define PROGRAM_CODE     (PROGRAM_RAM + 0x2f40)  /* so that programs cross a page */
#define PROGRAM_TABLES   (PROGRAM_RAM + 0x10000) /* page tables: 3 pages */
#define PROGRAM_DATA     (PROGRAM_RAM + 0x20000) /* 16 pages, random */
#define PROGRAM_STOP     UINT64_C(0x10000000)    /* a store here ends the run */
#define PROGRAM_MAX      512

/* One program: words of 4 bytes each (compressed ones are paired with a compressed nop). */
struct program {
    unsigned count;
    uint32_t word[PROGRAM_MAX];
    uint64_t seed;
    bool paged, user;
};

/* Makes the program of a seed. */
void program_generate(struct program *program, uint64_t seed);

/* Writes program, handler and page tables into guest memory, and random data. */
void program_load(const struct program *program, uint8_t *ram);

/* The next pseudo-random number of a stream. */
uint64_t program_random(uint64_t *state);
