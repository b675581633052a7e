/* Guest instructions of blocks as text. */
#include "emu/jit/listing.h"

#include <inttypes.h>
#include <string.h>

#include "emu/cpu/tlb.h"
#include "emu/riscv/disasm.h"

unsigned listing_insns(const struct ir_block *block, const uint8_t *page,
                       struct listing_insn *ret_insns)
{
    unsigned count = 0;
    for (unsigned i = 1; i < block->count && count <= IR_INSNS_MAX; i++) {
        const struct ir_ins *ins = &block->ins[i];
        bool first = count == 0 || ins->insns != block->ins[i - 1].insns;
        if (ins->op != IR_LEAVE && first) {
            struct listing_insn *insn = &ret_insns[count++];
            size_t size = ins->pc + 4u <= TLB_PAGE_SIZE ? 4 : 2;
            *insn = (struct listing_insn){ .offset = ins->pc };
            memcpy(&insn->word, page + ins->pc, size);
        }
    }
    return count;
}

void listing_guest(GString *text, uint64_t pc, const struct listing_insn *insns, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char line[DISASM_TEXT_SIZE];
        uint64_t at = (pc & TLB_PAGE_MASK) + insns[i].offset;
        unsigned length = isa_disassemble(insns[i].word, at, line);
        uint32_t word = length == 2 ? insns[i].word & 0xffff : insns[i].word;
        g_string_append_printf(text, "  %16" PRIx64 "  %0*x%s  %s\n", at, (int)length * 2, word,
                               length == 2 ? "    " : "", line);
    }
}
