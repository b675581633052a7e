/* Goal: every row decodes to itself whatever its operands, and nothing reserved decodes at all. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/riscv/decode.h"

#define ROUNDS 2000

/* See test_legal_count. */
#define LEGAL_NARROW    46743
#define LEGAL_WIDE_ZERO 306140
#define LEGAL_WIDE      306065

/* A word of this row with random operands. */
static uint32_t random_word(const struct isa_row *row)
{
    uint32_t word = row->match | ((uint32_t)g_test_rand_int() & ~row->mask);
    if (isa_formats[row->format].rm && (word >> 12 & 7) > 4) {
        word |= 7u << 12; /* 5 and 6 are reserved */
    }
    return word;
}

/* Bits of a word that the architecture ignores, so that encoding cannot give them back. */
static uint32_t ignored_bits(const struct isa_row *row)
{
    switch ((unsigned)row->format) {
    case FORMAT_FN: return 0x000fff80 & ~row->mask;
    case FORMAT_FI: return ~row->mask;
    default: return 0;
    }
}

static void test_identity(void)
{
    for (unsigned id = 0; id < INSN_COUNT; id++) {
        for (unsigned i = 0; i < ROUNDS; i++) {
            struct isa_insn insn;
            uint32_t word = random_word(&isa_rows[id]);
            g_assert_true(isa_decode(word, &insn));
            /* A special case may win over its general row, never the other way. */
            const struct isa_row *found = &isa_rows[insn.id];
            g_assert_true(insn.id == id || (found->mask & isa_rows[id].mask) == isa_rows[id].mask);
            g_assert_cmpuint(insn.length, ==, 4);
            g_assert_cmphex(isa_encode(&insn), ==, word & ~ignored_bits(found));
            g_assert_cmpint(insn.uop, ==, found->uop);
        }
    }
}

static void test_reserved_rm(void)
{
    for (unsigned id = 0; id < INSN_COUNT; id++) {
        for (unsigned rm = 5; rm <= 6 && isa_formats[isa_rows[id].format].rm; rm++) {
            struct isa_insn insn;
            uint32_t word = (random_word(&isa_rows[id]) & ~0x7000u) | rm << 12;
            g_assert_false(isa_decode(word, &insn));
        }
    }
}

/* Words that must be illegal, and words that look odd but are legal (hints). */
static void test_reserved(void)
{
    static const struct {
        uint32_t word;
        bool legal;
    } cases[] = {
        { 0x00000000, false }, { 0xffffffff, false },
        { 0x0000, false },     { 0x0004, false },     /* c.addi4spn with 0 */
        { 0x6001, false },     { 0x6081, false },     /* c.lui with 0 */
        { 0x6101, false },                            /* c.addi16sp with 0 */
        { 0x6005, true },                             /* c.lui x0: hint */
        { 0x2001, false },                            /* c.addiw x0 */
        { 0x4002, false },     { 0x6002, false },     /* c.lwsp x0, c.ldsp x0 */
        { 0x8002, false },                            /* c.jr x0 */
        { 0x9002, true },                             /* c.ebreak */
        { 0x0001, true },      { 0x0005, true },      /* c.nop, and as a hint */
        { 0x0081, true },                             /* c.addi ra, 0: hint */
        { 0x4001, true },      { 0x0002, true },      /* c.li x0, c.slli x0: hints */
        { 0x8000, false },     { 0x9c41, false },     /* quadrant 0 100, c.*w holes */
        { 0x9c61, false },
        { 0x02001013, true },                         /* slli by 32 */
        { 0x04001013, false },                        /* slli with bit 26 */
        { 0x0200101b, false },                        /* slliw by 32 */
        { 0x0000100f, true },                         /* fence.i */
        { 0xfff0000f, true },                         /* fence with a reserved fm */
        { 0x0100000f, true },                         /* pause */
        { 0x30200073, true },  { 0x10200073, true },  /* mret, sret */
        { 0x00200073, false }, { 0x7b200073, false }, /* uret, dret */
        { 0x10500073, true },  { 0x10500873, false }, /* wfi, wfi with rd */
        { 0x1000202f, true },  { 0x1010202f, false }, /* lr.w; with rs2 */
        { 0x0000002f, false }, { 0x0000402f, false }, /* amo of other sizes */
        { 0x00005003, true },  { 0x00007003, false }, /* lhu, ldu */
        { 0x00004023, false },                        /* store of size 4 */
        { 0xc0500053, false }, { 0x58100053, false }, /* fcvt, fsqrt with a bad rs2 */
        { 0x04000053, false },                        /* fadd.h */
        { 0x0000200f, true },  { 0x0040200f, true },  /* cbo.inval, cbo.zero */
        { 0x0030200f, false }, { 0x0040208f, false },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct isa_insn insn;
        bool legal = isa_decode(cases[i].word, &insn);
        if (legal != cases[i].legal) {
            g_error("%08x is %s", cases[i].word, legal ? "legal" : "illegal");
        }
    }
}

/* Every compressed word that is legal is a legal word of 32 bits too, with the same operands. */
static void test_compressed(void)
{
    unsigned legal = 0;
    for (uint32_t half = 0; half < 0x10000; half++) {
        struct isa_insn narrow, wide;
        uint32_t word = 0;
        if ((half & 3) == 3) {
            continue;
        }
        bool ok = isa_expand((uint16_t)half, &word);
        g_assert_cmpint(isa_decode(half | 0xabcd0000, &narrow), ==, ok);
        if (!ok) {
            continue;
        }
        legal++;
        g_assert_true(isa_decode(word, &wide));
        g_assert_cmpuint(narrow.length, ==, 2);
        g_assert_cmpint(narrow.id, ==, wide.id);
        g_assert_cmphex(isa_encode(&narrow), ==, isa_encode(&wide));
    }
    /* 3 * 16384 words, less the reserved ones. */
    g_assert_cmpuint(legal, >, 40000);
    g_assert_cmpuint(legal, <, 49152);
}

/* How many words are legal, over every value of the bits that tell instructions apart, twice: with
 * rd and rs1 zero and not. Which ones are illegal was compared with another emulator, word by
 * word. */
static void test_legal_count(void)
{
    unsigned narrow = 0, wide[2] = { 0, 0 };
    struct isa_insn insn;
    for (uint32_t half = 0; half < 0x10000; half++) {
        narrow += (half & 3) != 3 && isa_decode(half, &insn);
    }
    for (uint32_t n = 0; n < 2 * 32 * 8 * 4096; n++) {
        bool registers = (n & 1) != 0;
        uint32_t word = 3 | (n >> 1 & 31) << 2 | (n >> 6 & 7) << 12 | n >> 9 << 20;
        wide[registers] += isa_decode(word | (registers ? 5u << 7 | 6u << 15 : 0), &insn);
    }
    g_assert_cmpuint(narrow, ==, LEGAL_NARROW);
    g_assert_cmpuint(wide[0], ==, LEGAL_WIDE_ZERO);
    g_assert_cmpuint(wide[1], ==, LEGAL_WIDE);
}

static void test_compressed_golden(void)
{
    static const struct {
        uint16_t half;
        uint32_t word;
    } cases[] = {
        { 0x1141, 0xff010113 }, /* addi sp,sp,-16 */
        { 0xe406, 0x00113423 }, /* sd ra,8(sp) */
        { 0x0800, 0x01010413 }, /* addi s0,sp,16 */
        { 0x60a2, 0x00813083 }, /* ld ra,8(sp) */
        { 0x8082, 0x00008067 }, /* ret */
        { 0x7139, 0xfc010113 }, /* addi sp,sp,-64 */
        { 0x67c1, 0x000107b7 }, /* lui a5,0x10 */
        { 0x57fd, 0xfff00793 }, /* li a5,-1 */
        { 0xbffd, 0xfffff06f }, /* j -2 */
        { 0xfff5, 0xfe079ee3 }, /* bnez a5,-4 */
        { 0x43bc, 0x0407a783 }, /* lw a5,64(a5) */
        { 0x9301, 0x02075713 }, /* srli a4,a4,32 */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t word = 0;
        g_assert_true(isa_expand(cases[i].half, &word));
        g_assert_cmphex(word, ==, cases[i].word);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/decode/identity", test_identity);
    g_test_add_func("/decode/reserved_rm", test_reserved_rm);
    g_test_add_func("/decode/reserved", test_reserved);
    g_test_add_func("/decode/compressed", test_compressed);
    g_test_add_func("/decode/compressed_golden", test_compressed_golden);
    g_test_add_func("/decode/legal_count", test_legal_count);
    return g_test_run();
}
