/* The interpreter as an engine: its life, its loop, and how it finds code. */
#include "emu/riscv/interp.h"

#include <string.h>

#include "emu/riscv/interp_one.h"
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

static struct interp *interp_of(const struct hart *hart)
{
    assert(hart->engine == &interp_engine && hart->engine_state != NULL);
    return hart->engine_state;
}

void interp_forget_fetches(struct interp *in)
{
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        for (unsigned i = 0; i < INTERP_FETCHES && in->filled[bank]; i++) {
            in->cache[bank][i].tag = INTERP_NO_PAGE;
        }
        in->filled[bank] = false;
    }
}

void interp_one_free(struct interp *in)
{
    if (in != NULL) {
        g_free(in->pool);
        g_free(in->step);
        g_free(in);
    }
}

/* The pool is touched page by page as the guest runs more code. */
struct interp *interp_one_new(unsigned pages, GError **error)
{
    struct interp *in = g_try_new0(struct interp, 1);
    if (in != NULL) {
        in->pages = pages;
        in->pool = g_try_new0(struct interp_page, pages);
        in->step = g_try_new0(struct interp_page, 1);
    }
    if (in == NULL || in->pool == NULL || in->step == NULL) {
        interp_one_free(in);
        g_set_error_literal(error, g_quark_from_static_string("interp-error"), 0,
                            "not enough memory for the interpreter's code cache");
        return NULL;
    }
    interp_page_reset(in->step);
    memset(in->filled, true, sizeof in->filled);
    interp_forget_fetches(in);
    in->fetch = in->cache[BANK_M];
    return in;
}

static void interp_detach(struct hart *hart)
{
    interp_one_free(hart->engine_state);
    hart->engine_state = NULL;
}

static bool interp_attach(struct hart *hart, GError **error)
{
    hart->engine_state = interp_one_new(INTERP_PAGES, error);
    return hart->engine_state != NULL;
}

static void interp_switch_space(struct hart *hart)
{
    interp_forget_fetches(interp_of(hart));
}

void interp_one_flush(struct interp *in, uint64_t address)
{
    if (address == UINT64_MAX) {
        interp_forget_fetches(in);
        return;
    }
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        struct interp_fetch *fetch =
            &in->cache[bank][(address / INTERP_PAGE_SIZE) % INTERP_FETCHES];
        if (fetch->tag == (address & INTERP_PAGE_MASK)) {
            fetch->tag = INTERP_NO_PAGE;
        }
    }
}

static void interp_flush_translation(struct hart *hart, uint64_t address)
{
    interp_one_flush(interp_of(hart), address);
}

/* Pages are compared with memory when they are next looked up, which all of them now are. */
static void interp_fence_instructions(struct hart *hart)
{
    struct interp *in = interp_of(hart);
    in->epoch++;
    interp_forget_fetches(in);
}

/* Translates a fetch of two bytes. False: the exception is taken. */
static bool interp_translate(struct riscv_hart *h, uint64_t address, struct mmu_result *ret)
{
    enum riscv_cause cause = CAUSE_FETCH_ACCESS;
    if (!mmu_translate(h, address, 2, MMU_FETCH, h->bank_fetch, ret, &cause) || ret->host == NULL) {
        riscv_raise(h, cause, address);
        return false;
    }
    return true;
}

/* Remembers where code at `address` is. */
static struct interp_page *interp_fill(struct riscv_hart *h, struct interp *in, uint64_t address,
                                       const uint8_t *host, const struct interp_page *keep)
{
    struct interp_page *page = interp_page_get(in, host, keep);
    unsigned index = (address / INTERP_PAGE_SIZE) % INTERP_FETCHES;
    in->cache[h->bank_fetch][index] =
        (struct interp_fetch){ address & INTERP_PAGE_MASK, page->slot };
    in->filled[h->bank_fetch] = true;
    return page;
}

const uint8_t *interp_fetch_page(struct riscv_hart *h, struct interp *in, uint64_t address,
                                 const struct interp_page *keep)
{
    const struct interp_fetch *fetch =
        &in->cache[h->bank_fetch][(address / INTERP_PAGE_SIZE) % INTERP_FETCHES];
    if (fetch->tag == (address & INTERP_PAGE_MASK)) {
        return interp_page_of(in, fetch->slot)->host;
    }
    struct mmu_result result;
    if (!interp_translate(h, address, &result)) {
        return NULL;
    }
    if (result.cacheable) {
        interp_fill(h, in, address, result.host, keep);
    }
    return result.host;
}

/* The slot for h->pc; NULL: an exception is taken, h->pc is elsewhere. */
static struct interp_slot *interp_find(struct riscv_hart *h, struct interp *in)
{
    uint64_t pc = h->pc;
    assert(pc % 2 == 0);
    in->fetch = in->cache[h->bank_fetch];
    const struct interp_fetch *fetch = &in->fetch[(pc / INTERP_PAGE_SIZE) % INTERP_FETCHES];
    if (fetch->tag != (pc & INTERP_PAGE_MASK)) {
        struct mmu_result result;
        if (!interp_translate(h, pc, &result)) {
            return NULL;
        }
        if (!result.cacheable) {
            return interp_step(h, in, result.host);
        }
        interp_fill(h, in, pc, result.host, NULL);
    }
    interp_set_bias(in, fetch->slot, fetch->tag);
    return fetch->slot + pc % INTERP_PAGE_SIZE / 2;
}

struct interp_slot *interp_enter(struct riscv_hart *h, struct interp *in)
{
    while (!interp_requested(h, in)) {
        struct interp_slot *s = interp_find(h, in);
        if (s != NULL) {
            return s;
        }
    }
    return NULL;
}

struct interp_slot *interp_raise(INTERP_ARGS, enum riscv_cause cause, uint64_t tval)
{
    interp_sync(INTERP_PASS);
    riscv_raise(h, cause, tval);
    return interp_enter(h, in);
}

struct interp_slot *interp_raise_illegal(INTERP_ARGS)
{
    return interp_raise(INTERP_PASS, CAUSE_ILLEGAL, interp_word(in, s));
}

struct interp_slot *interp_resume(INTERP_ARGS, unsigned length)
{
    h->pc = interp_pc(in, s + length);
    h->instret = retired + 1;
    return interp_enter(h, in);
}

static void interp_run(struct hart *hart)
{
    struct riscv_hart *h = (struct riscv_hart *)hart;
    struct interp *in = interp_of(hart);
    struct interp_slot *s = interp_enter(h, in);
    while (s != NULL) {
        if (hart_requested(hart)) {
            h->pc = interp_pc(in, s);
            return;
        }
        in->tlb = &h->bank[h->bank_data];
        s = s->fn(h, s, h->instret, in);
    }
}

const struct engine interp_engine = {
    .name = "interp",
    .attach = interp_attach,
    .detach = interp_detach,
    .run = interp_run,
    .fence_instructions = interp_fence_instructions,
    .flush_translation = interp_flush_translation,
    .switch_space = interp_switch_space,
};
