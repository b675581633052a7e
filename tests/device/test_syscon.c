/* Goal: each magic value ends or restarts the machine as documented, and nothing else does. */
#include "emu/dev/devices.h"
#include "tests/device/world.h"

static struct world world;
static struct device *syscon;
static unsigned calls;
static bool last_reboot;
static int last_status;

static void ended(void *opaque, bool reboot, int status)
{
    g_assert_true(opaque == &world);
    calls++;
    last_reboot = reboot;
    last_status = status;
}

static void expect(unsigned size, uint32_t value, bool reboot, int status)
{
    unsigned before = calls;
    world_put(syscon, 0, size, value);
    g_assert_cmpuint(calls, ==, before + 1);
    g_assert_true(last_reboot == reboot);
    g_assert_cmpint(last_status, ==, status);
}

int main(void)
{
    static const struct world_access table[] = { { 0, 4, 2 | 4, REG_RW }, { 0 } };
    world_start(&world);
    syscon = world_device(&world, &syscon_class);
    world_put(syscon, 0, 4, 0x5555); /* nobody listens */
    syscon_connect(syscon, ended, &world);
    expect(4, 0x5555, false, 0);
    expect(2, 0x5555, false, 0);
    expect(4, 0x7777, true, 0);
    expect(4, 0x00073333, false, 7);
    expect(4, 0xffff3333, false, 0xffff);
    expect(2, 0x3333, false, 0);
    unsigned before = calls;
    for (uint32_t value = 0; value < 0x10000; value++) {
        if (value != 0x5555 && value != 0x7777 && value != 0x3333) {
            world_put(syscon, 0, 4, value);
        }
    }
    world_put(syscon, 2, 2, 0x5555); /* the high half alone */
    g_assert_cmpuint(calls, ==, before);
    g_assert_cmpuint(world_get(syscon, 0, 4), ==, 0);
    world_check_accesses(syscon, 0, syscon_class.mmio_size + 8, table);
    device_free(syscon);
    world_finish(&world);
    return 0;
}
