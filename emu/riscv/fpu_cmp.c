/* Comparisons, minimum and maximum, and FCLASS: on the patterns themselves, nothing rounds. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

/* A pattern as an integer that orders as the numbers do, -0 just below +0. */
FPU_INLINE int64_t fpu_order(const struct fpu_format *format, uint64_t bits)
{
    uint64_t magnitude = bits & (fpu_sign(format, true) - 1);
    return (bits & fpu_sign(format, true)) != 0 ? -1 - (int64_t)magnitude : (int64_t)magnitude;
}

FPU_INLINE bool fpu_bits_nan(const struct fpu_format *format, uint64_t bits)
{
    return (bits & (fpu_sign(format, true) - 1)) > fpu_infinity(format, false);
}

FPU_INLINE bool fpu_bits_snan(const struct fpu_format *format, uint64_t bits)
{
    return fpu_bits_nan(format, bits) && (bits >> (format->frac_bits - 1) & 1) == 0;
}

/* Both zeros, of whatever sign: they compare equal. */
FPU_INLINE bool fpu_both_zero(const struct fpu_format *format, uint64_t a, uint64_t b)
{
    return ((a | b) & (fpu_sign(format, true) - 1)) == 0;
}

FPU_INLINE bool fpu_equal(const struct fpu_format *format, uint64_t a, uint64_t b, unsigned *flags)
{
    if (fpu_bits_nan(format, a) || fpu_bits_nan(format, b)) {
        if (fpu_bits_snan(format, a) || fpu_bits_snan(format, b)) {
            *flags |= FPU_NV;
        }
        return false;
    }
    return a == b || fpu_both_zero(format, a, b);
}

/* a < b, or a <= b with `or_equal`. */
FPU_INLINE bool fpu_less(const struct fpu_format *format, uint64_t a, uint64_t b, bool or_equal,
                         unsigned *flags)
{
    if (fpu_bits_nan(format, a) || fpu_bits_nan(format, b)) {
        *flags |= FPU_NV;
        return false;
    }
    if (a == b || fpu_both_zero(format, a, b)) {
        return or_equal;
    }
    return fpu_order(format, a) < fpu_order(format, b);
}

/* minimumNumber, or maximumNumber with `larger`. */
FPU_INLINE uint64_t fpu_pick(const struct fpu_format *format, uint64_t a, uint64_t b, bool larger,
                             unsigned *flags)
{
    if (fpu_bits_snan(format, a) || fpu_bits_snan(format, b)) {
        *flags |= FPU_NV;
    }
    if (fpu_bits_nan(format, a)) {
        return fpu_bits_nan(format, b) ? fpu_nan(format, false, flags) : b;
    }
    if (fpu_bits_nan(format, b)) {
        return a;
    }
    return (fpu_order(format, a) < fpu_order(format, b)) != larger ? a : b;
}

FPU_INLINE uint32_t fpu_class(const struct fpu_format *format, uint64_t bits)
{
    bool sign = (bits & fpu_sign(format, true)) != 0;
    uint64_t magnitude = bits & (fpu_sign(format, true) - 1);
    if (fpu_bits_nan(format, bits)) {
        return fpu_bits_snan(format, bits) ? 1u << 8 : 1u << 9;
    }
    /* Bits 0..3 are -inf, normal, subnormal, zero; 7..4 the same, positive. */
    unsigned rank = 1;
    if (magnitude == fpu_infinity(format, false)) {
        rank = 0;
    } else if (magnitude == 0) {
        rank = 3;
    } else if (magnitude <= fpu_frac_mask(format)) {
        rank = 2;
    }
    return 1u << (sign ? rank : 7 - rank);
}

uint32_t fpu_min32(uint32_t a, uint32_t b, unsigned *flags)
{
    return (uint32_t)fpu_pick(&fpu_single, a, b, false, flags);
}

uint32_t fpu_max32(uint32_t a, uint32_t b, unsigned *flags)
{
    return (uint32_t)fpu_pick(&fpu_single, a, b, true, flags);
}

bool fpu_eq32(uint32_t a, uint32_t b, unsigned *flags)
{
    return fpu_equal(&fpu_single, a, b, flags);
}

bool fpu_lt32(uint32_t a, uint32_t b, unsigned *flags)
{
    return fpu_less(&fpu_single, a, b, false, flags);
}

bool fpu_le32(uint32_t a, uint32_t b, unsigned *flags)
{
    return fpu_less(&fpu_single, a, b, true, flags);
}

uint32_t fpu_class32(uint32_t a)
{
    return fpu_class(&fpu_single, a);
}

uint64_t fpu_min64(uint64_t a, uint64_t b, unsigned *flags)
{
    return fpu_pick(&fpu_double, a, b, false, flags);
}

uint64_t fpu_max64(uint64_t a, uint64_t b, unsigned *flags)
{
    return fpu_pick(&fpu_double, a, b, true, flags);
}

bool fpu_eq64(uint64_t a, uint64_t b, unsigned *flags)
{
    return fpu_equal(&fpu_double, a, b, flags);
}

bool fpu_lt64(uint64_t a, uint64_t b, unsigned *flags)
{
    return fpu_less(&fpu_double, a, b, false, flags);
}

bool fpu_le64(uint64_t a, uint64_t b, unsigned *flags)
{
    return fpu_less(&fpu_double, a, b, true, flags);
}

uint32_t fpu_class64(uint64_t a)
{
    return fpu_class(&fpu_double, a);
}
