/* Exceptions, interrupts and the returns from them. Manual volume II, 3.1 and 12.1. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

/* Takes an exception at hart->pc: CSRs, privilege, banks and pc change. Hart's thread. */
void riscv_raise(struct riscv_hart *hart, enum riscv_cause cause, uint64_t tval);

/* Takes the highest-priority pending enabled interrupt; false if there is none. */
bool riscv_take_interrupt(struct riscv_hart *hart);

/* Makes the engine stop soon if an interrupt can be taken now: after a change of mstatus, mie, mip,
 * mideleg or the privilege. Hart's thread. */
void riscv_notice_interrupts(struct riscv_hart *hart);

/* Whether WFI must not sleep: an interrupt is pending that mie enables, globally enabled or not. */
bool riscv_has_wakeup(struct riscv_hart *hart);

/* The ecall instruction at hart->pc: the built-in SBI, or an exception; pc is moved either way. */
void riscv_ecall(struct riscv_hart *hart);

/* MRET at hart->pc; false if illegal here (nothing changed). */
bool riscv_mret(struct riscv_hart *hart);

/* SRET at hart->pc; false if illegal here (nothing changed). */
bool riscv_sret(struct riscv_hart *hart);

/* Whether WFI is legal in the present mode (TW). */
bool riscv_wfi_allowed(const struct riscv_hart *hart);

/* Recomputes bank_data and bank_fetch after a change of privilege or mstatus. */
void riscv_update_banks(struct riscv_hart *hart);
