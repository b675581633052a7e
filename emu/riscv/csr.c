#include "emu/riscv/csr.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr_fn.h"

/* RV64 with A C D F I M S U */
#define CSR_MISA (UINT64_C(2) << 62 | 0x14112d)

#define CSR_COUNT 4096

/* What may forbid an access besides the privilege. */
enum csr_check { CHECK_NONE, CHECK_FLOAT, CHECK_COUNTER, CHECK_STIMECMP, CHECK_SATP };

/* Bits 11:8 of a number: 3 in the upper two means read-only, the lower two are the privilege. */
enum csr_access { ACCESS_URW = 0x0, ACCESS_URO = 0xc, ACCESS_SRW = 0x1, ACCESS_MRW = 0x3,
                  ACCESS_MRO = 0xf };

/* Reads: `read`, else the field at `offset`, else `value`. Writes: `write`, else the bits of
 * `value` in the field, else nothing. */
struct csr_row {
    const char *name;
    uint64_t value;
    uint64_t (*read)(const struct riscv_hart *hart);
    void (*write)(struct riscv_hart *hart, const struct csr_write *write);
    uint32_t offset; /* 0: not a field */
    uint16_t number;
    uint8_t check; /* enum csr_check */
};

/* The number says the same as the column. Standard read/write numbers have 0, 1 or 2 on top. */
#define CSR_AGREES(number, access)                                                       \
    ((((number) >> 8 & 3) == (ACCESS_##access & 3)) &&                                   \
     (((number) >> 10 == 3) == (ACCESS_##access >> 2 == 3)))
#define CSR_PROVE(number, access) \
    static_assert(CSR_AGREES(number, access), "number and access column differ");
#define CSR_FIELD(number, name, access, check, mask)           CSR_PROVE(number, access)
#define CSR_WARL(number, name, access, check, field, function) CSR_PROVE(number, access)
#define CSR_CODE(number, name, access, check, function)        CSR_PROVE(number, access)
#define CSR_LOOK(number, name, access, check, function)        CSR_PROVE(number, access)
#define CSR_CONST(number, name, access, check, value)          CSR_PROVE(number, access)
#include "emu/riscv/csr.def"

#define CSR_FIELD(number_, name_, access, check_, mask)                        \
    { .number = number_, .name = #name_, .check = CHECK_##check_,              \
      .offset = offsetof(struct riscv_hart, name_), .value = mask },
#define CSR_WARL(number_, name_, access, check_, field, function)              \
    { .number = number_, .name = #name_, .check = CHECK_##check_,              \
      .offset = offsetof(struct riscv_hart, field), .write = csr_write_##function },
#define CSR_CODE(number_, name_, access, check_, function)                     \
    { .number = number_, .name = #name_, .check = CHECK_##check_,              \
      .read = csr_read_##function, .write = csr_write_##function },
#define CSR_LOOK(number_, name_, access, check_, function)                     \
    { .number = number_, .name = #name_, .check = CHECK_##check_, .read = csr_read_##function },
#define CSR_CONST(number_, name_, access, check_, value_)                      \
    { .number = number_, .name = #name_, .check = CHECK_##check_, .value = value_ },
static const struct csr_row csr_rows[] = {
#include "emu/riscv/csr.def"
};

/* Index of each CSR in csr_rows. */
enum csr_index {
#define CSR_FIELD(number, name, access, check, mask)           CSR_INDEX_##name,
#define CSR_WARL(number, name, access, check, field, function) CSR_INDEX_##name,
#define CSR_CODE(number, name, access, check, function)        CSR_INDEX_##name,
#define CSR_LOOK(number, name, access, check, function)        CSR_INDEX_##name,
#define CSR_CONST(number, name, access, check, value)          CSR_INDEX_##name,
#include "emu/riscv/csr.def"
    CSR_INDEX_COUNT
};

static_assert(CSR_INDEX_COUNT == sizeof csr_rows / sizeof *csr_rows, "one row each");
static_assert(CSR_INDEX_COUNT < UINT8_MAX, "csr_index_of holds the index plus one");

/* By number: the index plus one, 0 where there is none. */
static const uint8_t csr_index_of[CSR_COUNT] = {
#define CSR_FIELD(number, name, access, check, mask)           [number] = CSR_INDEX_##name + 1,
#define CSR_WARL(number, name, access, check, field, function) [number] = CSR_INDEX_##name + 1,
#define CSR_CODE(number, name, access, check, function)        [number] = CSR_INDEX_##name + 1,
#define CSR_LOOK(number, name, access, check, function)        [number] = CSR_INDEX_##name + 1,
#define CSR_CONST(number, name, access, check, value)          [number] = CSR_INDEX_##name + 1,
#include "emu/riscv/csr.def"
};

static const struct csr_row *csr_find(unsigned number)
{
    unsigned index = number < CSR_COUNT ? csr_index_of[number] : 0;
    return index == 0 ? NULL : &csr_rows[index - 1];
}

static uint64_t *csr_field(const struct riscv_hart *hart, const struct csr_row *row)
{
    return (uint64_t *)(void *)((char *)hart + row->offset);
}

static uint64_t csr_value(const struct riscv_hart *hart, const struct csr_row *row)
{
    if (row->read != NULL) {
        return row->read(hart);
    }
    return row->offset != 0 ? *csr_field(hart, row) : row->value;
}

static void csr_store(struct riscv_hart *hart, const struct csr_row *row,
                      const struct csr_write *write)
{
    if (row->write != NULL) {
        row->write(hart, write);
    } else if (row->read == NULL && row->offset != 0) {
        uint64_t *field = csr_field(hart, row);
        *field = (*field & ~row->value) | (write->value & row->value);
    }
}

/* The counters' enables: bit n of mcounteren opens counter n to S, of both to U. */
static bool csr_counter_open(const struct riscv_hart *hart, unsigned counter)
{
    uint64_t enabled = hart->priv == PRIV_M ? UINT64_MAX : hart->mcounteren;
    if (hart->priv == PRIV_U) {
        enabled &= hart->scounteren;
    }
    return (enabled >> counter & 1) != 0;
}

static bool csr_stimecmp_open(const struct riscv_hart *hart)
{
    if (!hart->config->sstc) {
        return false;
    }
    return hart->priv == PRIV_M || ((hart->mcounteren & COUNTEREN_TM) != 0 &&
                                    (hart->menvcfg & ENVCFG_STCE) != 0);
}

static bool csr_permitted(const struct riscv_hart *hart, const struct csr_row *row, bool write)
{
    unsigned privilege = row->number >> 8 & 3;
    bool read_only = row->number >> 10 == 3;
    if (hart->priv < privilege || (write && read_only)) {
        return false;
    }
    switch ((enum csr_check)row->check) {
    case CHECK_NONE: return true;
    case CHECK_FLOAT: return (hart->mstatus & MSTATUS_FS) != 0;
    case CHECK_COUNTER: return csr_counter_open(hart, row->number & 31);
    case CHECK_STIMECMP: return csr_stimecmp_open(hart);
    case CHECK_SATP: return hart->priv == PRIV_M || (hart->mstatus & MSTATUS_TVM) == 0;
    }
    assert(!"a check that is none of the five");
    return false;
}

bool riscv_csr(struct riscv_hart *hart, unsigned number, enum csr_op op, uint64_t operand,
               uint64_t *ret_old)
{
    const struct csr_row *row = csr_find(number);
    if (row == NULL || !csr_permitted(hart, row, op != CSR_READ)) {
        return false;
    }
    hart->counts_asked |= row->read == csr_read_mcycle || row->read == csr_read_minstret;
    uint64_t old = csr_value(hart, row);
    struct csr_write write = { .number = number, .value = operand, .mask = operand };
    switch (op) {
    case CSR_READ: break;
    case CSR_WRITE: write.mask = UINT64_MAX; break;
    case CSR_SET: write.value = old | operand; break;
    case CSR_CLEAR: write.value = old & ~operand; break;
    }
    if (op != CSR_READ) {
        csr_store(hart, row, &write);
    }
    *ret_old = old;
    return true;
}

bool riscv_csr_peek(struct riscv_hart *hart, unsigned number, uint64_t *ret_value)
{
    const struct csr_row *row = csr_find(number);
    if (row == NULL) {
        return false;
    }
    *ret_value = csr_value(hart, row);
    return true;
}

const char *riscv_csr_name(unsigned number)
{
    const struct csr_row *row = csr_find(number);
    return row == NULL ? NULL : row->name;
}
