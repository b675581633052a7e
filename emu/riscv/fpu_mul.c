/* FMUL and the fused multiply-add. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

/* Exact: two significands have their product's leading one in bit 127 or 126; 127 stands for
 * 2^(a.exp + b.exp + 1). */
FPU_INLINE unsigned __int128 fpu_product(struct fpu_number a, struct fpu_number b)
{
    return (unsigned __int128)a.sig * b.sig;
}

FPU_INLINE uint64_t fpu_mul(const struct fpu_format *format, uint64_t a_bits, uint64_t b_bits,
                            unsigned rm, unsigned *flags)
{
    struct fpu_number a = fpu_unpack(format, a_bits);
    struct fpu_number b = fpu_unpack(format, b_bits);
    bool sign = a.sign != b.sign;
    if (a.kind == FPU_FINITE && b.kind == FPU_FINITE) {
        return fpu_round_pack_wide(format, sign, a.exp + b.exp + 1, fpu_product(a, b), rm, flags);
    }
    if (fpu_is_nan(a) || fpu_is_nan(b)) {
        return fpu_nan_of(format, a, b, flags);
    }
    bool zero = a.kind == FPU_ZERO || b.kind == FPU_ZERO;
    bool infinite = a.kind == FPU_INF || b.kind == FPU_INF;
    if (zero && infinite) {
        return fpu_nan(format, true, flags);
    }
    return zero ? fpu_zero(format, sign) : fpu_infinity(format, sign);
}

FPU_INLINE unsigned __int128 fpu_shift_jam_wide(unsigned __int128 value, unsigned count)
{
    if (count == 0) {
        return value;
    }
    return count < 128 ? value >> count | ((value << (128 - count)) != 0) : value != 0;
}

/* product + c, the product's leading one in bit 126 standing for 2^exp. */
FPU_INLINE uint64_t fpu_fma_sum(const struct fpu_format *format, bool sign, int exp,
                                unsigned __int128 product, struct fpu_number c, unsigned rm,
                                unsigned *flags)
{
    unsigned __int128 addend = (unsigned __int128)c.sig << 63;
    int distance = exp - c.exp;
    if (distance >= 0) {
        addend = fpu_shift_jam_wide(addend, (unsigned)distance);
    } else {
        product = fpu_shift_jam_wide(product, (unsigned)-distance);
        exp = c.exp;
    }
    if (sign == c.sign) {
        return fpu_round_pack_wide(format, sign, exp + 1, product + addend, rm, flags);
    }
    if (product == addend) {
        return fpu_zero(format, fpu_zero_sum_sign(sign, c.sign, rm));
    }
    bool larger = product > addend;
    unsigned __int128 difference = larger ? product - addend : addend - product;
    return fpu_round_pack_wide(format, larger ? sign : c.sign, exp + 1, difference, rm, flags);
}

/* Some operand is a NaN, an infinity or zero; `c_bits` is what c was unpacked from. */
FPU_INLINE uint64_t fpu_fma_special(const struct fpu_format *format, struct fpu_number a,
                                    struct fpu_number b, struct fpu_number c, uint64_t c_bits,
                                    unsigned rm, unsigned *flags)
{
    bool sign = a.sign != b.sign;
    bool zero = a.kind == FPU_ZERO || b.kind == FPU_ZERO;
    bool infinite = a.kind == FPU_INF || b.kind == FPU_INF;
    if (zero && infinite) {
        return fpu_nan(format, true, flags);
    }
    if (fpu_is_nan(a) || fpu_is_nan(b) || fpu_is_nan(c)) {
        bool signaling = a.kind == FPU_SNAN || b.kind == FPU_SNAN || c.kind == FPU_SNAN;
        return fpu_nan(format, signaling, flags);
    }
    if (infinite) {
        return c.kind == FPU_INF && c.sign != sign ? fpu_nan(format, true, flags)
                                                   : fpu_infinity(format, sign);
    }
    if (c.kind == FPU_ZERO && zero) {
        return fpu_zero(format, fpu_zero_sum_sign(sign, c.sign, rm));
    }
    if (c.kind == FPU_ZERO) {
        return fpu_round_pack_wide(format, sign, a.exp + b.exp + 1, fpu_product(a, b), rm, flags);
    }
    return c_bits;
}

FPU_INLINE uint64_t fpu_fma(const struct fpu_format *format, uint64_t a_bits, uint64_t b_bits,
                            uint64_t c_bits, unsigned rm, unsigned *flags)
{
    struct fpu_number a = fpu_unpack(format, a_bits);
    struct fpu_number b = fpu_unpack(format, b_bits);
    struct fpu_number c = fpu_unpack(format, c_bits);
    if (a.kind != FPU_FINITE || b.kind != FPU_FINITE || c.kind != FPU_FINITE) {
        return fpu_fma_special(format, a, b, c, c_bits, rm, flags);
    }
    unsigned __int128 product = fpu_product(a, b);
    int exp = a.exp + b.exp;
    if ((uint64_t)(product >> 64) >> 63 != 0) {
        product >>= 1; /* the lowest bits are zero in either format */
        exp++;
    }
    return fpu_fma_sum(format, a.sign != b.sign, exp, product, c, rm, flags);
}

uint32_t fpu_mul32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_mul(&fpu_single, a, b, rm, flags);
}

uint64_t fpu_mul64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags)
{
    return fpu_mul(&fpu_double, a, b, rm, flags);
}

uint32_t fpu_fma32(uint32_t a, uint32_t b, uint32_t c, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_fma(&fpu_single, a, b, c, rm, flags);
}

uint64_t fpu_fma64(uint64_t a, uint64_t b, uint64_t c, unsigned rm, unsigned *flags)
{
    return fpu_fma(&fpu_double, a, b, c, rm, flags);
}
