/* Goal: the PLIC gives each context the right source in the right order, its gateways neither lose
 * nor repeat an interrupt, and lines may be driven from any thread. */
#include "emu/dev/devices.h"
#include "tests/device/world.h"

enum { ENABLE = 0x2000, CONTEXT = 0x200000, CLAIM = 4, CONTEXTS = 4, LAST = 127 };

static struct world world;
static struct device *plic;
static struct world_line out[CONTEXTS];

static void put(uint32_t offset, uint32_t value)
{
    world_put(plic, offset, 4, value);
}

static uint32_t get(uint32_t offset)
{
    return (uint32_t)world_get(plic, offset, 4);
}

static void enable(unsigned context, unsigned source, bool on)
{
    uint32_t offset = ENABLE + 0x80 * context + source / 32 * 4;
    uint32_t bit = 1u << source % 32;
    put(offset, on ? get(offset) | bit : get(offset) & ~bit);
}

static void drive(unsigned source, bool level)
{
    struct irq_line line = plic_source(plic, source);
    irq_set(&line, level);
}

static uint32_t claim(unsigned context)
{
    return get(CONTEXT + 0x1000 * context + CLAIM);
}

static void complete(unsigned context, uint32_t source)
{
    put(CONTEXT + 0x1000 * context + CLAIM, source);
}

static void threshold(unsigned context, uint32_t value)
{
    put(CONTEXT + 0x1000 * context, value);
}

static void start(void)
{
    for (unsigned source = 1; source <= LAST; source++) {
        drive(source, false);
    }
    device_reset(plic);
}

/* Pending, priority, enable and threshold each can hold an interrupt back. */
static void test_masks(void)
{
    start();
    drive(10, true);
    g_assert_cmphex(get(0x1000), ==, 1 << 10);
    g_assert_false(out[1].level);
    enable(1, 10, true);
    g_assert_false(out[1].level); /* priority 0 never interrupts */
    put(4 * 10, 3);
    g_assert_true(out[1].level && !out[0].level && !out[2].level);
    threshold(1, 3);
    g_assert_false(out[1].level);
    threshold(1, 2);
    g_assert_true(out[1].level);
    enable(1, 10, false);
    g_assert_false(out[1].level);
    g_assert_cmpuint(claim(1), ==, 0);
}

static void test_order(void)
{
    start();
    static const struct { unsigned source, priority; } rows[] = {
        { 127, 7 }, { 5, 2 }, { 64, 7 }, { 33, 2 }, { 1, 1 },
    };
    static const uint32_t expected[] = { 64, 127, 5, 33, 1, 0 };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        put(4 * rows[i].source, rows[i].priority);
        enable(3, rows[i].source, true);
        drive(rows[i].source, true);
    }
    threshold(3, 7);
    g_assert_false(out[3].level);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(claim(3), ==, expected[i]); /* a threshold does not stop a claim */
    }
}

/* One interrupt per completion; a line still high interrupts again, one that fell does not. */
static void test_gateway(void)
{
    start();
    put(4 * 8, 1);
    enable(0, 8, true);
    enable(2, 8, true);
    drive(8, true);
    g_assert_true(out[0].level && out[2].level);
    g_assert_cmpuint(claim(2), ==, 8); /* who claims first has it */
    g_assert_false(out[0].level || out[2].level);
    g_assert_cmpuint(claim(0), ==, 0);
    drive(8, false);
    drive(8, true); /* in service: waits for the completion */
    g_assert_false(out[0].level);
    complete(1, 8); /* not enabled there: ignored */
    g_assert_false(out[0].level);
    complete(2, 8);
    g_assert_true(out[0].level && out[2].level);
    g_assert_cmpuint(claim(0), ==, 8);
    drive(8, false);
    complete(0, 8);
    g_assert_false(out[0].level);
    drive(8, true);
    drive(8, false); /* the gateway has forwarded it already */
    g_assert_true(out[0].level);
    g_assert_cmpuint(claim(0), ==, 8);
    complete(0, 8);
    g_assert_false(out[0].level);
    complete(0, 0);
    complete(0, 128);
    complete(0, UINT32_MAX);
}

static void test_hardwired(void)
{
    start();
    put(0, 7);
    put(ENABLE, UINT32_MAX);
    put(ENABLE + 16, UINT32_MAX);            /* sources from 128 on */
    put(ENABLE + 0x80 * CONTEXTS, UINT32_MAX); /* no such context */
    put(4 * LAST, UINT32_MAX);
    put(4 * (LAST + 1), UINT32_MAX);
    threshold(0, UINT32_MAX);
    threshold(CONTEXTS, UINT32_MAX);
    g_assert_cmphex(get(0), ==, 0);
    g_assert_cmphex(get(ENABLE), ==, ~1u);
    g_assert_cmphex(get(ENABLE + 16), ==, 0);
    g_assert_cmphex(get(ENABLE + 0x80 * CONTEXTS), ==, 0);
    g_assert_cmphex(get(4 * LAST), ==, 7);
    g_assert_cmphex(get(4 * (LAST + 1)), ==, 0);
    g_assert_cmphex(get(CONTEXT), ==, 7);
    g_assert_cmphex(get(CONTEXT + 0x1000 * CONTEXTS), ==, 0);
    g_assert_cmphex(claim(CONTEXTS), ==, 0);
    put(0x1000, UINT32_MAX); /* pending is not to be written */
    g_assert_cmphex(get(0x1000), ==, 0);
}

/* A line that is high during reset interrupts as soon as the guest lets it. */
static void test_reset(void)
{
    start();
    drive(3, true);
    device_reset(plic);
    put(4 * 3, 1);
    enable(0, 3, true);
    g_assert_true(out[0].level);
}

static void hammer(void *opaque)
{
    for (unsigned i = 0; i < 20000; i++) {
        drive(GPOINTER_TO_UINT(opaque), i % 2 == 0);
    }
    drive(GPOINTER_TO_UINT(opaque), true);
}

static void test_threads(void)
{
    struct host_thread *thread[4];
    start();
    for (unsigned i = 0; i < 4; i++) {
        put(4 * (i + 1), 1);
        enable(0, i + 1, true);
        thread[i] = host_thread_new("hammer", hammer, GUINT_TO_POINTER(i + 1), NULL);
        g_assert_nonnull(thread[i]);
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t source = claim(0);
        if (source != 0) {
            complete(0, source);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        host_thread_join(thread[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(claim(0), ==, i + 1);
    }
    g_assert_false(out[0].level);
}

static void test_accesses(void)
{
    static const struct world_access table[] = {
        { 0x0000, 0x1080, 4, REG_RW }, { 0x2000, 0x200000, 4, REG_RW },
        { 0x200000, 0x200008, 4, REG_RW }, { 0x201000, 0x201008, 4, REG_RW },
        { 0x202000, 0x202008, 4, REG_RW }, { 0x5ff000, 0x5ff008, 4, REG_RW }, { 0 },
    };
    world_check_accesses(plic, 0, 0x3000, table);
    world_check_accesses(plic, 0x1fff00, 0x202fff, table);
    world_check_accesses(plic, 0x5fe010, 0x600010, table);
}

int main(void)
{
    world_start(&world);
    plic = world_device(&world, &plic_class);
    for (unsigned i = 0; i < CONTEXTS; i++) {
        plic_connect(plic, i, world_line_to(&out[i]));
    }
    test_masks();
    test_order();
    test_gateway();
    test_hardwired();
    test_reset();
    test_threads();
    test_accesses();
    device_free(plic);
    world_finish(&world);
    return 0;
}
