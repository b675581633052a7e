/*
 * What all F and D operations share: a format, an unpacked number, rounding and packing.
 *
 * Private to fpu_*.c. A significand is 64 bits with its leading one in bit 63, so that a number is
 * sig * 2^(exp - 63); bits below the format's precision are round bits and one sticky bit. Every
 * function is inline with the format as a constant, so that both formats get code of their own.
 */
#pragma once

#include <assert.h>

#include "emu/riscv/fpu.h"

/* Compilers share code of this size between the formats if they may, at half the speed. */
#define FPU_INLINE static inline __attribute__((always_inline))

struct fpu_format {
    unsigned frac_bits, exp_bits;
};

static const struct fpu_format fpu_single = { .frac_bits = 23, .exp_bits = 8 };
static const struct fpu_format fpu_double = { .frac_bits = 52, .exp_bits = 11 };

/* The order matters: everything from FPU_QNAN on is a NaN. */
enum fpu_kind { FPU_ZERO, FPU_FINITE, FPU_INF, FPU_QNAN, FPU_SNAN };

struct fpu_number {
    enum fpu_kind kind;
    bool sign;
    int exp;      /* of a finite number: unbiased */
    uint64_t sig; /* of a finite number: normalised, bit 63 is set */
};

/* The exponent field of infinities and NaNs. */
FPU_INLINE int fpu_exp_max(const struct fpu_format *format)
{
    return (1 << format->exp_bits) - 1;
}

/* What is added to an exponent in its field. */
FPU_INLINE int fpu_bias(const struct fpu_format *format)
{
    return fpu_exp_max(format) >> 1;
}

/* Bits of the fraction field. */
FPU_INLINE uint64_t fpu_frac_mask(const struct fpu_format *format)
{
    return (UINT64_C(1) << format->frac_bits) - 1;
}

/* The sign bit in place. */
FPU_INLINE uint64_t fpu_sign(const struct fpu_format *format, bool sign)
{
    return (uint64_t)sign << (format->frac_bits + format->exp_bits);
}

/* A zero of the given sign. */
FPU_INLINE uint64_t fpu_zero(const struct fpu_format *format, bool sign)
{
    return fpu_sign(format, sign);
}

/* An infinity of the given sign. */
FPU_INLINE uint64_t fpu_infinity(const struct fpu_format *format, bool sign)
{
    return fpu_sign(format, sign) | ((uint64_t)fpu_exp_max(format) << format->frac_bits);
}

/* The canonical NaN; `invalid` raises NV. */
FPU_INLINE uint64_t fpu_nan(const struct fpu_format *format, bool invalid, unsigned *flags)
{
    if (invalid) {
        *flags |= FPU_NV;
    }
    return fpu_infinity(format, false) | (UINT64_C(1) << (format->frac_bits - 1));
}

/* Whether it is a NaN of either sort. */
FPU_INLINE bool fpu_is_nan(struct fpu_number number)
{
    return number.kind >= FPU_QNAN;
}

/* The result of an operation with a NaN among `a` and `b`. */
FPU_INLINE uint64_t fpu_nan_of(const struct fpu_format *format, struct fpu_number a,
                               struct fpu_number b, unsigned *flags)
{
    return fpu_nan(format, a.kind == FPU_SNAN || b.kind == FPU_SNAN, flags);
}

/* Shifts right; a one that falls out stays as the lowest bit. */
FPU_INLINE uint64_t fpu_shift_jam(uint64_t value, unsigned count)
{
    if (count == 0) {
        return value;
    }
    return count < 64 ? value >> count | ((value << (64 - count)) != 0) : value != 0;
}

/* Takes a bit pattern apart. */
FPU_INLINE struct fpu_number fpu_unpack(const struct fpu_format *format, uint64_t bits)
{
    uint64_t frac = bits & fpu_frac_mask(format);
    int exp = (int)(bits >> format->frac_bits) & fpu_exp_max(format);
    unsigned lift = 63 - format->frac_bits;
    struct fpu_number number = {
        .kind = FPU_FINITE,
        .sign = (bits & fpu_sign(format, true)) != 0,
        .exp = exp - fpu_bias(format),
        .sig = UINT64_C(1) << 63 | frac << lift,
    };
    if (exp == fpu_exp_max(format)) {
        bool quiet = (frac >> (format->frac_bits - 1)) != 0;
        number.kind = frac == 0 ? FPU_INF : quiet ? FPU_QNAN : FPU_SNAN;
    } else if (exp == 0 && frac == 0) {
        number.kind = FPU_ZERO;
    } else if (exp == 0) {
        unsigned shift = (unsigned)__builtin_clzll(frac);
        number.sig = frac << shift;
        number.exp = 1 - fpu_bias(format) - (int)(shift - lift);
    }
    return number;
}

/* Whether a magnitude grows by one unit in the last place: `rest` of 2*`half` is cut off. */
FPU_INLINE bool fpu_rounds_up(unsigned rm, bool sign, bool odd, uint64_t rest, uint64_t half)
{
    switch (rm) {
    case FPU_RNE: return rest > half || (rest == half && odd);
    case FPU_RDN: return sign && rest != 0;
    case FPU_RUP: return !sign && rest != 0;
    case FPU_RMM: return rest >= half;
    default: assert(rm == FPU_RTZ); return false;
    }
}

/* A result whose magnitude is too large for the format. */
FPU_INLINE uint64_t fpu_overflow(const struct fpu_format *format, bool sign, unsigned rm,
                                 unsigned *flags)
{
    bool to_infinity = rm == FPU_RNE || rm == FPU_RMM || rm == (sign ? FPU_RDN : FPU_RUP);
    *flags |= FPU_OF | FPU_NX;
    /* The pattern before infinity is the largest finite number. */
    return fpu_infinity(format, sign) - (to_infinity ? 0 : 1);
}

/* Rounds a normalised significand to the format. Tininess is judged after rounding: a number below
 * the smallest normal one is not tiny if, with an unbounded exponent, it would round up to it. */
FPU_INLINE uint64_t fpu_round_pack(const struct fpu_format *format, bool sign, int exp,
                                   uint64_t sig, unsigned rm, unsigned *flags)
{
    unsigned drop = 63 - format->frac_bits;
    uint64_t half = UINT64_C(1) << (drop - 1);
    uint64_t mask = half * 2 - 1;
    int biased = exp + fpu_bias(format);
    bool tiny = false;
    if (biased >= fpu_exp_max(format)) {
        return fpu_overflow(format, sign, rm, flags);
    }
    if (biased < 1) {
        bool carries =
            biased == 0 && sig >= ~mask && fpu_rounds_up(rm, sign, true, sig & mask, half);
        tiny = !carries;
        sig = fpu_shift_jam(sig, (unsigned)(1 - biased));
        biased = 1;
    }
    uint64_t rest = sig & mask;
    uint64_t whole = sig >> drop;
    whole += fpu_rounds_up(rm, sign, (whole & 1) != 0, rest, half);
    if (rest != 0) {
        *flags |= tiny ? FPU_NX | FPU_UF : FPU_NX;
    }
    /* The leading one, if there is one, adds 1 to the exponent field, and so does a carry. */
    uint64_t bits = ((uint64_t)(biased - 1) << format->frac_bits) + whole;
    if (bits >> format->frac_bits >= (uint64_t)fpu_exp_max(format)) {
        return fpu_overflow(format, sign, rm, flags);
    }
    return fpu_sign(format, sign) | bits;
}

/* The same from 128 bits of which the leading one may be anywhere; `exp` is that of bit 127. */
FPU_INLINE uint64_t fpu_round_pack_wide(const struct fpu_format *format, bool sign, int exp,
                                        unsigned __int128 sig, unsigned rm, unsigned *flags)
{
    uint64_t high = (uint64_t)(sig >> 64);
    int shift = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)sig);
    sig <<= shift;
    high = (uint64_t)(sig >> 64) | ((uint64_t)sig != 0);
    return fpu_round_pack(format, sign, exp - shift, high, rm, flags);
}

/* The sign of an exact zero that two operands of these signs add up to. */
FPU_INLINE bool fpu_zero_sum_sign(bool a, bool b, unsigned rm)
{
    return a == b ? a : rm == FPU_RDN;
}
