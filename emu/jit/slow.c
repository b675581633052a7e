/* Slow calls of generated code: see slow.h. */
#include "emu/jit/slow.h"

#include "emu/jit/area.h"
#include "emu/jit/step.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/mem.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

static void slow_count(struct riscv_hart *hart)
{
    struct jit_hart *own = hart->hart.engine_state;
    own->tlb_misses++;
}

/* Brings pc to the instruction that asks. */
static void slow_sync(struct riscv_hart *hart, uint32_t info)
{
    slow_count(hart);
    hart->pc = jit_area(hart)->pc_page + (info & 0xfff);
}

static unsigned slow_size(uint32_t info)
{
    return info >> 12 & 15;
}

/* An exception was taken: the instructions before it in the block have retired. */
static bool slow_trapped(struct riscv_hart *hart, uint32_t info)
{
    hart->instret += info >> 16 & 0xff;
    return false;
}

bool slow_load(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    slow_sync(hart, info);
    return riscv_load_slow(hart, address, slow_size(info), &jit_area(hart)->result) ||
           slow_trapped(hart, info);
}

bool slow_store(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    slow_sync(hart, info);
    return riscv_store_slow(hart, address, slow_size(info), jit_area(hart)->argument[0]) ||
           slow_trapped(hart, info);
}

bool slow_csr(struct riscv_hart *hart, uint64_t word, uint32_t info)
{
    hart->pc = jit_area(hart)->pc_page + (info & 0xfff);
    if (riscv_csr(hart, (unsigned)(word >> 20), CSR_READ, 0, &jit_area(hart)->result)) {
        return true;
    }
    riscv_raise(hart, CAUSE_ILLEGAL, word);
    return slow_trapped(hart, info);
}

bool slow_group(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    struct jit_area *area = jit_area(hart);
    bool write = info >> 24 == TLB_WRITE;
    slow_count(hart);
    struct mmu_result result;
    enum riscv_cause cause;
    area->argument[1] = address;
    area->result = 0;
    if (address % TLB_PAGE_SIZE + area->argument[0] <= TLB_PAGE_SIZE &&
        mmu_translate(hart, address, 1, write ? MMU_WRITE : MMU_READ, hart->bank_data, &result,
                      &cause) &&
        result.host != NULL && riscv_page_kept(hart, &result, write ? TLB_WRITE : TLB_READ)) {
        tlb_bank_fill(&hart->bank[hart->bank_data], write ? TLB_WRITE : TLB_READ, address,
                      result.scope, result.host);
        area->result = 1;
    }
    return true;
}

bool slow_fill(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    struct jit_area *area = jit_area(hart);
    bool write = info >> 24 == TLB_WRITE;
    slow_sync(hart, info);
    area->argument[1] = address;
    area->result = 0;
    if ((address & (slow_size(info) - 1)) != 0) {
        return true; /* the interpreter raises what it must */
    }
    gpa_t gpa;
    if (riscv_amo_address(hart, address, slow_size(info), &gpa, write) == NULL) {
        return slow_trapped(hart, info);
    }
    area->result = tlb_probe(&hart->bank[hart->bank_data], write ? TLB_WRITE : TLB_READ, address,
                             slow_size(info)) != NULL;
    return true;
}
