/* One translator a machine: made by its first hart, freed by its last. */
#include <assert.h>

#include "emu/jit/cache.h"

/* All translators of this process. Harts attach while a machine is built and detach while it is
 * taken apart, both on the machine thread, so a plain list does. */
static struct jit *jit_machines;

static struct jit *jit_find_machine(const struct riscv_config *config)
{
    struct jit *jit = jit_machines;
    while (jit != NULL && jit->config != config) {
        jit = jit->next;
    }
    return jit;
}

static void jit_free(struct jit *jit)
{
    struct jit **link = &jit_machines;
    while (*link != NULL && *link != jit) {
        link = &(*link)->next;
    }
    if (*link == jit) {
        *link = jit->next;
    }
    jit_report_free(jit->report);
    codemem_destroy(&jit->code);
    host_mutex_finish(&jit->lock);
    g_free(jit->block);
    g_free(jit->exit);
    g_free(jit->page);
    g_free(jit);
}

static struct jit *jit_new(const struct riscv_config *config, GError **error)
{
    struct jit *jit = g_new0(struct jit, 1);
    host_mutex_init(&jit->lock);
    jit->config = config;
    jit_options_init(&jit->options);
    if (config->jit != NULL) {
        jit->options = *config->jit;
    }
    if (jit->options.hot > 0) { /* each entry is to be counted */
        jit->options.passes &= ~IR_PASS_BIT(loop);
    }
    assert(jit->options.segment_size >= JIT_SEGMENT_SIZE_MIN);
    jit->report = jit_report_new(&jit->options, error);
    jit->block_count = jit->exit_count = jit->page_count = 1;
    if (jit->report == NULL || !host_supported(error) ||
        !codemem_create(&jit->code, JIT_SEGMENTS * jit->options.segment_size, error)) {
        jit_free(jit);
        return NULL;
    }
    jit->block = g_new0(struct jit_block, JIT_BLOCKS_MAX);
    jit->exit = g_new0(struct jit_exit_slot, JIT_SEGMENTS * JIT_SEGMENT_EXITS);
    jit->page = g_new0(struct jit_page, JIT_PAGES_MAX);
    jit->thunk_size = host_emit_thunks(jit->code.rw, jit->code.rx, 4096, &jit->thunks);
    assert(jit->thunk_size != 0);
    codemem_publish(&jit->code, 0, jit->thunk_size);
    jit->used = jit->thunk_size;
    jit->next = jit_machines;
    jit_machines = jit;
    return jit;
}

struct jit *jit_join(struct hart *hart, const struct riscv_config *config, GError **error)
{
    struct jit *jit = jit_find_machine(config);
    if (jit == NULL) {
        jit = jit_new(config, error);
    }
    if (jit != NULL) {
        assert(jit->hart_count < JIT_HARTS_MAX);
        jit->hart[jit->hart_count++] = hart;
    }
    return jit;
}

void jit_part(struct jit *jit, struct hart *hart)
{
    unsigned i = 0;
    while (jit->hart[i] != hart) {
        i++;
        assert(i < jit->hart_count);
    }
    jit->hart[i] = jit->hart[--jit->hart_count];
    if (jit->hart_count == 0) {
        jit_free(jit);
    }
}
