/* The interpreter in small pieces, as if there were always a request: it comes back at the next
 * jump, or after the slot of a page that cannot be kept. */
#include "emu/riscv/interp_one.h"

#include "emu/mem/access.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

void interp_one_fence(struct interp *in)
{
    in->epoch++;
    interp_forget_fetches(in);
}

uint64_t interp_until_jump(struct riscv_hart *h, struct interp *in, const uint8_t *host)
{
    struct interp_page *page = interp_page_get(in, host, NULL);
    struct interp_slot *s = &page->slot[h->pc % INTERP_PAGE_SIZE / 2], *from;
    uint64_t changed = page->changed;
    page->changed = 0;
    in->fetch = in->cache[h->bank_fetch];
    in->tlb = &h->bank[h->bank_data];
    interp_set_bias(in, page->slot, h->pc & INTERP_PAGE_MASK);
    in->once = true;
    do {
        from = s;
        if (s->fn == interp_undecoded) {
            interp_undecoded(h, s, h->instret, in);
        }
        s = s->fn(h, s, h->instret, in);
    } while (s > from);
    if (s != NULL) { /* a loop's next round */
        h->pc = interp_pc(in, s);
    }
    in->once = false;
    return changed;
}

/* Runs the one instruction of a slot of in->step. */
static void interp_slot_once(struct riscv_hart *h, struct interp *in, struct interp_slot *s)
{
    in->once = true;
    s = s->fn(h, s, h->instret, in);
    if (s != NULL) {
        h->pc = interp_pc(in, s);
    }
    in->once = false;
}

void interp_one_word(struct riscv_hart *h, struct interp *in, uint32_t word)
{
    in->fetch = in->cache[h->bank_fetch];
    in->tlb = &h->bank[h->bank_data];
    interp_slot_once(h, in, interp_step_word(in, h->pc, word));
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
    if (s != NULL) {
        interp_slot_once(h, in, s);
    }
}
