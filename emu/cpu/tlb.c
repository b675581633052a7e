#include "emu/cpu/tlb.h"

#include <assert.h>
#include <string.h>

/* A page whose entry is another one, so that no probe of entry `index` can match it. */
static uint64_t tlb_empty_tag(unsigned index)
{
    return (uint64_t)(index ^ 1) << TLB_PAGE_BITS;
}

void tlb_bank_init(struct tlb_bank *bank)
{
    for (unsigned access = 0; access < TLB_ACCESS_COUNT; access++) {
        for (unsigned i = 0; i < TLB_ENTRIES; i++) {
            bank->entry[access][i] = (struct tlb_entry){ tlb_empty_tag(i), 0 };
        }
    }
    memset(bank->used, 0, sizeof bank->used);
}

static void tlb_flush_word(struct tlb_entry *entry, unsigned word, uint64_t used)
{
    while (used != 0) {
        unsigned index = word * 64 + (unsigned)__builtin_ctzll(used);
        entry[index].tag = tlb_empty_tag(index);
        used &= used - 1;
    }
}

void tlb_bank_flush_scope(struct tlb_bank *bank, enum tlb_scope scope)
{
    for (unsigned access = 0; access < TLB_ACCESS_COUNT; access++) {
        uint64_t *used = bank->used[scope][access];
        for (unsigned word = 0; word < TLB_ENTRIES / 64; word++) {
            tlb_flush_word(bank->entry[access], word, used[word]);
            used[word] = 0;
        }
    }
}

void tlb_bank_flush(struct tlb_bank *bank)
{
    tlb_bank_flush_scope(bank, TLB_LOCAL);
    tlb_bank_flush_scope(bank, TLB_GLOBAL);
}

void tlb_bank_flush_page(struct tlb_bank *bank, gva_t address)
{
    unsigned index = tlb_index(address);
    for (unsigned access = 0; access < TLB_ACCESS_COUNT; access++) {
        if (bank->entry[access][index].tag == (address & TLB_PAGE_MASK)) {
            bank->entry[access][index].tag = tlb_empty_tag(index);
        }
    }
}

void tlb_bank_fill(struct tlb_bank *bank, enum tlb_access access, gva_t address,
                   enum tlb_scope scope, uint8_t *host_page)
{
    assert(access < TLB_ACCESS_COUNT && scope < TLB_SCOPE_COUNT && host_page != NULL);
    unsigned index = tlb_index(address);
    uint64_t page = address & TLB_PAGE_MASK;
    uint64_t bit = (uint64_t)1 << index % 64;
    bank->entry[access][index] = (struct tlb_entry){ page, (uintptr_t)host_page - page };
    bank->used[scope][access][index / 64] |= bit;
    bank->used[!scope][access][index / 64] &= ~bit;
}
