/*
 * The disassembler knows formats, not instructions: the letters of a format's text (rv64.isa) are
 * its operands. Pseudo-instructions are rows too. Mnemonics and spelling follow binutils.
 */
#include "emu/riscv/disasm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "emu/riscv/csr.h"
#include "emu/riscv/decode.h"

const char *const isa_x_names[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

const char *const isa_f_names[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

static const char *const isa_rm_names[8] = { "rne", "rtz", "rdn", "rup", "rmm", "?", "?", "dyn" };

struct isa_pseudo {
    const char *name;
    uint32_t match, mask;
    const char *text;
    bool same; /* only if rs1 and rs2 are the same register */
};

#define ISA_PSEUDO_DATA(name, match, mask, text, same) { name, match, mask, text, same },
static const struct isa_pseudo isa_pseudos[] = { ISA_PSEUDOS(ISA_PSEUDO_DATA) };

/* Text under construction; what does not fit is cut off. */
struct disasm {
    char *text;
    size_t used;
};

static void __attribute__((format(printf, 2, 3))) disasm_put(struct disasm *out, const char *format,
                                                             ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(out->text + out->used, DISASM_TEXT_SIZE - out->used, format, args);
    va_end(args);
    out->used += written > 0 ? (size_t)written : 0;
    if (out->used > DISASM_TEXT_SIZE - 1) {
        out->used = DISASM_TEXT_SIZE - 1;
    }
}

static void disasm_csr(struct disasm *out, unsigned number)
{
    const char *name = riscv_csr_name(number);
    if (name != NULL) {
        disasm_put(out, "%s", name);
    } else {
        disasm_put(out, "0x%x", number);
    }
}

/* One side of a fence: which of input, output, reads, writes. */
static void disasm_fence_set(struct disasm *out, unsigned set)
{
    static const char letters[] = "iorw";
    if (set == 0) {
        disasm_put(out, "unknown");
    }
    for (unsigned i = 0; i < 4; i++) {
        if ((set & 8u >> i) != 0) {
            disasm_put(out, "%c", letters[i]);
        }
    }
}

static void disasm_operand(struct disasm *out, char letter, const struct isa_insn *insn,
                           uint64_t pc)
{
    switch (letter) {
    case 'd': disasm_put(out, "%s", isa_x_names[insn->rd]); break;
    case 's': disasm_put(out, "%s", isa_x_names[insn->rs1]); break;
    case 't': disasm_put(out, "%s", isa_x_names[insn->rs2]); break;
    case 'D': disasm_put(out, "%s", isa_f_names[insn->rd]); break;
    case 'S': disasm_put(out, "%s", isa_f_names[insn->rs1]); break;
    case 'T': disasm_put(out, "%s", isa_f_names[insn->rs2]); break;
    case 'R': disasm_put(out, "%s", isa_f_names[insn->rs3]); break;
    case 'i': disasm_put(out, "%" PRId32, insn->imm); break;
    case 'h': disasm_put(out, "0x%" PRIx32, (uint32_t)insn->imm); break;
    case 'u': disasm_put(out, "0x%" PRIx32, (uint32_t)insn->imm >> 12); break;
    case 'p': disasm_put(out, "0x%" PRIx64, pc + (uint64_t)(int64_t)insn->imm); break;
    case 'c': disasm_csr(out, (unsigned)insn->imm); break;
    case 'z': disasm_put(out, "%u", insn->rs1); break;
    case 'm':
    case 'e': disasm_put(out, "%s", isa_rm_names[insn->rm]); break;
    case 'f':
        disasm_fence_set(out, (unsigned)insn->imm >> 4 & 15);
        disasm_put(out, ",");
        disasm_fence_set(out, (unsigned)insn->imm & 15);
        break;
    default: disasm_put(out, "%c", letter); break;
    }
}

/* A rounding mode is not printed where it is the one an assembler fills in: `m` dynamic, `e` (the
 * conversions that are always exact) to nearest. */
static bool disasm_hides(const struct isa_insn *insn, const char *text)
{
    return (strcmp(text, ",m") == 0 && insn->rm == 7) || (strcmp(text, ",e") == 0 && insn->rm == 0);
}

static void disasm_print(struct disasm *out, const char *name, const char *text,
                         const struct isa_insn *insn, uint64_t pc)
{
    static const char *const orders[4] = { "", ".rl", ".aq", ".aqrl" };
    disasm_put(out, "%s", name);
    if (isa_formats[isa_rows[insn->id].format].imm == ISA_IMM_AQRL) {
        disasm_put(out, "%s", orders[insn->imm & 3]);
    }
    disasm_put(out, "%s", *text != '\0' ? " " : "");
    for (; *text != '\0' && !disasm_hides(insn, text); text++) {
        disasm_operand(out, *text, insn, pc);
    }
}

static const struct isa_pseudo *disasm_find_pseudo(uint32_t word, const struct isa_insn *insn)
{
    for (size_t i = 0; i < sizeof isa_pseudos / sizeof *isa_pseudos; i++) {
        const struct isa_pseudo *pseudo = &isa_pseudos[i];
        if ((word & pseudo->mask) == pseudo->match && (!pseudo->same || insn->rs1 == insn->rs2)) {
            return pseudo;
        }
    }
    return NULL;
}

unsigned isa_disassemble(uint32_t word, uint64_t pc, char text[DISASM_TEXT_SIZE])
{
    struct disasm out = { text, 0 };
    struct isa_insn insn;
    unsigned length = isa_length((uint16_t)word);
    if (!isa_decode(word, &insn)) {
        disasm_put(&out, ".%ubyte 0x%0*" PRIx32, length, (int)length * 2,
                   length == 2 ? word & 0xffff : word);
        return length;
    }
    if (length == 2) {
        isa_expand((uint16_t)word, &word);
    }
    const struct isa_pseudo *pseudo = disasm_find_pseudo(word, &insn);
    if (pseudo != NULL) {
        disasm_print(&out, pseudo->name, pseudo->text, &insn, pc);
    } else {
        const struct isa_row *row = &isa_rows[insn.id];
        disasm_print(&out, row->name, isa_formats[row->format].text, &insn, pc);
    }
    return length;
}
