/* Goal: the guest-visible contract of the clock, register by register, on a hand-driven clock. */
#include "emu/dev/devices.h"
#include "tests/device/world.h"

#define SECOND 1000000000ll
static struct world world;
static struct device *rtc;

static uint64_t get(uint32_t offset)
{
    return world_get(rtc, offset, 4);
}

static void put(uint32_t offset, uint64_t value)
{
    world_put(rtc, offset, 4, value);
}

static uint64_t get_time(void)
{
    uint64_t low = get(0x00);
    return low | get(0x04) << 32;
}

static void set_alarm(int64_t time)
{
    put(0x0c, (uint64_t)time >> 32);
    put(0x08, (uint32_t)time);
}

static void advance(int64_t ns)
{
    world_advance(&world, &world.wall_clock, ns);
}

static void test_time(void)
{
    aio_clock_set(&world.wall_clock, 0x1ffffffffll);
    get(0x00); /* latches the high half */
    advance(1);
    g_assert_cmphex(get(0x04), ==, 1);
    aio_clock_set(&world.wall_clock, 1700000000 * SECOND);
    g_assert_cmpuint(get_time(), ==, 1700000000 * SECOND);

    /* Setting the time moves the guest, not the host. */
    put(0x04, 5 * SECOND >> 32);
    put(0x00, (uint32_t)(5 * SECOND));
    g_assert_cmpuint(get_time(), ==, 5 * SECOND);
    g_assert_cmpint(aio_clock_now_ns(&world.wall_clock), ==, 1700000000 * SECOND);
}

static void test_alarm(void)
{
    put(0x10, 1);
    set_alarm(7 * SECOND);
    g_assert_cmpuint(get(0x18), ==, 1);
    advance(2 * SECOND - 1);
    g_assert_false(world.line.level);
    advance(1);
    g_assert_true(world.line.level);
    g_assert_cmpuint(get(0x18), ==, 0);
    put(0x1c, 1);
    g_assert_false(world.line.level);

    /* In the past: on the next turn of the loop, not inside the store. */
    set_alarm(1 * SECOND);
    g_assert_false(world.line.level);
    world_settle(&world);
    g_assert_true(world.line.level);
    g_assert_cmpuint(world.line.rises, ==, 2);

    /* Masked: pending until it is unmasked. */
    put(0x1c, 1);
    put(0x10, 0);
    set_alarm(8 * SECOND);
    advance(2 * SECOND);
    g_assert_false(world.line.level);
    put(0x10, 1);
    g_assert_true(world.line.level);

    /* Cancelled, or further away than any clock goes: never. */
    put(0x1c, 1);
    set_alarm(100 * SECOND);
    put(0x14, 1);
    advance(200 * SECOND);
    put(0x0c, UINT32_MAX);
    put(0x08, UINT32_MAX);
    advance(200 * SECOND);
    g_assert_false(world.line.level);
    g_assert_cmpuint(get(0x18), ==, 1);
}

/* Reset drops the alarm and keeps the time the guest set. */
static void test_reset(void)
{
    int64_t before = (int64_t)get_time();
    set_alarm(before + SECOND);
    device_reset(rtc);
    advance(2 * SECOND);
    g_assert_false(world.line.level);
    g_assert_cmpuint(get_time(), ==, before + 2 * SECOND);
}

static void test_accesses(void)
{
    static const struct world_access table[] = {
        { 0x00, 0x14, 4, REG_RW }, { 0x14, 0x18, 4, REG_W }, { 0x18, 0x1c, 4, REG_R },
        { 0x1c, 0x20, 4, REG_W }, { 0 },
    };
    world_check_accesses(rtc, 0, goldfish_rtc_class.mmio_size + 8, table);
}

int main(void)
{
    world_start(&world);
    rtc = world_device(&world, &goldfish_rtc_class);
    test_time();
    test_alarm();
    test_reset();
    test_accesses();
    device_free(rtc);
    world_finish(&world);
    return 0;
}
