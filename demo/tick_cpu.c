/* Self-tests of the processor: integers, atomics, floating point. */
#include "demo/harts.h"
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/riscv.h"
#include "demo/ticks.h"

#define CRC_CHECK      0xcbf43926 /* CRC-32 of "123456789" */
#define ATOMIC_ROUNDS  2000
#define HARTS_LIMIT_US 10000000

/* One two-operand instruction. */
#define RUN(op, a, b)                                                                              \
    ({                                                                                             \
        uint64_t result_;                                                                          \
        __asm__ volatile(#op " %0, %1, %2" : "=r"(result_) : "r"(a), "r"(b));                      \
        result_;                                                                                   \
    })

/* An instruction, its operands, and what it must give. */
struct case_row {
    uint64_t got, wanted;
};

#define ROW(op, a, b, wanted) { RUN(op, (uint64_t)(a), (uint64_t)(b)), (uint64_t)(wanted) }

static const uint64_t lowest = 1ull << 63;

/* The rows that are wrong. */
static unsigned rows_bad(const struct case_row *rows, unsigned count)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < count; i++) {
        bad += rows[i].got != rows[i].wanted;
    }
    return bad;
}

static unsigned integer_rows(unsigned *ret_count)
{
    const struct case_row rows[] = {
        ROW(add, ~0ull, 1, 0),
        ROW(sub, 0, 1, ~0ull),
        ROW(addw, 0x7fffffff, 1, -0x80000000ll),
        ROW(subw, 0x80000000, 1, 0x7fffffff),
        ROW(sll, 1, 63, lowest),
        ROW(sllw, 1, 31, -0x80000000ll),
        ROW(srl, lowest, 63, 1),
        ROW(sra, lowest, 63, -1),
        ROW(sraw, 0x80000000, 31, -1),
        ROW(slt, -1, 0, 1),
        ROW(sltu, -1, 0, 0),
        ROW(xor, 0xff00ff00ff00ff00, ~0ull, 0x00ff00ff00ff00ff),
        ROW(mul, 0x123456789abcdef1, 0xfedcba9876543211, 0x347e9a0f6729e001),
        ROW(mulhu, ~0ull, ~0ull, ~1ull),
        ROW(mulh, lowest, lowest, 1ull << 62),
        ROW(mulhsu, -1, ~0ull, -1),
        ROW(mulw, 0x10000, 0x8000, -0x80000000ll),
        ROW(div, lowest, -1, lowest),
        ROW(div, 7, 0, -1),
        ROW(div, -7, 2, -3),
        ROW(divu, ~0ull, 0, ~0ull),
        ROW(rem, -7, 2, -1),
        ROW(rem, 7, 0, 7),
        ROW(rem, lowest, -1, 0),
        ROW(divw, 0x80000000, -1, -0x80000000ll),
        ROW(remuw, 0x80000001, 0, -0x7fffffffll),
    };
    *ret_count = COUNT(rows);
    return rows_bad(rows, COUNT(rows));
}

static uint32_t crc32(const char *text)
{
    uint32_t crc = ~0u;
    for (; *text; text++) {
        crc ^= (uint8_t)*text;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

enum tick_state tick_integer(struct tick *tick)
{
    static const char digits[] = "123456789";
    const char *volatile text = digits;
    unsigned count, bad = integer_rows(&count);
    if (bad != 0) {
        return tick_say(tick, TICK_BAD, "%u of %u results are wrong", bad, count);
    }
    uint32_t crc = crc32(text);
    if (crc != CRC_CHECK) {
        return tick_say(tick, TICK_BAD, "CRC-32 is %08x", crc);
    }
    return tick_say(tick, TICK_OK, "%u results, CRC-32 %08x", count, crc);
}

static struct {
    uint64_t added, reserved;
    uint32_t word;
} atomic_place;

/* LR/SC by hand: adds one. */
static void atomic_increment(uint64_t *at)
{
    uint64_t value, failed;
    do {
        __asm__ volatile("lr.d.aqrl %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(at)
                         : "memory");
    } while (failed);
}

static void atomics_job(unsigned self)
{
    (void)self;
    for (unsigned i = 0; i < ATOMIC_ROUNDS; i++) {
        __atomic_fetch_add(&atomic_place.added, 3, __ATOMIC_RELAXED);
        atomic_increment(&atomic_place.reserved);
    }
}

/* The AMOs on one hart: 0, or the number of the first that is wrong. */
static unsigned atomics_single(void)
{
    uint32_t *word = &atomic_place.word, old;
    uint64_t failed;
#define AMO(op, operand)                                                                           \
    __asm__ volatile(#op ".w %0, %2, %1" : "=r"(old), "+A"(*word) : "r"(operand) : "memory")
    *word = 0x80000000;
    AMO(amoswap, 5);
    if (old != 0x80000000 || *word != 5) {
        return 1;
    }
    AMO(amomax, -1);
    if (*word != 5) {
        return 2;
    }
    AMO(amomaxu, -1);
    if (*word != ~0u) {
        return 3;
    }
    AMO(amomin, 7);
    AMO(amoxor, 0xf0);
    AMO(amoor, 1);
    AMO(amoand, 0xffffff0f);
    if (*word != 0xffffff0f) {
        return 4;
    }
#undef AMO
    /* A store-conditional without its reservation must fail and store nothing. */
    __asm__ volatile("lr.w %0, %1\n sc.w %0, x0, %1\n sc.w %0, x0, %1"
                     : "=&r"(failed), "+A"(*word)::"memory");
    return failed ? 0 : 5;
}

enum tick_state tick_atomics(struct tick *tick)
{
    unsigned wrong = atomics_single();
    if (wrong) {
        return tick_say(tick, TICK_BAD, "step %u on one hart", wrong);
    }
    atomic_place.added = atomic_place.reserved = 0;
    harts_start(atomics_job);
    atomics_job(0);
    if (!harts_wait(time_after_us(HARTS_LIMIT_US))) {
        return tick_say(tick, TICK_BAD, "a hart does not come back");
    }
    uint64_t count = (uint64_t)ATOMIC_ROUNDS * machine.harts;
    if (atomic_place.added != 3 * count || atomic_place.reserved != count) {
        return tick_say(tick, TICK_BAD, "%lu and %lu of %lu", atomic_place.added / 3,
                        atomic_place.reserved, count);
    }
    return tick_say(tick, TICK_OK, "%lu additions by %u hart%s", 2 * count, machine.harts,
                    machine.harts == 1 ? "" : "s");
}

#define FRUN(text, a, b, c)                                                                        \
    ({                                                                                             \
        double result_;                                                                            \
        __asm__ volatile(text : "=f"(result_) : "f"(a), "f"(b), "f"(c));                           \
        uint64_t bits_;                                                                            \
        memcpy(&bits_, &result_, sizeof(bits_));                                                   \
        bits_;                                                                                     \
    })

enum { FLAG_INEXACT = 1, FLAG_OVERFLOW = 4, FLAG_DIVISION = 8, FLAG_INVALID = 16 };

/* The flags that an instruction on a and b raises. */
static uint64_t float_flags(double a, double b, bool divide)
{
    csr_write(fflags, 0);
    if (divide) {
        FRUN("fdiv.d %0, %1, %2", a, b, 0.0);
    } else {
        FRUN("fmul.d %0, %1, %2", a, b, 0.0);
    }
    return csr_read(fflags);
}

static unsigned float_rows(unsigned *ret_count)
{
    const double one = 1, two = 2, three = 3, huge = 0x1.fp1023, tiny = 0x1p-52, minus = -2.5;
    const struct case_row rows[] = {
        { FRUN("fadd.d %0, %1, %2", one, tiny, one), 0x3ff0000000000001 },
        { FRUN("fsub.d %0, %1, %2", one, one, one), 0 },
        { FRUN("fmul.d %0, %1, %2", three, minus, one), 0xc01e000000000000 },
        { FRUN("fdiv.d %0, %1, %2", one, three, one), 0x3fd5555555555555 },
        { FRUN("fdiv.d %0, %1, %2, rup", one, three, one), 0x3fd5555555555556 },
        { FRUN("fsqrt.d %0, %1", two, one, one), 0x3ff6a09e667f3bcd },
        { FRUN("fmadd.d %0, %1, %2, %3", one + tiny, one + tiny, -one), 0x3cc0000000000000 },
        { FRUN("fmax.d %0, %1, %2", one, minus, one), 0x3ff0000000000000 },
        { FRUN("fsgnjn.d %0, %1, %2", one, minus, one), 0x3ff0000000000000 },
        { FRUN("fmul.d %0, %1, %2, rtz", huge, huge, one), 0x7fefffffffffffff },
        { FRUN("fdiv.s %0, %1, %2", one, one, one), 0xffffffff7fc00000 }, /* not boxed: NaN */
        { FRUN("fcvt.s.d %0, %1", three, one, one), 0xffffffff40400000 },
        { float_flags(one, three, true), FLAG_INEXACT },
        { float_flags(one, 0.0, true), FLAG_DIVISION },
        { float_flags(0.0, 0.0, true), FLAG_INVALID },
        { float_flags(huge, huge, false), FLAG_OVERFLOW | FLAG_INEXACT },
    };
    *ret_count = COUNT(rows);
    return rows_bad(rows, COUNT(rows));
}

/* Euler's number by its series, summed from the smallest term. */
static double float_euler(void)
{
    double sum = 0;
    for (int first = 20; first > 0; first--) {
        sum = (1 + sum) / first;
    }
    return 1 + sum;
}

enum tick_state tick_float(struct tick *tick)
{
    unsigned count, bad = float_rows(&count);
    double euler = float_euler();
    if (bad != 0 || euler != 0x1.5bf0a8b145769p+1) {
        return tick_say(tick, TICK_BAD, "%u of %u results are wrong", bad, count);
    }
    return tick_say(tick, TICK_OK, "%u results to the bit, e = 2.%08u", count,
                    (unsigned)((euler - 2) * 100000000));
}
