/* Goal: the entropy device fills what it is given, with bytes that differ. */
#include <string.h>

#include <glib.h>

#include "tests/device/virtio/driver.h"

static struct driver d;

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    struct virtio_device *dev = virtio_rng_new("rng0", &d.services, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, UINT64_MAX, 8);
    driver_poll(&d);
}

static uint32_t run(const struct driver_segment *segments, unsigned count)
{
    uint16_t head;
    uint32_t size;
    driver_add(&d, 0, segments, count);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    return size;
}

static void test_fill(void)
{
    setup();
    gpa_t a = driver_alloc(&d, 1024, 1), b = driver_alloc(&d, 1024, 1);
    const struct driver_segment two[] = { { a, 300, true }, { b, 700, true } };
    unsigned counts[256] = { 0 };
    g_assert_cmpuint(run(two, 2), ==, 1000);
    g_assert_cmpuint(*driver_at(&d, a + 300) | *driver_at(&d, b + 700), ==, 0);
    for (unsigned i = 0; i < 1000; i++) {
        counts[*driver_at(&d, i < 300 ? a + i : b + i - 300)]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        g_assert_cmpuint(counts[i], <, 30); /* about 4 each */
    }
    uint8_t first[64];
    const struct driver_segment again = { a, sizeof(first), true };
    g_assert_cmpuint(run(&again, 1), ==, sizeof(first));
    memcpy(first, driver_at(&d, a), sizeof(first));
    g_assert_cmpuint(run(&again, 1), ==, sizeof(first));
    g_assert_true(memcmp(first, driver_at(&d, a), sizeof(first)) != 0);
    driver_finish(&d);
}

/* A huge buffer gets a part, so that the loop is free again soon. */
static void test_limits(void)
{
    setup();
    const struct driver_segment huge = { DRIVER_RAM + 65536, DRIVER_SIZE - 65536, true };
    g_assert_cmpuint(run(&huge, 1), ==, 65536);
    /* No room at all: an answer of nothing. */
    const struct driver_segment readable = { DRIVER_RAM + 65536, 16, false };
    g_assert_cmpuint(run(&readable, 1), ==, 0);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-rng/fill", test_fill);
    g_test_add_func("/virtio-rng/limits", test_limits);
    return g_test_run();
}
