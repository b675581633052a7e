/* The guest's half of scripts/bench: small workloads that count what they get done. The same
 * sources, built for the host, are its native run. */
#pragma once

#include <stdint.h>

/* One workload: `step` does a small, fixed piece of work and returns how many `unit`s that was;
 * `start` and `stop` may be NULL. A workload that cannot run ends the program with a message. */
struct workload {
    const char *name;
    const char *unit;
    void (*start)(const char *argument);
    uint64_t (*step)(void);
    void (*stop)(void);
};

/* A table for each file, ended by a row without a name. */
extern const struct workload integer_workloads[];
extern const struct workload algorithm_workloads[];
extern const struct workload float_workloads[];
extern const struct workload memory_workloads[];
extern const struct workload system_workloads[];
extern const struct workload code_workloads[];
extern const struct workload thread_workloads[];
extern const struct workload program_workloads[];
extern const struct workload device_workloads[];
extern const struct workload storage_workloads[];

/* Ends the program: what could not be done, and the system's reason. */
_Noreturn void bench_fail(const char *what);

/* The running workload's result is not what it must be: what it did does not count. */
void bench_wrong(void);

/* Memory of its own, or the program's end. */
void *bench_alloc(uint64_t bytes);

/* Keeps a result alive, so that the work that made it is not optimised away. */
void bench_use(uint64_t value);

/* The next of a fixed sequence of random numbers. */
uint64_t bench_random(void);

/* Compresses one block of 64 bytes into a SHA-256 state. */
void sha256_block(uint32_t state[8], const uint8_t block[64]);
