/* Goal: the flash answers commands as two Intel chips side by side, programs and erases as NOR
 * flash does, keeps its contents in its file, and bad sequences only set status bits. */
#include <string.h>

#include <glib/gstdio.h>

#include "emu/dev/devices.h"
#include "tests/device/world.h"

#define SECTOR  0x40000u
#define READY   0x00800080u
#define BAD     0x00b000b0u /* erase and program failed: a bad sequence, in the chips' terms */

static struct world world;
static struct device *flash;
static uint8_t *array;

static uint32_t get(uint32_t offset)
{
    return (uint32_t)world_get(flash, offset, 4);
}

static void put(uint32_t offset, uint32_t value)
{
    world_put(flash, offset, 4, value);
}

/* The same command for both chips. */
static void command(uint32_t offset, uint8_t code)
{
    put(offset, code | (uint32_t)code << 16);
}

/* Status, after it has been cleared: what was there before. */
static uint32_t status(void)
{
    command(0, 0x70);
    uint32_t seen = get(0);
    command(0, 0x50);
    command(0, 0xff);
    return seen;
}

static void test_array(void)
{
    memcpy(array + 8, "\1\2\3\4\5\6\7\x08", 8);
    g_assert_cmphex(world_get(flash, 8, 8), ==, 0x0807060504030201);
    g_assert_cmphex(world_get(flash, 10, 2), ==, 0x0403);
    g_assert_cmphex(world_get(flash, 11, 1), ==, 0x04);
    g_assert_cmphex(get(PFLASH_SIZE - 4), ==, UINT32_MAX);
}

static void test_query(void)
{
    static const char text[] = "QRY";
    command(0x55 * 4, 0x98);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(get((0x10 + i) * 4), ==, (uint32_t)text[i] << 16 | (uint32_t)text[i]);
    }
    unsigned size_log2 = get(0x27 * 4) & 0xff;
    unsigned sectors = (get(0x2d * 4) & 0xff) + ((get(0x2e * 4) & 0xff) << 8) + 1;
    unsigned sector = ((get(0x2f * 4) & 0xff) + ((get(0x30 * 4) & 0xff) << 8)) * 256;
    g_assert_cmpuint(2u << size_log2, ==, PFLASH_SIZE);
    g_assert_cmpuint(2 * sectors * sector, ==, PFLASH_SIZE);
    g_assert_cmpuint(2 * sector, ==, SECTOR);
    g_assert_cmpuint(get(0x15 * 4) & 0xff, ==, 0x31);
    g_assert_cmphex(get(0x31 * 4), ==, 0x00500050);
    g_assert_cmphex(get(0), ==, 0);
    g_assert_cmphex(get(0x1000), ==, 0);
    command(0, 0x90);
    g_assert_cmphex(get(0), ==, 0x00890089);
    g_assert_cmphex(get(4), ==, 0x00180018);
    g_assert_cmphex(get(8), ==, 0); /* not locked */
    command(0, 0xff);
    g_assert_cmphex(get(8), ==, 0x04030201);
}

static void test_program(void)
{
    memset(array + 0x100, 0xff, 16);
    command(0x100, 0x40);
    put(0x100, 0x12345678);
    g_assert_cmphex(get(0x100), ==, READY); /* status until told otherwise */
    command(0, 0xff);
    g_assert_cmphex(get(0x100), ==, 0x12345678);
    command(0x100, 0x10);
    put(0x100, 0xff00ff00); /* ones do not come back */
    command(0, 0xff);
    g_assert_cmphex(get(0x100), ==, 0x12005600);
    command(0x104, 0x40);
    world_put(flash, 0x104, 2, 0xbeef);
    command(0, 0xff);
    g_assert_cmphex(get(0x104), ==, 0xffffbeef);
    g_assert_cmphex(status(), ==, READY);
}

static void test_erase(void)
{
    memset(array, 0x11, 3 * SECTOR);
    command(SECTOR + 0x1234 * 4, 0x20);
    command(SECTOR + 0x1234 * 4, 0xd0);
    g_assert_cmphex(get(0), ==, READY);
    command(0, 0xff);
    g_assert_cmphex(get(SECTOR - 4), ==, 0x11111111);
    g_assert_cmphex(get(SECTOR), ==, UINT32_MAX);
    g_assert_cmphex(get(2 * SECTOR - 4), ==, UINT32_MAX);
    g_assert_cmphex(get(2 * SECTOR), ==, 0x11111111);
    command(0, 0x20);
    command(0, 0x00); /* not confirmed */
    g_assert_cmphex(status(), ==, BAD);
    g_assert_cmphex(get(0), ==, 0x11111111);
    g_assert_cmphex(status(), ==, READY);
}

static void test_buffer(void)
{
    const uint32_t base = 4 * SECTOR;
    command(base, 0xe8);
    g_assert_cmphex(get(base), ==, READY);
    command(base, 3); /* four words */
    for (unsigned i = 0; i < 4; i++) {
        put(base + 8 + 4 * i, 0xa0b0c000 + i);
    }
    command(base, 0xd0);
    g_assert_cmphex(get(base), ==, READY);
    command(0, 0xff);
    g_assert_cmphex(get(base + 4), ==, UINT32_MAX);
    g_assert_cmphex(get(base + 8), ==, 0xa0b0c000);
    g_assert_cmphex(get(base + 20), ==, 0xa0b0c003);
    g_assert_cmphex(get(base + 24), ==, UINT32_MAX);

    command(base, 0xe8);
    command(base, 0);
    put(base + 24, 0);
    command(base, 0xff); /* not confirmed: nothing happens */
    g_assert_cmphex(status(), ==, BAD);
    g_assert_cmphex(get(base + 24), ==, UINT32_MAX);

    command(base, 0xe8);
    command(base, 1);
    put(base + SECTOR, 0); /* outside the buffer's window */
    g_assert_cmphex(status(), ==, BAD);
    g_assert_cmphex(get(base + SECTOR), ==, UINT32_MAX);
}

/* Any sequence of writes leaves the device answering, and only inside its array. */
static void test_nonsense(void)
{
    GRand *random = g_rand_new_with_seed(7);
    static const uint8_t codes[] = { 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8,
                                     0xff, 0x00, 0x01, 0xaa };
    for (unsigned i = 0; i < 20000; i++) {
        unsigned size = 1u << g_rand_int_range(random, 0, 4);
        uint32_t offset = g_rand_int(random) % PFLASH_SIZE & ~(size - 1);
        uint64_t value = codes[g_rand_int(random) % G_N_ELEMENTS(codes)] * 0x0101010101010101ull;
        world_put(flash, offset, size, value);
        world_get(flash, offset, size);
    }
    g_rand_free(random);
    device_reset(flash);
    g_assert_cmphex(get(0), ==, array[0] * 0x01010101u);
}

/* What is programmed and erased is in the file, and nothing else of it changes. */
static void test_file(void)
{
    GError *error = NULL;
    char *path = g_build_filename(g_get_tmp_dir(), "tinamou-pflash-test.img", NULL);
    uint8_t byte;
    struct host_file *file = host_file_open(
        path, HOST_FILE_READ | HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE, &error);
    g_assert_no_error(error);
    g_assert_cmpint(host_file_truncate(file, PFLASH_SIZE), ==, 0);
    memset(array, 0xff, PFLASH_SIZE);
    pflash_connect(flash, array, file);
    command(0x200, 0x40);
    put(0x200, 0x5a5a5a5a);
    command(SECTOR, 0x20);
    command(SECTOR, 0xd0);
    g_assert_cmphex(status(), ==, READY);
    g_assert_cmpint(host_file_read(file, &byte, 1, 0x203), ==, 1);
    g_assert_cmphex(byte, ==, 0x5a);
    g_assert_cmpint(host_file_read(file, &byte, 1, 0x204), ==, 1);
    g_assert_cmphex(byte, ==, 0);
    g_assert_cmpint(host_file_read(file, &byte, 1, 2 * SECTOR - 1), ==, 1);
    g_assert_cmphex(byte, ==, 0xff);
    host_file_close(file);

    file = host_file_open(path, HOST_FILE_READ, &error); /* a write to this fails */
    g_assert_no_error(error);
    pflash_connect(flash, array, file);
    command(0x300, 0x40);
    put(0x300, 0);
    g_assert_cmphex(status(), ==, READY | 0x00100010);
    pflash_connect(flash, array, NULL);
    host_file_close(file);
    g_unlink(path);
    g_free(path);
}

static void test_accesses(void)
{
    static const struct world_access table[] = { { 0, PFLASH_SIZE, 15, REG_RW }, { 0 } };
    world_check_accesses(flash, 0, 64, table);
    world_check_accesses(flash, PFLASH_SIZE - 64, PFLASH_SIZE + 64, table);
}

int main(void)
{
    world_start(&world);
    array = g_malloc(PFLASH_SIZE);
    memset(array, 0xff, PFLASH_SIZE);
    flash = world_device(&world, &pflash_class);
    pflash_connect(flash, array, NULL);
    test_array();
    test_query();
    test_program();
    test_erase();
    test_buffer();
    test_nonsense();
    test_file();
    test_accesses();
    device_free(flash);
    g_free(array);
    world_finish(&world);
    return 0;
}
