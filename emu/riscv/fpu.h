/*
 * IEEE 754 binary32 and binary64 as RISC-V F and D define them, exact to the bit in integer
 * arithmetic: no host floating point, so every host gives the same result.
 *
 * Values are bit patterns. `rm` is a valid rounding mode 0..4 (RNE RTZ RDN RUP RMM); exception
 * flags are OR-ed into *flags (FPU_*). Tininess is detected after rounding. NaN results are the
 * canonical NaN. Pure functions, any thread. Manual volume I, chapters 20 and 21; IEEE 754-2008.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fpu_flag { FPU_NX = 1, FPU_UF = 2, FPU_OF = 4, FPU_DZ = 8, FPU_NV = 16 };
enum fpu_rm { FPU_RNE, FPU_RTZ, FPU_RDN, FPU_RUP, FPU_RMM };

#define FPU_CANONICAL_NAN32 0x7fc00000u
#define FPU_CANONICAL_NAN64 0x7ff8000000000000ull

/* a + b */
uint32_t fpu_add32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags);
/* a - b */
uint32_t fpu_sub32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags);
/* a * b */
uint32_t fpu_mul32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags);
/* a / b */
uint32_t fpu_div32(uint32_t a, uint32_t b, unsigned rm, unsigned *flags);
/* Square root of a. */
uint32_t fpu_sqrt32(uint32_t a, unsigned rm, unsigned *flags);
/* a * b + c with one rounding; inf * 0 raises NV even if c is a quiet NaN. */
uint32_t fpu_fma32(uint32_t a, uint32_t b, uint32_t c, unsigned rm, unsigned *flags);
/* IEEE 754-2019 minimumNumber. */
uint32_t fpu_min32(uint32_t a, uint32_t b, unsigned *flags);
/* IEEE 754-2019 maximumNumber. */
uint32_t fpu_max32(uint32_t a, uint32_t b, unsigned *flags);
/* Quiet comparison. */
bool fpu_eq32(uint32_t a, uint32_t b, unsigned *flags);
/* Signaling comparison. */
bool fpu_lt32(uint32_t a, uint32_t b, unsigned *flags);
/* Signaling comparison. */
bool fpu_le32(uint32_t a, uint32_t b, unsigned *flags);
/* The mask that FCLASS returns. */
uint32_t fpu_class32(uint32_t a);

/* a + b */
uint64_t fpu_add64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags);
/* a - b */
uint64_t fpu_sub64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags);
/* a * b */
uint64_t fpu_mul64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags);
/* a / b */
uint64_t fpu_div64(uint64_t a, uint64_t b, unsigned rm, unsigned *flags);
/* Square root of a. */
uint64_t fpu_sqrt64(uint64_t a, unsigned rm, unsigned *flags);
/* a * b + c with one rounding. */
uint64_t fpu_fma64(uint64_t a, uint64_t b, uint64_t c, unsigned rm, unsigned *flags);
/* IEEE 754-2019 minimumNumber. */
uint64_t fpu_min64(uint64_t a, uint64_t b, unsigned *flags);
/* IEEE 754-2019 maximumNumber. */
uint64_t fpu_max64(uint64_t a, uint64_t b, unsigned *flags);
/* Quiet comparison. */
bool fpu_eq64(uint64_t a, uint64_t b, unsigned *flags);
/* Signaling comparison. */
bool fpu_lt64(uint64_t a, uint64_t b, unsigned *flags);
/* Signaling comparison. */
bool fpu_le64(uint64_t a, uint64_t b, unsigned *flags);
/* The mask that FCLASS returns. */
uint32_t fpu_class64(uint64_t a);

/* Single to double; exact. */
uint64_t fpu_f32_to_f64(uint32_t a, unsigned *flags);
/* Double to single. */
uint32_t fpu_f64_to_f32(uint64_t a, unsigned rm, unsigned *flags);
/* To int32, saturating, NaN to the maximum; the result sign-extended to 64 bits. */
uint64_t fpu_f32_to_i32(uint32_t a, unsigned rm, unsigned *flags);
/* To uint32, saturating; the result sign-extended to 64 bits as FCVT.WU does. */
uint64_t fpu_f32_to_u32(uint32_t a, unsigned rm, unsigned *flags);
/* To int64, saturating. */
uint64_t fpu_f32_to_i64(uint32_t a, unsigned rm, unsigned *flags);
/* To uint64, saturating. */
uint64_t fpu_f32_to_u64(uint32_t a, unsigned rm, unsigned *flags);
/* To int32, saturating, sign-extended. */
uint64_t fpu_f64_to_i32(uint64_t a, unsigned rm, unsigned *flags);
/* To uint32, saturating, sign-extended. */
uint64_t fpu_f64_to_u32(uint64_t a, unsigned rm, unsigned *flags);
/* To int64, saturating. */
uint64_t fpu_f64_to_i64(uint64_t a, unsigned rm, unsigned *flags);
/* To uint64, saturating. */
uint64_t fpu_f64_to_u64(uint64_t a, unsigned rm, unsigned *flags);
/* From the low 32 bits, signed. */
uint32_t fpu_i32_to_f32(uint64_t a, unsigned rm, unsigned *flags);
/* From the low 32 bits, unsigned. */
uint32_t fpu_u32_to_f32(uint64_t a, unsigned rm, unsigned *flags);
/* From int64. */
uint32_t fpu_i64_to_f32(uint64_t a, unsigned rm, unsigned *flags);
/* From uint64. */
uint32_t fpu_u64_to_f32(uint64_t a, unsigned rm, unsigned *flags);
/* From the low 32 bits, signed; exact. */
uint64_t fpu_i32_to_f64(uint64_t a, unsigned rm, unsigned *flags);
/* From the low 32 bits, unsigned; exact. */
uint64_t fpu_u32_to_f64(uint64_t a, unsigned rm, unsigned *flags);
/* From int64. */
uint64_t fpu_i64_to_f64(uint64_t a, unsigned rm, unsigned *flags);
/* From uint64. */
uint64_t fpu_u64_to_f64(uint64_t a, unsigned rm, unsigned *flags);
