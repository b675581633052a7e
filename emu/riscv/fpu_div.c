/* FDIV and FSQRT. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

/* The quotient of two significands with its leading one in bit 63; `smaller`: a is less than b,
 * which halves what it stands for. */
FPU_INLINE uint64_t fpu_quotient(const struct fpu_format *format, uint64_t a, uint64_t b,
                                 bool smaller)
{
    if (format->frac_bits < 32 - 2) { /* 32 bits of quotient are enough, and much quicker */
        uint64_t dividend = a >> !smaller;
        return dividend / (b >> 32) << 32 | (dividend % (b >> 32) != 0);
    }
    unsigned __int128 dividend = (unsigned __int128)a << (smaller ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b);
    return quotient | (quotient * b != (uint64_t)dividend);
}

FPU_INLINE uint64_t fpu_div_finite(const struct fpu_format *format, struct fpu_number a,
                                   struct fpu_number b, unsigned rm, unsigned *flags)
{
    bool smaller = a.sig < b.sig;
    return fpu_round_pack(format, a.sign != b.sign, a.exp - b.exp - smaller,
                          fpu_quotient(format, a.sig, b.sig, smaller), rm, flags);
}

FPU_INLINE uint64_t fpu_div(const struct fpu_format *format, uint64_t a_bits, uint64_t b_bits,
                            unsigned rm, unsigned *flags)
{
    struct fpu_number a = fpu_unpack(format, a_bits);
    struct fpu_number b = fpu_unpack(format, b_bits);
    bool sign = a.sign != b.sign;
    if (a.kind == FPU_FINITE && b.kind == FPU_FINITE) {
        return fpu_div_finite(format, a, b, rm, flags);
    }
    if (fpu_is_nan(a) || fpu_is_nan(b)) {
        return fpu_nan_of(format, a, b, flags);
    }
    if (a.kind == b.kind) {
        return fpu_nan(format, true, flags); /* 0/0, inf/inf */
    }
    if (a.kind == FPU_ZERO || b.kind == FPU_INF) {
        return fpu_zero(format, sign);
    }
    if (b.kind == FPU_ZERO && a.kind == FPU_FINITE) {
        *flags |= FPU_DZ;
    }
    return fpu_infinity(format, sign);
}

/* An integer's square root, rounded down, and what it leaves: root^2 + rest. */
struct fpu_root {
    uint64_t root, rest;
};

/* Of a 28-bit integer, digit by digit: 14 of them. */
FPU_INLINE struct fpu_root fpu_root_start(uint64_t radicand)
{
    struct fpu_root r = { 0, 0 };
    for (int shift = 26; shift >= 0; shift -= 2) {
        uint64_t trial = r.root << 2 | 1;
        r.rest = r.rest << 2 | (radicand >> shift & 3);
        bool digit = r.rest >= trial;
        r.rest -= digit ? trial : 0;
        r.root = r.root << 1 | digit;
    }
    return r;
}

/* Doubles the digits of a root of `bits` bits with one division, the radicand growing by 2 * `bits`
 * bits, `next` (P. Zimmermann, Karatsuba Square Root, 1999). The radicand's top two bits must not
 * both be zero. */
FPU_INLINE struct fpu_root fpu_root_extend(struct fpu_root r, unsigned bits, uint64_t next)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t dividend = r.rest << bits | next >> bits;
    uint64_t digits = dividend / (2 * r.root);
    uint64_t left = dividend % (2 * r.root);
    uint64_t root = (r.root << bits) + digits;
    int64_t rest = (int64_t)(left << bits | (next & mask)) - (int64_t)(digits * digits);
    if (rest < 0) {
        rest += (int64_t)(2 * root - 1);
        root--;
    }
    return (struct fpu_root){ root, (uint64_t)rest };
}

FPU_INLINE uint64_t fpu_sqrt_finite(const struct fpu_format *format, struct fpu_number a,
                                    unsigned rm, unsigned *flags)
{
    bool odd = (a.exp & 1) != 0;
    /* In [1, 4) with two bits before the point and 54 behind: all of either format's bits. */
    uint64_t radicand = a.sig >> (odd ? 8 : 9);
    struct fpu_root r = fpu_root_start(radicand >> 28);
    r = fpu_root_extend(r, 14, radicand & ((UINT64_C(1) << 28) - 1));
    unsigned bits = 28;
    if (format->frac_bits + 2 > bits) {
        r = fpu_root_extend(r, 28, 0);
        bits = 56;
    }
    uint64_t sig = r.root << (64 - bits) | (r.rest != 0);
    return fpu_round_pack(format, false, (a.exp - odd) / 2, sig, rm, flags);
}

FPU_INLINE uint64_t fpu_sqrt(const struct fpu_format *format, uint64_t a_bits, unsigned rm,
                             unsigned *flags)
{
    struct fpu_number a = fpu_unpack(format, a_bits);
    if (fpu_is_nan(a)) {
        return fpu_nan(format, a.kind == FPU_SNAN, flags);
    }
    if (a.kind == FPU_ZERO) {
        return a_bits;
    }
    if (a.sign) {
        return fpu_nan(format, true, flags);
    }
    return a.kind == FPU_INF ? a_bits : fpu_sqrt_finite(format, a, rm, flags);
}

uint32_t fpu_div32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_div(&fpu_single, a, b, rm, flags);
}

uint64_t fpu_div64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags)
{
    return fpu_div(&fpu_double, a, b, rm, flags);
}

uint32_t fpu_sqrt32(uint32_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_sqrt(&fpu_single, a, rm, flags);
}

uint64_t fpu_sqrt64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_sqrt(&fpu_double, a, rm, flags);
}
