/*
 * What generated code calls when it cannot go on by itself. On the hart's thread, with all guest
 * registers in the hart. False means that an exception was taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

/* Packs what a slow call must know: page offset of the instruction, access size, instructions that
 * the block has retired before it, and an operation number. */
static inline uint32_t slow_info(unsigned pc, unsigned size, unsigned insns, unsigned op)
{
    return (pc & 0xfff) | size << 12 | insns << 16 | op << 24;
}

/* Loads into area->result, zero-extended. */
bool slow_load(struct riscv_hart *hart, uint64_t address, uint32_t info);

/* Stores area->argument[0]. */
bool slow_store(struct riscv_hart *hart, uint64_t address, uint32_t info);

/* Fills the TLB for a group of accesses to [address, address + area->argument[0]), op: enum
 * tlb_access, if they lie in one page of memory; never raises anything. area->result: as below. */
bool slow_group(struct riscv_hart *hart, uint64_t address, uint32_t info);

/* Reads a CSR into area->result; `word`: the instruction. */
bool slow_csr(struct riscv_hart *hart, uint64_t word, uint32_t info);

/* Fills the TLB for an atomic access (op: enum tlb_access), raising what it must raise.
 * area->result says whether a probe will now hit. */
bool slow_fill(struct riscv_hart *hart, uint64_t address, uint32_t info);

