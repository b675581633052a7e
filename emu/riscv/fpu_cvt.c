/* FCVT: between the formats, to integers (saturating, NaN to the maximum) and from integers. */
#include "emu/riscv/fpu.h"

#include "emu/riscv/fpu_round.h"

struct fpu_integer {
    unsigned bits;
    bool is_signed;
};

static const struct fpu_integer fpu_i32 = { 32, true }, fpu_u32 = { 32, false };
static const struct fpu_integer fpu_i64 = { 64, true }, fpu_u64 = { 64, false };

FPU_INLINE uint64_t fpu_convert(const struct fpu_format *from, const struct fpu_format *to,
                                uint64_t bits, unsigned rm, unsigned *flags)
{
    struct fpu_number number = fpu_unpack(from, bits);
    switch (number.kind) {
    case FPU_ZERO: return fpu_zero(to, number.sign);
    case FPU_INF: return fpu_infinity(to, number.sign);
    case FPU_QNAN:
    case FPU_SNAN: return fpu_nan(to, number.kind == FPU_SNAN, flags);
    case FPU_FINITE: break;
    }
    return fpu_round_pack(to, number.sign, number.exp, number.sig, rm, flags);
}

/* The largest magnitude an integer of this type has with this sign. */
FPU_INLINE uint64_t fpu_integer_limit(const struct fpu_integer *type, bool sign)
{
    uint64_t top = UINT64_C(1) << (type->bits - 1);
    if (type->is_signed) {
        return sign ? top : top - 1;
    }
    return sign ? 0 : top | (top - 1);
}

/* A magnitude as a register: negated, 32-bit types sign-extended. */
FPU_INLINE uint64_t fpu_integer_register(const struct fpu_integer *type, bool sign,
                                         uint64_t magnitude)
{
    uint64_t value = sign ? -magnitude : magnitude;
    return type->bits == 32 ? (uint64_t)(int64_t)(int32_t)value : value;
}

FPU_INLINE uint64_t fpu_integer_invalid(const struct fpu_integer *type, bool sign, unsigned *flags)
{
    *flags |= FPU_NV;
    return fpu_integer_register(type, sign, fpu_integer_limit(type, sign));
}

/* Splits a magnitude below 2^64 at the point; *ret_rest is the fraction, 2^63 being one half. */
FPU_INLINE uint64_t fpu_integer_part(struct fpu_number number, uint64_t *ret_rest)
{
    if (number.exp < 0) {
        *ret_rest = number.exp == -1 ? number.sig : 1;
        return 0;
    }
    *ret_rest = number.exp == 63 ? 0 : number.sig << (number.exp + 1);
    return number.sig >> (63 - number.exp);
}

FPU_INLINE uint64_t fpu_to_integer(const struct fpu_format *format, const struct fpu_integer *type,
                                   uint64_t bits, unsigned rm, unsigned *flags)
{
    struct fpu_number number = fpu_unpack(format, bits);
    if (number.kind == FPU_ZERO) {
        return 0;
    }
    if (number.kind != FPU_FINITE || number.exp > 63) {
        return fpu_integer_invalid(type, number.sign && !fpu_is_nan(number), flags);
    }
    uint64_t rest;
    uint64_t whole = fpu_integer_part(number, &rest);
    whole += fpu_rounds_up(rm, number.sign, (whole & 1) != 0, rest, UINT64_C(1) << 63);
    if (whole > fpu_integer_limit(type, number.sign)) {
        return fpu_integer_invalid(type, number.sign, flags);
    }
    if (rest != 0) {
        *flags |= FPU_NX;
    }
    return fpu_integer_register(type, number.sign, whole);
}

FPU_INLINE uint64_t fpu_from_integer(const struct fpu_format *format, bool sign, uint64_t magnitude,
                                     unsigned rm, unsigned *flags)
{
    if (magnitude == 0) {
        return fpu_zero(format, false);
    }
    int shift = __builtin_clzll(magnitude);
    return fpu_round_pack(format, sign, 63 - shift, magnitude << shift, rm, flags);
}

FPU_INLINE uint64_t fpu_from_signed(const struct fpu_format *format, int64_t value, unsigned rm,
                                    unsigned *flags)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    return fpu_from_integer(format, value < 0, magnitude, rm, flags);
}

uint64_t fpu_f32_to_f64(uint32_t a, unsigned *flags)
{
    return fpu_convert(&fpu_single, &fpu_double, a, FPU_RNE, flags);
}

uint32_t fpu_f64_to_f32(uint64_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_convert(&fpu_double, &fpu_single, a, rm, flags);
}

uint64_t fpu_f32_to_i32(uint32_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_single, &fpu_i32, a, rm, flags);
}

uint64_t fpu_f32_to_u32(uint32_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_single, &fpu_u32, a, rm, flags);
}

uint64_t fpu_f32_to_i64(uint32_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_single, &fpu_i64, a, rm, flags);
}

uint64_t fpu_f32_to_u64(uint32_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_single, &fpu_u64, a, rm, flags);
}

uint64_t fpu_f64_to_i32(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_double, &fpu_i32, a, rm, flags);
}

uint64_t fpu_f64_to_u32(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_double, &fpu_u32, a, rm, flags);
}

uint64_t fpu_f64_to_i64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_double, &fpu_i64, a, rm, flags);
}

uint64_t fpu_f64_to_u64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_to_integer(&fpu_double, &fpu_u64, a, rm, flags);
}

uint32_t fpu_i32_to_f32(uint64_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_from_signed(&fpu_single, (int32_t)a, rm, flags);
}

uint32_t fpu_u32_to_f32(uint64_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_from_integer(&fpu_single, false, (uint32_t)a, rm, flags);
}

uint32_t fpu_i64_to_f32(uint64_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_from_signed(&fpu_single, (int64_t)a, rm, flags);
}

uint32_t fpu_u64_to_f32(uint64_t a, unsigned rm, unsigned *flags)
{
    return (uint32_t)fpu_from_integer(&fpu_single, false, a, rm, flags);
}

uint64_t fpu_i32_to_f64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_from_signed(&fpu_double, (int32_t)a, rm, flags);
}

uint64_t fpu_u32_to_f64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_from_integer(&fpu_double, false, (uint32_t)a, rm, flags);
}

uint64_t fpu_i64_to_f64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_from_signed(&fpu_double, (int64_t)a, rm, flags);
}

uint64_t fpu_u64_to_f64(uint64_t a, unsigned rm, unsigned *flags)
{
    return fpu_from_integer(&fpu_double, false, a, rm, flags);
}
