/* A64 floating point and vectors: encoding. */
#include "emu/jit/host/aarch64/asm_fp.h"

static uint32_t asm_fp(bool wide, int d, int n, int m)
{
    return (wide ? 1u << 22 : 0) | (uint32_t)d | (uint32_t)n << 5 | (uint32_t)m << 16;
}

void a64_fp2(struct a64_asm *as, enum a64_fp2 op, bool wide, int d, int n, int m)
{
    a64_word(as, 0x1e200800u | (uint32_t)op << 12 | asm_fp(wide, d, n, m));
}

void a64_fp1(struct a64_asm *as, enum a64_fp1 op, bool wide, int d, int n)
{
    a64_word(as, 0x1e204000u | (uint32_t)op << 15 | asm_fp(wide, d, n, 0));
}

void a64_fp3(struct a64_asm *as, enum a64_fp3 op, bool wide, int d, int n, int m, int a)
{
    a64_word(as, 0x1f000000u | (uint32_t)op / 2 << 21 | (uint32_t)op % 2 << 15 |
                     (uint32_t)a << 10 | asm_fp(wide, d, n, m));
}

void a64_fcmp(struct a64_asm *as, bool wide, bool signaling, int n, int m)
{
    a64_word(as, 0x1e202000u | (signaling ? 0x10u : 0) | asm_fp(wide, 0, n, m));
}

void a64_fpx(struct a64_asm *as, enum a64_fpx op, bool x64, bool wide, bool is_unsigned, int d,
             int n)
{
    uint32_t code = (uint32_t)op | (is_unsigned ? 1u : 0);
    a64_word(as, 0x1e200000u | (x64 ? 1u << 31 : 0) | code << 16 | asm_fp(wide, d, n, 0));
}

void a64_vec(struct a64_asm *as, enum a64_vec op, int d, int n, int m)
{
    static const uint32_t base[] = {
        [A64_VAND] = 0x0e201c00, [A64_VORR] = 0x0ea01c00, [A64_VEOR] = 0x2e201c00,
        [A64_VBSL] = 0x2e601c00, [A64_VCMTST] = 0x0e208c00,
    };
    a64_word(as, base[op] | asm_fp(false, d, n, m));
}

void a64_vec_popcount(struct a64_asm *as, int d, int n)
{
    a64_word(as, 0x0e205800u | asm_fp(false, d, n, 0));
    a64_word(as, 0x0e31b800u | asm_fp(false, d, d, 0));
}

void a64_vec_box(struct a64_asm *as, int d)
{
    a64_word(as, 0x2f07e600u | (uint32_t)d);
}

void a64_fpsr(struct a64_asm *as, bool read, int t)
{
    a64_word(as, (read ? 0xd53b4420u : 0xd51b4420u) | (uint32_t)t);
}
