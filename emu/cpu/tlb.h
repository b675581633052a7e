/*
 * The software TLB: guest virtual page -> host address, one direct-mapped table per kind of access
 * and per privilege context, so that one compare covers tag, permission and page straddle.
 *
 * Private to its hart's thread: no locks. Engines probe it inline; the layout is theirs to rely on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/mem/bus.h"

/* An address in the guest's virtual address space. */
typedef uint64_t gva_t;

#define TLB_PAGE_BITS 12
#define TLB_PAGE_SIZE (1u << TLB_PAGE_BITS)
#define TLB_BITS      9
#define TLB_ENTRIES   (1u << TLB_BITS)
#define TLB_INVALID   UINT64_MAX /* no page has this tag: its low bits are not zero */

enum tlb_access { TLB_READ, TLB_WRITE, TLB_ACCESS_COUNT };

/* A hit: tag == (address & ~(PAGE_SIZE - size)); the byte lives at address + addend. */
struct tlb_entry {
    uint64_t tag;    /* gva of the page, or TLB_INVALID */
    uint64_t addend; /* host address minus guest virtual address */
};

/* The pages one privilege context may touch. */
struct tlb_bank {
    struct tlb_entry entry[TLB_ACCESS_COUNT][TLB_ENTRIES];
};

/* Forgets everything in a bank. */
void tlb_bank_flush(struct tlb_bank *bank);

/* Forgets one page in a bank. */
void tlb_bank_flush_page(struct tlb_bank *bank, gva_t page);

/* Remembers that accesses of one kind to the page of `address` go to `host_page`. */
void tlb_bank_fill(struct tlb_bank *bank, enum tlb_access access, gva_t address,
                   uint8_t *host_page);

/* The host address of [address, address+size), or NULL on a miss or when it leaves the page. */
static inline uint8_t *tlb_probe(const struct tlb_bank *bank, enum tlb_access access,
                                 gva_t address, unsigned size)
{
    const struct tlb_entry *entry =
        &bank->entry[access][(address >> TLB_PAGE_BITS) & (TLB_ENTRIES - 1)];
    /* The last byte's page number, so that a straddling access misses. */
    if (entry->tag != ((address + size - 1) & ~(uint64_t)(TLB_PAGE_SIZE - 1)) ||
        entry->tag != (address & ~(uint64_t)(TLB_PAGE_SIZE - 1))) {
        return NULL;
    }
    return (uint8_t *)(uintptr_t)(address + entry->addend);
}
