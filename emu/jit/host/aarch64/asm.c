/* A64 integer instructions: encoding. */
#include "emu/jit/host/aarch64/asm.h"

#include <assert.h>
#include <string.h>

void a64_word(struct a64_asm *as, uint32_t word)
{
    if (as->end - as->at < 4) {
        as->overflow = true;
        return;
    }
    memcpy(as->at, &word, sizeof word);
    as->at += sizeof word;
}

static uint32_t asm_wide(bool wide)
{
    return wide ? UINT32_C(1) << 31 : 0;
}

static uint32_t asm_dnm(int d, int n, int m)
{
    assert(d >= 0 && d < 32 && n >= 0 && n < 32 && m >= 0 && m < 32);
    return (uint32_t)d | (uint32_t)n << 5 | (uint32_t)m << 16;
}

bool a64_sum_fits(uint64_t imm)
{
    return imm < 4096 || (imm < 4096u << 12 && imm % 4096 == 0);
}

void a64_sum_ri(struct a64_asm *as, enum a64_sum op, bool wide, int d, int n, uint32_t imm)
{
    assert(a64_sum_fits(imm));
    bool high = imm >= 4096;
    a64_word(as, 0x11000000u | asm_wide(wide) | (uint32_t)op << 29 | (high ? 1u << 22 : 0) |
                     (high ? imm >> 12 : imm) << 10 | asm_dnm(d, n, 0));
}

void a64_sum_rr(struct a64_asm *as, enum a64_sum op, bool wide, int d, int n, int m,
                unsigned shift)
{
    a64_word(as, 0x0b000000u | asm_wide(wide) | (uint32_t)op << 29 | shift << 10 |
                     asm_dnm(d, n, m));
}

/* The N:immr:imms field of a logical constant (the manual's DecodeBitMasks, turned around): a
 * rotated run of ones in an element of 2 to 64 bits, repeated. */
static bool asm_bitmask(bool wide, uint64_t imm, uint32_t *ret)
{
    if (!wide) {
        imm = (uint32_t)imm | imm << 32;
    }
    if (imm == 0 || imm == UINT64_MAX) {
        return false;
    }
    unsigned size = 64;
    while (size > 2) {
        uint64_t half = (UINT64_C(1) << size / 2) - 1;
        if ((imm & half) != (imm >> size / 2 & half)) {
            break;
        }
        size /= 2;
    }
    uint64_t mask = UINT64_MAX >> (64 - size), element = imm & mask;
    unsigned ones = (unsigned)__builtin_popcountll(element);
    for (unsigned turn = 0; turn < size; turn++) {
        uint64_t run = UINT64_MAX >> (64 - ones);
        uint64_t turned = turn == 0 ? run : (run >> turn | run << (size - turn)) & mask;
        if (turned == element) {
            unsigned imms = ((0x3fu & ~(2 * size - 1)) | (ones - 1)) & 0x3f;
            *ret = (size == 64 ? 1u << 22 : 0) | turn << 16 | imms << 10;
            return true;
        }
    }
    return false;
}

bool a64_logic_fits(bool wide, uint64_t imm)
{
    uint32_t field;
    return asm_bitmask(wide, imm, &field);
}

void a64_logic_ri(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, uint64_t imm)
{
    uint32_t field = 0;
    bool fits = asm_bitmask(wide, imm, &field);
    assert(fits && op % 2 == 0);
    a64_word(as, 0x12000000u | asm_wide(wide) | (uint32_t)op / 2 << 29 | field | asm_dnm(d, n, 0));
}

void a64_logic_rs(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, int m,
                  enum a64_shift shift, unsigned amount)
{
    assert(amount < (wide ? 64u : 32u));
    a64_word(as, 0x0a000000u | asm_wide(wide) | (uint32_t)op / 2 << 29 | (uint32_t)shift << 22 |
                     (uint32_t)op % 2 << 21 | amount << 10 | asm_dnm(d, n, m));
}

void a64_logic_rr(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, int m)
{
    a64_logic_rs(as, op, wide, d, n, m, A64_LSL, 0);
}

void a64_mov(struct a64_asm *as, int d, int m)
{
    a64_logic_rr(as, A64_ORR, true, d, A64_ZR, m);
}

void a64_mov_imm(struct a64_asm *as, int d, uint64_t imm)
{
    unsigned zeros = 0, ones = 0;
    for (unsigned hw = 0; hw < 4; hw++) {
        uint64_t part = imm >> (16 * hw) & 0xffff;
        zeros += part == 0;
        ones += part == 0xffff;
    }
    if (zeros < 3 && ones < 3 && a64_logic_fits(true, imm)) {
        a64_logic_ri(as, A64_ORR, true, d, A64_ZR, imm);
        return;
    }
    bool invert = ones > zeros, first = true;
    for (unsigned hw = 0; hw < 4; hw++) {
        uint32_t part = (uint32_t)(imm >> (16 * hw)) & 0xffff;
        if (part == (invert ? 0xffffu : 0)) {
            continue;
        }
        uint32_t base = !first ? 0xf2800000u : invert ? 0x92800000u : 0xd2800000u;
        part = first && invert ? part ^ 0xffff : part;
        a64_word(as, base | hw << 21 | part << 5 | asm_dnm(d, 0, 0));
        first = false;
    }
    if (first) { /* all zeros, or all ones */
        a64_word(as, (invert ? 0x92800000u : 0xd2800000u) | asm_dnm(d, 0, 0));
    }
}

void a64_bitfield(struct a64_asm *as, enum a64_field op, bool wide, int d, int n, unsigned immr,
                  unsigned imms)
{
    assert(immr < (wide ? 64u : 32u) && imms < (wide ? 64u : 32u));
    a64_word(as, 0x13000000u | asm_wide(wide) | (uint32_t)op << 29 | (wide ? 1u << 22 : 0) |
                     immr << 16 | imms << 10 | asm_dnm(d, n, 0));
}

void a64_shift_ri(struct a64_asm *as, enum a64_shift op, bool wide, int d, int n, unsigned count)
{
    unsigned bits = wide ? 64 : 32;
    assert(count < bits);
    switch (op) {
    case A64_LSL:
        a64_bitfield(as, A64_UBFM, wide, d, n, (bits - count) % bits, bits - 1 - count);
        return;
    case A64_LSR: a64_bitfield(as, A64_UBFM, wide, d, n, count, bits - 1); return;
    case A64_ASR: a64_bitfield(as, A64_SBFM, wide, d, n, count, bits - 1); return;
    case A64_ROR: /* extr */
        a64_word(as, 0x13800000u | asm_wide(wide) | (wide ? 1u << 22 : 0) | count << 10 |
                         asm_dnm(d, n, n));
    }
}

void a64_extend(struct a64_asm *as, unsigned size, bool sign, int d, int n)
{
    assert(size == 1 || size == 2 || size == 4);
    a64_bitfield(as, sign ? A64_SBFM : A64_UBFM, true, d, n, 0, 8 * size - 1);
}

void a64_two(struct a64_asm *as, enum a64_two op, bool wide, int d, int n, int m)
{
    a64_word(as, 0x1ac00000u | asm_wide(wide) | (uint32_t)op << 10 | asm_dnm(d, n, m));
}

void a64_one(struct a64_asm *as, enum a64_one op, bool wide, int d, int n)
{
    uint32_t code = op == A64_REV && wide ? 3u : (uint32_t)op;
    a64_word(as, 0x5ac00000u | asm_wide(wide) | code << 10 | asm_dnm(d, n, 0));
}

void a64_three(struct a64_asm *as, enum a64_three op, bool wide, int d, int n, int m, int a)
{
    static const uint32_t base[] = { [A64_MADD] = 0x1b000000, [A64_MSUB] = 0x1b008000,
                                     [A64_SMULH] = 0x9b400000, [A64_UMULH] = 0x9bc00000 };
    a64_word(as, base[op] | asm_wide(wide) | (uint32_t)a << 10 | asm_dnm(d, n, m));
}

void a64_select(struct a64_asm *as, enum a64_select op, bool wide, int d, int n, int m,
                enum a64_cc cc)
{
    a64_word(as, 0x1a800000u | asm_wide(wide) | (uint32_t)op / 2 << 30 | (uint32_t)op % 2 << 10 |
                     (uint32_t)cc << 12 | asm_dnm(d, n, m));
}

void a64_cset(struct a64_asm *as, int d, enum a64_cc cc)
{
    a64_select(as, A64_CSINC, true, d, A64_ZR, A64_ZR, cc ^ 1);
}

void a64_ccmp(struct a64_asm *as, bool wide, int n, int m, unsigned nzcv, enum a64_cc cc)
{
    a64_word(as, 0x7a400000u | asm_wide(wide) | (uint32_t)cc << 12 | asm_dnm(0, n, m) | nzcv);
}
