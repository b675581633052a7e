/* Instructions as text, as a GNU assembler takes and objdump prints them. Pure, any thread. */
#pragma once

#include <stdint.h>

/* Room for the longest instruction and its end. */
#define DISASM_TEXT_SIZE 64

/* ABI names of the integer registers. */
extern const char *const isa_x_names[32];

/* ABI names of the floating-point registers. */
extern const char *const isa_f_names[32];

/* Writes the instruction that begins with `word`, as it would run at `pc`; ".2byte 0x..." or
 * ".4byte 0x..." when it is illegal. Returns its length in bytes, 2 or 4. */
unsigned isa_disassemble(uint32_t word, uint64_t pc, char text[DISASM_TEXT_SIZE]);
