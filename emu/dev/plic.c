/* Platform-level interrupt controller: RISC-V PLIC specification 1.0.0, in SiFive's layout, with
 * SiFive's level gateways (FU740 manual, chapter 10): a source is pending once until its claim is
 * completed; a line that is still high then is pending again. 127 sources, 7 priorities.
 * Not modelled: sources and contexts beyond these; their registers are hardwired to zero. */
#include "emu/dev/devices.h"

#include <assert.h>

#include "emu/mem/ranks.h"

#define PLIC_SOURCES  128 /* source 0 does not exist */
#define PLIC_WORDS    (PLIC_SOURCES / 32)
#define PLIC_CONTEXTS 128

enum {
    PRIORITY = 0x000000,
    PENDING = 0x001000,
    ENABLE = 0x002000,
    ENABLE_STRIDE = 0x80,
    CONTEXT = 0x200000,
    CONTEXT_STRIDE = 0x1000,
    CLAIM = 4,
    PLIC_SIZE = 0x600000,
    PRIORITY_MASK = 7,
};

struct plic {
    struct device dev;
    struct host_mutex lock; /* guards all that follows; only hart lines are driven under it */
    struct irq_line line[PLIC_CONTEXTS];
    uint32_t context_count;
    uint32_t level[PLIC_WORDS]; /* of the lines: belongs to who drives them, not to our reset */
    uint32_t pending[PLIC_WORDS];
    uint32_t in_service[PLIC_WORDS]; /* the gateway waits for a completion */
    uint32_t enable[PLIC_CONTEXTS][PLIC_WORDS];
    uint8_t priority[PLIC_SOURCES];
    uint8_t threshold[PLIC_CONTEXTS];
};

static bool bit_get(const uint32_t *words, unsigned bit)
{
    return (words[bit / 32] >> bit % 32 & 1) != 0;
}

static void bit_put(uint32_t *words, unsigned bit, bool value)
{
    words[bit / 32] = (words[bit / 32] & ~(1u << bit % 32)) | (uint32_t)value << bit % 32;
}

/* The source a claim by `context` gets: highest priority, then lowest number; 0 if none. */
static unsigned plic_best(const struct plic *plic, unsigned context)
{
    unsigned best = 0;
    for (unsigned word = 0; word < PLIC_WORDS; word++) {
        uint32_t bits = plic->pending[word] & plic->enable[context][word];
        for (; bits != 0; bits &= bits - 1) {
            unsigned source = word * 32 + (unsigned)__builtin_ctz(bits);
            if (plic->priority[source] > (best != 0 ? plic->priority[best] : 0)) {
                best = source;
            }
        }
    }
    return best;
}

static void plic_update(struct plic *plic)
{
    for (unsigned i = 0; i < plic->context_count; i++) {
        unsigned best = plic_best(plic, i);
        irq_set(&plic->line[i], best != 0 && plic->priority[best] > plic->threshold[i]);
    }
}

/* The gateway: forwards a high line unless its last request is not completed. */
static void plic_gate(struct plic *plic, unsigned source)
{
    if (bit_get(plic->level, source) && !bit_get(plic->in_service, source)) {
        bit_put(plic->pending, source, true);
    }
}

static void plic_drive(void *opaque, unsigned source, bool level)
{
    struct plic *plic = opaque;
    host_mutex_lock(&plic->lock);
    if (bit_get(plic->level, source) != level) {
        bit_put(plic->level, source, level);
        plic_gate(plic, source);
        plic_update(plic);
    }
    host_mutex_unlock(&plic->lock);
}

static uint32_t plic_claim(struct plic *plic, unsigned context)
{
    unsigned source = plic_best(plic, context);
    if (source != 0) {
        bit_put(plic->pending, source, false);
        bit_put(plic->in_service, source, true);
        plic_update(plic);
    }
    return source;
}

/* A completion counts only for a source that the context has enabled. */
static void plic_complete(struct plic *plic, unsigned context, uint64_t source)
{
    if (source == 0 || source >= PLIC_SOURCES ||
        !bit_get(plic->enable[context], (unsigned)source)) {
        return;
    }
    bit_put(plic->in_service, (unsigned)source, false);
    plic_gate(plic, (unsigned)source);
    plic_update(plic);
}

/* The enable word that an offset names, or NULL when it is hardwired to zero. */
static uint32_t *plic_enable_word(struct plic *plic, uint32_t offset)
{
    unsigned context = (offset - ENABLE) / ENABLE_STRIDE;
    unsigned word = (offset - ENABLE) % ENABLE_STRIDE / 4;
    return context < plic->context_count && word < PLIC_WORDS ? &plic->enable[context][word]
                                                              : NULL;
}

static uint32_t plic_read_locked(struct plic *plic, uint32_t offset)
{
    if (offset >= CONTEXT) {
        unsigned context = (offset - CONTEXT) / CONTEXT_STRIDE;
        if (context >= plic->context_count) {
            return 0;
        }
        return offset % CONTEXT_STRIDE == CLAIM ? plic_claim(plic, context)
                                                : plic->threshold[context];
    }
    if (offset >= ENABLE) {
        const uint32_t *word = plic_enable_word(plic, offset);
        return word != NULL ? *word : 0;
    }
    if (offset >= PENDING) {
        unsigned word = (offset - PENDING) / 4;
        return word < PLIC_WORDS ? plic->pending[word] : 0;
    }
    return offset / 4 < PLIC_SOURCES ? plic->priority[offset / 4] : 0;
}

static void plic_write_locked(struct plic *plic, uint32_t offset, uint64_t value)
{
    if (offset >= CONTEXT) {
        unsigned context = (offset - CONTEXT) / CONTEXT_STRIDE;
        if (context >= plic->context_count) {
            return;
        }
        if (offset % CONTEXT_STRIDE == CLAIM) {
            plic_complete(plic, context, (uint32_t)value);
            return;
        }
        plic->threshold[context] = value & PRIORITY_MASK;
    } else if (offset >= ENABLE) {
        uint32_t *word = plic_enable_word(plic, offset);
        if (word != NULL) {
            /* Source 0 cannot be enabled. */
            *word = (uint32_t)value & ((offset - ENABLE) % ENABLE_STRIDE == 0 ? ~1u : ~0u);
        }
    } else if (offset != PRIORITY && offset / 4 < PLIC_SOURCES) {
        plic->priority[offset / 4] = value & PRIORITY_MASK;
    }
    plic_update(plic);
}

static uint64_t plic_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct plic *plic = (struct plic *)dev;
    (void)size;
    host_mutex_lock(&plic->lock);
    uint32_t value = plic_read_locked(plic, offset);
    host_mutex_unlock(&plic->lock);
    return value;
}

static void plic_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct plic *plic = (struct plic *)dev;
    (void)size;
    host_mutex_lock(&plic->lock);
    plic_write_locked(plic, offset, value);
    host_mutex_unlock(&plic->lock);
}

static void plic_sync(struct device *dev)
{
    struct plic *plic = (struct plic *)dev;
    host_mutex_lock(&plic->lock);
    for (unsigned source = 1; source < PLIC_SOURCES; source++) {
        plic_gate(plic, source);
    }
    plic_update(plic);
    host_mutex_unlock(&plic->lock);
}

/* There is no source 0. */
static bool plic_check(const struct device *staged, GError **error)
{
    const struct plic *plic = (const struct plic *)staged;
    uint32_t first = plic->level[0] | plic->pending[0] | plic->in_service[0];
    for (unsigned i = 0; i < PLIC_CONTEXTS; i++) {
        first |= plic->enable[i][0];
    }
    return (first & 1) == 0 || state_fail(error, STATE_ERROR_DAMAGED, "there is no source 0");
}

static bool plic_init(struct device *dev, GError **error)
{
    (void)error;
    host_mutex_init(&((struct plic *)dev)->lock);
    host_mutex_set_rank(&((struct plic *)dev)->lock, RANK_PLIC);
    return true;
}

static void plic_finish(struct device *dev)
{
    host_mutex_finish(&((struct plic *)dev)->lock);
}

void plic_connect(struct device *plic, unsigned context, struct irq_line line)
{
    struct plic *self = (struct plic *)plic;
    assert(context < PLIC_CONTEXTS);
    self->line[context] = line;
    self->context_count = MAX(self->context_count, context + 1);
}

struct irq_line plic_source(struct device *plic, unsigned source)
{
    assert(source > 0 && source < PLIC_SOURCES);
    return (struct irq_line){ .fn = plic_drive, .opaque = plic, .number = source };
}

#define FIELD(name, policy) STATE_FIELD(struct plic, name, policy)
const struct device_class plic_class = {
    .name = "plic",
    .compatible = NULL,
    .mmio_size = PLIC_SIZE,
    .instance_size = sizeof(struct plic),
    .regs = (const struct device_reg[]){
        { "PRIORITY", PRIORITY, 4, 0, REG_RW, 1024 },
        { "PENDING", PENDING, 4, 0, REG_RW, 32 },
        { "ENABLE", ENABLE, 4, 0, REG_RW, (CONTEXT - ENABLE) / 4 },
        { "THRESHOLD", CONTEXT, 4, 0, REG_RW, (PLIC_SIZE - CONTEXT) / CONTEXT_STRIDE,
          CONTEXT_STRIDE },
        { "CLAIM", CONTEXT + CLAIM, 4, 0, REG_RW, (PLIC_SIZE - CONTEXT) / CONTEXT_STRIDE,
          CONTEXT_STRIDE },
        { 0 } },
    .state = (const struct state_field[]){ FIELD(level, KEPT), FIELD(pending, RESET),
        FIELD(in_service, RESET), STATE_TABLE(struct plic, enable, RESET, 4),
        STATE_MAX(struct plic, priority, RESET, PRIORITY_MASK),
        STATE_MAX(struct plic, threshold, RESET, PRIORITY_MASK), { 0 } },
    .check = plic_check,
    .init = plic_init,
    .finish = plic_finish,
    .read = plic_read,
    .write = plic_write,
    .sync = plic_sync,
};
