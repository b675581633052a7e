/* The interpreter in small pieces: with a request pending it comes back at the next jump, or after
 * the slot of a page that cannot be kept. Nothing that is decoded here is kept. */
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

/* A slot of the piece that runs: decoded when it is reached, from memory as it is then. */
static struct interp_slot *interp_piece(INTERP_ARGS)
{
    struct interp_page *page = in->step;
    unsigned index = (unsigned)(s - page->slot);
    assert(index < INTERP_PAGE_SLOTS);
    uint32_t word = (uint32_t)host_load(in->piece + 2 * index, 2);
    unsigned length = isa_length((uint16_t)word) / 2;
    h->instret = retired;
    if (index + length > INTERP_PAGE_SLOTS) { /* ends in another page */
        h->pc = interp_pc(in, s);
        return NULL;
    }
    page->copy[index] = (uint16_t)word;
    if (length == 2) {
        page->copy[index + 1] = (uint16_t)host_load(in->piece + 2 * index + 2, 2);
        word |= (uint32_t)page->copy[index + 1] << 16;
    }
    interp_decode(s, word, 2 * index, false);
    if (index + length < INTERP_PAGE_SLOTS) {
        s[length].fn = interp_piece;
    }
    return s;
}

void interp_until_jump(struct riscv_hart *h, struct interp *in, const uint8_t *page)
{
    struct interp_slot *s = &in->step->slot[h->pc % INTERP_PAGE_SIZE / 2];
    in->fetch = in->cache[h->bank_fetch];
    in->tlb = &h->bank[h->bank_data];
    in->piece = page;
    s->fn = interp_piece;
    interp_set_bias(in, in->step->slot, h->pc & INTERP_PAGE_MASK);
    atomic_fetch_or(&h->hart.requests, HART_REQUEST_ONE);
    while (s != NULL) {
        s = s->fn(h, s, h->instret, in);
    }
    atomic_fetch_and(&h->hart.requests, ~(unsigned)HART_REQUEST_ONE);
}

/* Runs the one instruction of a slot of in->step. */
static void interp_slot_once(struct riscv_hart *h, struct interp *in, struct interp_slot *s)
{
    atomic_fetch_or(&h->hart.requests, HART_REQUEST_ONE);
    s = s->fn(h, s, h->instret, in);
    if (s != NULL) {
        h->pc = interp_pc(in, s);
    }
    atomic_fetch_and(&h->hart.requests, ~(unsigned)HART_REQUEST_ONE);
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
