/* Address translation: Sv39, Sv48, bare; PMP; Svade, Svadu. Manual volume II, 3.7, 12.3-12.6. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

/* Where an access goes. */
struct mmu_result {
    gpa_t gpa;        /* physical address of the access */
    uint8_t *host;    /* host address of the page if it is memory usable directly, else NULL */
    bool cacheable;   /* the whole page has these rights, so the TLB may keep it */
    bool writable;    /* a write would be allowed too (D set, W, PMP, RAM): TLB may keep both */
    enum tlb_scope scope; /* global: the page tables say that all address spaces share it */
};

/* Translates an access of `size` bytes that does not cross a page, in context `bank`, with all
 * checks and A/D updates. True, or false and *ret_cause: the architected exception. */
bool mmu_translate(struct riscv_hart *hart, gva_t address, unsigned size, enum mmu_access access,
                   enum riscv_bank bank, struct mmu_result *ret, enum riscv_cause *ret_cause);

/* Translates without side effects or permission checks (debuggers). */
bool mmu_peek(struct riscv_hart *hart, gva_t address, gpa_t *ret_gpa);

/* sfence.vma and sinval.vma: forgets translations; UINT64_MAX stands for "all". Hart's thread. */
void mmu_flush(struct riscv_hart *hart, gva_t address, uint64_t asid);

/* satp's address space changed, its mode did not: forgets all but global translations. */
void mmu_switch_space(struct riscv_hart *hart);

/* mstatus.MXR or the PMP changed: forgets all translations. Hart's thread, or parked. */
void mmu_flush_all(struct riscv_hart *hart);

/* Which of PMP_R, PMP_W, PMP_X an access to all of [first, last] has. */
unsigned pmp_rights(const struct riscv_hart *hart, gpa_t first, gpa_t last, enum riscv_priv priv);

/* Writes one byte of pmpcfg as far as it is legal and not locked. Call pmp_update afterwards. */
void pmp_write_cfg(struct riscv_hart *hart, unsigned index, uint8_t value);

/* Writes a pmpaddr register unless it is locked. Call pmp_update afterwards. */
void pmp_write_addr(struct riscv_hart *hart, unsigned index, uint64_t value);

/* The PMP registers changed: recomputes the ranges and forgets translations. */
void pmp_update(struct riscv_hart *hart);

/* PMP check of a physical access. */
bool pmp_allows(const struct riscv_hart *hart, gpa_t address, unsigned size,
                enum mmu_access access, enum riscv_priv priv);
