/*
 * Guest loads and stores: TLB hit inline, everything else (miss, device, straddle, misaligned) out
 * of line. An access that faults has raised its exception when this returns false.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

struct mmu_result;

/* Whether the TLB may keep a translated page, with a host address, for that kind of access: all of
 * it has the same rights, and nobody must hear of stores to it. */
bool riscv_page_kept(const struct riscv_hart *hart, const struct mmu_result *result,
                     enum tlb_access access);

/* Slow path of a load of 1, 2, 4 or 8 bytes; any alignment. False: the exception is taken. */
bool riscv_load_slow(struct riscv_hart *hart, gva_t address, unsigned size, uint64_t *ret_value);

/* Slow path of a store; checks every page before it writes a byte. */
bool riscv_store_slow(struct riscv_hart *hart, gva_t address, unsigned size, uint64_t value);

/* Host address of an aligned atomic access in RAM; NULL: the exception is taken. */
uint8_t *riscv_amo_address(struct riscv_hart *hart, gva_t address, unsigned size,
                           gpa_t *ret_gpa, bool write);

/* Host address of an aligned block of RAM that will be written as a whole (cbo.zero); NULL: the
 * exception is taken. */
uint8_t *riscv_block_address(struct riscv_hart *hart, gva_t block, unsigned size);

/* Checks an access to a cache block that neither reads nor writes data; false: the exception, one
 * of a store, is taken. */
bool riscv_cbo_check(struct riscv_hart *hart, gva_t address);
