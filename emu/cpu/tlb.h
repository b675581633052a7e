/*
 * The software TLB: guest virtual page -> host address, one direct-mapped table per kind of access
 * and per privilege context, so that one compare covers tag, permission and page straddle.
 *
 * Private to its hart's thread: no locks. Engines probe it inline; the layout is theirs to rely on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/mem/bus.h"

/* An address in the guest's virtual address space. */
typedef uint64_t gva_t;

#define TLB_PAGE_BITS 12
#define TLB_PAGE_SIZE (1u << TLB_PAGE_BITS)
#define TLB_PAGE_MASK (~(uint64_t)(TLB_PAGE_SIZE - 1))
#define TLB_BITS      13
#define TLB_ENTRIES   (1u << TLB_BITS)

enum tlb_access { TLB_READ, TLB_WRITE, TLB_ACCESS_COUNT };

/* A hit: address - tag <= TLB_PAGE_SIZE - size, unsigned: the same page, and all bytes in it. The
 * byte lives at address + addend. */
struct tlb_entry {
    uint64_t tag;    /* gva of the page; of an empty entry, a page that belongs to another entry */
    uint64_t addend; /* host address minus guest virtual address */
};

/* Whose translation an entry is: of the present address space, or of all of them. */
enum tlb_scope { TLB_LOCAL, TLB_GLOBAL, TLB_SCOPE_COUNT };

/* The pages one privilege context may touch. `used` has a bit for every entry that is not empty,
 * so that a flush costs what was filled since the last one. */
struct tlb_bank {
    struct tlb_entry entry[TLB_ACCESS_COUNT][TLB_ENTRIES];
    uint64_t used[TLB_SCOPE_COUNT][TLB_ACCESS_COUNT][TLB_ENTRIES / 64];
};

/* Makes a bank empty whatever it holds; zeroed memory is not an empty bank. */
void tlb_bank_init(struct tlb_bank *bank);

/* Forgets all translations of one scope in a bank. */
void tlb_bank_flush_scope(struct tlb_bank *bank, enum tlb_scope scope);

/* Forgets everything in a bank. */
void tlb_bank_flush(struct tlb_bank *bank);

/* Forgets the page of `address` in a bank. */
void tlb_bank_flush_page(struct tlb_bank *bank, gva_t address);

/* Remembers that accesses of one kind to the page of `address` go to `host_page`. */
void tlb_bank_fill(struct tlb_bank *bank, enum tlb_access access, gva_t address,
                   enum tlb_scope scope, uint8_t *host_page);

/* Which entry of a table the page of `address` uses. */
static inline unsigned tlb_index(gva_t address)
{
    return (unsigned)(address >> TLB_PAGE_BITS) & (TLB_ENTRIES - 1);
}

/* The entry that an access would hit. */
static inline const struct tlb_entry *tlb_entry_of(const struct tlb_bank *bank,
                                                   enum tlb_access access, gva_t address)
{
    return &bank->entry[access][tlb_index(address)];
}

/* Whether it does: all of [address, address+size) is in the entry's page. */
static inline bool tlb_hits(const struct tlb_entry *entry, gva_t address, unsigned size)
{
    return address - entry->tag <= TLB_PAGE_SIZE - size;
}

/* The host address that a hit stands for. */
static inline uint8_t *tlb_host(const struct tlb_entry *entry, gva_t address)
{
    return (uint8_t *)(uintptr_t)(address + entry->addend);
}

/* All in one: the host address of [address, address+size), or NULL on a miss. */
static inline uint8_t *tlb_probe(const struct tlb_bank *bank, enum tlb_access access,
                                 gva_t address, unsigned size)
{
    const struct tlb_entry *entry = tlb_entry_of(bank, access, address);
    return tlb_hits(entry, address, size) ? tlb_host(entry, address) : NULL;
}
