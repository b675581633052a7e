/* The guest's half of scripts/bench: small workloads that count what they get done. */
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

/* The tables of the three files, each ended by a row without a name. */
extern const struct workload compute_workloads[];
extern const struct workload kernel_workloads[];
extern const struct workload device_workloads[];

/* Ends the program: what could not be done, and the system's reason. */
_Noreturn void bench_fail(const char *what);

/* Keeps a result alive, so that the work that made it is not optimised away. */
void bench_use(uint64_t value);
