/* Goal: the corners of F and D arithmetic come out as the manual and IEEE 754 say, flags and all.
 *
 * Worked out by hand from the definitions; each row names the corner it is about. */
#include <glib.h>

#include "emu/riscv/fpu.h"

#define NAN32  FPU_CANONICAL_NAN32
#define NAN64  FPU_CANONICAL_NAN64
#define SNAN32 0x7f800001u
#define SNAN64 0x7ff0000000000001ull
#define QNAN32 0xffc12345u /* negative, with a payload that must not survive */
#define INF32  0x7f800000u
#define MAX32  0x7f7fffffu
#define MIN32  0x00800000u /* the smallest normal number */
#define ONE32  0x3f800000u
#define NEG32  0x80000000u
#define MODES  5

enum operation { ADD, SUB, MUL, DIV, SQRT, FMA };

/* One result per rounding mode, in the order of enum fpu_rm, or one for all of them. */
struct vector32 {
    const char *what;
    enum operation op;
    uint32_t a, b, c;
    struct {
        uint32_t value;
        unsigned flags;
    } expected[MODES];
};

#define SAME(value, flags) \
    { { value, flags }, { value, flags }, { value, flags }, { value, flags }, { value, flags } }

static const struct vector32 vectors32[] = {
    { "1 + 1", ADD, ONE32, ONE32, 0, SAME(0x40000000, 0) },
    { "1 + half an ulp", ADD, ONE32, 0x33800000, 0,
      { { ONE32, FPU_NX }, { ONE32, FPU_NX }, { ONE32, FPU_NX }, { ONE32 + 1, FPU_NX },
        { ONE32 + 1, FPU_NX } } },
    { "-1 - half an ulp", SUB, NEG32 | ONE32, 0x33800000, 0,
      { { 0xbf800000, FPU_NX }, { 0xbf800000, FPU_NX }, { 0xbf800001, FPU_NX },
        { 0xbf800000, FPU_NX }, { 0xbf800001, FPU_NX } } },
    { "1 + the smallest number", ADD, ONE32, 1, 0,
      { { ONE32, FPU_NX }, { ONE32, FPU_NX }, { ONE32, FPU_NX }, { ONE32 + 1, FPU_NX },
        { ONE32, FPU_NX } } },
    { "1 - the smallest number", SUB, ONE32, 1, 0,
      { { ONE32, FPU_NX }, { ONE32 - 1, FPU_NX }, { ONE32 - 1, FPU_NX }, { ONE32, FPU_NX },
        { ONE32, FPU_NX } } },
    { "1 - 1", SUB, ONE32, ONE32, 0, { { 0, 0 }, { 0, 0 }, { NEG32, 0 }, { 0, 0 }, { 0, 0 } } },
    { "0 + -0", ADD, 0, NEG32, 0, { { 0, 0 }, { 0, 0 }, { NEG32, 0 }, { 0, 0 }, { 0, 0 } } },
    { "-0 + -0", ADD, NEG32, NEG32, 0, SAME(NEG32, 0) },
    { "-0 - 0", SUB, NEG32, 0, 0, SAME(NEG32, 0) },
    { "0 + subnormal", ADD, 0, 0x00012345, 0, SAME(0x00012345, 0) },
    { "subnormals sum to a normal", ADD, 0x007fffff, 1, 0, SAME(MIN32, 0) },
    { "inf - inf", SUB, INF32, INF32, 0, SAME(NAN32, FPU_NV) },
    { "inf + inf", ADD, INF32, INF32, 0, SAME(INF32, 0) },
    { "inf + max", ADD, INF32, MAX32, 0, SAME(INF32, 0) },
    { "sNaN + 1", ADD, SNAN32, ONE32, 0, SAME(NAN32, FPU_NV) },
    { "qNaN + 1", ADD, QNAN32, ONE32, 0, SAME(NAN32, 0) },
    { "1 - qNaN", SUB, ONE32, QNAN32, 0, SAME(NAN32, 0) },
    { "max + max", ADD, MAX32, MAX32, 0,
      { { INF32, FPU_OF | FPU_NX }, { MAX32, FPU_OF | FPU_NX }, { MAX32, FPU_OF | FPU_NX },
        { INF32, FPU_OF | FPU_NX }, { INF32, FPU_OF | FPU_NX } } },
    { "max + half its ulp rounds over", ADD, MAX32, 0x73000000, 0,
      { { INF32, FPU_OF | FPU_NX }, { MAX32, FPU_NX }, { MAX32, FPU_NX },
        { INF32, FPU_OF | FPU_NX }, { INF32, FPU_OF | FPU_NX } } },
    { "-max - max", SUB, NEG32 | MAX32, MAX32, 0,
      { { 0xff800000, FPU_OF | FPU_NX }, { 0xff7fffff, FPU_OF | FPU_NX },
        { 0xff800000, FPU_OF | FPU_NX }, { 0xff7fffff, FPU_OF | FPU_NX },
        { 0xff800000, FPU_OF | FPU_NX } } },

    { "exact subnormal product: no underflow", MUL, MIN32, 0x3f000000, 0, SAME(0x00400000, 0) },
    { "half of the smallest number", MUL, 1, 0x3f000000, 0,
      { { 0, FPU_UF | FPU_NX }, { 0, FPU_UF | FPU_NX }, { 0, FPU_UF | FPU_NX },
        { 1, FPU_UF | FPU_NX }, { 1, FPU_UF | FPU_NX } } },
    { "tiny in 24 bits, rounds up to a normal", MUL, 0x3f7fffff, MIN32, 0,
      { { MIN32, FPU_UF | FPU_NX }, { 0x007fffff, FPU_UF | FPU_NX },
        { 0x007fffff, FPU_UF | FPU_NX }, { MIN32, FPU_UF | FPU_NX },
        { MIN32, FPU_UF | FPU_NX } } },
    { "0 * inf", MUL, 0, INF32, 0, SAME(NAN32, FPU_NV) },
    { "-2 * inf", MUL, 0xc0000000, INF32, 0, SAME(0xff800000, 0) },
    { "-2 * 0", MUL, 0xc0000000, 0, 0, SAME(NEG32, 0) },

    { "1 / 0", DIV, ONE32, 0, 0, SAME(INF32, FPU_DZ) },
    { "-1 / 0", DIV, 0xbf800000, 0, 0, SAME(0xff800000, FPU_DZ) },
    { "0 / 0", DIV, 0, 0, 0, SAME(NAN32, FPU_NV) },
    { "inf / inf", DIV, INF32, INF32, 0, SAME(NAN32, FPU_NV) },
    { "inf / 0 divides by nothing", DIV, INF32, 0, 0, SAME(INF32, 0) },
    { "1 / -inf", DIV, ONE32, 0xff800000, 0, SAME(NEG32, 0) },
    { "1 / 3", DIV, ONE32, 0x40400000, 0,
      { { 0x3eaaaaab, FPU_NX }, { 0x3eaaaaaa, FPU_NX }, { 0x3eaaaaaa, FPU_NX },
        { 0x3eaaaaab, FPU_NX }, { 0x3eaaaaab, FPU_NX } } },

    { "sqrt 2", SQRT, 0x40000000, 0, 0,
      { { 0x3fb504f3, FPU_NX }, { 0x3fb504f3, FPU_NX }, { 0x3fb504f3, FPU_NX },
        { 0x3fb504f4, FPU_NX }, { 0x3fb504f3, FPU_NX } } },
    { "sqrt of the smallest number", SQRT, 1, 0, 0,
      { { 0x1a3504f3, FPU_NX }, { 0x1a3504f3, FPU_NX }, { 0x1a3504f3, FPU_NX },
        { 0x1a3504f4, FPU_NX }, { 0x1a3504f3, FPU_NX } } },
    { "sqrt 4", SQRT, 0x40800000, 0, 0, SAME(0x40000000, 0) },
    { "sqrt -0", SQRT, NEG32, 0, 0, SAME(NEG32, 0) },
    { "sqrt -1", SQRT, 0xbf800000, 0, 0, SAME(NAN32, FPU_NV) },
    { "sqrt -inf", SQRT, 0xff800000, 0, 0, SAME(NAN32, FPU_NV) },
    { "sqrt inf", SQRT, INF32, 0, 0, SAME(INF32, 0) },

    { "inf * 0 + qNaN is invalid", FMA, INF32, 0, QNAN32, SAME(NAN32, FPU_NV) },
    { "1 * 1 + sNaN", FMA, ONE32, ONE32, SNAN32, SAME(NAN32, FPU_NV) },
    { "inf * 1 - inf", FMA, INF32, ONE32, 0xff800000, SAME(NAN32, FPU_NV) },
    { "max * max + -inf", FMA, MAX32, MAX32, 0xff800000, SAME(0xff800000, 0) },
    { "1 * 1 + -1", FMA, ONE32, ONE32, 0xbf800000,
      { { 0, 0 }, { 0, 0 }, { NEG32, 0 }, { 0, 0 }, { 0, 0 } } },
    { "0 * -1 + -0", FMA, 0, 0xbf800000, NEG32, SAME(NEG32, 0) },
    { "0 * 1 + 5 is 5", FMA, 0, ONE32, 0x40a00000, SAME(0x40a00000, 0) },
    { "one rounding: (1+e)^2 - (1+2e)", FMA, 0x3f800001, 0x3f800001, 0xbf800002,
      SAME(0x28800000, 0) },
    { "not tiny after rounding with any exponent", FMA, 0x1a000000, 0x99800000, MIN32,
      { { MIN32, FPU_NX }, { 0x007fffff, FPU_UF | FPU_NX }, { 0x007fffff, FPU_UF | FPU_NX },
        { MIN32, FPU_NX }, { MIN32, FPU_NX } } },
};

static uint32_t vector_run(const struct vector32 *v, unsigned rm, unsigned *flags)
{
    switch (v->op) {
    case ADD: return fpu_add32(v->a, v->b, rm, flags);
    case SUB: return fpu_sub32(v->a, v->b, rm, flags);
    case MUL: return fpu_mul32(v->a, v->b, rm, flags);
    case DIV: return fpu_div32(v->a, v->b, rm, flags);
    case SQRT: return fpu_sqrt32(v->a, rm, flags);
    case FMA: return fpu_fma32(v->a, v->b, v->c, rm, flags);
    }
    g_assert_not_reached();
}

static void test_arithmetic(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(vectors32); i++) {
        for (unsigned rm = 0; rm < MODES; rm++) {
            unsigned flags = 0;
            uint32_t got = vector_run(&vectors32[i], rm, &flags);
            const struct vector32 *v = &vectors32[i];
            if (got != v->expected[rm].value || flags != v->expected[rm].flags) {
                g_error("%s, mode %u: %08x flags %02x", v->what, rm, got, flags);
            }
        }
    }
}

static void test_flags_accumulate(void)
{
    unsigned flags = FPU_DZ;
    fpu_div32(ONE32, 0x40400000, FPU_RNE, &flags);
    g_assert_cmphex(flags, ==, FPU_DZ | FPU_NX);
}

static const struct {
    uint32_t a, b, min, max;
    unsigned flags;
} picks[] = {
    { 0, NEG32, NEG32, 0, 0 },
    { NEG32, 0, NEG32, 0, 0 },
    { ONE32, 0xbf800000, 0xbf800000, ONE32, 0 },
    { 0xbf800000, 0xc0000000, 0xc0000000, 0xbf800000, 0 },
    { QNAN32, ONE32, ONE32, ONE32, 0 },
    { ONE32, SNAN32, ONE32, ONE32, FPU_NV },
    { QNAN32, QNAN32, NAN32, NAN32, 0 },
    { SNAN32, QNAN32, NAN32, NAN32, FPU_NV },
    { 0xff800000, INF32, 0xff800000, INF32, 0 },
};

static void test_min_max(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(picks); i++) {
        unsigned flags = 0;
        g_assert_cmphex(fpu_min32(picks[i].a, picks[i].b, &flags), ==, picks[i].min);
        g_assert_cmphex(flags, ==, picks[i].flags);
        flags = 0;
        g_assert_cmphex(fpu_max32(picks[i].a, picks[i].b, &flags), ==, picks[i].max);
        g_assert_cmphex(flags, ==, picks[i].flags);
    }
    unsigned flags = 0;
    g_assert_cmphex(fpu_min64(SNAN64, UINT64_C(1) << 63, &flags), ==, UINT64_C(1) << 63);
    g_assert_cmphex(fpu_max64(NAN64, NAN64, &flags), ==, NAN64);
    g_assert_cmphex(flags, ==, FPU_NV);
}

static void test_compare(void)
{
    static const struct {
        uint32_t a, b;
        bool eq, lt, le;
        unsigned quiet, signaling;
    } rows[] = {
        { 0, NEG32, true, false, true, 0, 0 },
        { NEG32, 0, true, false, true, 0, 0 },
        { ONE32, ONE32, true, false, true, 0, 0 },
        { 0xbf800000, ONE32, false, true, true, 0, 0 },
        { 0xc0000000, 0xbf800000, false, true, true, 0, 0 },
        { 1, 2, false, true, true, 0, 0 },
        { QNAN32, ONE32, false, false, false, 0, FPU_NV },
        { QNAN32, QNAN32, false, false, false, 0, FPU_NV },
        { ONE32, SNAN32, false, false, false, FPU_NV, FPU_NV },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        unsigned quiet = 0, less = 0, less_equal = 0;
        g_assert_cmpint(fpu_eq32(rows[i].a, rows[i].b, &quiet), ==, rows[i].eq);
        g_assert_cmpint(fpu_lt32(rows[i].a, rows[i].b, &less), ==, rows[i].lt);
        g_assert_cmpint(fpu_le32(rows[i].a, rows[i].b, &less_equal), ==, rows[i].le);
        g_assert_cmphex(quiet, ==, rows[i].quiet);
        g_assert_cmphex(less, ==, rows[i].signaling);
        g_assert_cmphex(less_equal, ==, rows[i].signaling);
    }
}

static void test_class(void)
{
    static const uint32_t singles[] = {
        0xff800000, 0xbf800000, 0x80000001, 0x80000000, 0, 0x007fffff, MIN32, INF32, SNAN32, NAN32,
    };
    static const uint64_t doubles[] = {
        0xfff0000000000000, 0xbff0000000000000, 0x8000000000000001, UINT64_C(1) << 63, 0,
        0x000fffffffffffff, 0x0010000000000000, 0x7ff0000000000000, SNAN64, NAN64,
    };
    for (unsigned i = 0; i < 10; i++) {
        g_assert_cmphex(fpu_class32(singles[i]), ==, 1u << i);
        g_assert_cmphex(fpu_class64(doubles[i]), ==, 1u << i);
    }
}

typedef uint64_t to_integer_fn(uint32_t a, unsigned rm, unsigned *flags);

static void test_to_integer(void)
{
    static const struct {
        to_integer_fn *convert;
        uint32_t a;
        unsigned rm;
        uint64_t value;
        unsigned flags;
    } rows[] = {
        { fpu_f32_to_i32, 0x4f000000, FPU_RTZ, 0x7fffffff, FPU_NV }, /* 2^31 */
        { fpu_f32_to_i32, 0xcf000000, FPU_RTZ, 0xffffffff80000000, 0 },
        { fpu_f32_to_i32, 0xcf000001, FPU_RTZ, 0xffffffff80000000, FPU_NV },
        { fpu_f32_to_i32, NAN32, FPU_RTZ, 0x7fffffff, FPU_NV },
        { fpu_f32_to_i32, QNAN32, FPU_RTZ, 0x7fffffff, FPU_NV },
        { fpu_f32_to_i32, 0xff800000, FPU_RTZ, 0xffffffff80000000, FPU_NV },
        { fpu_f32_to_i32, 0x40200000, FPU_RNE, 2, FPU_NX }, /* 2.5 */
        { fpu_f32_to_i32, 0x40200000, FPU_RMM, 3, FPU_NX },
        { fpu_f32_to_i32, 0xc0200000, FPU_RMM, (uint64_t)-3, FPU_NX },
        { fpu_f32_to_i32, 0xc0200000, FPU_RDN, (uint64_t)-3, FPU_NX },
        { fpu_f32_to_i32, 0xc0200000, FPU_RUP, (uint64_t)-2, FPU_NX },
        { fpu_f32_to_i32, 1, FPU_RUP, 1, FPU_NX },
        { fpu_f32_to_i32, 1, FPU_RMM, 0, FPU_NX },
        { fpu_f32_to_u32, 0xbfc00000, FPU_RTZ, 0, FPU_NV }, /* -1.5 */
        { fpu_f32_to_u32, 0xbf000000, FPU_RTZ, 0, FPU_NX }, /* -0.5 */
        { fpu_f32_to_u32, 0xbf000000, FPU_RDN, 0, FPU_NV },
        { fpu_f32_to_u32, 0xbf000000, FPU_RMM, 0, FPU_NV },
        { fpu_f32_to_u32, 0x4f32d05e, FPU_RNE, 0xffffffffb2d05e00, 0 }, /* 3e9, sign-extended */
        { fpu_f32_to_u32, 0x4f800000, FPU_RNE, UINT64_MAX, FPU_NV },
        { fpu_f32_to_u32, NAN32, FPU_RNE, UINT64_MAX, FPU_NV },
        { fpu_f32_to_u32, 0xff800000, FPU_RNE, 0, FPU_NV },
        { fpu_f32_to_i64, 0x5f000000, FPU_RNE, INT64_MAX, FPU_NV }, /* 2^63 */
        { fpu_f32_to_i64, 0xdf000000, FPU_RNE, UINT64_C(1) << 63, 0 },
        { fpu_f32_to_u64, 0x5f000000, FPU_RNE, UINT64_C(1) << 63, 0 },
        { fpu_f32_to_u64, 0x5f7fffff, FPU_RNE, UINT64_C(0xffffff) << 40, 0 },
        { fpu_f32_to_u64, 0x5f800000, FPU_RNE, UINT64_MAX, FPU_NV },
        { fpu_f32_to_u64, 0xbf800000, FPU_RNE, 0, FPU_NV },
        { fpu_f32_to_u64, NEG32, FPU_RNE, 0, 0 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        unsigned flags = 0;
        g_assert_cmphex(rows[i].convert(rows[i].a, rows[i].rm, &flags), ==, rows[i].value);
        g_assert_cmphex(flags, ==, rows[i].flags);
    }
}

static void test_from_integer(void)
{
    unsigned flags = 0;
    g_assert_cmphex(fpu_i32_to_f64(0xffffffff00000000, FPU_RDN, &flags), ==, 0);
    g_assert_cmphex(fpu_i32_to_f64(0x80000000, FPU_RNE, &flags), ==, 0xc1e0000000000000);
    g_assert_cmphex(fpu_u32_to_f64(0x80000000, FPU_RNE, &flags), ==, 0x41e0000000000000);
    g_assert_cmphex(fpu_i64_to_f32(UINT64_C(1) << 63, FPU_RNE, &flags), ==, 0xdf000000);
    g_assert_cmphex(flags, ==, 0);
    g_assert_cmphex(fpu_u64_to_f64(UINT64_MAX, FPU_RTZ, &flags), ==, 0x43efffffffffffff);
    g_assert_cmphex(fpu_u64_to_f64(UINT64_MAX, FPU_RNE, &flags), ==, 0x43f0000000000000);
    g_assert_cmphex(fpu_i32_to_f32(0x7fffffff, FPU_RDN, &flags), ==, 0x4effffff);
    g_assert_cmphex(fpu_u32_to_f32(0xffffffff, FPU_RUP, &flags), ==, 0x4f800000);
    g_assert_cmphex(fpu_i64_to_f64((uint64_t)INT64_MAX, FPU_RMM, &flags), ==, 0x43e0000000000000);
    g_assert_cmphex(fpu_u64_to_f32((UINT64_C(1) << 24) + 1, FPU_RMM, &flags), ==, 0x4b800001);
    g_assert_cmphex(flags, ==, FPU_NX);
}

static void test_formats(void)
{
    unsigned flags = 0;
    g_assert_cmphex(fpu_f32_to_f64(1, &flags), ==, 0x36a0000000000000);
    g_assert_cmphex(fpu_f32_to_f64(0xff800000, &flags), ==, 0xfff0000000000000);
    g_assert_cmphex(fpu_f32_to_f64(QNAN32, &flags), ==, NAN64);
    g_assert_cmphex(flags, ==, 0);
    g_assert_cmphex(fpu_f32_to_f64(SNAN32, &flags), ==, NAN64);
    g_assert_cmphex(flags, ==, FPU_NV);
    flags = 0;
    g_assert_cmphex(fpu_f64_to_f32(0x7fefffffffffffff, FPU_RTZ, &flags), ==, MAX32);
    g_assert_cmphex(flags, ==, FPU_OF | FPU_NX);
    flags = 0;
    g_assert_cmphex(fpu_f64_to_f32(0x36a0000000000000, FPU_RNE, &flags), ==, 1);
    g_assert_cmphex(fpu_f64_to_f32(SNAN64, FPU_RNE, &flags), ==, NAN32);
    g_assert_cmphex(flags, ==, FPU_NV);
}

static void test_double(void)
{
    unsigned flags = 0;
    /* 1 + 2^-53 is a tie, one more bit below decides it. */
    g_assert_cmphex(fpu_add64(0x3ff0000000000000, 0x3ca0000000000000, FPU_RNE, &flags), ==,
                    0x3ff0000000000000);
    g_assert_cmphex(fpu_add64(0x3ff0000000000000, 0x3ca0000000000001, FPU_RNE, &flags), ==,
                    0x3ff0000000000001);
    g_assert_cmphex(fpu_div64(0x3ff0000000000000, 0x4008000000000000, FPU_RNE, &flags), ==,
                    0x3fd5555555555555);
    g_assert_cmphex(fpu_sqrt64(0x4000000000000000, FPU_RNE, &flags), ==, 0x3ff6a09e667f3bcd);
    g_assert_cmphex(flags, ==, FPU_NX);
    flags = 0;
    /* (1 + e)(1 - e) - 1 = -e^2, all of it below what a double product keeps. */
    g_assert_cmphex(fpu_fma64(0x3ff0000000000001, 0x3feffffffffffffe, 0xbff0000000000000, FPU_RNE,
                              &flags), ==, 0xb970000000000000);
    g_assert_cmphex(flags, ==, 0);
    g_assert_cmphex(fpu_mul64(1, 0x3fe0000000000000, FPU_RUP, &flags), ==, 1);
    g_assert_cmphex(flags, ==, FPU_UF | FPU_NX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fpu/arithmetic", test_arithmetic);
    g_test_add_func("/fpu/double", test_double);
    g_test_add_func("/fpu/flags-accumulate", test_flags_accumulate);
    g_test_add_func("/fpu/min-max", test_min_max);
    g_test_add_func("/fpu/compare", test_compare);
    g_test_add_func("/fpu/class", test_class);
    g_test_add_func("/fpu/to-integer", test_to_integer);
    g_test_add_func("/fpu/from-integer", test_from_integer);
    g_test_add_func("/fpu/formats", test_formats);
    return g_test_run();
}
