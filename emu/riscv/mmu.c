/*
 * The page table walk. Not modelled: Svnapot, Svpbmt (their PTE bits must be zero), Sv57.
 *
 * The TLB holds translations of the current satp and global ones only, because every change of satp
 * forgets the others: a fence for another ASID has nothing to do. It holds a superpage as single
 * pages; a filter for either half of the address space remembers which superpages it may hold
 * pieces of, since a fence for one address means them all.
 */
#include "emu/riscv/mmu.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "emu/riscv/bits.h"

#define PTE_V (UINT64_C(1) << 0)
#define PTE_R (UINT64_C(1) << 1)
#define PTE_W (UINT64_C(1) << 2)
#define PTE_X (UINT64_C(1) << 3)
#define PTE_U (UINT64_C(1) << 4)
#define PTE_G (UINT64_C(1) << 5)
#define PTE_A (UINT64_C(1) << 6)
#define PTE_D (UINT64_C(1) << 7)

#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((UINT64_C(1) << 44) - 1)
#define PTE_RESERVED  (UINT64_C(0x3ff) << 54) /* N, PBMT and those that nobody uses */

#define PAGE_BITS  12
#define PAGE_MASK  ((UINT64_C(1) << PAGE_BITS) - 1)
#define INDEX_BITS 9
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

/* How a walk ends. */
enum walk_end { WALK_DONE, WALK_PAGE_FAULT, WALK_ACCESS_FAULT };

struct walk {
    gva_t address;
    enum mmu_access access;
    enum riscv_bank bank;
    gpa_t gpa;     /* result */
    bool writable; /* result: the PTE allows a write without a change of it */
    bool global;   /* result: some PTE on the way says so */
};

static unsigned satp_mode(const struct riscv_hart *hart)
{
    return (unsigned)(hart->satp >> SATP_MODE_SHIFT);
}

/* Levels of the page table in use; 0 when addresses are physical. */
static unsigned satp_levels(const struct riscv_hart *hart)
{
    switch (satp_mode(hart)) {
    case SATP_MODE_SV39: return 3;
    case SATP_MODE_SV48: return 4;
    default: assert(satp_mode(hart) == SATP_MODE_BARE); return 0;
    }
}

static unsigned level_shift(unsigned level)
{
    return PAGE_BITS + INDEX_BITS * level;
}

/* The bits above the virtual address must all equal its highest one. */
static bool address_canonical(gva_t address, unsigned levels)
{
    unsigned unused = 64 - level_shift(levels);
    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* The entry at `gpa` as the host sees it, or NULL when it may not be read. */
static _Atomic uint64_t *pte_at(const struct riscv_hart *hart, gpa_t gpa, unsigned *ret_rights)
{
    const struct bus_memory *memory = bus_find_memory(hart->config->bus, gpa, 8);
    *ret_rights = pmp_rights(hart, gpa, gpa + 7, PRIV_S);
    if (memory == NULL || (*ret_rights & PMP_R) == 0) {
        return NULL;
    }
    if (!memory->writable) {
        *ret_rights &= ~PMP_W;
    }
    return (_Atomic uint64_t *)(void *)(memory->host + (gpa - memory->base));
}

static bool leaf_permits(const struct riscv_hart *hart, uint64_t pte, const struct walk *walk)
{
    bool user = walk->bank == BANK_U;
    bool user_page = (pte & PTE_U) != 0;
    bool sum = walk->bank == BANK_S_SUM && walk->access != MMU_FETCH;
    if (user != user_page && !(user_page && sum)) {
        return false;
    }
    switch (walk->access) {
    case MMU_READ: {
        bool mxr = (hart->mstatus & MSTATUS_MXR) != 0;
        return (pte & (mxr ? PTE_R | PTE_X : PTE_R)) != 0;
    }
    case MMU_WRITE: return (pte & PTE_W) != 0;
    case MMU_FETCH: return (pte & PTE_X) != 0;
    }
    assert(!"an access that is none of the three");
    return false;
}

/* Remembers that the TLB may soon hold a piece of this superpage. */
static void superpage_hold(struct riscv_hart *hart, const struct walk *walk, unsigned level)
{
    assert(level <= RISCV_SUPERPAGE_LEVELS);
    uint64_t *filter = hart->superpages[walk->global][walk->address >> 63];
    filter[level - 1] |= UINT64_C(1) << (walk->address >> level_shift(level)) % 64;
}

/* Whether the TLB may hold a piece of a superpage of some scope that `address` is in. */
static bool superpage_held(const struct riscv_hart *hart, enum tlb_scope scope, gva_t address)
{
    const uint64_t *filter = hart->superpages[scope][address >> 63];
    for (unsigned level = 1; level <= RISCV_SUPERPAGE_LEVELS; level++) {
        if ((filter[level - 1] >> (address >> level_shift(level)) % 64 & 1) != 0) {
            return true;
        }
    }
    return false;
}

/* A leaf was found: permissions, A and D. *ret_again: the entry changed under us, walk again. */
static enum walk_end walk_leaf(struct riscv_hart *hart, struct walk *walk, unsigned level,
                               _Atomic uint64_t *entry, uint64_t pte, unsigned rights,
                               bool *ret_again)
{
    uint64_t offset_mask = (UINT64_C(1) << level_shift(level)) - 1;
    gpa_t base = (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_BITS;
    if (!leaf_permits(hart, pte, walk) || (base & offset_mask) != 0) {
        return WALK_PAGE_FAULT;
    }
    uint64_t needed = walk->access == MMU_WRITE ? PTE_A | PTE_D : PTE_A;
    if ((pte & needed) != needed) {
        if ((hart->menvcfg & ENVCFG_ADUE) == 0) {
            return WALK_PAGE_FAULT;
        }
        if ((rights & PMP_W) == 0) {
            return WALK_ACCESS_FAULT;
        }
        if (!atomic_compare_exchange_strong(entry, &pte, pte | needed)) {
            *ret_again = true;
            return WALK_DONE;
        }
        pte |= needed;
    }
    walk->gpa = base | (walk->address & offset_mask);
    walk->writable = (pte & PTE_W) != 0 && (pte & PTE_D) != 0;
    if (level > 0) {
        superpage_hold(hart, walk, level);
    }
    return WALK_DONE;
}

/* One walk from the root. */
static enum walk_end walk_once(struct riscv_hart *hart, struct walk *walk, unsigned levels,
                               bool *ret_again)
{
    gpa_t table = (hart->satp & SATP_PPN_MASK) << PAGE_BITS;
    for (unsigned level = levels; level-- > 0;) {
        unsigned rights;
        unsigned index = (unsigned)(walk->address >> level_shift(level)) & INDEX_MASK;
        _Atomic uint64_t *entry = pte_at(hart, table + index * 8, &rights);
        if (entry == NULL) {
            return WALK_ACCESS_FAULT;
        }
        uint64_t pte = atomic_load_explicit(entry, memory_order_acquire);
        bool write_only = (pte & PTE_W) != 0 && (pte & PTE_R) == 0;
        if ((pte & PTE_V) == 0 || write_only || (pte & PTE_RESERVED) != 0) {
            return WALK_PAGE_FAULT;
        }
        walk->global |= (pte & PTE_G) != 0;
        if ((pte & (PTE_R | PTE_X)) != 0) {
            return walk_leaf(hart, walk, level, entry, pte, rights, ret_again);
        }
        if ((pte & (PTE_A | PTE_D | PTE_U)) != 0) {
            return WALK_PAGE_FAULT;
        }
        table = (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_BITS;
    }
    return WALK_PAGE_FAULT;
}

/* The physical address of an access and whether the page may be written. */
static enum walk_end walk_address(struct riscv_hart *hart, struct walk *walk)
{
    unsigned levels = walk->bank == BANK_M ? 0 : satp_levels(hart);
    if (levels == 0) {
        walk->gpa = walk->address;
        walk->writable = true;
        return WALK_DONE;
    }
    if (!address_canonical(walk->address, levels)) {
        return WALK_PAGE_FAULT;
    }
    bool again;
    enum walk_end end;
    do {
        again = false;
        walk->global = false;
        end = walk_once(hart, walk, levels, &again);
    } while (again);
    return end;
}

static enum riscv_cause fault_cause(enum mmu_access access, enum walk_end end)
{
    static const uint8_t page[] = {
        [MMU_READ] = CAUSE_LOAD_PAGE,
        [MMU_WRITE] = CAUSE_STORE_PAGE,
        [MMU_FETCH] = CAUSE_FETCH_PAGE,
    };
    static const uint8_t physical[] = {
        [MMU_READ] = CAUSE_LOAD_ACCESS,
        [MMU_WRITE] = CAUSE_STORE_ACCESS,
        [MMU_FETCH] = CAUSE_FETCH_ACCESS,
    };
    assert(end != WALK_DONE);
    return end == WALK_PAGE_FAULT ? page[access] : physical[access];
}

/* The physical half: PMP and what is at the address. False: the PMP forbids it. */
static bool mmu_physical(struct riscv_hart *hart, const struct walk *walk, unsigned size,
                         struct mmu_result *ret)
{
    static const uint8_t right[] = {
        [MMU_READ] = PMP_R,
        [MMU_WRITE] = PMP_W,
        [MMU_FETCH] = PMP_X,
    };
    static const uint8_t priv[] = {
        [BANK_U] = PRIV_U,
        [BANK_S] = PRIV_S,
        [BANK_S_SUM] = PRIV_S,
        [BANK_M] = PRIV_M,
    };
    gpa_t page = walk->gpa & ~PAGE_MASK;
    unsigned rights = pmp_rights(hart, page, page | PAGE_MASK, priv[walk->bank]);
    bool uniform = (rights & right[walk->access]) != 0;
    if (!uniform) {
        rights = pmp_rights(hart, walk->gpa, walk->gpa + size - 1, priv[walk->bank]);
        if ((rights & right[walk->access]) == 0) {
            return false;
        }
    }
    const struct bus_memory *memory = bus_find_memory(hart->config->bus, page, TLB_PAGE_SIZE);
    bool usable = memory != NULL && (memory->writable || walk->access != MMU_WRITE);
    *ret = (struct mmu_result){
        .gpa = walk->gpa,
        .host = usable ? memory->host + (page - memory->base) : NULL,
        .cacheable = usable && uniform,
        .writable = usable && memory->writable && walk->writable && (rights & PMP_W) != 0,
        .scope = walk->global ? TLB_GLOBAL : TLB_LOCAL,
    };
    return true;
}

bool mmu_translate(struct riscv_hart *hart, gva_t address, unsigned size, enum mmu_access access,
                   enum riscv_bank bank, struct mmu_result *ret, enum riscv_cause *ret_cause)
{
    assert(size > 0 && (address & PAGE_MASK) + size <= TLB_PAGE_SIZE);
    struct walk walk = { .address = address, .access = access, .bank = bank };
    enum walk_end end = walk_address(hart, &walk);
    if (end == WALK_DONE && !mmu_physical(hart, &walk, size, ret)) {
        end = WALK_ACCESS_FAULT;
    }
    if (end != WALK_DONE) {
        *ret_cause = fault_cause(access, end);
        return false;
    }
    return true;
}

bool mmu_peek(struct riscv_hart *hart, gva_t address, gpa_t *ret_gpa)
{
    unsigned levels = hart->priv == PRIV_M ? 0 : satp_levels(hart);
    if (levels == 0) {
        *ret_gpa = address;
        return true;
    }
    if (!address_canonical(address, levels)) {
        return false;
    }
    gpa_t table = (hart->satp & SATP_PPN_MASK) << PAGE_BITS;
    for (unsigned level = levels; level-- > 0;) {
        unsigned rights;
        unsigned index = (unsigned)(address >> level_shift(level)) & INDEX_MASK;
        const _Atomic uint64_t *entry = pte_at(hart, table + index * 8, &rights);
        uint64_t pte = entry == NULL ? 0 : atomic_load(entry);
        uint64_t offset_mask = (UINT64_C(1) << level_shift(level)) - 1;
        table = (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_BITS;
        if ((pte & PTE_V) == 0) {
            return false;
        }
        if ((pte & (PTE_R | PTE_X)) != 0) {
            *ret_gpa = (table & ~offset_mask) | (address & offset_mask);
            return true;
        }
    }
    return false;
}

static void mmu_flush_scope(struct riscv_hart *hart, enum tlb_scope scope)
{
    tlb_bank_flush_scope(&hart->bank[BANK_U], scope);
    tlb_bank_flush_scope(&hart->bank[BANK_S], scope);
    tlb_bank_flush_scope(&hart->bank[BANK_S_SUM], scope);
    memset(hart->superpages[scope], 0, sizeof hart->superpages[scope]);
}

void mmu_switch_space(struct riscv_hart *hart)
{
    mmu_flush_scope(hart, TLB_LOCAL);
    hart->hart.engine->switch_space(&hart->hart);
}

/* All translations through satp. Those of machine mode stay. */
static void mmu_flush_tables(struct riscv_hart *hart)
{
    mmu_flush_scope(hart, TLB_LOCAL);
    mmu_flush_scope(hart, TLB_GLOBAL);
    hart->hart.engine->flush_translation(&hart->hart, UINT64_MAX);
}

void mmu_flush_all(struct riscv_hart *hart)
{
    tlb_bank_flush(&hart->bank[BANK_M]);
    mmu_flush_tables(hart);
}

void mmu_flush(struct riscv_hart *hart, gva_t address, uint64_t asid)
{
    uint64_t current = hart->satp >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    bool local = asid != UINT64_MAX; /* such a fence spares global translations */
    if (local && (asid & SATP_ASID_MASK) != current) {
        return;
    }
    if (!local && (address == UINT64_MAX || superpage_held(hart, TLB_GLOBAL, address))) {
        mmu_flush_tables(hart);
        return;
    }
    if (address == UINT64_MAX || superpage_held(hart, TLB_LOCAL, address)) {
        mmu_switch_space(hart);
        if (address == UINT64_MAX || local) {
            return;
        }
    }
    tlb_bank_flush_page(&hart->bank[BANK_U], address);
    tlb_bank_flush_page(&hart->bank[BANK_S], address);
    tlb_bank_flush_page(&hart->bank[BANK_S_SUM], address);
    hart->hart.engine->flush_translation(&hart->hart, address & ~PAGE_MASK);
}
