/* Code as text: a block's guest instructions, and host code. */
#pragma once

#include <glib.h>

#include "emu/jit/ir.h"

/* A guest instruction of a block. */
struct listing_insn {
    uint32_t word;
    uint16_t offset; /* in its page */
};

/* Which instructions a block was made from, in the order they run; at most IR_INSNS_MAX + 1.
 * `page`: the bytes of its page. Returns their number. */
unsigned listing_insns(const struct ir_block *block, const uint8_t *page,
                       struct listing_insn *ret_insns);

/* Appends instructions of the page of `pc`, one a line. */
void listing_guest(GString *text, uint64_t pc, const struct listing_insn *insns, unsigned count);

/* Appends host code, one instruction a line; as bytes where no disassembler was built in. */
void listing_host(GString *text, const uint8_t *code, size_t size);
