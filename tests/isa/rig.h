/* One hart with memory around it and nothing that runs: for tests of what happens between
 * instructions. The clock is driven by hand, the engine counts what it is told. */
#pragma once

#include "aio/clock.h"
#include "aio/context.h"
#include "emu/mem/bus.h"
#include "emu/riscv/hart.h"

#define RIG_RAM_BASE UINT64_C(0x80000000)
#define RIG_RAM_SIZE UINT64_C(0x1000000)
#define RIG_ROM_BASE UINT64_C(0x1000)
#define RIG_ROM_SIZE UINT64_C(0x1000)

struct rig {
    struct host_mutex lock;
    struct aio_context *ctx;
    struct aio_clock clock;
    struct bus *bus;
    uint8_t *ram, *rom;
    struct riscv_config config;
    struct riscv_hart *hart; /* index 0; not started */
};

/* What the engine of the rig's harts has been told since rig_engine_forget. */
struct rig_engine {
    unsigned fences, flushes, switches;
    uint64_t flushed; /* the last address */
};

/* Memory, clock and configuration, with all options on; no hart yet. */
void rig_init(struct rig *rig);

/* Makes the hart with the configuration as it is now. */
void rig_start(struct rig *rig);

/* Frees all of it. */
void rig_finish(struct rig *rig);

/* Sets what the `time` CSR shows. */
void rig_set_time(struct rig *rig, uint64_t ticks);

/* What the engine was told. */
struct rig_engine *rig_engine(void);

/* One more hart, of index `index`, the caller's to free. */
struct riscv_hart *rig_hart_new(struct rig *rig, unsigned index);

/* Stores 64 bits at a physical address in RAM. */
void rig_store(struct rig *rig, gpa_t address, uint64_t value);

/* Loads 64 bits. */
uint64_t rig_load(const struct rig *rig, gpa_t address);
