/* One hart with RAM and a device that stops it, run on the caller's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "aio/clock.h"
#include "aio/context.h"
#include "emu/mem/bus.h"
#include "emu/riscv/hart.h"

#define FAKE_RAM_BASE UINT64_C(0x80000000)
#define FAKE_RAM_SIZE (UINT64_C(8) << 20)

/* Device registers: a store to STOP ends fake_machine_run; SCRATCH reads back what was written;
 * anything else in the window is a bus error. */
#define FAKE_DEVICE  UINT64_C(0x10000000)
#define FAKE_STOP    FAKE_DEVICE
#define FAKE_SCRATCH (FAKE_DEVICE + 8)

struct fake_machine {
    struct host_mutex lock;
    struct bus *bus;
    uint8_t *ram;
    struct aio_context *ctx;
    struct aio_clock clock;
    struct riscv_config config;
    struct riscv_hart *hart;
    uint64_t scratch, stop_value;
    unsigned device_reads, device_writes;
};

/* Builds the machine; the hart is reset with its pc at the start of RAM. */
void fake_machine_init(struct fake_machine *m);

/* Frees it. */
void fake_machine_finish(struct fake_machine *m);

/* Puts instruction words at a physical address in RAM. */
void fake_machine_code(struct fake_machine *m, gpa_t address, const uint32_t *words, size_t count);

/* Runs from hart->pc until the guest stores to STOP, or waits for an interrupt. */
void fake_machine_run(struct fake_machine *m);

/* Host address of guest RAM. */
uint8_t *fake_machine_ram(struct fake_machine *m, gpa_t address);
