/* The translator as an engine: guest blocks become host code. */
#pragma once

#include "emu/cpu/hart.h"

struct riscv_hart;

/* For hart_init. The hart must be a struct riscv_hart. Attaching fails with a reason on processors
 * that lack what the generated code uses. */
extern const struct engine jit_engine;

/* Describes the translator's work so far: of the machine for hart 0, then of the hart. Parked
 * hart; free with g_free. */
char *jit_describe(struct riscv_hart *hart);

/* The hottest blocks of the hart's machine, disassembled, as many as its options asked for; NULL if
 * they did not, or nothing is translated. Parked harts; free with g_free. */
char *jit_describe_hot(struct riscv_hart *hart);
