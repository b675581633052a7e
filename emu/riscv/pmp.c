/* Physical memory protection (volume II, 3.7): 16 entries, granularity of 4 bytes. */
#include "emu/riscv/mmu.h"

#include <assert.h>

#include "emu/riscv/bits.h"

#define PMP_RIGHTS    (PMP_R | PMP_W | PMP_X)
#define PMP_ADDR_MASK ((UINT64_C(1) << 54) - 1)

/* The range that an entry matches; false if it is OFF or empty. */
static bool pmp_entry_range(const struct riscv_hart *hart, unsigned index,
                            struct riscv_pmp_range *ret)
{
    uint64_t addr = hart->pmpaddr[index];
    uint64_t below = index == 0 ? 0 : hart->pmpaddr[index - 1];
    uint64_t low_ones = addr & ~(addr + 1); /* how NAPOT says its size */
    ret->cfg = hart->pmpcfg[index];
    switch (ret->cfg & PMP_A) {
    case PMP_A_TOR:
        ret->first = below << 2;
        ret->last = (addr << 2) - 1;
        return below < addr;
    case PMP_A_NA4:
        ret->first = addr << 2;
        ret->last = ret->first + 3;
        return true;
    case PMP_A_NAPOT:
        ret->first = (addr & ~low_ones) << 2;
        ret->last = ret->first + (low_ones << 3) + 7;
        return true;
    default: return false;
    }
}

void pmp_update(struct riscv_hart *hart)
{
    hart->pmp_active = false;
    hart->pmp_range_count = 0;
    for (unsigned i = 0; i < RISCV_PMP_COUNT; i++) {
        struct riscv_pmp_range *range = &hart->pmp_range[hart->pmp_range_count];
        hart->pmp_active |= (hart->pmpcfg[i] & PMP_A) != 0;
        hart->pmp_range_count += pmp_entry_range(hart, i, range);
    }
    mmu_flush_all(hart);
}

static bool pmp_locked(const struct riscv_hart *hart, unsigned index)
{
    assert(index < RISCV_PMP_COUNT);
    return (hart->pmpcfg[index] & PMP_L) != 0;
}

void pmp_write_cfg(struct riscv_hart *hart, unsigned index, uint8_t value)
{
    if (pmp_locked(hart, index)) {
        return;
    }
    value &= PMP_RIGHTS | PMP_A | PMP_L;
    if ((value & PMP_R) == 0) {
        value &= (uint8_t)~PMP_W; /* W without R is reserved */
    }
    hart->pmpcfg[index] = value;
}

void pmp_write_addr(struct riscv_hart *hart, unsigned index, uint64_t value)
{
    bool top = index + 1 == RISCV_PMP_COUNT;
    bool bounds_locked =
        !top && pmp_locked(hart, index + 1) && (hart->pmpcfg[index + 1] & PMP_A) == PMP_A_TOR;
    if (!pmp_locked(hart, index) && !bounds_locked) {
        hart->pmpaddr[index] = value & PMP_ADDR_MASK;
    }
}

unsigned pmp_rights(const struct riscv_hart *hart, gpa_t first, gpa_t last, enum riscv_priv priv)
{
    assert(first <= last);
    for (unsigned i = 0; i < hart->pmp_range_count; i++) {
        const struct riscv_pmp_range *range = &hart->pmp_range[i];
        if (last < range->first || first > range->last) {
            continue;
        }
        if (first < range->first || last > range->last) {
            return 0; /* the entry that decides must match all bytes, whoever asks */
        }
        bool free = priv == PRIV_M && (range->cfg & PMP_L) == 0;
        return free ? PMP_RIGHTS : range->cfg & PMP_RIGHTS;
    }
    return priv == PRIV_M || !hart->config->machine_mode ? PMP_RIGHTS : 0;
}

bool pmp_allows(const struct riscv_hart *hart, gpa_t address, unsigned size, enum mmu_access access,
                enum riscv_priv priv)
{
    static const uint8_t right[] = {
        [MMU_READ] = PMP_R,
        [MMU_WRITE] = PMP_W,
        [MMU_FETCH] = PMP_X,
    };
    return (pmp_rights(hart, address, address + size - 1, priv) & right[access]) != 0;
}
