/*
 * Goal: the A64 assembler encodes as GNU as does, whose words these are; branches reach where they
 * are bound to, and a full buffer is an error, not a crash. Runs on every host.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/host/aarch64/asm_fp.h"

struct row {
    uint32_t word;
    const char *text;
};

static const struct row integer_rows[] = {
    { 0x91001441, "add x1, x2, #5" },
    { 0xd103c3ff, "sub sp, sp, #240" },
    { 0x3100047f, "cmn w3, #1" },
    { 0x914080a4, "add x4, x5, #0x20, lsl #12" },
    { 0xeb0700df, "cmp x6, x7" },
    { 0x8b091348, "add x8, x26, x9, lsl #4" },
    { 0x9274cc41, "and x1, x2, #0xfffffffffffff000" },
    { 0x32010483, "orr w3, w4, #0x80000001" },
    { 0xd200f0c5, "eor x5, x6, #0x5555555555555555" },
    { 0xf24008ff, "tst x7, #7" },
    { 0x92009d28, "and x8, x9, #0x00ff00ff00ff00ff" },
    { 0x8a230041, "bic x1, x2, x3" },
    { 0x4a2600a4, "eon w4, w5, w6" },
    { 0xca88fd07, "eor x7, x8, x8, asr #63" },
    { 0xaa0a03e9, "mov x9, x10" },
    { 0x92800021, "mov x1, #-2" },
    { 0xd2a24681, "mov x1, #0x12340000" },
    { 0xb2407be1, "mov x1, #0x7fffffff" },
    { 0xd2800001, "mov x1, #0" },
    { 0x92800001, "mov x1, #-1" },
    { 0xd3410041, "lsl x1, x2, #63" },
    { 0x53007c41, "lsl w1, w2, #0" },
    { 0x53077c83, "lsr w3, w4, #7" },
    { 0x9360fcc5, "asr x5, x6, #32" },
    { 0x13882507, "ror w7, w8, #9" },
    { 0xd34c6030, "ubfx x16, x1, #12, #13" },
    { 0x93407c41, "sxtw x1, w2" },
    { 0x1ac30c41, "sdiv w1, w2, w3" },
    { 0x9ac62ca4, "ror x4, x5, x6" },
    { 0xdac00c41, "rev x1, x2" },
    { 0x5ac00083, "rbit w3, w4" },
    { 0xdac010c5, "clz x5, x6" },
    { 0x9b039041, "msub x1, x2, x3, x4" },
    { 0x9bc77cc5, "umulh x5, x6, x7" },
    { 0xda9f1041, "csinv x1, x2, xzr, ne" },
    { 0x9a9f27e3, "cset x3, lo" },
    { 0x7a500060, "ccmp w3, w16, #0, eq" },
};

static void integer_emit(struct a64_asm *as)
{
    /* sums, logic, shifts, products, selection */
    a64_sum_ri(as, A64_ADD, true, 1, 2, 5);
    a64_sum_ri(as, A64_SUB, true, A64_SP, A64_SP, 240);
    a64_sum_ri(as, A64_ADDS, false, A64_ZR, 3, 1);
    a64_sum_ri(as, A64_ADD, true, 4, 5, 0x20000);
    a64_sum_rr(as, A64_SUBS, true, A64_ZR, 6, 7, 0);
    a64_sum_rr(as, A64_ADD, true, 8, 26, 9, 4);
    a64_logic_ri(as, A64_AND, true, 1, 2, UINT64_C(0xfffffffffffff000));
    a64_logic_ri(as, A64_ORR, false, 3, 4, 0x80000001);
    a64_logic_ri(as, A64_EOR, true, 5, 6, UINT64_C(0x5555555555555555));
    a64_logic_ri(as, A64_ANDS, true, A64_ZR, 7, 7);
    a64_logic_ri(as, A64_AND, true, 8, 9, UINT64_C(0x00ff00ff00ff00ff));
    a64_logic_rr(as, A64_BIC, true, 1, 2, 3);
    a64_logic_rr(as, A64_EON, false, 4, 5, 6);
    a64_logic_rs(as, A64_EOR, true, 7, 8, 8, A64_ASR, 63);
    a64_mov(as, 9, 10);
    a64_mov_imm(as, 1, UINT64_MAX - 1);
    a64_mov_imm(as, 1, 0x12340000);
    a64_mov_imm(as, 1, 0x7fffffff);
    a64_mov_imm(as, 1, 0);
    a64_mov_imm(as, 1, UINT64_MAX);
    a64_shift_ri(as, A64_LSL, true, 1, 2, 63);
    a64_shift_ri(as, A64_LSL, false, 1, 2, 0);
    a64_shift_ri(as, A64_LSR, false, 3, 4, 7);
    a64_shift_ri(as, A64_ASR, true, 5, 6, 32);
    a64_shift_ri(as, A64_ROR, false, 7, 8, 9);
    a64_bitfield(as, A64_UBFM, true, 16, 1, 12, 24);
    a64_extend(as, 4, true, 1, 2);
    a64_two(as, A64_SDIV, false, 1, 2, 3);
    a64_two(as, A64_RORV, true, 4, 5, 6);
    a64_one(as, A64_REV, true, 1, 2);
    a64_one(as, A64_RBIT, false, 3, 4);
    a64_one(as, A64_CLZ, true, 5, 6);
    a64_three(as, A64_MSUB, true, 1, 2, 3, 4);
    a64_three(as, A64_UMULH, true, 5, 6, 7, A64_ZR);
    a64_select(as, A64_CSINV, true, 1, 2, A64_ZR, CC_NE);
    a64_cset(as, 3, CC_LO);
    a64_ccmp(as, false, 3, 16, 0, CC_EQ);
}

static const struct row memory_rows[] = {
    { 0x389fd041, "ldrsb x1, [x2, #-3]" },
    { 0x79400483, "ldrh w3, [x4, #2]" },
    { 0xb8a66a25, "ldrsw x5, [x17, x6]" },
    { 0xbc286a27, "str s7, [x17, x8]" },
    { 0xf97fff89, "ldr x9, [x28, #32760]" },
    { 0xfd0007e1, "str d1, [sp, #8]" },
    { 0xa9404610, "ldp x16, x17, [x16]" },
    { 0x6d3f27e8, "stp d8, d9, [sp, #-16]" },
    { 0xd63f0200, "blr x16" },
    { 0xd65f03c0, "ret" },
    { 0xd50339bf, "dmb ishld" },
    { 0xd5033fdf, "isb" },
    { 0xb8e10222, "ldaddal w1, w2, [x17]" },
    { 0xf8a37224, "ldumina x3, x4, [x17]" },
    { 0xf8658226, "swpl x5, x6, [x17]" },
    { 0xc8f0fe21, "casal x16, x1, [x17]" },
    { 0x885ffe21, "ldaxr w1, [x17]" },
    { 0xc81efe22, "stlxr w30, x2, [x17]" },
    { 0xc8dffe23, "ldar x3, [x17]" },
};

static void memory_emit(struct a64_asm *as)
{
    /* accesses, barriers, atomics */
    a64_access(as, (struct a64_access){ 1, true, true, false }, 1, a64_at(2, -3));
    a64_access(as, (struct a64_access){ 2, true, false, false }, 3, a64_at(4, 2));
    a64_access(as, (struct a64_access){ 4, true, true, false }, 5, a64_indexed(17, 6));
    a64_access(as, (struct a64_access){ 4, false, false, true }, 7, a64_indexed(17, 8));
    a64_ldr(as, 9, a64_at(28, 32760));
    a64_str_d(as, 1, a64_at(A64_SP, 8));
    a64_pair(as, true, false, 16, 17, 16, 0);
    a64_pair(as, false, true, 8, 9, A64_SP, -16);
    a64_br(as, true, 16);
    a64_ret(as);
    a64_dmb(as, A64_DMB_ISHLD);
    a64_isb(as);
    a64_atomic(as, A64_LDADD, 4, true, true, 1, 2, 17);
    a64_atomic(as, A64_LDUMIN, 8, true, false, 3, 4, 17);
    a64_atomic(as, A64_SWP, 8, false, true, 5, 6, 17);
    a64_cas(as, 8, true, true, 16, 1, 17);
    a64_ldxr(as, 4, true, 1, 17);
    a64_stxr(as, 8, true, A64_LINK, 2, 17);
    a64_ldar(as, 8, 3, 17);
}

static const struct row vector_rows[] = {
    { 0x1e631841, "fdiv d1, d2, d3" },
    { 0x1e2658a4, "fmin s4, s5, s6" },
    { 0x1e61c041, "fsqrt d1, d2" },
    { 0x1e624041, "fcvt s1, d2" },
    { 0x1e22c083, "fcvt d3, s4" },
    { 0x1e67c0c5, "frinti d5, d6" },
    { 0x1f239041, "fnmsub s1, s2, s3, s4" },
    { 0x1e622030, "fcmpe d1, d2" },
    { 0x1e790041, "fcvtzu w1, d2" },
    { 0x9e280083, "fcvtps x3, s4" },
    { 0x9e6300c5, "ucvtf d5, x6" },
    { 0x9e660107, "fmov x7, d8" },
    { 0x1e270149, "fmov s9, w10" },
    { 0x2e621c24, "bsl v4.8b, v1.8b, v2.8b" },
    { 0x0e248c84, "cmtst v4.8b, v4.8b, v4.8b" },
    { 0x2f07e605, "movi d5, #0xffffffff00000000" },
    { 0xd53b4430, "mrs x16, fpsr" },
};

static void vector_emit(struct a64_asm *as)
{
    /* floating point and vectors */
    a64_fp2(as, A64_FDIV, true, 1, 2, 3);
    a64_fp2(as, A64_FMIN, false, 4, 5, 6);
    a64_fp1(as, A64_FSQRT, true, 1, 2);
    a64_fp1(as, A64_FCVT_S, true, 1, 2);
    a64_fp1(as, A64_FCVT_D, false, 3, 4);
    a64_fp1(as, A64_FRINTI, true, 5, 6);
    a64_fp3(as, A64_FNMSUB, false, 1, 2, 3, 4);
    a64_fcmp(as, true, true, 1, 2);
    a64_fpx(as, A64_FCVTZS, false, true, true, 1, 2);
    a64_fpx(as, A64_FCVTPS, true, false, false, 3, 4);
    a64_fpx(as, A64_UCVTF, true, true, false, 5, 6);
    a64_fpx(as, A64_FMOV_X, true, true, false, 7, 8);
    a64_fpx(as, A64_FMOV_F, false, false, false, 9, 10);
    a64_vec(as, A64_VBSL, 4, 1, 2);
    a64_vec(as, A64_VCMTST, 4, 4, 4);
    a64_vec_box(as, 5);
    a64_fpsr(as, true, 16);
}

static unsigned compare(const struct row *rows, size_t count, void (*emit)(struct a64_asm *))
{
    uint8_t code[1024];
    struct a64_asm as = { code, code, code + sizeof code, false };
    unsigned wrong = 0;
    emit(&as);
    assert(!as.overflow && a64_size(&as) == 4 * count);
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, code + 4 * i, sizeof word);
        if (word != rows[i].word) {
            printf("%s: %08x, not %08x\n", rows[i].text, word, rows[i].word);
            wrong++;
        }
    }
    return wrong;
}

#define COMPARE(name) compare(name##_rows, sizeof name##_rows / sizeof name##_rows[0], name##_emit)

static void check_branches(void)
{
    uint8_t code[64];
    uint32_t words[4];
    struct a64_asm as = { code, code, code + sizeof code, false };
    uint8_t *forward = a64_bcc(&as, CC_HI);
    a64_bind(&as, a64_bl(&as), code);
    uint8_t *literal = a64_literal(&as, 16);
    a64_bind(&as, a64_cbz(&as, true, true, 3), code + 4);
    a64_bind_here(&as, forward);
    a64_bind_here(&as, literal);
    memcpy(words, code, sizeof words);
    assert(words[0] == 0x54000088); /* b.hi +16 */
    assert(words[1] == 0x97ffffff); /* bl -4 */
    assert(words[2] == 0x18000050); /* ldr w16, +8 */
    assert(words[3] == 0xb5ffffc3); /* cbnz x3, -8 */
    assert(a64_encode_b(-8) == 0x17fffffe);
}

static void check_overflow(void)
{
    uint8_t code[8];
    struct a64_asm as = { code, code, code + 6, false };
    a64_ret(&as);
    assert(!as.overflow);
    uint8_t *place = a64_b(&as);
    a64_bind_here(&as, place);
    assert(as.overflow && a64_size(&as) == 4);
}

int main(void)
{
    unsigned wrong = COMPARE(integer) + COMPARE(memory) + COMPARE(vector);
    assert(!a64_logic_fits(true, 0) && !a64_logic_fits(true, UINT64_MAX));
    assert(!a64_logic_fits(true, 5) && !a64_sum_fits(4097) && !a64_reaches(8, 257));
    check_branches();
    check_overflow();
    return wrong != 0;
}
