/* Blocks of code: finding, translating, linking, dropping. */
#include "emu/jit/cache.h"

#include <assert.h>
#include <string.h>

#include "emu/jit/area.h"
#include "emu/jit/build.h"
#include "platform/clock.h"

#define LINE_SIZE      64u
#define BLOCK_CODE_MAX (64u << 10) /* no block's code is longer */

static uint8_t *jit_rw(const struct jit *jit, uint32_t offset)
{
    return jit->code.rw + offset;
}

static void jit_set_exit(const struct jit *jit, const struct jit_exit_slot *exit,
                         const uint8_t *target)
{
    host_patch_jump(jit_rw(jit, exit->jump), jit->code.rx + exit->jump, target);
}

/* Points an exit back to its stub. */
static void jit_unlink(struct jit *jit, struct jit_exit_slot *exit)
{
    jit_set_exit(jit, exit, jit->code.rx + exit->stub);
    exit->to = JIT_NONE;
}

static void jit_drop_incoming(struct jit *jit, struct jit_exit_slot *exit)
{
    uint32_t number = (uint32_t)(exit - jit->exit);
    uint32_t *link = &jit->block[exit->to].incoming;
    while (*link != number) {
        assert(*link != JIT_NONE);
        link = &jit->exit[*link].next;
    }
    *link = exit->next;
    exit->to = JIT_NONE;
}

/* Takes a block out of every table. Its code stays: harts may still be in it. */
static void jit_drop(struct jit *jit, uint32_t number)
{
    struct jit_block *block = &jit->block[number];
    struct jit_page *page = &jit->page[block->page];
    uint32_t *link = &page->blocks[block->start / 2 % JIT_OFFSET_HASH];
    while (*link != number) {
        assert(*link != JIT_NONE);
        link = &jit->block[*link].next;
    }
    *link = block->next;
    while (block->incoming != JIT_NONE) {
        struct jit_exit_slot *exit = &jit->exit[block->incoming];
        block->incoming = exit->next;
        jit_unlink(jit, exit);
    }
    for (uint32_t i = block->first_exit; i < block->first_exit + block->exits; i++) {
        if (jit->exit[i].to != JIT_NONE) {
            jit_drop_incoming(jit, &jit->exit[i]);
        }
        jit->exit[i].from = JIT_NONE;
    }
    block->page = JIT_NONE;
}

/* Whether lines of the page are what was translated. */
static bool jit_lines_same(const struct jit_page *page, unsigned first, unsigned count)
{
    size_t at = first * LINE_SIZE;
    return memcmp(page->copy + at, page->host + at, count * LINE_SIZE) == 0;
}

/* Which of the page's lines with code differ from what was translated. */
static uint64_t jit_page_compare(const struct jit_page *page)
{
    uint64_t changed = 0;
    for (uint64_t left = page->lines; left != 0;) {
        unsigned line = (unsigned)__builtin_ctzll(left);
        uint64_t above = ~(left >> line); /* 0: all lines of the page */
        unsigned count = above == 0 ? TLB_PAGE_SIZE / LINE_SIZE : (unsigned)__builtin_ctzll(above);
        uint64_t run = (above == 0 ? UINT64_MAX : (UINT64_C(1) << count) - 1) << line;
        if (!jit_lines_same(page, line, count)) {
            for (uint64_t in_run = run; in_run != 0; in_run &= in_run - 1) {
                unsigned number = (unsigned)__builtin_ctzll(in_run);
                changed |= jit_lines_same(page, number, 1) ? 0 : UINT64_C(1) << number;
            }
        }
        left &= ~run;
    }
    return changed;
}

/* Drops the blocks of changed lines. */
static void jit_page_update(struct jit *jit, struct jit_page *page)
{
    uint64_t changed = jit_page_compare(page);
    if (changed == 0) {
        return;
    }
    for (unsigned chain = 0; chain < JIT_OFFSET_HASH; chain++) {
        for (uint32_t number = page->blocks[chain], next; number != JIT_NONE; number = next) {
            next = jit->block[number].next;
            if ((jit->block[number].lines & changed) != 0) {
                atomic_store_explicit(&page->warmth[jit->block[number].start / 2], 0,
                                      memory_order_relaxed);
                jit_drop(jit, number);
                jit->stats.stale_blocks++;
            }
        }
    }
    page->lines &= ~changed;
    atomic_store_explicit(&page->warm,
                          (unsigned char)MAX(jit->options.warm, jit->options.rewarm),
                          memory_order_relaxed);
}

static uint32_t *jit_page_chain(struct jit *jit, const uint8_t *host)
{
    return &jit->page_hash[((uintptr_t)host >> TLB_PAGE_BITS) % JIT_PAGE_HASH];
}

static uint32_t jit_take_page(struct jit *jit)
{
    uint32_t number = jit->page_free;
    if (number != JIT_NONE) {
        jit->page_free = jit->page[number].next;
        return number;
    }
    return jit->page_count < JIT_PAGES_MAX ? jit->page_count++ : JIT_NONE;
}

uint32_t jit_page_enter(struct jit *jit, const uint8_t *host, unsigned index, uint32_t epoch)
{
    uint32_t *chain = jit_page_chain(jit, host);
    for (uint32_t number = *chain; number != JIT_NONE; number = jit->page[number].next) {
        if (jit->page[number].host == host) {
            if (jit->page[number].epoch[index] != epoch) {
                jit_page_update(jit, &jit->page[number]);
                jit->page[number].epoch[index] = epoch;
            }
            return number;
        }
    }
    uint32_t number = jit_take_page(jit);
    if (number == JIT_NONE) {
        return JIT_NONE;
    }
    struct jit_page *page = &jit->page[number];
    page->host = host;
    page->next = *chain;
    page->lines = 0;
    memset(page->blocks, 0, sizeof page->blocks);
    memset(page->epoch, 0, sizeof page->epoch);
    memset(page->warmth, 0, sizeof page->warmth);
    page->warm = (unsigned char)jit->options.warm;
    *chain = number;
    return number;
}

bool jit_pages_same(struct jit *jit, const uint32_t *pages, unsigned count, unsigned index,
                    uint32_t epoch, uint64_t *stale)
{
    bool alone = jit->hart_count == 1; /* only harts change pages */
    if (!alone) {
        host_mutex_lock(&jit->lock);
    }
    bool same = *stale == jit->stats.stale_blocks;
    *stale = jit->stats.stale_blocks;
    for (unsigned i = 0; i < count && same; i++) {
        struct jit_page *page = &jit->page[pages[i]];
        same = jit_page_compare(page) == 0;
        page->epoch[index] = same ? epoch : page->epoch[index];
    }
    if (!alone) {
        host_mutex_unlock(&jit->lock);
    }
    return same;
}

static uint32_t jit_block_find(const struct jit *jit, const struct jit_page *page,
                               uint16_t offset, uint8_t key)
{
    uint32_t number = page->blocks[offset / 2 % JIT_OFFSET_HASH];
    while (number != JIT_NONE &&
           (jit->block[number].start != offset || jit->block[number].key != key)) {
        number = jit->block[number].next;
    }
    return number;
}

/* Copies the lines that a new block lies in, where no other block has done so. */
static void jit_page_record(struct jit_page *page, const uint8_t *seen, uint64_t lines)
{
    for (uint64_t left = lines & ~page->lines; left != 0; left &= left - 1) {
        unsigned line = (unsigned)__builtin_ctzll(left);
        memcpy(page->copy + line * LINE_SIZE, seen + line * LINE_SIZE, LINE_SIZE);
    }
    page->lines |= lines;
}

static void jit_add_exits(struct jit *jit, uint32_t number, const struct jit_code *code,
                          uint32_t at)
{
    struct jit_block *block = &jit->block[number];
    block->first_exit = jit->exit_count;
    block->exits = (uint16_t)code->exits;
    for (unsigned i = 0; i < code->exits; i++) {
        const struct jit_exit *from = &code->exit[i];
        jit->exit[jit->exit_count++] = (struct jit_exit_slot){
            .from = number, .target = from->target, .jump = at + from->jump,
            .stub = at + from->stub, .guard = from->guard == 0 ? 0 : at + from->guard,
            .context = from->context, .single = from->single,
        };
    }
}

static uint32_t jit_take_block(struct jit *jit)
{
    uint32_t number = jit->block_free;
    if (number != JIT_NONE) {
        jit->block_free = jit->block[number].next;
        return number;
    }
    return jit->block_count < JIT_BLOCKS_MAX ? jit->block_count++ : JIT_NONE;
}

/* Emits an IR block into the current segment; the offset in code memory, or 0. */
static uint32_t jit_emit(struct jit *jit, const struct ir_block *ir, struct jit_code *code)
{
    if (jit->used + BLOCK_CODE_MAX > jit->options.segment_size ||
        jit->exit_count + JIT_EXITS_MAX > (jit->segment + 1) * JIT_SEGMENT_EXITS) {
        return 0;
    }
    uint32_t at = jit->segment * (uint32_t)jit->options.segment_size + (uint32_t)jit->used;
    if (!host_emit_block(ir, &jit->thunks, jit_rw(jit, at), jit->code.rx + at, BLOCK_CODE_MAX,
                         jit->exit_count, code)) {
        return 0;
    }
    codemem_publish(&jit->code, at, code->size);
    jit->used += (code->size + 15) & ~(size_t)15;
    return at;
}

/* Tells who watches that there is a new block. */
static void jit_translated(const struct jit *jit, const struct jit_translation *translation)
{
    jit_report_block(jit->report, translation);
    if (jit->options.after_block != NULL) {
        jit->options.after_block(jit->options.opaque, translation);
    }
}

static uint32_t jit_translate(struct jit *jit, uint32_t page_number, uint64_t pc, uint8_t key)
{
    static _Thread_local struct ir_block ir;
    static _Thread_local struct jit_code code;
    const struct jit_options *options = &jit->options;
    struct jit_page *page = &jit->page[page_number];
    uint16_t offset = pc % TLB_PAGE_SIZE;
    uint8_t seen[TLB_PAGE_SIZE]; /* memory may change under us: translate what we also keep */
    memcpy(seen, page->host, sizeof seen);
    for (uint64_t left = page->lines; left != 0; left &= left - 1) {
        unsigned line = (unsigned)__builtin_ctzll(left);
        memcpy(seen + line * LINE_SIZE, page->copy + line * LINE_SIZE, LINE_SIZE);
    }
    uint32_t at = 0;
    struct build_request request = {
        .page = seen, .start = offset, .context = key & JIT_KEY_BANK,
        .counting = (key & JIT_KEY_COUNTING) != 0, .step = jit->stats.blocks >= options->bisect,
        .counter = jit_report_counter(jit->report),
        .alone = jit->hart_count == 1, .insns_max = options->block_insns, .options = options,
        .passes = options->passes & ~((key & JIT_KEY_SINGLE) != 0 ? IR_PASS_BIT(merge) : 0),
    };
    while (at == 0) {
        if (build_block(&ir, &request)) {
            at = jit_emit(jit, &ir, &code);
        }
        if (at == 0 && request.insns_max <= 4) {
            return JIT_NONE;
        }
        request.insns_max = request.insns_max > 1 ? request.insns_max / 2 : 1;
    }
    uint32_t number = jit_take_block(jit);
    if (number == JIT_NONE) {
        return JIT_NONE;
    }
    struct jit_block *block = &jit->block[number];
    uint32_t *chain = &page->blocks[offset / 2 % JIT_OFFSET_HASH];
    *block = (struct jit_block){
        .lines = ir.lines, .code = jit->code.rx + at, .page = page_number, .next = *chain,
        .start = offset, .key = key, .segment = (uint8_t)jit->segment,
    };
    *chain = number;
    jit_add_exits(jit, number, &code, at);
    jit_page_record(page, seen, ir.lines);
    jit_translated(jit, &(struct jit_translation){ .number = jit->stats.blocks, .pc = pc, .ir = &ir,
                                                   .page = seen, .code = block->code,
                                                   .size = code.size });
    jit->stats.blocks++;
    jit->stats.instructions += ir.insns;
    jit->stats.code_bytes += code.size;
    return number;
}

uint32_t jit_block_get(struct jit *jit, uint32_t page, uint64_t pc, uint8_t key)
{
    uint32_t number = jit_block_find(jit, &jit->page[page], pc % TLB_PAGE_SIZE, key);
    if (number == JIT_NONE && !jit->emptying) {
        int64_t start = host_monotonic_ns();
        number = jit_translate(jit, page, pc, key);
        jit->stats.translation_ns += host_monotonic_ns() - start;
    }
    return number;
}

void jit_link(struct jit *jit, uint32_t number, uint32_t to)
{
    struct jit_exit_slot *exit = &jit->exit[number];
    struct jit_block *target = &jit->block[to];
    if ((jit->options.passes & IR_PASS_BIT(link)) == 0 || exit->from == JIT_NONE ||
        exit->to == to || target->page == JIT_NONE) {
        return;
    }
    const struct jit_block *from = &jit->block[exit->from];
    unsigned key = (from->key & JIT_KEY_COUNTING) | exit->context |
                   (exit->single ? JIT_KEY_SINGLE : 0);
    if (((uint32_t)exit->target & (TLB_PAGE_SIZE - 1)) != target->start ||
        target->key != key ||
        (exit->guard == 0 && from->page != target->page)) {
        return;
    }
    /* Another hart may have passed the old guard and not jumped yet. */
    if (exit->guard != 0 && exit->identity != JIT_NONE && exit->identity != target->page &&
        jit->hart_count > 1) {
        return;
    }
    if (exit->to != JIT_NONE) {
        jit_drop_incoming(jit, exit);
    }
    exit->to = to;
    exit->next = target->incoming;
    target->incoming = number;
    if (exit->guard != 0) {
        host_patch_guard(jit_rw(jit, exit->guard), 0);
    }
    jit_set_exit(jit, exit, target->code);
    if (exit->guard != 0) {
        host_patch_guard(jit_rw(jit, exit->guard), target->page);
        exit->identity = target->page;
    }
    jit->stats.links++;
}

static void jit_forget_call(struct hart *hart, void *opaque)
{
    (void)opaque;
    jit_forget((struct riscv_hart *)(void *)hart);
}

static bool jit_page_is_empty(const struct jit_page *page)
{
    for (unsigned chain = 0; chain < JIT_OFFSET_HASH; chain++) {
        if (page->blocks[chain] != JIT_NONE) {
            return false;
        }
    }
    return true;
}

/* Unhashes pages that have no block any more. Harts may still know their numbers, so the pages stay
 * as they are until all have forgotten them. */
static void jit_retire_pages(struct jit *jit)
{
    memset(jit->page_hash, 0, sizeof jit->page_hash);
    for (uint32_t i = 1; i < jit->page_count; i++) {
        struct jit_page *page = &jit->page[i];
        if (page->host != NULL && jit_page_is_empty(page)) {
            page->dying = true;
        } else if (page->host != NULL) {
            uint32_t *chain = jit_page_chain(jit, page->host);
            page->next = *chain;
            *chain = i;
        }
    }
}

/* Puts on the free lists what nobody can know any more. */
static void jit_collect(struct jit *jit)
{
    jit->block_free = JIT_NONE;
    for (uint32_t i = jit->block_count; i-- > 1;) {
        if (jit->block[i].page == JIT_NONE) {
            jit->block[i].next = jit->block_free;
            jit->block_free = i;
        }
    }
    for (uint32_t i = jit->page_count; i-- > 1;) {
        struct jit_page *page = &jit->page[i];
        if (page->dying) {
            page->dying = false;
            page->host = NULL;
            page->next = jit->page_free;
            jit->page_free = i;
        }
    }
}

void jit_make_room(struct jit *jit, struct hart *self)
{
    host_mutex_lock(&jit->lock);
    if (jit->emptying) {
        host_mutex_unlock(&jit->lock);
        return;
    }
    jit->emptying = true;
    unsigned oldest = (jit->segment + 1) % JIT_SEGMENTS;
    for (uint32_t i = 1; i < jit->block_count; i++) {
        if (jit->block[i].page != JIT_NONE && jit->block[i].segment == oldest) {
            jit_drop(jit, i);
        }
    }
    jit_retire_pages(jit);
    host_mutex_unlock(&jit->lock);

    /* From here on nobody enters what was dropped; after this nobody is in it any more. */
    hart_call_all(self, jit->hart, jit->hart_count, jit_forget_call, NULL);

    host_mutex_lock(&jit->lock);
    jit_collect(jit);
    jit->segment = oldest;
    jit->used = oldest == 0 ? jit->thunk_size : 0;
    jit->exit_count = MAX(1u, oldest * JIT_SEGMENT_EXITS);
    jit->emptying = false;
    jit->stats.evictions++;
    host_mutex_unlock(&jit->lock);
}
