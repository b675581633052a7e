/* From instruction words to operands and back. Pure functions of their arguments, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/isa.h"

/* Decodes the instruction that begins with `word`; of a compressed one (low bits not 11) only the
 * low half counts. False: an illegal instruction, reserved encodings included. */
bool isa_decode(uint32_t word, struct isa_insn *ret);

/* The 32-bit form of a compressed instruction (bits 1..0 are not 11); false if `half` is
 * reserved. */
bool isa_expand(uint16_t half, uint32_t *ret_word);

/* The 32-bit word of a decoded instruction; fields that the architecture ignores are 0. */
uint32_t isa_encode(const struct isa_insn *insn);

/* How long the instruction that begins with this halfword is: 2 or 4 bytes. */
static inline unsigned isa_length(uint16_t half)
{
    return (half & 3) == 3 ? 4 : 2;
}
