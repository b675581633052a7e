/* Goal: a program ends and prints through tohost, byte for byte also when the console is full, and
 * nonsense there does no harm. */
#include "emu/board/htif.h"

#include <string.h>

#include "tests/device/world.h"

#define TOHOST   (WORLD_RAM_BASE + 0x1000)
#define FROMHOST (WORLD_RAM_BASE + 0x1040)
#define CALL     (WORLD_RAM_BASE + 0x2000)
#define TEXT     (WORLD_RAM_BASE + 0x3000)

static struct world world;
static struct htif *htif;
static GString *printed;
static size_t room;
static int exit_status;
static unsigned exits;

static size_t console_write(void *opaque, const uint8_t *data, size_t size)
{
    size_t taken = MIN(size, room);
    (void)opaque;
    g_string_append_len(printed, (const char *)data, (gssize)taken);
    room -= taken;
    return taken;
}

static void program_exit(void *opaque, int status)
{
    (void)opaque;
    exits++;
    exit_status = status;
}

static uint64_t load(gpa_t address)
{
    uint64_t value;
    memcpy(&value, world.ram + (address - WORLD_RAM_BASE), sizeof(value));
    return GUINT64_FROM_LE(value);
}

static void put(gpa_t address, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(world.ram + (address - WORLD_RAM_BASE), &value, sizeof(value));
}

/* What a hart's store to tohost does. */
static void command(uint64_t value)
{
    put(TOHOST, value);
    put(FROMHOST, 0);
    g_assert_true(bus_page_watched(world.bus, TOHOST + 8));
    bus_tell_watched(world.bus);
    world_settle(&world);
}

static void expect(const char *text)
{
    g_assert_cmpstr(printed->str, ==, text);
    g_string_set_size(printed, 0);
}

static void test_exit(void)
{
    command(1);
    g_assert_cmpuint(exits, ==, 1);
    g_assert_cmpint(exit_status, ==, 0);
    command(1337 << 1 | 1);
    g_assert_cmpuint(exits, ==, 2);
    g_assert_cmpint(exit_status, ==, 1337);
    command(0); /* a store elsewhere in the page */
    g_assert_cmpuint(exits, ==, 2);
}

static void test_putchar(void)
{
    room = SIZE_MAX;
    command(0x0101000000000000u | 'h');
    g_assert_cmphex(load(TOHOST), ==, 0);
    g_assert_cmphex(load(FROMHOST), ==, 0x0101000000000000u);
    command(0x0101000000000000u | 'i');
    expect("hi");
}

/* Waits until the console, asked again and again, has taken the rest. */
static void settle_full_console(size_t again)
{
    g_assert_cmphex(load(TOHOST), !=, 0);
    while (load(TOHOST) != 0) {
        room = again;
        aio_poll(world.ctx, true);
    }
}

static void test_full_console(void)
{
    room = 0;
    command(0x0101000000000000u | 'x');
    settle_full_console(1);
    expect("x");
}

static void write_call(uint64_t number, gpa_t text, uint64_t size)
{
    put(CALL, number);
    put(CALL + 8, 1);
    put(CALL + 16, text);
    put(CALL + 24, size);
    command(CALL);
}

static void test_write(void)
{
    GString *long_text = g_string_new(NULL);
    for (unsigned i = 0; i < 3000; i++) {
        g_string_append_c(long_text, (char)('a' + i % 26));
    }
    memcpy(world.ram + (TEXT - WORLD_RAM_BASE), long_text->str, long_text->len);
    room = SIZE_MAX;
    write_call(64, TEXT, 5);
    g_assert_cmpuint(load(CALL), ==, 5);
    g_assert_cmpuint(load(FROMHOST), ==, 1);
    expect("abcde");
    room = 100;
    write_call(64, TEXT, long_text->len);
    settle_full_console(700);
    g_assert_cmpuint(load(CALL), ==, long_text->len);
    expect(long_text->str);
    g_string_free(long_text, TRUE);
}

static void test_nonsense(void)
{
    room = SIZE_MAX;
    write_call(64, WORLD_RAM_BASE + WORLD_RAM_SIZE - 4, UINT64_MAX); /* runs out of RAM */
    g_assert_cmphex(load(TOHOST), ==, 0);
    write_call(64, 0, 16);
    g_assert_cmphex(load(TOHOST), ==, 0);
    write_call(12345, TEXT, 5);
    g_assert_cmphex(load(CALL), ==, UINT64_MAX);
    command(0x8); /* a call block that is not in RAM */
    g_assert_cmphex(load(TOHOST), ==, 0);
    command(0x0100000000000000u); /* getchar: there is no input */
    g_assert_cmphex(load(TOHOST), ==, 0);
    command(0xffff000000000001u);
    g_assert_cmphex(load(TOHOST), ==, 0);
    g_assert_cmpuint(exits, ==, 2);
    g_string_set_size(printed, 0);
}

int main(void)
{
    world_start(&world);
    printed = g_string_new(NULL);
    const struct htif_host host = { world.ctx, world.bus, console_write, program_exit, NULL };
    htif = htif_new(&host, TOHOST, FROMHOST);
    g_assert_false(bus_page_watched(world.bus, TOHOST - 1));
    test_exit();
    test_putchar();
    test_full_console();
    test_write();
    test_nonsense();
    htif_free(htif);
    g_assert_false(bus_page_watched(world.bus, TOHOST));
    g_string_free(printed, TRUE);
    world_finish(&world);
    return 0;
}
