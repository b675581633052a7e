/* Control and status registers: one table (csr.def), WARL behaviour in its functions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

enum csr_op { CSR_READ, CSR_WRITE, CSR_SET, CSR_CLEAR };

/* One Zicsr instruction: reads the old value (always stored to `ret_old` on success) and applies
 * the operation. CSR_READ never writes (csrrs/csrrc with x0 or imm 0). False: illegal instruction,
 * nothing changed. May kick the hart's own requests when interrupts become deliverable. */
bool riscv_csr(struct riscv_hart *hart, unsigned number, enum csr_op op, uint64_t operand,
               uint64_t *ret_old);

/* Reads a CSR as a debugger does: no privilege check, no side effect; false if there is none. */
bool riscv_csr_peek(struct riscv_hart *hart, unsigned number, uint64_t *ret_value);

/* The name of a CSR in the manual, or NULL. */
const char *riscv_csr_name(unsigned number);
