/* FDIV and FSQRT. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

static inline uint64_t fpu_div_finite(const struct fpu_format *format, struct fpu_number a,
                                      struct fpu_number b, unsigned rm, unsigned *flags)
{
    /* The quotient has 64 bits with the leading one in bit 63, whichever significand is larger. */
    bool smaller = a.sig < b.sig;
    unsigned __int128 dividend = (unsigned __int128)a.sig << (smaller ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b.sig);
    uint64_t rest = (uint64_t)dividend - quotient * b.sig;
    return fpu_round_pack(format, a.sign != b.sign, a.exp - b.exp - smaller,
                          quotient | (rest != 0), rm, flags);
}

static inline uint64_t fpu_div(const struct fpu_format *format, uint64_t a_bits, uint64_t b_bits,
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

/* The root digit by digit: the precision, one round bit, and the sticky bit from the remainder. */
static inline uint64_t fpu_sqrt_finite(const struct fpu_format *format, struct fpu_number a,
                                       unsigned rm, unsigned *flags)
{
    unsigned bits = format->frac_bits + 2;
    bool odd = (a.exp & 1) != 0;
    /* In [1, 4) with two bits before the point. */
    unsigned __int128 radicand = (unsigned __int128)a.sig << (odd ? 64 : 63);
    uint64_t root = 0, rest = 0;
    for (unsigned i = 0; i < bits; i++) {
        rest = rest << 2 | (uint64_t)(radicand >> 126);
        radicand <<= 2;
        uint64_t trial = root << 2 | 1;
        bool digit = rest >= trial;
        rest -= digit ? trial : 0;
        root = root << 1 | digit;
    }
    uint64_t sig = root << (64 - bits) | (rest != 0 || radicand != 0);
    return fpu_round_pack(format, false, (a.exp - odd) / 2, sig, rm, flags);
}

static inline uint64_t fpu_sqrt(const struct fpu_format *format, uint64_t a_bits, unsigned rm,
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
