/* Goal: firmware reads every item byte by byte and by DMA with the right byte order, finds files by
 * the directory, and bad DMA requests fail without touching memory. */
#include <string.h>

#include "emu/dev/devices.h"
#include "tests/device/world.h"

enum { DATA = 0, SELECTOR = 8, DMA = 16 };
enum { CTL_ERROR = 1, CTL_READ = 2, CTL_SKIP = 4, CTL_SELECT = 8, CTL_WRITE = 16 };

static struct world world;
static struct device *fw_cfg;

static void select_key(uint16_t key)
{
    world_put(fw_cfg, SELECTOR, 2, GUINT16_SWAP_LE_BE(key));
}

static void expect_bytes(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        g_assert_cmphex(world_get(fw_cfg, DATA, 1), ==, ((const uint8_t *)data)[i]);
    }
}

static void test_registers(void)
{
    select_key(0);
    expect_bytes("QEMU\0\0", 6); /* zeros behind the end */
    select_key(0);
    g_assert_cmphex(world_get(fw_cfg, DATA, 4), ==, 0x554d4551); /* memory order is byte order */
    select_key(0);
    g_assert_cmphex(world_get(fw_cfg, DATA, 2), ==, 0x4551);
    g_assert_cmphex(world_get(fw_cfg, DATA + 4, 2), ==, 0x554d); /* any lane */
    select_key(1);
    g_assert_cmphex(world_get(fw_cfg, DATA, 8), ==, 3); /* DMA is there */
    g_assert_cmphex(GUINT64_SWAP_LE_BE(world_get(fw_cfg, DMA, 8)), ==, 0x51454d5520434647ull);
    g_assert_cmphex(world_get(fw_cfg, DMA, 4), ==, 0x554d4551);
    select_key(0x7fff);
    expect_bytes("\0\0", 2);
}

struct file {
    uint32_t size_be;
    uint16_t select_be, reserved;
    char name[56];
};

static void test_directory(void)
{
    struct file file;
    uint32_t count_be;
    uint8_t *raw = (uint8_t *)&file;
    static const char *const sorted[] = { "etc/a", "etc/b", "opt/c" };
    g_assert_true(fw_cfg_add_file(fw_cfg, "opt/c", "see", 3, NULL));
    g_assert_true(fw_cfg_add_file(fw_cfg, "etc/a", "a", 1, NULL));
    g_assert_true(fw_cfg_add_file(fw_cfg, "etc/b", "", 0, NULL));
    select_key(0x19);
    for (unsigned i = 0; i < 4; i++) {
        ((uint8_t *)&count_be)[i] = (uint8_t)world_get(fw_cfg, DATA, 1);
    }
    g_assert_cmpuint(GUINT32_FROM_BE(count_be), ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof(file); k++) {
            raw[k] = (uint8_t)world_get(fw_cfg, DATA, 1);
        }
        g_assert_cmpstr(file.name, ==, sorted[i]);
        g_assert_cmpuint(file.reserved, ==, 0);
    }
    select_key(GUINT16_FROM_BE(file.select_be));
    g_assert_cmpuint(GUINT32_FROM_BE(file.size_be), ==, 3);
    expect_bytes("see", 3);
}

static void test_refusals(void)
{
    char name[57];
    GError *error = NULL;
    memset(name, 'x', 56);
    name[56] = '\0';
    g_assert_false(fw_cfg_add_file(fw_cfg, name, "", 0, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(fw_cfg_add_item(fw_cfg, 0, "x", 1, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
}

/* Puts a request at the start of RAM and rings; the control word afterwards. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
    uint32_t control_be = GUINT32_TO_BE(control), length_be = GUINT32_TO_BE(length);
    uint64_t address_be = GUINT64_TO_BE(address);
    memcpy(world.ram, &control_be, 4);
    memcpy(world.ram + 4, &length_be, 4);
    memcpy(world.ram + 8, &address_be, 8);
    world_put(fw_cfg, DMA, 8, GUINT64_SWAP_LE_BE((uint64_t)WORLD_RAM_BASE));
    memcpy(&control_be, world.ram, 4);
    return GUINT32_FROM_BE(control_be);
}

static void test_dma(void)
{
    const gpa_t target = WORLD_RAM_BASE + 0x100;
    uint8_t *seen = world.ram + 0x100;
    memset(seen, 0xee, 16);
    g_assert_cmphex(dma(0u << 16 | CTL_SELECT | CTL_READ, 6, target), ==, 0);
    g_assert_cmpmem(seen, 8, "QEMU\0\0\xee\xee", 8);
    g_assert_cmphex(dma(0u << 16 | CTL_SELECT | CTL_SKIP, 2, 0), ==, 0);
    g_assert_cmphex(dma(CTL_READ, 2, target), ==, 0);
    g_assert_cmpmem(seen, 2, "MU", 2);
    g_assert_cmphex(dma(CTL_SKIP, UINT32_MAX, 0), ==, 0);
    g_assert_cmphex(dma(CTL_READ, 0, 0), ==, 0);

    /* In two halves, the low one last. */
    uint32_t control_be = GUINT32_TO_BE(CTL_SELECT | CTL_READ), length_be = GUINT32_TO_BE(1);
    memcpy(world.ram, &control_be, 4);
    memcpy(world.ram + 4, &length_be, 4);
    uint64_t address_be = GUINT64_TO_BE(target);
    memcpy(world.ram + 8, &address_be, 8);
    memset(seen, 0, 1);
    world_put(fw_cfg, DMA, 4, 0);
    world_put(fw_cfg, DMA + 4, 4, GUINT32_SWAP_LE_BE(WORLD_RAM_BASE));
    g_assert_cmpmem(seen, 1, "Q", 1);
}

static void test_bad_dma(void)
{
    uint8_t before[WORLD_RAM_SIZE];
    g_assert_cmphex(dma(CTL_SELECT | CTL_READ, 16, 0x1000), ==, CTL_ERROR);
    g_assert_cmphex(dma(CTL_SELECT | CTL_READ, 16, UINT64_MAX - 4), ==, CTL_ERROR);
    g_assert_cmphex(dma(CTL_READ, 2, WORLD_RAM_BASE + WORLD_RAM_SIZE - 1), ==, CTL_ERROR);
    g_assert_cmphex(dma(CTL_READ, UINT32_MAX, WORLD_RAM_BASE), ==, CTL_ERROR);
    g_assert_cmphex(dma(CTL_WRITE, 1, WORLD_RAM_BASE), ==, CTL_ERROR);
    memcpy(before, world.ram, sizeof(before));
    world_put(fw_cfg, DMA, 8, GUINT64_SWAP_LE_BE(0x10ull)); /* the request itself is not in RAM */
    world_put(fw_cfg, DMA, 8, UINT64_MAX);
    g_assert_cmpmem(before, sizeof(before), world.ram, sizeof(before));
}

static void test_accesses(void)
{
    static const struct world_access table[] = {
        { 0, 8, 1 | 2 | 4 | 8, REG_R }, { 8, 10, 2, REG_RW }, { 16, 24, 4 | 8, REG_RW }, { 0 },
    };
    world_check_accesses(fw_cfg, 0, 0x40, table);
}

int main(void)
{
    world_start(&world);
    fw_cfg = world_device(&world, &fw_cfg_class);
    test_registers();
    test_directory();
    test_refusals();
    test_dma();
    test_bad_dma();
    test_accesses();
    device_free(fw_cfg);
    world_finish(&world);
    return 0;
}
