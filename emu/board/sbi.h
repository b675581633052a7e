/*
 * The built-in SBI: what firmware does for a kernel, done by the emulator, so that a machine boots
 * without a firmware file. Harts have no machine mode then: they start in S-mode.
 *
 * SBI 2.0: base, TIME, IPI, RFENCE, HSM, SRST, DBCN and the legacy calls. Not modelled: PMU, SUSP,
 * CPPC, NACL, STA. Source: RISC-V Supervisor Binary Interface Specification 2.0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/riscv/hart.h"
#include "platform/thread.h"

struct sbi;

/* What a guest asks of the machine (SRST, legacy shutdown). */
enum sbi_reset { SBI_SHUTDOWN, SBI_REBOOT, SBI_SHUTDOWN_FAILED };

/* What the board gives. Functions are called on a hart's thread with the machine lock held. */
struct sbi_host {
    struct bus *bus;         /* DBCN buffers are read and written through it: RAM only */
    struct host_mutex *lock; /* the machine lock */
    /* Puts bytes on the console, returns how many were taken; never blocks. */
    size_t (*console_write)(void *opaque, const uint8_t *data, size_t size);
    /* Takes bytes that were typed, at most `size`; returns how many. NULL: there is no input. */
    size_t (*console_read)(void *opaque, uint8_t *data, size_t size);
    /* Ends or restarts the machine soon; the harts that asked have stopped when it takes effect. */
    void (*reset)(void *opaque, enum sbi_reset kind);
    void *opaque;
};

/* Makes the SBI of these harts, whose config says machine_mode = false, and installs itself in
 * them. Harts parked; the arrays are copied. */
struct sbi *sbi_new(const struct sbi_host *host, struct riscv_hart *const *harts, unsigned count);

/* Takes itself out of the harts and frees; parked or ended harts. Accepts NULL. */
void sbi_free(struct sbi *sbi);

/* Adds what it knows of the harts to what is saved of the machine. Harts parked. */
void sbi_add_parts(struct sbi *sbi, GPtrArray *parts);

/* The harts' part of a machine reset, and needed once after sbi_new: resets all of them (parked);
 * hart `boot` is started and will run from its reset_pc, all others are stopped. */
void sbi_reset(struct sbi *sbi, unsigned boot);
