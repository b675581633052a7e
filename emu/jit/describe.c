/* What the translator has done, as text. */
#include <inttypes.h>

#include "emu/jit/cache.h"
#include "emu/jit/jit.h"
#include "emu/jit/step.h"

static const struct jit_hart *describe_state(const struct riscv_hart *hart)
{
    return hart->hart.engine == &jit_engine ? hart->hart.engine_state : NULL;
}

static double describe_ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static unsigned describe_pages(const struct jit *jit)
{
    unsigned pages = 0;
    for (uint32_t i = 1; i < jit->page_count; i++) {
        pages += jit->page[i].host != NULL && jit->page[i].lines != 0;
    }
    return pages;
}

static void describe_machine(const struct jit *jit, GString *text)
{
    const struct jit_statistics *s = &jit->stats;
    uint64_t us = (uint64_t)s->translation_ns / 1000;
    g_string_append_printf(
        text,
        "translated  %" PRIu64 " blocks of %.1f instructions, %.1f bytes of host code for each\n"
        "time        %.3f s, %.2f us for each instruction\n"
        "code        %.1f MiB in %u segments of %.1f MiB; %" PRIu64 " times one was emptied\n"
        "pages       %u hold code; %" PRIu64 " blocks were stale after fence.i\n"
        "links       %" PRIu64 " exits jump straight on; %" PRIu64 " look-ups of blocks\n",
        s->blocks, describe_ratio(s->instructions, s->blocks),
        describe_ratio(s->code_bytes, s->instructions), (double)us / 1e6,
        describe_ratio(us, s->instructions), (double)s->code_bytes / (1 << 20), JIT_SEGMENTS,
        (double)jit->options.segment_size / (1 << 20), s->evictions, describe_pages(jit),
        s->stale_blocks, s->links, s->lookups);
}

/* Rates, if executions were counted: of all harts, and about. */
static void describe_rates(const struct jit *jit, GString *text)
{
    struct jit_executed executed;
    uint64_t tlb = 0, jump = 0;
    for (unsigned i = 0; i < jit->hart_count; i++) {
        const struct jit_hart *own = jit->hart[i]->engine_state;
        tlb += own->tlb_misses;
        jump += own->jump_misses;
    }
    if (jit_report_executed(jit->report, &executed)) {
        g_string_append_printf(
            text,
            "executed    about %" PRIu64 " instructions; the TLB knew %.3f%% of %" PRIu64
            " probes, the jump cache %.3f%% of %" PRIu64 " jumps\n",
            executed.instructions, 100 - 100 * describe_ratio(tlb, executed.probes),
            executed.probes, 100 - 100 * describe_ratio(jump, executed.lookups), executed.lookups);
    }
}

char *jit_describe(struct riscv_hart *hart)
{
    const struct jit_hart *own = describe_state(hart);
    if (own == NULL) {
        return g_strdup("no translator: instructions are interpreted\n");
    }
    GString *text = g_string_new(NULL);
    if (hart->hart.index == 0) {
        describe_machine(own->jit, text);
        describe_rates(own->jit, text);
    }
    g_string_append_printf(text,
                           "hart %-6u %" PRIu64 " misses of the TLB, %" PRIu64
                           " of the jump cache; %" PRIu64 " single steps, %" PRIu64
                           " pieces of new code\n",
                           hart->hart.index, own->tlb_misses, own->jump_misses, own->steps,
                           own->warmings);
    return g_string_free(text, FALSE);
}

char *jit_describe_hot(struct riscv_hart *hart)
{
    const struct jit_hart *own = describe_state(hart);
    return own == NULL || own->jit->options.hot == 0
               ? NULL
               : jit_report_hot(own->jit->report, own->jit->options.hot);
}
