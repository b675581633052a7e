/*
 * Decoded pages: a fixed pool, found by the guest memory they were made from.
 *
 * Stores to guest code are not noticed: RISC-V promises that a hart's fetches see them only after
 * its own fence.i. That starts a new epoch, and a page of an older one is compared with its copy
 * when it is next entered. A slot is always the decoded form of the page's copy, never of memory.
 */
#include <string.h>

#include "emu/mem/access.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/interp_ops.h"

static struct interp_page **page_bucket(struct interp *in, const uint8_t *host)
{
    uint64_t number = (uintptr_t)host / INTERP_PAGE_SIZE;
    return &in->hash[(number ^ number >> INTERP_HASH_BITS) % (1u << INTERP_HASH_BITS)];
}

void interp_page_reset(struct interp_page *page)
{
    for (unsigned i = 0; i < INTERP_PAGE_SLOTS; i++) {
        page->slot[i].fn = interp_undecoded;
    }
    page->slot[INTERP_PAGE_SLOTS].fn = interp_page_end;
    page->straddle[0].fn = NULL;
    page->straddle[1].fn = interp_page_end;
    page->straddle[2].fn = interp_page_end;
    page->straddle_word = 0;
    page->lines = page->changed = 0;
}

/* Halfword `index` of the copy becomes `half`; slots that were decoded from the old one are undone:
 * its own, and that of an instruction which may have begun one halfword before. */
static void page_change(struct interp_page *page, unsigned index, uint16_t half)
{
    page->copy[index] = half;
    page->slot[index].fn = interp_undecoded;
    if (index > 0) {
        page->slot[index - 1].fn = interp_undecoded;
    }
}

/* The halfword in guest memory now, and in the copy from now on. */
static uint16_t page_fetch(struct interp_page *page, unsigned index)
{
    uint16_t half = (uint16_t)host_load(page->host + 2 * index, 2);
    if (half != page->copy[index]) {
        page_change(page, index, half);
    }
    return half;
}

/* Brings a page of an older epoch up to date, where slots of it are decoded. */
static void page_refresh(struct interp *in, struct interp_page *page)
{
    for (uint64_t left = page->lines; left != 0; left &= left - 1) {
        unsigned first = (unsigned)__builtin_ctzll(left) * INTERP_LINE_SLOTS;
        if (memcmp(page->host + 2 * first, page->copy + first, 2 * INTERP_LINE_SLOTS) != 0) {
            for (unsigned i = first; i < first + INTERP_LINE_SLOTS; i++) {
                page_fetch(page, i);
            }
            page->changed |= left & -left;
        }
    }
    page->epoch = in->epoch;
}

/* Takes a page out of use. */
static void page_drop(struct interp *in, struct interp_page *page)
{
    struct interp_page **link = page_bucket(in, page->host);
    while (*link != page) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = page->next;
    page->host = NULL;
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        for (unsigned i = 0; i < INTERP_FETCHES && in->filled[bank]; i++) {
            if (in->cache[bank][i].slot == page->slot) {
                in->cache[bank][i].tag = INTERP_NO_PAGE;
            }
        }
    }
}

/* A page of the pool that is not in use. */
static struct interp_page *page_take(struct interp *in, const struct interp_page *keep)
{
    if (in->pages_used < in->pages) {
        return &in->pool[in->pages_used++];
    }
    struct interp_page *page;
    bool recent;
    do {
        in->victim = (in->victim + 1) % in->pages;
        page = &in->pool[in->victim];
        recent = page->recent;
        page->recent = false;
    } while (recent || page == keep);
    page_drop(in, page);
    return page;
}

struct interp_page *interp_page_get(struct interp *in, const uint8_t *host,
                                    const struct interp_page *keep)
{
    assert((uintptr_t)host % INTERP_PAGE_SIZE == 0);
    struct interp_page **bucket = page_bucket(in, host);
    struct interp_page *page = *bucket;
    while (page != NULL && page->host != host) {
        page = page->next;
    }
    if (page == NULL) {
        page = page_take(in, keep);
        interp_page_reset(page);
        page->epoch = in->epoch;
        page->host = host;
        page->next = *bucket;
        *bucket = page;
    } else if (page->epoch != in->epoch) {
        page_refresh(in, page);
    }
    page->recent = true;
    return page;
}

struct interp_page *interp_page_of(struct interp *in, const struct interp_slot *slot)
{
    size_t offset = (size_t)((const uint8_t *)slot - (const uint8_t *)in->pool);
    struct interp_page *page = &in->pool[offset / sizeof(struct interp_page)];
    assert(page < in->pool + in->pages && page->host != NULL);
    return page;
}

/* The instruction begins in the last halfword of the page and ends in the next. */
static bool page_straddles(unsigned index, uint16_t half)
{
    return index == INTERP_PAGE_SLOTS - 1 && isa_length(half) == 4;
}

struct interp_slot *interp_undecoded(INTERP_ARGS)
{
    struct interp_page *page = interp_page_of(in, s);
    unsigned index = (unsigned)(s - page->slot);
    assert(index < INTERP_PAGE_SLOTS);
    uint32_t word = page_fetch(page, index);
    page->lines |= UINT64_C(1) << index / INTERP_LINE_SLOTS;
    if (page_straddles(index, (uint16_t)word)) {
        s->fn = interp_straddle;
    } else {
        if (isa_length((uint16_t)word) == 4) {
            word |= (uint32_t)page_fetch(page, index + 1) << 16;
            page->lines |= UINT64_C(1) << (index + 1) / INTERP_LINE_SLOTS;
        }
        interp_decode(s, word, 2 * index, true);
    }
    h->instret = retired;
    return s;
}

/* The second half lies in the page that follows in this address space. */
struct interp_slot *interp_straddle(INTERP_ARGS)
{
    struct interp_page *page = interp_page_of(in, s);
    interp_sync(INTERP_PASS);
    const uint8_t *next = interp_fetch_page(h, in, h->pc + 2, page);
    if (next == NULL) {
        return interp_enter(h, in);
    }
    uint32_t word = page->copy[INTERP_PAGE_SLOTS - 1] | (uint32_t)host_load(next, 2) << 16;
    if (page->straddle[0].fn == NULL || page->straddle_word != word) {
        interp_decode(&page->straddle[0], word, 0, false);
        page->straddle_word = word;
    }
    interp_set_bias(in, page->straddle, h->pc);
    return page->straddle;
}

struct interp_slot *interp_step_word(struct interp *in, uint64_t pc, uint32_t word)
{
    struct interp_page *page = in->step;
    if (page->straddle[0].fn == NULL || page->straddle_word != word) {
        interp_decode(&page->straddle[0], word, 0, false);
        page->straddle_word = word;
    }
    interp_set_bias(in, page->straddle, pc);
    return page->straddle;
}

struct interp_slot *interp_step(struct riscv_hart *h, struct interp *in, const uint8_t *host)
{
    uint64_t pc = h->pc;
    uint32_t word = (uint32_t)host_load(host + pc % INTERP_PAGE_SIZE, 2);
    if (isa_length((uint16_t)word) == 4) {
        const uint8_t *next = interp_fetch_page(h, in, pc + 2, NULL);
        if (next == NULL) {
            return NULL;
        }
        word |= (uint32_t)host_load(next + (pc + 2) % INTERP_PAGE_SIZE, 2) << 16;
    }
    return interp_step_word(in, pc, word);
}

uint32_t interp_word(struct interp *in, const struct interp_slot *slot)
{
    bool single = (uintptr_t)slot - (uintptr_t)in->step < sizeof *in->step;
    const struct interp_page *page = single ? in->step : interp_page_of(in, slot);
    size_t index = (size_t)(slot - page->slot);
    uint32_t word;
    if (index >= INTERP_PAGE_SLOTS) {
        word = page->straddle_word;
    } else {
        word = page->copy[index];
        if (isa_length((uint16_t)word) == 4) {
            assert(index + 1 < INTERP_PAGE_SLOTS);
            word |= (uint32_t)page->copy[index + 1] << 16;
        }
    }
    return isa_length((uint16_t)word) == 4 ? word : word & 0xffff;
}
