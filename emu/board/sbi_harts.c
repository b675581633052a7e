/* Extensions about harts: timer, interprocessor interrupts, remote fences, hart states (chapters 6
 * to 9). A hart that does not run is left out of interrupts and fences: it starts from a reset. */
#include "emu/board/sbi_ext.h"

#include <assert.h>

#include "emu/mem/bus.h"
#include "emu/riscv/mmu.h"

#define PAGE_SIZE 4096u
/* More single pages than this and all of the TLB goes at once. */
#define FENCE_PAGES_MAX 64

/* The default kinds of suspend; there are no others here. */
#define SUSPEND_RETENTIVE     0u
#define SUSPEND_NON_RETENTIVE 0x80000000u

enum sbi_error sbi_time(struct sbi_call *call)
{
    if (call->function != 0) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    riscv_set_stimecmp(call->hart, call->arg[0]);
    return SBI_SUCCESS;
}

/* Whether every hart named exists. */
static bool mask_valid(const struct sbi *sbi, uint64_t mask, uint64_t base)
{
    if (base == UINT64_MAX || mask == 0) {
        return true;
    }
    unsigned highest = 63 - (unsigned)__builtin_clzll(mask);
    return base < sbi->count && highest < sbi->count - base;
}

/* The harts named that run or are about to; all of them if base is UINT64_MAX. */
static unsigned mask_targets(struct sbi *sbi, uint64_t mask, uint64_t base,
                             struct hart *targets[HART_TARGETS_MAX])
{
    unsigned count = 0;
    host_mutex_lock(&sbi->lock);
    for (unsigned i = 0; i < sbi->count; i++) {
        bool named =
            base == UINT64_MAX || (i >= base && i - base < 64 && (mask >> (i - base) & 1) != 0);
        if (named && sbi->hart[i].state != SBI_HART_STOPPED) {
            targets[count++] = &sbi->hart[i].hart->hart;
        }
    }
    host_mutex_unlock(&sbi->lock);
    return count;
}

enum sbi_error sbi_send_ipi(struct sbi *sbi, uint64_t mask, uint64_t base)
{
    struct hart *targets[HART_TARGETS_MAX];
    if (!mask_valid(sbi, mask, base)) {
        return SBI_ERR_INVALID_PARAM;
    }
    unsigned count = mask_targets(sbi, mask, base, targets);
    for (unsigned i = 0; i < count; i++) {
        riscv_hart_set_irq((struct riscv_hart *)targets[i], IRQ_SSIP, true);
    }
    return SBI_SUCCESS;
}

enum sbi_error sbi_ipi(struct sbi_call *call)
{
    if (call->function != 0) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    return sbi_send_ipi(call->sbi, call->arg[0], call->arg[1]);
}

/* A range for one or all address spaces; asid UINT64_MAX is all. */
struct fence_range {
    uint64_t start, pages; /* pages 0: everything */
    uint64_t asid;
};

static void fence_run_instructions(struct hart *hart, void *opaque)
{
    (void)opaque;
    hart->engine->fence_instructions(hart);
}

static void fence_run_range(struct hart *cpu, void *opaque)
{
    const struct fence_range *range = opaque;
    struct riscv_hart *hart = (struct riscv_hart *)cpu;
    if (range->pages == 0) {
        mmu_flush(hart, UINT64_MAX, range->asid);
    }
    for (uint64_t i = 0; i < range->pages; i++) {
        mmu_flush(hart, range->start + i * PAGE_SIZE, range->asid);
    }
}

static struct fence_range fence_range(enum sbi_fence fence, const uint64_t range[3])
{
    uint64_t first = range[0] & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t bytes = range[1] + (range[0] - first);
    /* 0, 0 and a size of -1 mean everything; so does a range that is not worth counting. */
    bool all = range[1] == 0 || range[1] > PAGE_SIZE * FENCE_PAGES_MAX;
    return (struct fence_range){
        .start = first,
        .pages = all ? 0 : (bytes + PAGE_SIZE - 1) / PAGE_SIZE,
        .asid = fence == SBI_FENCE_VMA_ASID ? range[2] : UINT64_MAX,
    };
}

enum sbi_error sbi_remote_fence(struct sbi *sbi, struct riscv_hart *caller, uint64_t mask,
                                uint64_t base, enum sbi_fence fence, const uint64_t range[3])
{
    struct hart *targets[HART_TARGETS_MAX];
    if (!mask_valid(sbi, mask, base)) {
        return SBI_ERR_INVALID_PARAM;
    }
    unsigned count = mask_targets(sbi, mask, base, targets);
    if (fence == SBI_FENCE_I) {
        hart_call_all(&caller->hart, targets, count, fence_run_instructions, NULL);
    } else {
        struct fence_range what = fence_range(fence, range);
        hart_call_all(&caller->hart, targets, count, fence_run_range, &what);
    }
    return SBI_SUCCESS;
}

enum sbi_error sbi_rfence(struct sbi_call *call)
{
    /* 3 to 6 are of the hypervisor extension. */
    if (call->function > SBI_FENCE_VMA_ASID) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    return sbi_remote_fence(call->sbi, call->hart, call->arg[0], call->arg[1],
                            (enum sbi_fence)call->function, &call->arg[2]);
}

/* Gives a hart the state in which SBI starts one (9.1): reset, S-mode, no translation. */
static void hart_enter(struct riscv_hart *hart, uint64_t pc, uint64_t opaque)
{
    riscv_hart_reset(hart);
    hart->pc = pc;
    hart->x[10] = hart->hart.index;
    hart->x[11] = opaque;
    hart->x[12] = 0;
}

/* On the thread of the hart that starts. */
static void hart_begin(struct hart *hart, void *opaque)
{
    struct sbi_hart *entry = opaque;
    host_mutex_lock(&entry->sbi->lock);
    if (entry->state == SBI_HART_START_PENDING) {
        hart_enter(entry->hart, entry->start_pc, entry->start_opaque);
        entry->state = SBI_HART_STARTED;
        atomic_store(&hart->halted, false);
    }
    host_mutex_unlock(&entry->sbi->lock);
}

void sbi_begin(struct sbi_hart *entry)
{
    hart_call(&entry->hart->hart, hart_begin, entry);
}

/* Whether a hart may begin there: in memory, and where an instruction can be. */
static bool start_address_valid(const struct sbi *sbi, uint64_t address)
{
    return (address & 1) == 0 && bus_find_memory(sbi->host.bus, address, 2) != NULL;
}

static enum sbi_error hsm_start(struct sbi_call *call)
{
    struct sbi *sbi = call->sbi;
    if (call->arg[0] >= sbi->count) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (!start_address_valid(sbi, call->arg[1])) {
        return SBI_ERR_INVALID_ADDRESS;
    }
    struct sbi_hart *entry = &sbi->hart[call->arg[0]];
    host_mutex_lock(&sbi->lock);
    bool stopped = entry->state == SBI_HART_STOPPED;
    if (stopped) {
        entry->state = SBI_HART_START_PENDING;
        entry->start_pc = call->arg[1];
        entry->start_opaque = call->arg[2];
    }
    host_mutex_unlock(&sbi->lock);
    if (!stopped) {
        return SBI_ERR_ALREADY_AVAILABLE;
    }
    sbi_begin(entry);
    return SBI_SUCCESS;
}

static enum sbi_error hsm_stop(struct sbi_call *call)
{
    struct sbi *sbi = call->sbi;
    host_mutex_lock(&sbi->lock);
    sbi->hart[call->hart->hart.index].state = SBI_HART_STOPPED;
    sbi_halt(call->hart);
    host_mutex_unlock(&sbi->lock);
    return SBI_SUCCESS; /* nobody sees it */
}

static enum sbi_error hsm_status(struct sbi_call *call)
{
    struct sbi *sbi = call->sbi;
    if (call->arg[0] >= sbi->count) {
        return SBI_ERR_INVALID_PARAM;
    }
    struct sbi_hart *entry = &sbi->hart[call->arg[0]];
    host_mutex_lock(&sbi->lock);
    call->value = entry->state;
    if (entry->state == SBI_HART_STARTED && atomic_load(&entry->hart->suspended)) {
        call->value = SBI_HART_SUSPENDED;
    }
    host_mutex_unlock(&sbi->lock);
    return SBI_SUCCESS;
}

static enum sbi_error hsm_suspend(struct sbi_call *call)
{
    struct riscv_hart *hart = call->hart;
    uint32_t type = (uint32_t)call->arg[0];
    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (type == SUSPEND_NON_RETENTIVE) {
        if (!start_address_valid(call->sbi, call->arg[1])) {
            return SBI_ERR_INVALID_ADDRESS;
        }
        /* Ready to resume; what wakes it is kept, as it is with WFI. */
        uint64_t mie = hart->mie, stimecmp = atomic_load(&hart->stimecmp);
        uint64_t ssip = atomic_load(&hart->mip) & (UINT64_C(1) << IRQ_SSIP);
        hart_enter(hart, call->arg[1], call->arg[2]);
        hart->mie = mie;
        atomic_fetch_or(&hart->mip, ssip);
        riscv_set_stimecmp(hart, stimecmp);
        call->replaced = true;
    }
    atomic_store(&hart->suspended, true);
    hart->hart.waiting = true;
    sbi_leave_engine(hart);
    return SBI_SUCCESS;
}

enum sbi_error sbi_hsm(struct sbi_call *call)
{
    enum { HART_START, HART_STOP, HART_GET_STATUS, HART_SUSPEND };
    switch (call->function) {
    case HART_START: return hsm_start(call);
    case HART_STOP: return hsm_stop(call);
    case HART_GET_STATUS: return hsm_status(call);
    case HART_SUSPEND: return hsm_suspend(call);
    default: return SBI_ERR_NOT_SUPPORTED;
    }
}
