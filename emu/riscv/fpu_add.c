/* FADD and FSUB. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

FPU_INLINE uint64_t fpu_add_finite(const struct fpu_format *format, struct fpu_number a,
                                   struct fpu_number b, unsigned rm, unsigned *flags)
{
    if (b.exp > a.exp || (b.exp == a.exp && b.sig > a.sig)) {
        struct fpu_number swap = a;
        a = b;
        b = swap;
    }
    /* One bit of room for the carry; at least nine bits stay below the precision of a double, so
     * that the sticky bit never reaches the round bits. */
    uint64_t big = a.sig >> 1;
    uint64_t small = fpu_shift_jam(b.sig >> 1, (unsigned)(a.exp - b.exp));
    uint64_t sum = a.sign == b.sign ? big + small : big - small;
    if (sum == 0) {
        return fpu_zero(format, fpu_zero_sum_sign(a.sign, b.sign, rm));
    }
    int shift = __builtin_clzll(sum);
    return fpu_round_pack(format, a.sign, a.exp + 1 - shift, sum << shift, rm, flags);
}

FPU_INLINE uint64_t fpu_add(const struct fpu_format *format, uint64_t a_bits, uint64_t b_bits,
                            unsigned rm, unsigned *flags)
{
    struct fpu_number a = fpu_unpack(format, a_bits);
    struct fpu_number b = fpu_unpack(format, b_bits);
    if (a.kind == FPU_FINITE && b.kind == FPU_FINITE) {
        return fpu_add_finite(format, a, b, rm, flags);
    }
    if (fpu_is_nan(a) || fpu_is_nan(b)) {
        return fpu_nan_of(format, a, b, flags);
    }
    if (a.kind == FPU_INF && b.kind == FPU_INF && a.sign != b.sign) {
        return fpu_nan(format, true, flags);
    }
    if (a.kind == FPU_ZERO && b.kind == FPU_ZERO) {
        return fpu_zero(format, fpu_zero_sum_sign(a.sign, b.sign, rm));
    }
    return a.kind == FPU_INF || b.kind == FPU_ZERO ? a_bits : b_bits;
}

uint32_t fpu_add32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_add(&fpu_single, a, b, rm, flags);
}

uint32_t fpu_sub32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_add(&fpu_single, a, b ^ fpu_sign(&fpu_single, true), rm, flags);
}

uint64_t fpu_add64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags)
{
    return fpu_add(&fpu_double, a, b, rm, flags);
}

uint64_t fpu_sub64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags)
{
    return fpu_add(&fpu_double, a, b ^ fpu_sign(&fpu_double, true), rm, flags);
}
