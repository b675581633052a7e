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
};

/* Translates an access of `size` bytes that does not cross a page, in context `bank`, with all
 * checks and A/D updates. True, or false and *ret_cause: the architected exception. */
bool mmu_translate(struct riscv_hart *hart, gva_t address, unsigned size, enum mmu_access access,
                   enum riscv_bank bank, struct mmu_result *ret, enum riscv_cause *ret_cause);

/* Translates without side effects or permission checks (debuggers). */
bool mmu_peek(struct riscv_hart *hart, gva_t address, gpa_t *ret_gpa);

/* sfence.vma and sinval.vma: forgets translations; UINT64_MAX stands for "all". Hart's thread. */
void mmu_flush(struct riscv_hart *hart, gva_t address, uint64_t asid);

/* PMP check of a physical access. */
bool pmp_allows(const struct riscv_hart *hart, gpa_t address, unsigned size,
                enum mmu_access access, enum riscv_priv priv);
