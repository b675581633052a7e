/* The engine's loop: find code, enter it, do what it came back for. */
#include "emu/jit/jit.h"

#include <assert.h>
#include <string.h>

#include "emu/jit/area.h"
#include "emu/jit/cache.h"
#include "emu/jit/step.h"
#include "emu/mem/access.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/fpu.h"
#include "emu/riscv/interp_one.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

_Static_assert(sizeof(struct jit_area) <= RISCV_ENGINE_AREA, "the hart has no room for the area");

/* Makes a context empty whatever it holds. */
static void jit_init_context(struct jit_context *context)
{
    for (unsigned i = 0; i < JUMP_CACHE_ENTRIES; i++) {
        context->jump[i].pc = 1;
    }
    for (unsigned i = 0; i < FETCH_CACHE_ENTRIES; i++) {
        context->fetch[i].va = 1;
    }
    memset(context->held, 0, sizeof context->held);
}

static void bit_set(uint64_t *bits, unsigned index)
{
    bits[index / 64] |= UINT64_C(1) << index % 64;
}

static void bit_clear(uint64_t *bits, unsigned index)
{
    bits[index / 64] &= ~(UINT64_C(1) << index % 64);
}

static bool bit_get(const uint64_t *bits, unsigned index)
{
    return (bits[index / 64] >> index % 64 & 1) != 0;
}

static void jit_forget_context(struct jit_context *context, enum tlb_scope scope)
{
    struct jit_held *held = &context->held[scope];
    for (unsigned word = 0; word < JUMP_CACHE_ENTRIES / 64; word++) {
        for (uint64_t left = held->jump[word]; left != 0; left &= left - 1) {
            context->jump[word * 64 + (unsigned)__builtin_ctzll(left)].pc = 1;
        }
    }
    for (unsigned word = 0; word < FETCH_CACHE_ENTRIES / 64; word++) {
        for (uint64_t left = held->fetch[word]; left != 0; left &= left - 1) {
            context->fetch[word * 64 + (unsigned)__builtin_ctzll(left)].va = 1;
        }
    }
    memset(held, 0, sizeof *held);
}

static void jit_forget_scope(struct riscv_hart *hart, enum tlb_scope scope)
{
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        jit_forget_context(&jit_area(hart)->context[bank], scope);
    }
}

void jit_forget(struct riscv_hart *hart)
{
    struct jit_hart *own = hart->hart.engine_state;
    own->recent_count = 0;
    jit_forget_scope(hart, TLB_LOCAL);
    jit_forget_scope(hart, TLB_GLOBAL);
}

/* Forgets one page of guest addresses in one context. */
static void jit_forget_page(struct jit_context *context, uint64_t page)
{
    unsigned number = (unsigned)(page / TLB_PAGE_SIZE);
    struct fetch_entry *fetch = &context->fetch[number % FETCH_CACHE_ENTRIES];
    if (fetch->va == page) {
        fetch->va = 1;
    }
    bool held = false;
    for (unsigned scope = 0; scope < TLB_SCOPE_COUNT; scope++) {
        held |= bit_get(context->held[scope].pages[page >> 63], number % JIT_PAGE_FILTER);
    }
    for (uint64_t pc = page; pc < page + TLB_PAGE_SIZE && held; pc += 2) {
        struct jump_entry *jump = &context->jump[(pc >> 1) % JUMP_CACHE_ENTRIES];
        if (jump->pc == pc) {
            jump->pc = 1;
        }
    }
}

static void jit_flush_translation(struct hart *hart, uint64_t address)
{
    struct riscv_hart *h = (struct riscv_hart *)(void *)hart;
    struct jit_hart *own = hart->engine_state;
    interp_one_flush(own->interp, address);
    if (address == UINT64_MAX) {
        jit_forget(h);
        return;
    }
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        jit_forget_page(&jit_area(h)->context[bank], address & TLB_PAGE_MASK);
    }
}

static void jit_switch_space(struct hart *hart)
{
    struct jit_hart *own = hart->engine_state;
    interp_one_flush(own->interp, UINT64_MAX);
    jit_forget_scope((struct riscv_hart *)(void *)hart, TLB_LOCAL);
}

static void jit_fence_instructions(struct hart *hart)
{
    struct jit_hart *own = hart->engine_state;
    own->epoch++;
    interp_one_fence(own->interp);
    /* Kernels that patch themselves execute one after the other, with little code between. */
    unsigned count = MIN(own->recent_count, JIT_RECENT_MAX);
    if (!jit_pages_same(own->jit, own->recent, count, hart->index, own->epoch,
                        &own->stale_known) ||
        own->recent_count > JIT_RECENT_MAX) {
        jit_forget((struct riscv_hart *)(void *)hart);
    }
}

/* The hart's caches come to hold code of a page. */
static void jit_note_recent(struct jit_hart *own, uint32_t page)
{
    for (unsigned i = 0; i < own->recent_count && i < JIT_RECENT_MAX; i++) {
        if (own->recent[i] == page) {
            return;
        }
    }
    if (own->recent_count < JIT_RECENT_MAX) {
        own->recent[own->recent_count] = page;
    }
    if (own->recent_count <= JIT_RECENT_MAX) {
        own->recent_count++;
    }
}

static void jit_init_constants(struct jit_constants *c)
{
    for (unsigned i = 0; i < 2; i++) {
        c->sign64[i] = UINT64_C(1) << 63;
        c->abs64[i] = ~c->sign64[i];
        c->sign32[i] = UINT64_C(1) << 31;
        c->abs32[i] = ~c->sign32[i];
        c->box[i] = UINT64_C(0xffffffff) << 32;
        c->nan64[i] = FPU_CANONICAL_NAN64;
        c->nan32[i] = c->box[i] | FPU_CANONICAL_NAN32;
    }
}

static void jit_detach(struct hart *hart)
{
    struct jit_hart *own = hart->engine_state;
    if (own != NULL) {
        interp_one_free(own->interp);
        if (own->jit != NULL) {
            jit_part(own->jit, hart);
        }
        g_free(own);
        hart->engine_state = NULL;
    }
}

static bool jit_attach(struct hart *hart, GError **error)
{
    struct riscv_hart *h = (struct riscv_hart *)(void *)hart;
    struct jit_hart *own = g_new0(struct jit_hart, 1);
    hart->engine_state = own;
    own->epoch = 1;
    own->interp = interp_one_new(JIT_INTERP_PAGES, error);
    own->jit = own->interp == NULL ? NULL : jit_join(hart, h->config, error);
    if (own->jit == NULL) {
        jit_detach(hart);
        return false;
    }
    own->counting = own->jit->options.counting;
    struct jit_area *area = jit_area(h);
    memset(area, 0, sizeof *area);
    jit_init_constants(&area->constants);
    for (unsigned bank = 0; bank < BANK_COUNT; bank++) {
        jit_init_context(&area->context[bank]);
    }
    return true;
}

static void jit_set_counting(struct hart *hart, bool counting)
{
    struct riscv_hart *h = (struct riscv_hart *)(void *)hart;
    struct jit_hart *own = hart->engine_state;
    counting = counting || h->counts_asked || own->jit->options.counting;
    if (own->counting != counting) {
        own->counting = counting;
        jit_forget(h);
    }
}

/* Loads and stores of a context other than the fetches' (MPRV) are left to the interpreter. */
static bool jit_context_usable(const struct riscv_hart *h)
{
    return h->bank_data == h->bank_fetch ||
           (h->bank_fetch == BANK_S && h->bank_data == BANK_S_SUM);
}

/* Why there is no code for a place. */
enum jit_absent {
    JIT_ABSENT_FULL,    /* no room, or nothing said */
    JIT_ABSENT_STEP,    /* the page cannot be translated */
    JIT_ABSENT_COLD,    /* it has not been asked for often enough */
    JIT_ABSENT_TRAPPED, /* an exception is taken */
};

/* The entry that the page of pc uses. */
static struct fetch_entry *jit_fetch_entry(struct riscv_hart *h, uint64_t pc)
{
    return &jit_area(h)->context[h->bank_data].fetch[pc / TLB_PAGE_SIZE % FETCH_CACHE_ENTRIES];
}

/* The number of the translated page that pc is in; JIT_NONE: *ret_why, which was FULL, says why. */
static uint32_t jit_enter_page(struct riscv_hart *h, struct jit_hart *own, uint64_t pc,
                               enum jit_absent *ret_why)
{
    struct jit_context *context = &jit_area(h)->context[h->bank_data];
    uint64_t va = pc & TLB_PAGE_MASK;
    struct fetch_entry *fetch = jit_fetch_entry(h, pc);
    if (fetch->va == va) {
        return (uint32_t)fetch->id;
    }
    struct mmu_result result;
    enum riscv_cause cause = CAUSE_FETCH_ACCESS;
    if (!mmu_translate(h, pc, 2, MMU_FETCH, h->bank_fetch, &result, &cause) ||
        result.host == NULL) {
        riscv_raise(h, cause, pc);
        *ret_why = JIT_ABSENT_TRAPPED;
        return JIT_NONE;
    }
    if (!result.cacheable) {
        *ret_why = JIT_ABSENT_STEP;
        return JIT_NONE;
    }
    uint64_t stale = own->jit->stats.stale_blocks;
    uint32_t page = jit_page_enter(own->jit, result.host, h->hart.index, own->epoch);
    if (own->stale_known == stale) { /* its caches hold nothing of a page that it compares */
        own->stale_known = own->jit->stats.stale_blocks;
    }
    if (page != JIT_NONE) {
        unsigned index = (unsigned)(fetch - context->fetch);
        *fetch = (struct fetch_entry){ va, page };
        jit_note_recent(own, page);
        bit_set(context->held[result.scope].fetch, index);
        bit_clear(context->held[!result.scope].fetch, index);
    }
    return page;
}

/* Its page has just been entered, which says whether it is global. */
static void jit_remember_jump(struct riscv_hart *h, uint64_t pc, const uint8_t *code)
{
    struct jit_context *context = &jit_area(h)->context[h->bank_data];
    unsigned index = (unsigned)(pc >> 1) % JUMP_CACHE_ENTRIES;
    unsigned number = (unsigned)(pc / TLB_PAGE_SIZE);
    bool global = bit_get(context->held[TLB_GLOBAL].fetch, number % FETCH_CACHE_ENTRIES);
    struct jit_held *held = &context->held[global ? TLB_GLOBAL : TLB_LOCAL];
    bit_set(held->jump, index);
    bit_set(held->pages[pc >> 63], number % JIT_PAGE_FILTER);
    context->jump[index] = (struct jump_entry){ pc, code };
}

/* Whether code at pc is to be interpreted once more; counts that. */
static bool jit_is_cold(const struct jit_hart *own, uint32_t page, uint64_t pc)
{
    struct jit_page *in = &own->jit->page[page];
    atomic_uchar *warmth = &in->warmth[pc % TLB_PAGE_SIZE / 2];
    unsigned char count = atomic_load_explicit(warmth, memory_order_relaxed);
    if (count >= atomic_load_explicit(&in->warm, memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(warmth, count + 1, memory_order_relaxed);
    return true;
}

/* The block at h->pc, under the translator's lock; links the exit that led here. */
static uint32_t jit_find_block(struct riscv_hart *h, struct jit_hart *own,
                               enum jit_absent *ret_why)
{
    uint32_t page = jit_enter_page(h, own, h->pc, ret_why);
    if (page == JIT_NONE) {
        return JIT_NONE;
    }
    if (jit_is_cold(own, page, h->pc)) {
        *ret_why = JIT_ABSENT_COLD;
        return JIT_NONE;
    }
    uint8_t key = (uint8_t)(h->bank_data | (own->counting ? JIT_KEY_COUNTING : 0));
    uint32_t block = jit_block_get(own->jit, page, h->pc, key);
    if (block != JIT_NONE && own->exit != JIT_NONE) {
        jit_link(own->jit, own->exit, block);
    }
    return block;
}

/* Code for h->pc, or NULL and *ret_why: step, unless an exception is taken. */
static const uint8_t *jit_find_code(struct riscv_hart *h, struct jit_hart *own,
                                    enum jit_absent *ret_why)
{
    struct jit_context *context = &jit_area(h)->context[h->bank_data];
    const struct jump_entry *jump = &context->jump[(h->pc >> 1) % JUMP_CACHE_ENTRIES];
    if (jump->pc == h->pc && own->exit == JIT_NONE) {
        return jump->code;
    }
    const struct fetch_entry *fetch = jit_fetch_entry(h, h->pc);
    if (fetch->va == (h->pc & TLB_PAGE_MASK) && jit_is_cold(own, (uint32_t)fetch->id, h->pc)) {
        own->exit = JIT_NONE;
        *ret_why = JIT_ABSENT_COLD;
        return NULL;
    }
    host_mutex_lock(&own->jit->lock);
    uint32_t block = jit_find_block(h, own, ret_why);
    const uint8_t *code = block == JIT_NONE ? NULL : own->jit->block[block].code;
    bool full = block == JIT_NONE && *ret_why == JIT_ABSENT_FULL;
    own->jit->stats.lookups++;
    host_mutex_unlock(&own->jit->lock);
    own->exit = JIT_NONE;
    if (code != NULL && (own->jit->options.passes & IR_PASS_BIT(lookup)) != 0) {
        jit_remember_jump(h, h->pc, code);
    } else if (full) {
        jit_make_room(own->jit, &h->hart);
    }
    return code;
}

/* A load-reserved was stepped: steps on to its store-conditional, if nothing but computation is
 * between, so that no generated code is. */
static void jit_finish_sequence(struct riscv_hart *h, struct jit_hart *own)
{
    while (h->reserved_sc != 0) {
        if (h->pc > h->reserved_sc || h->reserved_sc - h->pc >= TLB_PAGE_SIZE) {
            h->reserved_sc = 0;
            return;
        }
        own->steps++;
        interp_one(h, own->interp);
    }
}

/* After something else than generated code has run. */
static void jit_update_mode(struct riscv_hart *h, struct jit_hart *own, uint8_t frm)
{
    if (h->frm != frm) {
        host_fp_end(h);
        host_fp_begin(h);
    }
    if (h->counts_asked && !own->counting) {
        own->counting = true;
        jit_forget(h);
    }
}

/* Code in these lines is new: how often it has been asked for counts from now on. */
static void jit_page_cool(struct jit_page *page, uint64_t lines)
{
    for (uint64_t left = lines; left != 0; left &= left - 1) {
        unsigned count = TLB_PAGE_SIZE / 64 / 2;
        memset(&page->warmth[(unsigned)__builtin_ctzll(left) * count], 0, count);
    }
}

/* A piece of code that is not translated, in a page that was entered. */
static void jit_warm(struct riscv_hart *h, struct jit_hart *own)
{
    uint8_t frm = h->frm;
    const struct fetch_entry *fetch = jit_fetch_entry(h, h->pc);
    own->warmings++;
    h->sc_paired = 0;
    host_sync_flags(h);
    struct jit_page *page = &own->jit->page[fetch->id];
    jit_page_cool(page, interp_until_jump(h, own->interp, page->host));
    jit_finish_sequence(h, own);
    jit_update_mode(h, own, frm);
}

/* Fetches the instruction at pc if it begins in one page that was entered and ends in another. */
static bool jit_fetch_straddling(struct riscv_hart *h, const struct jit_hart *own,
                                 uint32_t *ret_word)
{
    const struct fetch_entry *first = jit_fetch_entry(h, h->pc);
    const struct fetch_entry *second = jit_fetch_entry(h, h->pc + 2);
    if (h->pc % TLB_PAGE_SIZE != TLB_PAGE_SIZE - 2 || first->va != (h->pc & TLB_PAGE_MASK) ||
        second->va != h->pc + 2) {
        return false;
    }
    uint32_t low = (uint32_t)host_load(own->jit->page[first->id].host + TLB_PAGE_SIZE - 2, 2);
    *ret_word = (uint32_t)host_load(own->jit->page[second->id].host, 2) << 16 | low;
    return isa_length((uint16_t)low) == 4;
}

/* One instruction without generated code. */
static void jit_interpret(struct riscv_hart *h, struct jit_hart *own)
{
    uint8_t frm = h->frm;
    own->steps++;
    if (jit_step_system(h, own)) {
        frm = h->frm;
    } else {
        uint32_t word;
        host_sync_flags(h);
        if (jit_fetch_straddling(h, own, &word)) {
            interp_one_word(h, own->interp, word);
        } else {
            interp_one(h, own->interp);
        }
        jit_finish_sequence(h, own);
    }
    jit_update_mode(h, own, frm);
}

/* Code for h->pc whose accesses do not share probes; NULL: step. Links the exit that asked. */
static const uint8_t *jit_find_single(struct riscv_hart *h, struct jit_hart *own)
{
    enum jit_absent why = JIT_ABSENT_FULL;
    uint8_t key = (uint8_t)(h->bank_data | (own->counting ? JIT_KEY_COUNTING : 0) | JIT_KEY_SINGLE);
    host_mutex_lock(&own->jit->lock);
    uint32_t page = jit_enter_page(h, own, h->pc, &why);
    assert(why != JIT_ABSENT_TRAPPED);
    uint32_t block = page == JIT_NONE ? JIT_NONE
                                      : jit_block_get(own->jit, page, h->pc, key);
    if (block != JIT_NONE) {
        jit_link(own->jit, (uint32_t)jit_area(h)->link, block);
    }
    const uint8_t *code = block == JIT_NONE ? NULL : own->jit->block[block].code;
    host_mutex_unlock(&own->jit->lock);
    return code;
}

/* Brings what blocks ask for up to date with CSRs that they do not write themselves. */
static void jit_update_area(const struct riscv_hart *h, struct jit_area *area)
{
    bool zero = (h->menvcfg & ENVCFG_CBZE) != 0;
    area->pc_page = h->pc & TLB_PAGE_MASK;
    area->zero_usable[BANK_U] = zero && (h->senvcfg & ENVCFG_CBZE) != 0;
    area->zero_usable[BANK_S] = area->zero_usable[BANK_S_SUM] = zero;
    area->zero_usable[BANK_M] = true;
    area->fp_states = h->frm > FPU_RUP ? 0 : JIT_FP_STATES;
    area->fp_usable =
        (uint8_t)(area->fp_states >> 8 * ((h->mstatus & MSTATUS_FS) >> MSTATUS_FS_SHIFT));
}

/* Lets somebody look at the hart between two blocks. */
static void jit_watch(struct riscv_hart *h, const struct jit_options *options)
{
    if (options->after_exit != NULL) {
        host_sync_flags(h);
        options->after_exit(options->opaque, h);
    }
}

/* Runs generated code until it comes back, and does what it came back for. */
static void jit_enter(struct riscv_hart *h, struct jit_hart *own, const uint8_t *code)
{
    struct jit_area *area = jit_area(h);
    jit_update_area(h, area);
    enum jit_reason reason = host_enter(&own->jit->thunks, h, code);
    while (reason == JIT_SINGLE) {
        jit_watch(h, &own->jit->options);
        code = jit_find_single(h, own);
        if (code == NULL) {
            reason = JIT_STEP;
            break;
        }
        area->pc_page = h->pc & TLB_PAGE_MASK;
        reason = host_enter(&own->jit->thunks, h, code);
    }
    own->jump_misses += reason == JIT_LOOKUP;
    if (reason == JIT_LINK) {
        own->exit = (uint32_t)area->link;
    } else if (reason == JIT_STEP) {
        jit_interpret(h, own);
    }
}

static void jit_run(struct hart *hart)
{
    struct riscv_hart *h = (struct riscv_hart *)(void *)hart;
    struct jit_hart *own = hart->engine_state;
    host_fp_begin(h);
    while (!hart_requested(hart) && !hart->waiting) {
        enum jit_absent why = JIT_ABSENT_FULL;
        const uint8_t *code = jit_context_usable(h) ? jit_find_code(h, own, &why) : NULL;
        if (code != NULL) {
            jit_enter(h, own, code);
        } else if (why == JIT_ABSENT_COLD) {
            jit_warm(h, own);
        } else if (why != JIT_ABSENT_TRAPPED) {
            h->sc_paired = 0;
            jit_interpret(h, own);
        }
        jit_watch(h, &own->jit->options);
    }
    own->exit = JIT_NONE;
    host_fp_end(h);
}

const struct engine jit_engine = {
    .name = "jit",
    .attach = jit_attach,
    .detach = jit_detach,
    .run = jit_run,
    .fence_instructions = jit_fence_instructions,
    .flush_translation = jit_flush_translation,
    .switch_space = jit_switch_space,
    .set_counting = jit_set_counting,
};
