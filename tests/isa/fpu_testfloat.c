/* Goal: every F and D operation agrees bit for bit and flag for flag with Berkeley TestFloat.
 *
 * Reads the lines of `testfloat_gen -tininessafter [-exact] -rMODE FUNCTION` on standard input:
 * operands, result and flags in hexadecimal. Usage: fpu_testfloat FUNCTION MODE [interp]: calls the
 * arithmetic, or has the interpreter run the instruction. TestFloat has to be built with its RISC-V
 * specialization; a run over everything is tests/isa/testfloat. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/fpu.h"
#include "tests/isa/fake_machine.h"

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

/* Instruction words: operands in register 11 to 13, result in 10, rounding mode from frm. */
#define R(funct7, rs2, rm) ((funct7##u) << 25 | (rs2##u) << 20 | 11u << 15 | (rm##u) << 12 | 0x553u)
#define R4(format)         (13u << 27 | (format##u) << 25 | 12u << 20 | 11u << 15 | 0x7543u)

/* name in TestFloat, operands, bits of the result, instruction, expression */
#define OPERATIONS(OP)                                                            \
    OP(f32_add,     2, 32, R(0x00, 12, 7),   fpu_add32(A32, B32, rm, flags))      \
    OP(f32_sub,     2, 32, R(0x04, 12, 7),   fpu_sub32(A32, B32, rm, flags))      \
    OP(f32_mul,     2, 32, R(0x08, 12, 7),   fpu_mul32(A32, B32, rm, flags))      \
    OP(f32_div,     2, 32, R(0x0c, 12, 7),   fpu_div32(A32, B32, rm, flags))      \
    OP(f32_sqrt,    1, 32, R(0x2c, 0, 7),    fpu_sqrt32(A32, rm, flags))          \
    OP(f32_mulAdd,  3, 32, R4(0),            fpu_fma32(A32, B32, C32, rm, flags)) \
    OP(f32_eq,      2, 32, R(0x50, 12, 2),   fpu_eq32(A32, B32, flags))           \
    OP(f32_lt,      2, 32, R(0x50, 12, 1),   fpu_lt32(A32, B32, flags))           \
    OP(f32_le,      2, 32, R(0x50, 12, 0),   fpu_le32(A32, B32, flags))           \
    OP(f64_add,     2, 64, R(0x01, 12, 7),   fpu_add64(A64, B64, rm, flags))      \
    OP(f64_sub,     2, 64, R(0x05, 12, 7),   fpu_sub64(A64, B64, rm, flags))      \
    OP(f64_mul,     2, 64, R(0x09, 12, 7),   fpu_mul64(A64, B64, rm, flags))      \
    OP(f64_div,     2, 64, R(0x0d, 12, 7),   fpu_div64(A64, B64, rm, flags))      \
    OP(f64_sqrt,    1, 64, R(0x2d, 0, 7),    fpu_sqrt64(A64, rm, flags))          \
    OP(f64_mulAdd,  3, 64, R4(1),            fpu_fma64(A64, B64, C64, rm, flags)) \
    OP(f64_eq,      2, 64, R(0x51, 12, 2),   fpu_eq64(A64, B64, flags))           \
    OP(f64_lt,      2, 64, R(0x51, 12, 1),   fpu_lt64(A64, B64, flags))           \
    OP(f64_le,      2, 64, R(0x51, 12, 0),   fpu_le64(A64, B64, flags))           \
    OP(f32_to_f64,  1, 64, R(0x21, 0, 7),    fpu_f32_to_f64(A32, flags))          \
    OP(f64_to_f32,  1, 32, R(0x20, 1, 7),    fpu_f64_to_f32(A64, rm, flags))      \
    OP(f32_to_i32,  1, 32, R(0x60, 0, 7),    fpu_f32_to_i32(A32, rm, flags))      \
    OP(f32_to_ui32, 1, 32, R(0x60, 1, 7),    fpu_f32_to_u32(A32, rm, flags))      \
    OP(f32_to_i64,  1, 64, R(0x60, 2, 7),    fpu_f32_to_i64(A32, rm, flags))      \
    OP(f32_to_ui64, 1, 64, R(0x60, 3, 7),    fpu_f32_to_u64(A32, rm, flags))      \
    OP(f64_to_i32,  1, 32, R(0x61, 0, 7),    fpu_f64_to_i32(A64, rm, flags))      \
    OP(f64_to_ui32, 1, 32, R(0x61, 1, 7),    fpu_f64_to_u32(A64, rm, flags))      \
    OP(f64_to_i64,  1, 64, R(0x61, 2, 7),    fpu_f64_to_i64(A64, rm, flags))      \
    OP(f64_to_ui64, 1, 64, R(0x61, 3, 7),    fpu_f64_to_u64(A64, rm, flags))      \
    OP(i32_to_f32,  1, 32, R(0x68, 0, 7),    fpu_i32_to_f32(A64, rm, flags))      \
    OP(ui32_to_f32, 1, 32, R(0x68, 1, 7),    fpu_u32_to_f32(A64, rm, flags))      \
    OP(i64_to_f32,  1, 32, R(0x68, 2, 7),    fpu_i64_to_f32(A64, rm, flags))      \
    OP(ui64_to_f32, 1, 32, R(0x68, 3, 7),    fpu_u64_to_f32(A64, rm, flags))      \
    OP(i32_to_f64,  1, 64, R(0x69, 0, 7),    fpu_i32_to_f64(A64, rm, flags))      \
    OP(ui32_to_f64, 1, 64, R(0x69, 1, 7),    fpu_u32_to_f64(A64, rm, flags))      \
    OP(i64_to_f64,  1, 64, R(0x69, 2, 7),    fpu_i64_to_f64(A64, rm, flags))      \
    OP(ui64_to_f64, 1, 64, R(0x69, 3, 7),    fpu_u64_to_f64(A64, rm, flags))

#define DEFINE(name, count, bits, word, expression)                                         \
    static uint64_t run_##name(const struct operands *in, unsigned rm, unsigned *flags)     \
    {                                                                                       \
        (void)rm;                                                                           \
        return expression;                                                                  \
    }
OPERATIONS(DEFINE)

static const struct operation {
    const char *name;
    unsigned operands, bits;
    uint32_t word;
    operation_fn *run;
} operations[] = {
#define ROW(name, count, bits, word, expression) { #name, count, bits, word, run_##name },
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

/* Whether the instruction's operand or result is in an integer register. */
static bool from_integer(const struct operation *op)
{
    return op->word >> 26 == 0x34;
}

static bool to_integer(const struct operation *op)
{
    return op->word >> 26 == 0x28 || op->word >> 26 == 0x30;
}

/* The interpreter runs the instruction at the machine's start and then waits. */
static uint64_t interpret(struct fake_machine *m, const struct operation *op,
                          const struct operands *in, unsigned rm, unsigned *flags)
{
    struct riscv_hart *hart = m->hart;
    bool single = op->name[0] == 'f' && op->name[1] == '3';
    for (unsigned i = 0; i < 3; i++) {
        hart->f[11 + i] = single ? in->v[i] | UINT64_C(0xffffffff00000000) : in->v[i];
    }
    hart->x[11] = from_integer(op) ? in->v[0] : UINT64_C(0x5555555555555555);
    hart->frm = (uint8_t)rm;
    hart->fflags = 0;
    hart->mstatus |= MSTATUS_FS;
    hart->pc = FAKE_RAM_BASE;
    fake_machine_run(m);
    *flags = hart->fflags;
    if (hart->pc != FAKE_RAM_BASE + 8) {
        return ~in->v[0]; /* it trapped: nothing that could agree */
    }
    return to_integer(op) ? hart->x[10] : hart->f[10];
}

/* What the register has to hold: singles are NaN-boxed, 32-bit integers sign-extended. */
static uint64_t register_value(const struct operation *op, uint64_t result)
{
    if (op->bits == 64) {
        return result;
    }
    return to_integer(op) ? (uint64_t)(int32_t)result : result | UINT64_C(0xffffffff00000000);
}

/* One line, with the interpreter if there is a machine: true if it agrees. */
static bool check_line(const struct operation *op, unsigned rm, char *line, struct fake_machine *m)
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
    uint64_t got = m != NULL ? interpret(m, op, &in, rm, &flags) : op->run(&in, rm, &flags);
    uint64_t expected = field[op->operands];
    if (m != NULL) {
        expected = register_value(op, expected);
    } else if (op->bits == 32) {
        got = (uint32_t)got;
    }
    if (got == expected && flags == field[op->operands + 1]) {
        return true;
    }
    printf("%s %s: got %" PRIx64 " %02x for %s", op->name, modes[rm], got, flags, line);
    return false;
}

/* All lines of standard input. */
static bool check_input(const struct operation *op, unsigned rm, struct fake_machine *m)
{
    char line[256];
    unsigned long lines = 0, wrong = 0;
    while (fgets(line, sizeof line, stdin) != NULL && wrong < 20) {
        lines++;
        wrong += !check_line(op, rm, line, m);
    }
    printf("%s %s: %lu lines, %lu wrong\n", op->name, modes[rm], lines, wrong);
    return lines != 0 && wrong == 0;
}

int main(int argc, char **argv)
{
    const struct operation *op = argc >= 3 ? find_operation(argv[1]) : NULL;
    int rm = argc >= 3 ? find_mode(argv[2]) : -1;
    bool interpreter = argc == 4 && strcmp(argv[3], "interp") == 0;
    if (op == NULL || rm < 0 || argc > 4 || (argc == 4 && !interpreter)) {
        fprintf(stderr, "usage: fpu_testfloat FUNCTION MODE [interp] < output of testfloat_gen\n");
        return 2;
    }
    if (!interpreter) {
        return !check_input(op, (unsigned)rm, NULL);
    }
    static struct fake_machine machine;
    const uint32_t code[] = { op->word, 0x10500073 /* wfi */ };
    fake_machine_init(&machine);
    fake_machine_code(&machine, FAKE_RAM_BASE, code, 2);
    bool agrees = check_input(op, (unsigned)rm, &machine);
    fake_machine_finish(&machine);
    return !agrees;
}
