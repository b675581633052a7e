/* Single instructions: the slot of a page that cannot be kept, with a request pending so that the
 * interpreter comes back after it. */
#include "emu/riscv/interp_one.h"

#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

void interp_one_fence(struct interp *in)
{
    in->epoch++;
    interp_forget_fetches(in);
}

void interp_one_flush(struct interp *in)
{
    interp_forget_fetches(in);
}

void interp_one(struct riscv_hart *h, struct interp *in)
{
    struct mmu_result result;
    enum riscv_cause cause = CAUSE_FETCH_ACCESS;
    in->fetch = in->cache[h->bank_fetch];
    in->tlb = &h->bank[h->bank_data];
    if (!mmu_translate(h, h->pc, 2, MMU_FETCH, h->bank_fetch, &result, &cause) ||
        result.host == NULL) {
        riscv_raise(h, cause, h->pc);
        return;
    }
    struct interp_slot *s = interp_step(h, in, result.host);
    if (s == NULL) {
        return;
    }
    atomic_fetch_or(&h->hart.requests, HART_REQUEST_ONE);
    s = s->fn(h, s, h->instret, in);
    if (s != NULL) {
        h->pc = interp_pc(in, s);
    }
    atomic_fetch_and(&h->hart.requests, ~(unsigned)HART_REQUEST_ONE);
}
