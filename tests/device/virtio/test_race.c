/* Goal: a second processor that rewrites rings and requests while a device reads them harms nobody.
 */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "platform/clock.h"
#include "platform/thread.h"
#include "tests/device/virtio/driver.h"
#include "tests/fake/file.h"

#define QSIZE      16
#define RACE_NS    400000000
#define ROUNDS_MIN 200u

static struct driver d;
static struct thread_pool *pool;
static struct block *block;
static struct driver_queue rings; /* where each start puts them */
static atomic_bool stop;
static atomic_uint scribbles;

/* Good and bad descriptors over each other, as fast as it goes, in memory the device looks at. */
static void scribble(void *opaque)
{
    static const gpa_t addresses[] = { DRIVER_RAM + 0x100000, DRIVER_MMIO, UINT64_MAX - 7, 0,
                                       DRIVER_RAM + DRIVER_SIZE - 8 };
    static const uint32_t sizes[] = { 16, 512, 1, UINT32_MAX, 0 };
    GRand *random = g_rand_new_with_seed(3);
    (void)opaque;
    for (; !atomic_load(&stop); atomic_fetch_add(&scribbles, 1)) {
        unsigned index = (unsigned)g_rand_int_range(random, 0, QSIZE);
        bool good = g_rand_int_range(random, 0, 64) != 0;
        gpa_t address = addresses[good ? 0 : g_rand_int_range(random, 0, 5)];
        uint32_t size = sizes[good ? index % 3 : (unsigned)g_rand_int_range(random, 0, 5)];
        uint16_t flags = (uint16_t)(good ? (index % 3) << 1 | (index % 3 != 2) : index);
        driver_write_desc(&d, rings.desc, index, address, size, flags & 7,
                          (uint16_t)((index + 1) % QSIZE));
        *driver_at(&d, DRIVER_RAM + 0x100000) = (uint8_t)g_rand_int_range(random, 0, 9);
        if (!good) {
            *driver_at(&d, rings.avail + 4 + 2 * index) = (uint8_t)g_rand_int(random);
        }
    }
    g_rand_free(random);
}

static void race_round(unsigned round)
{
    if (d.dev->broken || round % 50 == 0) {
        driver_start(&d, UINT64_MAX, QSIZE);
        g_assert_cmphex(d.queue[0].desc, ==, rings.desc);
    }
    for (unsigned i = 0; i < 4; i++) {
        driver_make_available(&d, 0, (uint16_t)(round * 3 % QSIZE));
    }
    driver_kick(&d, 0);
    driver_poll(&d);
}

static void race(struct virtio_device *dev)
{
    g_autoptr(GError) error = NULL;
    driver_plug(&d, dev);
    driver_start(&d, UINT64_MAX, QSIZE);
    rings = d.queue[0];
    atomic_store(&stop, false);
    atomic_store(&scribbles, 0);
    struct host_thread *thread = host_thread_new("scribbler", scribble, NULL, &error);
    g_assert_no_error(error);
    int64_t end_ns = host_monotonic_ns() + RACE_NS;
    for (unsigned i = 0; i < ROUNDS_MIN || host_monotonic_ns() < end_ns; i++) {
        race_round(i);
    }
    atomic_store(&stop, true);
    host_thread_join(thread);
    g_assert_cmpuint(atomic_load(&scribbles), >, 0);
}

static void test_blk(void)
{
    static const uint8_t image[65536];
    const struct block_options options = { .path = "disk", .format = "raw" };
    fake_file_reset();
    fake_file_put("disk", image, sizeof(image));
    driver_init(&d);
    pool = thread_pool_new(d.ctx, 2, NULL);
    block = block_open(d.ctx, pool, &options, NULL);
    race(virtio_blk_new("disk0", &d.services, block, NULL, 1, NULL));
    driver_unplug(&d);
    host_mutex_lock(&d.lock);
    block_close(block);
    thread_pool_free(pool);
    host_mutex_unlock(&d.lock);
    driver_finish(&d);
}

static void test_console(void)
{
    driver_init(&d);
    struct chardev *chardev = chardev_new_null(d.ctx, "null0");
    const struct virtio_console_port port = { .chardev = chardev, .terminal = true };
    race(virtio_console_new("con0", &d.services, &port, 1, NULL));
    driver_unplug(&d);
    chardev_free(chardev);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-race/blk", test_blk);
    g_test_add_func("/virtio-race/console", test_console);
    return g_test_run();
}
