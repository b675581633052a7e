/* Goal: the CLINT's software and timer interrupts per hart, in both access widths, on a hand-driven
 * clock; mtime can be written and never makes a timer fire early. */
#include "emu/dev/devices.h"
#include "tests/device/world.h"

enum { MTIMECMP = 0x4000, MTIME = 0xbff8 };

static struct world world;
static struct device *clint;
static struct world_line msip[2], mtip[2];

static void advance(int64_t ns)
{
    world_advance(&world, &world.virtual_clock, ns);
}

static void test_software(void)
{
    world_put(clint, 4, 4, UINT32_MAX);
    g_assert_true(msip[1].level && !msip[0].level);
    g_assert_cmphex(world_get(clint, 4, 4), ==, 1);
    world_put(clint, 4, 4, 2); /* only bit 0 is there */
    g_assert_false(msip[1].level);
    world_put(clint, 8, 4, 1); /* no such hart */
    g_assert_cmphex(world_get(clint, 8, 4), ==, 0);
}

static void test_timer(void)
{
    g_assert_false(mtip[0].level || mtip[1].level);
    g_assert_cmphex(world_get(clint, MTIMECMP, 8), ==, UINT64_MAX);
    advance(1050); /* ten and a half ticks */
    g_assert_cmpuint(world_get(clint, MTIME, 8), ==, 10);
    world_put(clint, MTIMECMP + 8, 8, 12);
    g_assert_false(mtip[1].level);
    advance(149);
    g_assert_false(mtip[1].level);
    advance(1);
    g_assert_true(mtip[1].level && !mtip[0].level);
    world_put(clint, MTIMECMP + 8, 8, 13);
    g_assert_false(mtip[1].level);
    world_put(clint, MTIMECMP + 8, 8, 0); /* the past: at once */
    g_assert_true(mtip[1].level);

    /* As 32-bit firmware writes it: low half to the maximum first, then high, then low. */
    world_put(clint, MTIMECMP, 4, UINT32_MAX);
    world_put(clint, MTIMECMP + 4, 4, 0);
    world_put(clint, MTIMECMP, 4, 20);
    g_assert_cmpuint(world_get(clint, MTIMECMP, 8), ==, 20);
    g_assert_cmpuint(world_get(clint, MTIMECMP + 4, 4), ==, 0);
    g_assert_false(mtip[0].level);
    advance(800);
    g_assert_true(mtip[0].level && mtip[0].rises == 1);
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void test_set_time(void)
{
    unsigned calls = 0;
    clint_on_time_set(clint, count, &calls);
    world_put(clint, MTIMECMP, 8, 1ull << 40);
    g_assert_false(mtip[0].level);
    world_put(clint, MTIME + 4, 4, 1 << 8); /* the high half: 2^40 and a little */
    g_assert_true(mtip[0].level);
    g_assert_cmpuint(world_get(clint, MTIME, 4), ==, 20);
    g_assert_cmpuint(*clint_mtime_delta(clint), ==, 1ull << 40);
    world_put(clint, MTIME, 8, 5);
    g_assert_cmpuint(calls, ==, 2);
    g_assert_false(mtip[0].level);
    world_put(clint, MTIMECMP, 8, 7);
    advance(199);
    g_assert_false(mtip[0].level);
    advance(1);
    g_assert_true(mtip[0].level);
    world_put(clint, MTIMECMP, 8, UINT64_MAX - 1); /* never, and no overflow on the way */
    advance(INT64_MAX / 2);
    g_assert_false(mtip[0].level);
    clint_on_time_set(clint, NULL, NULL);
}

static void test_reset(void)
{
    world_put(clint, 0, 4, 1);
    world_put(clint, MTIMECMP, 8, 0);
    g_assert_true(msip[0].level && mtip[0].level);
    device_reset(clint);
    g_assert_false(msip[0].level || mtip[0].level || mtip[1].level);
}

static void test_accesses(void)
{
    static const struct world_access table[] = {
        { 0x0000, 0x3ffc, 4, REG_RW }, { 0x4000, 0xbff8, 4 | 8, REG_RW },
        { 0xbff8, 0xc000, 4 | 8, REG_RW }, { 0 },
    };
    world_check_accesses(clint, 0, clint_class.mmio_size + 8, table);
}

int main(void)
{
    world_start(&world);
    clint = world_device(&world, &clint_class);
    clint_set_timebase(clint, 10000000);
    for (unsigned i = 0; i < 2; i++) {
        clint_connect(clint, i, world_line_to(&msip[i]), world_line_to(&mtip[i]));
    }
    test_software();
    test_timer();
    test_set_time();
    test_reset();
    test_accesses();
    device_free(clint);
    world_finish(&world);
    return 0;
}
