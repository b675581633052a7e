/* Goal: the MMIO transport behaves register by register as VIRTIO 1.2, section 4.2 says. */
#include <glib.h>

#include "tests/device/virtio/driver.h"
#include "tests/device/virtio/probe.h"

static struct driver d;
static struct probe *probe;

static void setup(void)
{
    driver_init(&d);
    probe = probe_new(&d.services);
    driver_plug(&d, &probe->dev);
}

static uint64_t offered(void)
{
    driver_put(&d, 0x14, 0);
    uint64_t features = driver_get(&d, 0x10);
    driver_put(&d, 0x14, 1);
    return features | (uint64_t)driver_get(&d, 0x10) << 32;
}

static void test_identity(void)
{
    setup();
    g_assert_cmphex(driver_get(&d, 0x00), ==, 0x74726976);
    g_assert_cmpuint(driver_get(&d, 0x04), ==, 2);
    g_assert_cmpuint(driver_get(&d, 0x08), ==, 42);
    g_assert_cmphex(offered(), ==,
                    1ull << 3 | 1ull << 40 | 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX);
    driver_put(&d, 0x14, 2);
    g_assert_cmphex(driver_get(&d, 0x10), ==, 0);
    driver_put(&d, 0xac, 0);
    for (uint32_t shm = 0xb0; shm <= 0xbc; shm += 4) {
        g_assert_cmphex(driver_get(&d, shm), ==, UINT32_MAX);
    }
    driver_finish(&d);
}

static void test_empty_slot(void)
{
    uint64_t value;
    setup();
    g_assert_true(bus_read(d.bus, DRIVER_OTHER, 4, &value));
    g_assert_cmphex(value, ==, 0x74726976);
    g_assert_true(bus_read(d.bus, DRIVER_OTHER + 4, 4, &value));
    g_assert_cmpuint(value, ==, 2);
    for (uint32_t offset = 8; offset < 0x1000; offset += 4) {
        if (bus_read(d.bus, DRIVER_OTHER + offset, 4, &value) && offset != 0x0c) {
            g_assert_cmphex(value, ==, 0);
        }
        bus_write(d.bus, DRIVER_OTHER + offset, 4, UINT32_MAX);
    }
    driver_finish(&d);
}

/* Whatever table 4.1 does not list is a bus error, in every width and direction. */
static void test_table(void)
{
    static const uint32_t readable[] = { 0x00, 0x04, 0x08, 0x0c, 0x10, 0x34, 0x44,
                                         0x60, 0x70, 0xb0, 0xb4, 0xb8, 0xbc, 0xfc };
    static const uint32_t writable[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64,
                                         0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac };
    unsigned reads = 0, writes = 0;
    uint64_t value;
    setup();
    for (uint32_t offset = 0; offset < 0x100; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            reads += device_read(d.mmio, offset, size, &value);
            writes += device_write(d.mmio, offset, size, 0);
        }
    }
    g_assert_cmpuint(reads, ==, G_N_ELEMENTS(readable));
    g_assert_cmpuint(writes, ==, G_N_ELEMENTS(writable));
    for (unsigned i = 0; i < G_N_ELEMENTS(readable); i++) {
        g_assert_true(device_read(d.mmio, readable[i], 4, &value));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(writable); i++) {
        g_assert_true(device_write(d.mmio, writable[i], 4, 0));
    }
    driver_poll(&d);
    driver_finish(&d);
}

static void test_negotiation(void)
{
    const uint64_t version_1 = 1ull << VIRTIO_F_VERSION_1;
    setup();
    g_assert_false(driver_negotiate(&d, 0));                      /* a legacy driver */
    g_assert_false(driver_negotiate(&d, version_1 | 1ull << 4));  /* not offered */
    g_assert_false(driver_negotiate(&d, version_1 | 1ull << 63)); /* not offered */
    g_assert_true(driver_negotiate(&d, version_1 | 1ull << 40));
    g_assert_true(virtio_has_feature(&probe->dev, 40));
    g_assert_false(virtio_has_feature(&probe->dev, 3));
    driver_put(&d, 0x24, 0);
    driver_put(&d, 0x20, 8); /* too late */
    g_assert_false(virtio_has_feature(&probe->dev, 3));

    driver_put(&d, 0x70, 15);
    g_assert_cmphex(driver_get(&d, 0x70), ==, 15);
    g_assert_cmpuint(probe->starts, ==, 1);
    driver_put(&d, 0x70, 1); /* a driver cannot take bits back */
    g_assert_cmphex(driver_get(&d, 0x70), ==, 15);
    driver_put(&d, 0x70, 15 | VIRTIO_STATUS_NEEDS_RESET); /* nor set this one */
    g_assert_cmphex(driver_get(&d, 0x70), ==, 15);
    driver_put(&d, 0x70, 15 | VIRTIO_STATUS_FAILED);
    g_assert_cmphex(driver_get(&d, 0x70), ==, 15 | VIRTIO_STATUS_FAILED);
    driver_put(&d, 0x70, 0);
    g_assert_cmphex(driver_get(&d, 0x70), ==, 0);
    g_assert_cmpuint(probe->starts, ==, 1);

    driver_put(&d, 0x70, 3 | VIRTIO_STATUS_DRIVER_OK); /* without FEATURES_OK */
    g_assert_cmphex(driver_get(&d, 0x70) & VIRTIO_STATUS_NEEDS_RESET, !=, 0);
    driver_put(&d, 0x70, 0);
    g_assert_cmphex(driver_get(&d, 0x70), ==, 0);
    driver_finish(&d);
}

static void test_queue_registers(void)
{
    setup();
    driver_put(&d, 0x30, 1);
    g_assert_cmpuint(driver_get(&d, 0x34), ==, PROBE_QUEUE_SIZE);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    driver_put(&d, 0x30, PROBE_QUEUES); /* there is none */
    g_assert_cmpuint(driver_get(&d, 0x34), ==, 0);
    driver_put(&d, 0x38, 8);
    driver_put(&d, 0x44, 1);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    driver_put(&d, 0x30, UINT32_MAX);
    driver_put(&d, 0x44, 1);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    driver_put(&d, 0x50, PROBE_QUEUES);
    driver_put(&d, 0x50, UINT32_MAX);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, 0);

    driver_start(&d, 0, 8);
    driver_put(&d, 0x30, 0);
    driver_put(&d, 0x38, 4); /* a queue in use stays where it is */
    driver_put(&d, 0x84, 77);
    g_assert_cmpuint(probe->dev.queue[0].size, ==, 8);
    g_assert_cmphex(probe->dev.queue[0].desc, ==, d.queue[0].desc);
    driver_put(&d, 0x44, 0);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    g_assert_cmpuint(probe->dev.queue[0].size, ==, 0);
    unsigned before = probe->notified;
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, before + 1); /* queue 1, from the start */
    driver_finish(&d);
}

static void test_notification(void)
{
    setup();
    driver_start(&d, 0, 8);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, 2); /* once for each queue at the start */
    driver_kick(&d, 1);
    g_assert_cmpuint(probe->notified, ==, 2); /* not on the guest's thread */
    driver_kick(&d, 1);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, 3); /* two in a row are one */

    g_assert_true(driver_negotiate(&d, 1ull << VIRTIO_F_VERSION_1));
    driver_setup_queue(&d, 0, 8);
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, 3); /* not before DRIVER_OK */
    driver_finish(&d);
}

static void test_interrupt(void)
{
    setup();
    driver_start(&d, 0, 8);
    struct driver_segment out = { driver_alloc(&d, 16, 16), 16, false };
    driver_add(&d, 0, &out, 1);
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_true(d.irq_level);
    g_assert_cmpuint(driver_get(&d, 0x60), ==, 1);
    virtio_notify_config(&probe->dev);
    g_assert_cmpuint(driver_get(&d, 0x60), ==, 3);
    driver_put(&d, 0x64, 1);
    g_assert_true(d.irq_level);
    driver_put(&d, 0x64, 2);
    g_assert_false(d.irq_level);
    g_assert_cmpuint(driver_get(&d, 0x60), ==, 0);
    virtio_notify_config(&probe->dev);
    g_assert_true(d.irq_level);
    driver_put(&d, 0x70, 0); /* a reset takes interrupts back */
    g_assert_false(d.irq_level);
    virtio_notify_config(&probe->dev); /* and without a driver there are none */
    g_assert_false(d.irq_level);
    driver_finish(&d);
}

static void test_config(void)
{
    uint64_t value;
    setup();
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (uint32_t offset = 0; offset < 16; offset += size) {
            uint64_t expected = 0;
            for (unsigned i = 0; i < size && offset + i < 8; i++) {
                expected |= (uint64_t)(0x10 + offset + i) << (8 * i);
            }
            g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100 + offset, size, &value));
            g_assert_cmphex(value, ==, expected);
        }
    }
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + 0x104, 4, 0xaabbccdd));
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + 0x108, 4, 0xeeeeeeee)); /* behind the end */
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + 0xff8, 8, UINT64_MAX));
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100, 8, &value));
    g_assert_cmphex(value, ==, 0xaabbccdd13121110);
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0xff8, 8, &value));
    g_assert_cmphex(value, ==, 0);

    uint32_t generation = driver_get(&d, 0xfc);
    virtio_notify_config(&probe->dev);
    g_assert_cmpuint(driver_get(&d, 0xfc), !=, generation);
    driver_finish(&d);
}

static void test_reset(void)
{
    setup();
    driver_start(&d, 1ull << 40, 8);
    driver_put(&d, 0x30, 1);
    driver_put(&d, 0x70, 0);
    g_assert_cmphex(driver_get(&d, 0x70), ==, 0);
    g_assert_false(virtio_has_feature(&probe->dev, 40));
    for (unsigned i = 0; i < PROBE_QUEUES; i++) {
        driver_put(&d, 0x30, i);
        g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    }
    driver_start(&d, 0, 8); /* and it works again */
    struct driver_segment out = { driver_alloc(&d, 16, 16), 16, false };
    uint16_t head;
    uint32_t size;
    driver_add(&d, 0, &out, 1);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-mmio/identity", test_identity);
    g_test_add_func("/virtio-mmio/empty-slot", test_empty_slot);
    g_test_add_func("/virtio-mmio/table", test_table);
    g_test_add_func("/virtio-mmio/negotiation", test_negotiation);
    g_test_add_func("/virtio-mmio/queue-registers", test_queue_registers);
    g_test_add_func("/virtio-mmio/notification", test_notification);
    g_test_add_func("/virtio-mmio/interrupt", test_interrupt);
    g_test_add_func("/virtio-mmio/config", test_config);
    g_test_add_func("/virtio-mmio/reset", test_reset);
    return g_test_run();
}
