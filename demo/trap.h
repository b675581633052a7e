/* Traps into M-mode: expected ones lead back to who expected them, interrupts to their devices. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "demo/riscv.h"

/* What trap_entry saves; x[0] is unused. The offsets are in limits.h. */
struct trap_frame {
    uint64_t x[32];
    uint64_t pc;
    uint64_t unused;
};

/* An exception that was caught. */
struct trap {
    uint64_t cause; /* enum trap_cause */
    uint64_t value; /* mtval */
    uint64_t pc;
};

/* Runs `fn(opaque)`; true and `*ret_trap` if an exception ended it. Not nested on one hart. */
bool trap_catch(void (*fn)(void *opaque), void *opaque, struct trap *ret_trap);

/* Goes on at `pc` in mode 0 (U) or 1 (S); only a trap leads out, so call it inside trap_catch. */
void mode_enter(uint64_t pc, unsigned mode, uint64_t a0, uint64_t a1);

/* How often hart 0 took its timer interrupt. */
extern volatile uint64_t trap_timer_count;

/* How often hart 0 took an interrupt of the PLIC's source `source` (at most 63). */
extern volatile uint64_t trap_source_count[64];

/* Lets the PLIC give hart 0 the sources of all devices that the machine has. */
void irq_init(void);

/* Hart 0 sleeps until `deadline` or until an interrupt came, and takes what is pending. */
void irq_wait(uint64_t deadline);
