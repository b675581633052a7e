/* Goal: a driver for keyboards finds the button, and hears it pressed whole and in order. */
#include "emu/dev/devices.h"
#include "tests/device/world.h"

enum { DATA = 0, CONTROL = 4 };

static struct world world;
static struct device *button;

static uint32_t get(uint32_t offset)
{
    return (uint32_t)world_get(button, offset, 4);
}

/* Takes what is there, byte by byte, and compares. */
static void expect(const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(get(DATA), ==, bytes[i] | 1u << 15 | (count - i) << 16);
    }
    g_assert_cmphex(get(DATA), ==, 0);
}

#define EXPECT(...)                                                                                \
    expect((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void say(uint8_t byte)
{
    world_put(button, DATA, 4, byte);
}

static void test_keyboard(void)
{
    device_reset(button);
    say(0xf2);
    EXPECT(0xfa, 0xab, 0x83);
    say(0xff);
    EXPECT(0xfa, 0xaa);
    say(0xee);
    EXPECT(0xee);
    say(0xed); /* lights: one parameter, which may look like a command */
    EXPECT(0xfa);
    say(0xff);
    EXPECT(0xfa);
    say(0xf0); /* which set of scan codes? */
    say(0x00);
    EXPECT(0xfa, 0xfa, 0x02);
    say(0xf3);
    say(0x2b);
    say(0xf4);
    EXPECT(0xfa, 0xfa, 0xfa);
}

static void test_press(void)
{
    device_reset(button);
    g_assert_false(ps2_button_press(button)); /* nobody listens */
    g_assert_cmphex(get(DATA), ==, 0);
    world_put(button, CONTROL, 4, 1);
    g_assert_cmphex(get(CONTROL), ==, 1);
    g_assert_false(world.line.level);
    g_assert_true(ps2_button_press(button));
    g_assert_true(world.line.level);
    g_assert_cmphex(get(CONTROL), ==, 0x101);
    EXPECT(0xe0, 0x37, 0xe0, 0xf0, 0x37);
    g_assert_false(world.line.level);
    say(0xf5); /* told to be quiet */
    EXPECT(0xfa);
    g_assert_false(ps2_button_press(button));
    say(0xf4);
    EXPECT(0xfa);
    g_assert_true(ps2_button_press(button));
    device_reset(button);
    g_assert_false(world.line.level);
    g_assert_cmphex(get(DATA), ==, 0);
}

/* A guest that does not look gets whole presses only. */
static void test_full(void)
{
    static const uint8_t press[] = { 0xe0, 0x37, 0xe0, 0xf0, 0x37 };
    unsigned presses = 0, bytes = 0;
    device_reset(button);
    world_put(button, CONTROL, 4, 1);
    while (ps2_button_press(button)) {
        presses++;
        g_assert_cmpuint(presses, <, 100);
    }
    for (uint32_t value = get(DATA); value != 0; value = get(DATA)) {
        g_assert_cmphex(value & 0xff, ==, press[bytes++ % sizeof(press)]);
    }
    g_assert_cmpuint(bytes, ==, presses * sizeof(press));
    g_assert_true(ps2_button_press(button));
}

static void test_accesses(void)
{
    static const struct world_access table[] = { { 0x00, 0x08, 4, REG_RW }, { 0 } };
    device_reset(button);
    world_check_accesses(button, 0, ps2_button_class.mmio_size + 8, table);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    world_start(&world);
    button = world_device(&world, &ps2_button_class);
    g_test_add_func("/button/keyboard", test_keyboard);
    g_test_add_func("/button/press", test_press);
    g_test_add_func("/button/full", test_full);
    g_test_add_func("/button/accesses", test_accesses);
    int status = g_test_run();
    device_free(button);
    world_finish(&world);
    return status;
}
