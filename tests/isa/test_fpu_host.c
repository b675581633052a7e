/* Goal: random operations give what an IEEE 754 host gives, in its four rounding modes.
 *
 * The host decides nothing here, it is a second opinion: NaNs are compared as NaNs, since hosts
 * keep payloads, and UF is left out where the result is the smallest normal number, since hosts
 * differ in when they detect tininess. A host whose fma rounds twice is not asked about fma. */
#include <fenv.h>
#include <math.h>
#include <string.h>

#include <glib.h>

#include "emu/riscv/fpu.h"

#define ROUNDS 200000

static const int host_modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };

enum operation { ADD, SUB, MUL, DIV, SQRT, FMA, OPERATIONS };
static const char *const names[] = { "add", "sub", "mul", "div", "sqrt", "fma" };

static uint64_t seed;

/* xorshift64*: the same numbers on every host. */
static uint64_t random_bits(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717);
}

/* A pattern with few significant bits or an exponent near the others' as often as any. */
static uint64_t random_double(void)
{
    uint64_t bits = random_bits();
    switch (random_bits() % 8) {
    case 0: return bits & 0x8000000000000003;
    case 1: return (bits & 0xfff0000000000000) | (random_bits() & 3);
    case 2: return (bits & 0x800fffffffffffff) | 0x3ff0000000000000;
    case 3: return (bits & 0x803fffffffffffff) | 0x3fc0000000000000;
    case 4: return bits | 0x000ffffffffffff0;
    case 5: return bits & 0x800fffffffffffff;
    default: return bits;
    }
}

static uint32_t random_single(void)
{
    uint32_t bits = (uint32_t)random_bits();
    switch (random_bits() % 8) {
    case 0: return bits & 0x80000003;
    case 1: return (bits & 0xff800000) | (uint32_t)(random_bits() & 3);
    case 2: return (bits & 0x807fffff) | 0x3f800000;
    case 3: return (bits & 0x81ffffff) | 0x3e000000;
    case 4: return bits | 0x007ffff0;
    case 5: return bits & 0x807fffff;
    default: return bits;
    }
}

static unsigned host_flags(void)
{
    int raised = fetestexcept(FE_ALL_EXCEPT);
    return (raised & FE_INEXACT ? FPU_NX : 0u) | (raised & FE_UNDERFLOW ? FPU_UF : 0u) |
           (raised & FE_OVERFLOW ? FPU_OF : 0u) | (raised & FE_DIVBYZERO ? FPU_DZ : 0u) |
           (raised & FE_INVALID ? FPU_NV : 0u);
}

/* Volatile keeps the operation between fesetround and fetestexcept. */
static uint64_t host_run64(enum operation op, const uint64_t in[3], unsigned rm, unsigned *flags)
{
    volatile double v[3], result = 0;
    for (int i = 0; i < 3; i++) {
        memcpy((void *)&v[i], &in[i], sizeof in[i]);
    }
    fesetround(host_modes[rm]);
    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD: result = v[0] + v[1]; break;
    case SUB: result = v[0] - v[1]; break;
    case MUL: result = v[0] * v[1]; break;
    case DIV: result = v[0] / v[1]; break;
    case SQRT: result = sqrt(v[0]); break;
    case FMA: result = fma(v[0], v[1], v[2]); break;
    case OPERATIONS: g_assert_not_reached();
    }
    *flags = host_flags();
    fesetround(FE_TONEAREST);
    uint64_t bits;
    memcpy(&bits, (void *)&result, sizeof bits);
    return bits;
}

static uint32_t host_run32(enum operation op, const uint32_t in[3], unsigned rm, unsigned *flags)
{
    volatile float v[3], result = 0;
    for (int i = 0; i < 3; i++) {
        memcpy((void *)&v[i], &in[i], sizeof in[i]);
    }
    fesetround(host_modes[rm]);
    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD: result = v[0] + v[1]; break;
    case SUB: result = v[0] - v[1]; break;
    case MUL: result = v[0] * v[1]; break;
    case DIV: result = v[0] / v[1]; break;
    case SQRT: result = sqrtf(v[0]); break;
    case FMA: result = fmaf(v[0], v[1], v[2]); break;
    case OPERATIONS: g_assert_not_reached();
    }
    *flags = host_flags();
    fesetround(FE_TONEAREST);
    uint32_t bits;
    memcpy(&bits, (void *)&result, sizeof bits);
    return bits;
}

static uint64_t fpu_run64(enum operation op, const uint64_t in[3], unsigned rm, unsigned *flags)
{
    switch (op) {
    case ADD: return fpu_add64(in[0], in[1], rm, flags);
    case SUB: return fpu_sub64(in[0], in[1], rm, flags);
    case MUL: return fpu_mul64(in[0], in[1], rm, flags);
    case DIV: return fpu_div64(in[0], in[1], rm, flags);
    case SQRT: return fpu_sqrt64(in[0], rm, flags);
    case FMA: return fpu_fma64(in[0], in[1], in[2], rm, flags);
    case OPERATIONS: break;
    }
    g_assert_not_reached();
}

static uint32_t fpu_run32(enum operation op, const uint32_t in[3], unsigned rm, unsigned *flags)
{
    switch (op) {
    case ADD: return fpu_add32(in[0], in[1], rm, flags);
    case SUB: return fpu_sub32(in[0], in[1], rm, flags);
    case MUL: return fpu_mul32(in[0], in[1], rm, flags);
    case DIV: return fpu_div32(in[0], in[1], rm, flags);
    case SQRT: return fpu_sqrt32(in[0], rm, flags);
    case FMA: return fpu_fma32(in[0], in[1], in[2], rm, flags);
    case OPERATIONS: break;
    }
    g_assert_not_reached();
}

/* Whether the host's fma rounds once, in every mode, and says exactly when it is inexact: some C
 * libraries compute it in a wider format or raise NX for steps in between. */
static bool host_fma_exact(void)
{
    static const struct {
        uint64_t in[3], expected[4];
        unsigned flags;
    } probes[] = {
        { { 0x3ff0000000000001, 0x3feffffffffffffe, 0xbff0000000000000 },
          { 0xb970000000000000, 0xb970000000000000, 0xb970000000000000, 0xb970000000000000 }, 0 },
        /* 1 + 2^-53 + 2^-200 */
        { { 0x3ff0000000000000, 0x3ca0000000000001, 0x3ff0000000000000 },
          { 0x3ff0000000000001, 0x3ff0000000000000, 0x3ff0000000000000, 0x3ff0000000000001 },
          FPU_NX },
        /* (2^-538 + 2^-590)^2 + 2^-1022: both ends of the range */
        { { 0x1e50000000000001, 0x1e50000000000001, 0x0010000000000000 },
          { 0x0010000000000000, 0x0010000000000000, 0x0010000000000000, 0x0010000000000001 },
          FPU_NX },
        { { 0x3ff0000000000001, 0x3ff0000000000001, 0x43300000000000ff },
          { 0x4330000000000100, 0x4330000000000100, 0x4330000000000100, 0x4330000000000101 },
          FPU_NX },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++) {
        for (unsigned rm = 0; rm < G_N_ELEMENTS(host_modes); rm++) {
            unsigned flags;
            uint64_t got = host_run64(FMA, probes[i].in, rm, &flags);
            if (got != probes[i].expected[rm] || flags != probes[i].flags) {
                return false;
            }
        }
    }
    return true;
}

/* Of two results with the magnitudes `host` and `ours`: true if they agree. */
static bool same_result(uint64_t host, uint64_t ours, bool both_nan, unsigned host_raised,
                        unsigned raised, bool smallest_normal)
{
    unsigned compared = smallest_normal ? ~(unsigned)FPU_UF : UINT32_MAX;
    return (both_nan || host == ours) && ((host_raised ^ raised) & compared) == 0;
}

static void check_double(enum operation op, unsigned rm)
{
    uint64_t in[3] = { random_double(), random_double(), random_double() };
    unsigned host_raised, raised = 0;
    uint64_t host = host_run64(op, in, rm, &host_raised);
    uint64_t ours = fpu_run64(op, in, rm, &raised);
    bool nan = ours == FPU_CANONICAL_NAN64 && (host << 1) > UINT64_C(0x7ff) << 53;
    if (op == FMA && nan) {
        host_raised = raised; /* whether inf * 0 + qNaN is invalid is the host's choice */
    }
    if (!same_result(host, ours, nan, host_raised, raised, ours << 1 == UINT64_C(1) << 53)) {
        g_error("f64 %s mode %u of %016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER
                "x %016" G_GINT64_MODIFIER "x: %016" G_GINT64_MODIFIER "x %02x, host %016"
                G_GINT64_MODIFIER "x %02x", names[op], rm, in[0], in[1], in[2], ours, raised,
                host, host_raised);
    }
}

static void check_single(enum operation op, unsigned rm)
{
    uint32_t in[3] = { random_single(), random_single(), random_single() };
    unsigned host_raised, raised = 0;
    uint32_t host = host_run32(op, in, rm, &host_raised);
    uint32_t ours = fpu_run32(op, in, rm, &raised);
    bool nan = ours == FPU_CANONICAL_NAN32 && (host << 1) > 0xffu << 24;
    if (op == FMA && nan) {
        host_raised = raised;
    }
    if (!same_result(host, ours, nan, host_raised, raised, ours << 1 == 1u << 24)) {
        g_error("f32 %s mode %u of %08x %08x %08x: %08x %02x, host %08x %02x", names[op], rm,
                in[0], in[1], in[2], ours, raised, host, host_raised);
    }
}

static void test_operations(void)
{
    unsigned operations = host_fma_exact() ? OPERATIONS : FMA;
    for (unsigned i = 0; i < ROUNDS; i++) {
        enum operation op = i % operations;
        unsigned rm = i / operations % 4;
        check_double(op, rm);
        check_single(op, rm);
    }
    if (operations == FMA) {
        g_test_skip("this host's fma rounds more than once; all the others agree");
    }
}

static void test_conversions(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned rm = i % 4, flags = 0;
        volatile int64_t integer = (int64_t)(random_bits() >> random_bits() % 64);
        fesetround(host_modes[rm]);
        volatile double wide = (double)integer;
        volatile float narrow = (float)integer;
        volatile double source = wide;
        volatile float halved = (float)(source * 0x1.8p-70);
        fesetround(FE_TONEAREST);
        uint64_t wide_bits, source_bits;
        uint32_t narrow_bits, halved_bits;
        double scaled = wide * 0x1.8p-70;
        memcpy(&wide_bits, (void *)&wide, sizeof wide_bits);
        memcpy(&narrow_bits, (void *)&narrow, sizeof narrow_bits);
        memcpy(&halved_bits, (void *)&halved, sizeof halved_bits);
        memcpy(&source_bits, &scaled, sizeof source_bits);
        g_assert_cmphex(fpu_i64_to_f64((uint64_t)integer, rm, &flags), ==, wide_bits);
        g_assert_cmphex(fpu_i64_to_f32((uint64_t)integer, rm, &flags), ==, narrow_bits);
        if (wide < 0x1p50 && wide > -0x1p50) { /* then the product above is exact */
            g_assert_cmphex(fpu_f64_to_f32(source_bits, rm, &flags), ==, halved_bits);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    seed = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int() | 1;
    g_test_message("seed %016" G_GINT64_MODIFIER "x", seed);
    g_test_add_func("/fpu/host/operations", test_operations);
    g_test_add_func("/fpu/host/conversions", test_conversions);
    return g_test_run();
}
