/* Guest code built from table rows, into the RAM of a fake machine. */
#pragma once

#include <stdint.h>

#include "emu/riscv/isa.h"
#include "tests/isa/fake_machine.h"

/* Where tests put the code that runs when an exception is taken, and their data. */
#define CODE_HANDLER (FAKE_RAM_BASE + 0x100000)
#define CODE_DATA    (FAKE_RAM_BASE + 0x200000)

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, T6 = 31 };

struct code {
    struct fake_machine *m;
    gpa_t at; /* where the next instruction goes */
};

/* Starts at `address`. */
struct code code_at(struct fake_machine *m, gpa_t address);

/* One instruction; fields that its format does not have must be 0. Returns where it stands. */
gpa_t code_put(struct code *code, enum isa_row_id id, unsigned rd, unsigned rs1, unsigned rs2,
               int32_t imm);

/* A 16-bit instruction. */
gpa_t code_put16(struct code *code, uint16_t half);

/* Loads any constant that is a sign-extended 32-bit number. */
void code_li(struct code *code, unsigned rd, uint64_t value);

/* Ends fake_machine_run; uses t6. */
void code_stop(struct code *code);

/* Makes M-mode exceptions stop the machine, so that a test can look at mcause and so on. */
void code_stop_on_trap(struct fake_machine *m);

/* Runs from `pc` in mode `priv`. */
void code_run(struct fake_machine *m, gpa_t pc, enum riscv_priv priv);
