/* Integer code of the kinds that a translator meets: calls, an interpreter's loop, indirect calls,
 * divisions, loops over memory. */
#include "bench.h"

#include <string.h>

enum { FIB_ARGUMENT = 22, FIB_CALLS = 57313, PROGRAM_LOOPS = 20000, CALLS = 100000 };
enum { DIVISIONS = 50000, SIEVE_SIZE = 1 << 18 };

static __attribute__((noinline)) uint64_t fib(uint64_t n)
{
    /* One half stays a call, whatever the compiler unrolls. */
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t fib_step(void)
{
    static volatile uint64_t argument = FIB_ARGUMENT;
    bench_use(fib(argument));
    return FIB_CALLS;
}

enum opcode { OP_PUSH, OP_LOAD, OP_STORE, OP_ADD, OP_XOR, OP_SHIFT, OP_LESS, OP_JUMP_IF, OP_END };

/* for (i = 0; i < PROGRAM_LOOPS; i++) sum = (sum + i ^ sum >> 3) for a machine with a stack. */
static const uint16_t interp_program[] = {
    OP_LOAD,    0, OP_LOAD, 1, OP_ADD, OP_LOAD,  0, OP_PUSH, 3, OP_SHIFT, OP_XOR, OP_STORE,   0,
    OP_LOAD,    1, OP_PUSH, 1, OP_ADD, OP_STORE, 1, OP_LOAD, 1, OP_PUSH,  2,      OP_LOAD,    2,
    OP_ADD,     OP_LESS,    OP_JUMP_IF, 0, OP_END,
};
enum { INTERP_OPERATIONS = 18 };

/* A switch in a loop: the heart of most interpreters. */
static __attribute__((noinline)) uint64_t interp_run(const uint16_t *code, uint64_t *variable)
{
    uint64_t stack[16];
    uint64_t *top = stack;
    for (const uint16_t *at = code;;) {
        switch ((enum opcode)*at++) {
        case OP_PUSH: *++top = *at++; break;
        case OP_LOAD: *++top = variable[*at++]; break;
        case OP_STORE: variable[*at++] = *top--; break;
        case OP_ADD: top--; top[0] += top[1]; break;
        case OP_XOR: top--; top[0] ^= top[1]; break;
        case OP_SHIFT: top--; top[0] >>= top[1]; break;
        case OP_LESS: top--; top[0] = top[0] < top[1]; break;
        case OP_JUMP_IF: at = *top-- ? code + *at : at + 1; break;
        case OP_END: return variable[0];
        }
    }
}

static uint64_t interp_step(void)
{
    uint64_t variable[3] = {1, 0, PROGRAM_LOOPS - 2};
    bench_use(interp_run(interp_program, variable));
    return PROGRAM_LOOPS * INTERP_OPERATIONS;
}

#define LEAF(number) \
    static __attribute__((noinline)) uint64_t leaf_##number(uint64_t value) \
    { \
        return value * 3 + number; \
    }
LEAF(0)
LEAF(1)
LEAF(2)
LEAF(3)
LEAF(4)
LEAF(5)
LEAF(6)
LEAF(7)

/* Calls through a table, to a target that changes each time. */
static uint64_t indirect_step(void)
{
    static uint64_t (*const volatile leaves[8])(uint64_t) = {leaf_0, leaf_1, leaf_2, leaf_3,
                                                             leaf_4, leaf_5, leaf_6, leaf_7};
    uint64_t value = 1;
    for (int i = 0; i < CALLS; i++)
        value = leaves[(value >> 3 ^ (uint64_t)i) & 7](value);
    bench_use(value);
    return CALLS;
}

/* Products, quotients and remainders of all signs and sizes. */
static uint64_t divmul_step(void)
{
    uint64_t one = bench_random() | 1, other = bench_random() | 1, sum = 0;
    for (int i = 0; i < DIVISIONS; i++) {
        one = one * 6364136223846793005u + 1442695040888963407u;
        other ^= other << 13 ^ one >> 7;
        sum += one / (other >> (i & 31) | 1);
        sum ^= (uint64_t)((int64_t)one % (int64_t)(other >> 20 | 3));
        sum += (uint32_t)one / ((uint32_t)other | 1);
        sum += (uint64_t)((unsigned __int128)one * other >> 64);
    }
    bench_use(sum);
    return DIVISIONS;
}

/* The primes below SIEVE_SIZE. */
static uint64_t sieve_step(void)
{
    static uint8_t composite[SIEVE_SIZE];
    memset(composite, 0, sizeof(composite));
    uint64_t primes = 0;
    for (uint32_t i = 2; i < SIEVE_SIZE; i++) {
        if (composite[i])
            continue;
        primes++;
        for (uint32_t k = 2 * i; k < SIEVE_SIZE; k += i)
            composite[k] = 1;
    }
    bench_use(primes);
    return SIEVE_SIZE;
}

const struct workload integer_workloads[] = {
    {"fib", "calls", NULL, fib_step, NULL},
    {"interp", "operations", NULL, interp_step, NULL},
    {"indirect", "calls", NULL, indirect_step, NULL},
    {"divmul", "rounds", NULL, divmul_step, NULL},
    {"sieve", "numbers", NULL, sieve_step, NULL},
    {0},
};
