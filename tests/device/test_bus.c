/* Goal: the physical address map answers each access from the right place, and DMA stays in RAM. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/mem/bus.h"
#include "emu/mem/dma.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE 0x10000u
#define ROM_BASE 0x20000000u
#define MORE_BASE (RAM_BASE + RAM_SIZE)

struct fixture {
    struct host_mutex lock;
    struct bus *bus;
    uint8_t *ram, *more, *rom;
    uint64_t last_offset, last_value;
    unsigned last_size, reads, writes, rings;
    gpa_t written_at;
    uint64_t written_size;
};

static bool fake_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    struct fixture *f = opaque;
    g_assert_false(host_mutex_trylock(&f->lock));
    f->reads++;
    f->last_offset = offset;
    f->last_size = size;
    *ret_value = 0x1122334455667788u;
    return offset != 0x18;
}

static bool fake_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct fixture *f = opaque;
    g_assert_false(host_mutex_trylock(&f->lock));
    f->writes++;
    f->last_offset = offset;
    f->last_size = size;
    f->last_value = value;
    return offset != 0x18;
}

static const struct bus_ops fake_ops = { fake_read, fake_write };

static void fake_ring(void *opaque)
{
    struct fixture *f = opaque;
    g_assert_true(host_mutex_trylock(&f->lock)); /* a doorbell comes without the machine lock */
    host_mutex_unlock(&f->lock);
    f->rings++;
}

static void fake_written(void *opaque, gpa_t address, uint64_t size)
{
    struct fixture *f = opaque;
    f->written_at = address;
    f->written_size = size;
}

static void fixture_setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    host_mutex_init(&f->lock);
    f->bus = bus_new(&f->lock);
    f->ram = g_malloc0(RAM_SIZE);
    f->more = g_malloc0(0x1000);
    f->rom = g_malloc0(0x1000);
    f->rom[1] = 0x5a;
    GError *error = NULL;
    bus_add_memory(f->bus, "ram", RAM_BASE, RAM_SIZE, f->ram, true, &error);
    g_assert_no_error(error);
    bus_add_window(f->bus, "fake", 0x10000000, 0x100, &fake_ops, f, &error);
    g_assert_no_error(error);
    bus_add_memory(f->bus, "rom", ROM_BASE, 0x1000, f->rom, false, &error);
    g_assert_no_error(error);
    bus_add_memory(f->bus, "more", MORE_BASE, 0x1000, f->more, true, &error);
    g_assert_no_error(error);
    bus_on_written(f->bus, fake_written, f);
}

static void fixture_teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bus_free(f->bus);
    g_free(f->ram);
    g_free(f->more);
    g_free(f->rom);
    host_mutex_finish(&f->lock);
}

static void test_overlap(struct fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        gpa_t base;
        uint64_t size;
        bool free;
    } cases[] = {
        { RAM_BASE, 0x1000, false },          { RAM_BASE - 0x1000, 0x1001, false },
        { RAM_BASE - 0x1000, 0x1000, true },  { 0x100000ff, 1, false },
        { 0x10000100, 1, true },              { 0, UINT64_MAX, false },
        { MORE_BASE + 0x1000, 0, false },     { UINT64_MAX, 2, false },
        { UINT64_MAX - 0xfff, 0x1000, true }, { MORE_BASE + 0xfff, 0x1000, false },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        bool ok =
            bus_add_window(f->bus, "new", cases[i].base, cases[i].size, &fake_ops, f, &error);
        g_assert_cmpint(ok, ==, cases[i].free);
        g_assert_cmpint(error == NULL, ==, ok);
        g_clear_error(&error);
    }
}

static void test_memory(struct fixture *f, gconstpointer data)
{
    (void)data;
    uint64_t value = 0;
    g_assert_true(bus_write(f->bus, RAM_BASE + 8, 8, 0x8877665544332211u));
    for (unsigned size = 1; size <= 8; size *= 2) {
        g_assert_true(bus_read(f->bus, RAM_BASE + 8, size, &value));
        g_assert_cmphex(value, ==, 0x8877665544332211u & (UINT64_MAX >> (64 - 8 * size)));
    }
    g_assert_true(bus_write(f->bus, RAM_BASE + 10, 2, 0xabcdef));
    g_assert_true(bus_read(f->bus, RAM_BASE + 8, 8, &value));
    g_assert_cmphex(value, ==, 0x88776655cdef2211u);
    g_assert_true(bus_read(f->bus, ROM_BASE, 4, &value));
    g_assert_cmphex(value, ==, 0x5a00);
    g_assert_false(bus_write(f->bus, ROM_BASE, 4, 1));
    g_assert_cmphex(f->rom[0], ==, 0);
    value = 77;
    g_assert_false(bus_read(f->bus, RAM_BASE - 8, 8, &value));
    g_assert_false(bus_read(f->bus, 0, 1, &value));
    g_assert_false(bus_read(f->bus, UINT64_MAX, 1, &value));
    g_assert_cmpuint(value, ==, 77);
}

static void test_find(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(bus_find_memory(f->bus, RAM_BASE, RAM_SIZE));
    g_assert_null(bus_find_memory(f->bus, RAM_BASE, RAM_SIZE + 1));
    g_assert_null(bus_find_memory(f->bus, RAM_BASE + 1, UINT64_MAX));
    g_assert_null(bus_find_memory(f->bus, 0x10000000, 1));
    g_assert_true(bus_find_memory(f->bus, ROM_BASE + 0xfff, 1)->host == f->rom);
}

static void test_window(struct fixture *f, gconstpointer data)
{
    (void)data;
    uint64_t value = 0;
    g_assert_true(bus_read(f->bus, 0x10000004, 2, &value));
    g_assert_cmphex(value, ==, 0x7788); /* what a device returns is cut to the access */
    g_assert_cmpuint(f->last_offset, ==, 4);
    g_assert_cmpuint(f->last_size, ==, 2);
    g_assert_true(bus_write(f->bus, 0x10000010, 1, 0xfff));
    g_assert_cmphex(f->last_value, ==, 0xff);
    g_assert_false(bus_read(f->bus, 0x10000018, 8, &value));
    g_assert_false(bus_write(f->bus, 0x10000018, 8, 0));
    g_assert_false(bus_write(f->bus, 0x10000100, 4, 0));
    g_assert_cmpuint(f->reads, ==, 2);
    g_assert_cmpuint(f->writes, ==, 2);
}

static void test_doorbell(struct fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    g_assert_true(bus_add_doorbell(f->bus, 0x10000050, 1, fake_ring, f, &error));
    g_assert_false(bus_add_doorbell(f->bus, 0x10000050, 1, fake_ring, f, &error));
    g_clear_error(&error);
    g_assert_false(bus_add_doorbell(f->bus, RAM_BASE, 1, fake_ring, f, &error));
    g_clear_error(&error);
    g_assert_true(bus_write(f->bus, 0x10000050, 4, 1));
    g_assert_cmpuint(f->rings, ==, 1);
    g_assert_true(bus_write(f->bus, 0x10000050, 4, 2)); /* another value: the device */
    g_assert_true(bus_write(f->bus, 0x10000050, 2, 1)); /* another width: the device */
    g_assert_cmpuint(f->rings, ==, 1);
    g_assert_cmpuint(f->writes, ==, 2);
}

static void test_dma(struct fixture *f, gconstpointer data)
{
    (void)data;
    uint8_t bytes[16];
    memset(bytes, 0xa5, sizeof bytes);
    /* Two neighbouring blocks are one to a device. */
    g_assert_true(dma_write(f->bus, MORE_BASE - 8, bytes, sizeof bytes));
    g_assert_cmphex(f->ram[RAM_SIZE - 1], ==, 0xa5);
    g_assert_cmphex(f->more[7], ==, 0xa5);
    g_assert_cmphex(f->written_at, ==, MORE_BASE - 8);
    g_assert_cmpuint(f->written_size, ==, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    g_assert_true(dma_read(f->bus, MORE_BASE - 8, bytes, sizeof bytes));
    g_assert_cmphex(bytes[15], ==, 0xa5);
    /* All or nothing. */
    f->written_size = 0;
    f->more[0xff8] = 1;
    g_assert_false(dma_write(f->bus, MORE_BASE + 0xff8, bytes, sizeof bytes));
    g_assert_cmphex(f->more[0xff8], ==, 1);
    g_assert_false(dma_write(f->bus, ROM_BASE, bytes, 1));
    g_assert_false(dma_read(f->bus, 0x10000000, bytes, 4));
    g_assert_false(dma_write(f->bus, 0x10000000, bytes, 4));
    g_assert_false(dma_read(f->bus, UINT64_MAX, bytes, 2));
    g_assert_cmpuint(f->written_size, ==, 0);
    g_assert_cmpuint(f->reads + f->writes, ==, 0);
    g_assert_true(dma_read(f->bus, ROM_BASE + 1, bytes, 1));
    g_assert_cmphex(bytes[0], ==, 0x5a);
}

static void test_dma_map(struct fixture *f, gconstpointer data)
{
    (void)data;
    uint16_t value = 9;
    g_assert_true(dma_map(f->bus, RAM_BASE + 16, 32, true) == f->ram + 16);
    g_assert_null(dma_map(f->bus, ROM_BASE, 32, true));
    g_assert_true(dma_map(f->bus, ROM_BASE, 32, false) == f->rom);
    g_assert_null(dma_map(f->bus, 0x10000000, 4, false));
    dma_written(f->bus, RAM_BASE + 16, 32);
    g_assert_cmphex(f->written_at, ==, RAM_BASE + 16);
    g_assert_true(dma_store16(f->bus, RAM_BASE + 2, 0x1234));
    g_assert_true(dma_load16(f->bus, RAM_BASE + 2, &value));
    g_assert_cmphex(value, ==, 0x1234);
    g_assert_false(dma_load16(f->bus, RAM_BASE + 3, &value));
    g_assert_false(dma_store16(f->bus, RAM_BASE + 3, 1));
    g_assert_false(dma_store16(f->bus, ROM_BASE, 1));
    g_assert_false(dma_load16(f->bus, 0x10000000, &value));
    g_assert_cmphex(value, ==, 0x1234);
}

static void count_region(void *opaque, const char *name, gpa_t base, uint64_t size,
                         const char *kind)
{
    GString *list = opaque;
    (void)base;
    (void)size;
    g_string_append_printf(list, "%s=%s ", name, kind);
}

static void test_foreach(struct fixture *f, gconstpointer data)
{
    (void)data;
    GString *list = g_string_new(NULL);
    bus_foreach(f->bus, count_region, list);
    g_assert_cmpstr(list->str, ==, "fake=device rom=rom ram=ram more=ram ");
    g_string_free(list, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*fn)(struct fixture *f, gconstpointer data);
    } tests[] = {
        { "/bus/overlap", test_overlap }, { "/bus/memory", test_memory },
        { "/bus/find", test_find },       { "/bus/window", test_window },
        { "/bus/doorbell", test_doorbell }, { "/bus/dma", test_dma },
        { "/bus/dma_map", test_dma_map }, { "/bus/foreach", test_foreach },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fixture, NULL, fixture_setup, tests[i].fn,
                   fixture_teardown);
    }
    return g_test_run();
}
