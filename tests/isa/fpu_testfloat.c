/* Goal: every F and D operation agrees bit for bit and flag for flag with Berkeley TestFloat.
 *
 * Reads the lines of `testfloat_gen -tininessafter [-exact] -rMODE FUNCTION` on standard input:
 * operands, result and flags in hexadecimal. Usage: fpu_testfloat FUNCTION MODE. TestFloat has to
 * be built with its RISC-V specialization; a run over everything is tests/isa/testfloat. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/riscv/fpu.h"

struct operands {
    uint64_t v[3];
};

typedef uint64_t operation_fn(const struct operands *in, unsigned rm, unsigned *flags);

#define A32 (uint32_t)in->v[0]
#define B32 (uint32_t)in->v[1]
#define C32 (uint32_t)in->v[2]
#define A64 in->v[0]
#define B64 in->v[1]
#define C64 in->v[2]

/* name in TestFloat, operands, width of an operand and of the result in bits, expression */
#define OPERATIONS(OP)                                         \
    OP(f32_add,    2, 32, fpu_add32(A32, B32, rm, flags))      \
    OP(f32_sub,    2, 32, fpu_sub32(A32, B32, rm, flags))      \
    OP(f32_mul,    2, 32, fpu_mul32(A32, B32, rm, flags))      \
    OP(f32_div,    2, 32, fpu_div32(A32, B32, rm, flags))      \
    OP(f32_sqrt,   1, 32, fpu_sqrt32(A32, rm, flags))          \
    OP(f32_mulAdd, 3, 32, fpu_fma32(A32, B32, C32, rm, flags)) \
    OP(f32_eq,     2, 32, fpu_eq32(A32, B32, flags))           \
    OP(f32_lt,     2, 32, fpu_lt32(A32, B32, flags))           \
    OP(f32_le,     2, 32, fpu_le32(A32, B32, flags))           \
    OP(f64_add,    2, 64, fpu_add64(A64, B64, rm, flags))      \
    OP(f64_sub,    2, 64, fpu_sub64(A64, B64, rm, flags))      \
    OP(f64_mul,    2, 64, fpu_mul64(A64, B64, rm, flags))      \
    OP(f64_div,    2, 64, fpu_div64(A64, B64, rm, flags))      \
    OP(f64_sqrt,   1, 64, fpu_sqrt64(A64, rm, flags))          \
    OP(f64_mulAdd, 3, 64, fpu_fma64(A64, B64, C64, rm, flags)) \
    OP(f64_eq,     2, 64, fpu_eq64(A64, B64, flags))           \
    OP(f64_lt,     2, 64, fpu_lt64(A64, B64, flags))           \
    OP(f64_le,     2, 64, fpu_le64(A64, B64, flags))           \
    OP(f32_to_f64, 1, 64, fpu_f32_to_f64(A32, flags))          \
    OP(f64_to_f32, 1, 32, fpu_f64_to_f32(A64, rm, flags))      \
    OP(f32_to_i32,  1, 32, fpu_f32_to_i32(A32, rm, flags))     \
    OP(f32_to_ui32, 1, 32, fpu_f32_to_u32(A32, rm, flags))     \
    OP(f32_to_i64,  1, 64, fpu_f32_to_i64(A32, rm, flags))     \
    OP(f32_to_ui64, 1, 64, fpu_f32_to_u64(A32, rm, flags))     \
    OP(f64_to_i32,  1, 32, fpu_f64_to_i32(A64, rm, flags))     \
    OP(f64_to_ui32, 1, 32, fpu_f64_to_u32(A64, rm, flags))     \
    OP(f64_to_i64,  1, 64, fpu_f64_to_i64(A64, rm, flags))     \
    OP(f64_to_ui64, 1, 64, fpu_f64_to_u64(A64, rm, flags))     \
    OP(i32_to_f32,  1, 32, fpu_i32_to_f32(A64, rm, flags))     \
    OP(ui32_to_f32, 1, 32, fpu_u32_to_f32(A64, rm, flags))     \
    OP(i64_to_f32,  1, 32, fpu_i64_to_f32(A64, rm, flags))     \
    OP(ui64_to_f32, 1, 32, fpu_u64_to_f32(A64, rm, flags))     \
    OP(i32_to_f64,  1, 64, fpu_i32_to_f64(A64, rm, flags))     \
    OP(ui32_to_f64, 1, 64, fpu_u32_to_f64(A64, rm, flags))     \
    OP(i64_to_f64,  1, 64, fpu_i64_to_f64(A64, rm, flags))     \
    OP(ui64_to_f64, 1, 64, fpu_u64_to_f64(A64, rm, flags))

#define DEFINE(name, count, bits, expression)                                               \
    static uint64_t run_##name(const struct operands *in, unsigned rm, unsigned *flags)     \
    {                                                                                       \
        (void)rm;                                                                           \
        return expression;                                                                  \
    }
OPERATIONS(DEFINE)

static const struct operation {
    const char *name;
    unsigned operands, bits;
    operation_fn *run;
} operations[] = {
#define ROW(name, count, bits, expression) { #name, count, bits, run_##name },
    OPERATIONS(ROW)
};

static const char *const modes[] = { "near_even", "minMag", "min", "max", "near_maxMag" };

static const struct operation *find_operation(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    return NULL;
}

static int find_mode(const char *name)
{
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++) {
        if (strcmp(modes[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* One line: true if it agrees. */
static bool check_line(const struct operation *op, unsigned rm, char *line)
{
    uint64_t field[5];
    char *at = line;
    for (unsigned i = 0; i < op->operands + 2; i++) {
        char *end;
        field[i] = strtoull(at, &end, 16);
        if (end == at) {
            printf("not a line of %s: %s", op->name, line);
            return false;
        }
        at = end;
    }
    struct operands in = { { field[0], field[1], field[2] } };
    unsigned flags = 0;
    uint64_t got = op->run(&in, rm, &flags);
    if (op->bits == 32) {
        got = (uint32_t)got;
    }
    if (got == field[op->operands] && flags == field[op->operands + 1]) {
        return true;
    }
    printf("%s %s: got %" PRIx64 " %02x for %s", op->name, modes[rm], got, flags, line);
    return false;
}

int main(int argc, char **argv)
{
    const struct operation *op = argc == 3 ? find_operation(argv[1]) : NULL;
    int rm = argc == 3 ? find_mode(argv[2]) : -1;
    if (op == NULL || rm < 0) {
        fprintf(stderr, "usage: fpu_testfloat FUNCTION MODE < output of testfloat_gen\n");
        return 2;
    }
    char line[256];
    unsigned long lines = 0, wrong = 0;
    while (fgets(line, sizeof line, stdin) != NULL && wrong < 20) {
        lines++;
        wrong += !check_line(op, (unsigned)rm, line);
    }
    printf("%s %s: %lu lines, %lu wrong\n", op->name, modes[rm], lines, wrong);
    return lines == 0 || wrong != 0;
}
