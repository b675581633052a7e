/* What the rows of csr.def call. Private to csr*.c. */
#pragma once

#include <stdint.h>

#include "emu/riscv/hart.h"

/* One write: the new value of the register, and which bits the instruction names. They differ from
 * "all" for csrrs and csrrc; registers that others change at the same time need to know. */
struct csr_write {
    unsigned number;
    uint64_t value, mask;
};

/* Every csr_read_NAME gives the value that the present privilege would see. Every csr_write_NAME
 * makes of a value what is legal (WARL), stores it, and does what follows from the change. */
#define CSR_FIELD(number, name, access, check, mask)
#define CSR_WARL(number, name, access, check, field, function) \
    void csr_write_##function(struct riscv_hart *hart, const struct csr_write *write);
#define CSR_CODE(number, name, access, check, function)      \
    uint64_t csr_read_##function(const struct riscv_hart *hart); \
    void csr_write_##function(struct riscv_hart *hart, const struct csr_write *write);
#define CSR_LOOK(number, name, access, check, function) \
    uint64_t csr_read_##function(const struct riscv_hart *hart);
#define CSR_CONST(number, name, access, check, value)
#include "emu/riscv/csr.def"
