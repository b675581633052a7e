/*
 * F and D: rounding mode, NaN boxing and flags around the functions of fpu.h. Manual volume I,
 * chapters 20 and 21. With mstatus.FS off every one is illegal; every one that may write a
 * floating-point register or a flag makes FS dirty.
 */
#include "emu/riscv/bits.h"
#include "emu/riscv/fpu.h"
#include "emu/riscv/interp_ops.h"

#define FP_SIGN32 UINT32_C(0x80000000)
#define FP_SIGN64 UINT64_C(0x8000000000000000)

/* A register as a single: what is not NaN-boxed is the canonical NaN. */
static inline uint32_t fp_unbox(uint64_t value)
{
    return value >> 32 == UINT32_MAX ? (uint32_t)value : FPU_CANONICAL_NAN32;
}

static inline uint64_t fp_box(uint32_t value)
{
    return value | UINT64_C(0xffffffff00000000);
}

static inline bool fp_off(const struct riscv_hart *h)
{
    return (h->mstatus & MSTATUS_FS) == 0;
}

/* The rounding mode of an instruction: its own, or frm; more than 4 is reserved. */
static inline unsigned fp_rm(const struct riscv_hart *h, const struct interp_slot *s)
{
    unsigned rm = s->rs3_rm & 7;
    return rm == 7 ? h->frm : rm;
}

/* Defines a micro-op that stores `result` to `target`. `rm` and `flags` are there for it. */
#define FP(name, target, result)                                     \
    INTERP_OP(fp_##name)                                             \
    {                                                                \
        unsigned *flags = &in->fp_flags;                             \
        unsigned rm __attribute__((unused)) = fp_rm(h, s);           \
        if (fp_off(h) || rm > FPU_RMM) {                             \
            return interp_raise_illegal(INTERP_PASS);                \
        }                                                            \
        *flags = 0;                                                  \
        (target) = (result);                                         \
        h->fflags |= (uint8_t)*flags;                                \
        h->mstatus |= MSTATUS_FS;                                    \
        INTERP_NEXT(s + length);                                     \
    }

/* The same without rounding mode and flags. */
#define FP_MOVE(name, target, result)                                \
    INTERP_OP(fp_##name)                                             \
    {                                                                \
        if (fp_off(h)) {                                             \
            return interp_raise_illegal(INTERP_PASS);                \
        }                                                            \
        (target) = (result);                                         \
        h->mstatus |= MSTATUS_FS;                                    \
        INTERP_NEXT(s + length);                                     \
    }

#define FP_X  h->x[s->rd]
#define FP_F  h->f[s->rd]
#define FP_X1 h->x[s->rs1]

/* Operands as bit patterns: singles, doubles. */
#define FP_A32 fp_unbox(h->f[s->rs1])
#define FP_B32 fp_unbox(h->f[s->rs2])
#define FP_C32 fp_unbox(h->f[s->rs3_rm >> 3])
#define FP_A64 h->f[s->rs1]
#define FP_B64 h->f[s->rs2]
#define FP_C64 h->f[s->rs3_rm >> 3]

FP(add32, FP_F, fp_box(fpu_add32(FP_A32, FP_B32, rm, flags)))
FP(sub32, FP_F, fp_box(fpu_sub32(FP_A32, FP_B32, rm, flags)))
FP(mul32, FP_F, fp_box(fpu_mul32(FP_A32, FP_B32, rm, flags)))
FP(div32, FP_F, fp_box(fpu_div32(FP_A32, FP_B32, rm, flags)))
FP(sqrt32, FP_F, fp_box(fpu_sqrt32(FP_A32, rm, flags)))
FP(madd32, FP_F, fp_box(fpu_fma32(FP_A32, FP_B32, FP_C32, rm, flags)))
FP(msub32, FP_F, fp_box(fpu_fma32(FP_A32, FP_B32, FP_C32 ^ FP_SIGN32, rm, flags)))
FP(nmsub32, FP_F, fp_box(fpu_fma32(FP_A32 ^ FP_SIGN32, FP_B32, FP_C32, rm, flags)))
FP(nmadd32, FP_F, fp_box(fpu_fma32(FP_A32 ^ FP_SIGN32, FP_B32, FP_C32 ^ FP_SIGN32, rm, flags)))
FP(min32, FP_F, fp_box(fpu_min32(FP_A32, FP_B32, flags)))
FP(max32, FP_F, fp_box(fpu_max32(FP_A32, FP_B32, flags)))
FP(eq32, FP_X, fpu_eq32(FP_A32, FP_B32, flags))
FP(lt32, FP_X, fpu_lt32(FP_A32, FP_B32, flags))
FP(le32, FP_X, fpu_le32(FP_A32, FP_B32, flags))
FP(f32_i32, FP_X, fpu_f32_to_i32(FP_A32, rm, flags))
FP(f32_u32, FP_X, fpu_f32_to_u32(FP_A32, rm, flags))
FP(f32_i64, FP_X, fpu_f32_to_i64(FP_A32, rm, flags))
FP(f32_u64, FP_X, fpu_f32_to_u64(FP_A32, rm, flags))
FP(i32_f32, FP_F, fp_box(fpu_i32_to_f32(FP_X1, rm, flags)))
FP(u32_f32, FP_F, fp_box(fpu_u32_to_f32(FP_X1, rm, flags)))
FP(i64_f32, FP_F, fp_box(fpu_i64_to_f32(FP_X1, rm, flags)))
FP(u64_f32, FP_F, fp_box(fpu_u64_to_f32(FP_X1, rm, flags)))

FP(add64, FP_F, fpu_add64(FP_A64, FP_B64, rm, flags))
FP(sub64, FP_F, fpu_sub64(FP_A64, FP_B64, rm, flags))
FP(mul64, FP_F, fpu_mul64(FP_A64, FP_B64, rm, flags))
FP(div64, FP_F, fpu_div64(FP_A64, FP_B64, rm, flags))
FP(sqrt64, FP_F, fpu_sqrt64(FP_A64, rm, flags))
FP(madd64, FP_F, fpu_fma64(FP_A64, FP_B64, FP_C64, rm, flags))
FP(msub64, FP_F, fpu_fma64(FP_A64, FP_B64, FP_C64 ^ FP_SIGN64, rm, flags))
FP(nmsub64, FP_F, fpu_fma64(FP_A64 ^ FP_SIGN64, FP_B64, FP_C64, rm, flags))
FP(nmadd64, FP_F, fpu_fma64(FP_A64 ^ FP_SIGN64, FP_B64, FP_C64 ^ FP_SIGN64, rm, flags))
FP(min64, FP_F, fpu_min64(FP_A64, FP_B64, flags))
FP(max64, FP_F, fpu_max64(FP_A64, FP_B64, flags))
FP(eq64, FP_X, fpu_eq64(FP_A64, FP_B64, flags))
FP(lt64, FP_X, fpu_lt64(FP_A64, FP_B64, flags))
FP(le64, FP_X, fpu_le64(FP_A64, FP_B64, flags))
FP(f64_i32, FP_X, fpu_f64_to_i32(FP_A64, rm, flags))
FP(f64_u32, FP_X, fpu_f64_to_u32(FP_A64, rm, flags))
FP(f64_i64, FP_X, fpu_f64_to_i64(FP_A64, rm, flags))
FP(f64_u64, FP_X, fpu_f64_to_u64(FP_A64, rm, flags))
FP(i32_f64, FP_F, fpu_i32_to_f64(FP_X1, rm, flags))
FP(u32_f64, FP_F, fpu_u32_to_f64(FP_X1, rm, flags))
FP(i64_f64, FP_F, fpu_i64_to_f64(FP_X1, rm, flags))
FP(u64_f64, FP_F, fpu_u64_to_f64(FP_X1, rm, flags))
FP(f32_f64, FP_F, fpu_f32_to_f64(FP_A32, flags))
FP(f64_f32, FP_F, fp_box(fpu_f64_to_f32(FP_A64, rm, flags)))

FP_MOVE(sgnj32, FP_F, fp_box((FP_A32 & ~FP_SIGN32) | (FP_B32 & FP_SIGN32)))
FP_MOVE(sgnjn32, FP_F, fp_box((FP_A32 & ~FP_SIGN32) | (~FP_B32 & FP_SIGN32)))
FP_MOVE(sgnjx32, FP_F, fp_box(FP_A32 ^ (FP_B32 & FP_SIGN32)))
FP_MOVE(sgnj64, FP_F, (FP_A64 & ~FP_SIGN64) | (FP_B64 & FP_SIGN64))
FP_MOVE(sgnjn64, FP_F, (FP_A64 & ~FP_SIGN64) | (~FP_B64 & FP_SIGN64))
FP_MOVE(sgnjx64, FP_F, FP_A64 ^ (FP_B64 & FP_SIGN64))
FP_MOVE(class32, FP_X, fpu_class32(FP_A32))
FP_MOVE(class64, FP_X, fpu_class64(FP_A64))
FP_MOVE(f32_x, FP_X, (uint64_t)(int64_t)(int32_t)FP_A64)
FP_MOVE(f64_x, FP_X, FP_A64)
FP_MOVE(x_f32, FP_F, fp_box((uint32_t)FP_X1))
FP_MOVE(x_f64, FP_F, FP_X1)
