/*
 * One hart on one engine with memory and a device, for programs that must leave the same state
 * whatever runs them. Everything on the caller's thread.
 */
#pragma once

#include "aio/context.h"
#include "emu/jit/options.h"
#include "emu/mem/bus.h"
#include "emu/riscv/hart.h"
#include "platform/memory.h"
#include "tests/jit/program.h"

struct bench {
    struct host_memory ram;
    struct host_mutex lock;
    struct bus *bus;
    struct aio_clock clock;
    struct jit_options options;
    struct riscv_config config;
    struct riscv_hart *hart;
    uint64_t device; /* what has been done to the device: every access changes it */
    bool stopped;    /* the guest asked for the end */
};

/* Makes the machine; `options` count for the translator. */
bool bench_init(struct bench *bench, const struct engine *engine,
                const struct jit_options *options, GError **error);

/* Frees it. */
void bench_finish(struct bench *bench);

/* Loads the program and gives the hart its starting state, the same on every engine. */
void bench_start(struct bench *bench, const struct program *program);

/* Runs until the guest stops. False if somebody had to stop it: it does not end. */
bool bench_run(struct bench *bench);

/* Runs one instruction by the interpreter, on a bench of that engine. */
void bench_step(struct bench *bench);

/* Ends bench_run soon. */
void bench_stop(struct bench *bench);

/* Gives a parked hart the starting state of a program that lies `offset` bytes behind the usual
 * place. */
void bench_start_hart(struct riscv_hart *hart, const struct program *program, uint64_t offset);

/* Writes a CSR whatever the mode. */
void bench_write(struct bench *bench, unsigned csr, uint64_t value);
