/* Code that changes itself and code that runs once: what loaders and just-in-time compilers do. */
#include "bench.h"

#ifdef __riscv
#include <string.h>
#include <sys/mman.h>

enum { PATCHES = 200, FUNCTIONS = 32, FUNCTION_WORDS = 16, USES = 10 };
enum { COLD_FUNCTIONS = 256, COLD_WORDS = 64 };
enum { CODE_BYTES = COLD_FUNCTIONS * COLD_WORDS * 4 };

static uint32_t *code;

static void code_start(const char *argument)
{
    (void)argument;
    code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    if (code == MAP_FAILED)
        bench_fail("mmap");
}

static void code_stop(void)
{
    munmap(code, CODE_BYTES);
}

static void code_barrier(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

static uint64_t code_call(const uint32_t *at, uint64_t value, uint64_t other)
{
    uint64_t (*function)(uint64_t, uint64_t);
    memcpy(&function, &at, sizeof(at));
    return function(value, other);
}

enum { RETURN = 0x8067 };

/* Instructions on a0 and a1 with a number of 11 bits in them. */
static uint32_t addi(uint32_t number)
{
    return 0x00050513 | (number & 0x7ff) << 20; /* addi a0, a0, number */
}

static uint32_t arithmetic(uint32_t number)
{
    static const uint32_t kinds[] = {
        0x00050513, /* addi a0, a0, number */
        0x00054593, /* xori a1, a0, number */
        0x0005e593, /* ori a1, a1, number */
        0x0015151b, /* slliw a0, a0, 1 and more, see below */
        0x00b50533, /* add a0, a0, a1 */
        0x40b50533, /* sub a0, a0, a1 */
        0x0005a593, /* slti a1, a1, number */
        0x00357513, /* andi a0, a0, 3 and more */
    };
    uint32_t kind = kinds[number & 7];
    int has_number = (kind & 0x7f) == 0x13;
    return has_number ? kind | (number >> 3 & 0x7ff) << 20 : kind;
}

/* What a function of such instructions, and of branches that lead nowhere, returns. */
static uint64_t code_result(const uint32_t *at, uint64_t a0, uint64_t a1)
{
    for (; *at != RETURN; at++) {
        int64_t number = (int32_t)*at >> 20;
        switch (*at & 0xfffff) {
        case 0x50513: a0 += (uint64_t)number; break;
        case 0x54593: a1 = a0 ^ (uint64_t)number; break;
        case 0x5e593: a1 |= (uint64_t)number; break;
        case 0x5151b: a0 = (uint64_t)(int32_t)((uint32_t)a0 << 1); break;
        case 0x50533: a0 += *at >> 30 ? -a1 : a1; break;
        case 0x5a593: a1 = (int64_t)a1 < number; break;
        case 0x57513: a0 &= (uint64_t)number; break;
        }
    }
    return a0;
}

/* Calls a function that has just been made; one that runs as it was before is noticed. */
static uint64_t code_check(const uint32_t *at, uint64_t value, uint64_t other)
{
    uint64_t result = code_call(at, value, other);
    if (result != code_result(at, value, other))
        bench_wrong();
    return result;
}

/* One instruction is written and runs, again and again. */
static uint64_t patch_step(void)
{
    static uint32_t number;
    uint64_t value = 0, sum = 0;
    code[1] = RETURN;
    for (int i = 0; i < PATCHES; i++) {
        sum += number & 0x7ff;
        code[0] = addi(number++);
        code_barrier();
        value = code_call(code, value, 0);
    }
    if (value != sum)
        bench_wrong();
    return PATCHES;
}

/* A page of functions is written anew and each runs a few times. */
static uint64_t emit_step(void)
{
    static unsigned steps;
    uint64_t value = 0;
    for (int i = 0; i < FUNCTIONS; i++) {
        uint32_t *function = code + i * FUNCTION_WORDS;
        for (int k = 0; k < FUNCTION_WORDS - 1; k++)
            function[k] = arithmetic((uint32_t)bench_random());
        function[FUNCTION_WORDS - 1] = RETURN;
    }
    code_barrier();
    for (int use = 0; use < USES; use++)
        for (int i = 0; i < FUNCTIONS; i++)
            value += code_call(code + i * FUNCTION_WORDS, value, 1);
    bench_use(value + code_check(code + steps++ % FUNCTIONS * FUNCTION_WORDS, value, 1));
    return FUNCTIONS;
}

/* Much new code that runs once: the unit is its instructions. Every eighth is a branch. */
static uint64_t cold_step(void)
{
    for (int i = 0; i < COLD_FUNCTIONS; i++) {
        uint32_t *function = code + i * COLD_WORDS;
        for (int k = 0; k < COLD_WORDS - 1; k++)
            function[k] = k % 8 == 7 ? 0x00b50263 /* beq a0, a1, to the next */
                                     : arithmetic((uint32_t)bench_random());
        function[COLD_WORDS - 1] = RETURN;
    }
    code_barrier();
    uint64_t value = code_check(code, 1, 1);
    for (int i = 1; i < COLD_FUNCTIONS; i++)
        value = code_call(code + i * COLD_WORDS, value, 1);
    bench_use(value);
    return COLD_FUNCTIONS * COLD_WORDS;
}

const struct workload code_workloads[] = {
    {"patch", "patches", code_start, patch_step, code_stop},
    {"emit", "functions", code_start, emit_step, code_stop},
    {"cold", "instructions", code_start, cold_step, code_stop},
    {0},
};
#else
/* The instructions are the guest's; there is no native run. */
const struct workload code_workloads[] = {{0}};
#endif
