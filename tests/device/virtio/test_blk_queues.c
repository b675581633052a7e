/* Goal: sequential requests are joined and stay apart in what they report, queues do not disturb
 * each other, and a driver hears of a new length. */
#include <string.h>

#include <glib.h>

#include "aio/iothread.h"
#include "emu/block/node.h"
#include "platform/clock.h"
#include "tests/device/virtio/driver.h"
#include "tests/fake/file.h"

#define F_FLUSH (1ull << 9)
#define F_MQ    (1ull << 12)
#define SECTORS 2048u
#define QUEUES  4

enum { T_IN, T_OUT };

static struct driver d;
static struct thread_pool *pool;
static struct block *block;

/* The disk's own loop, in tests that give it one. */
static struct iothread *iothread;
static struct host_mutex loop_lock;

/* A disk request in guest memory. */
struct request {
    unsigned queue;
    uint32_t type;
    gpa_t data, status;
};

static void make_loop(bool own)
{
    struct aio_context *ctx = d.ctx;
    aio_context_set_home(ctx);
    host_mutex_init(&loop_lock);
    if (own) {
        iothread = iothread_new_locked("disk", &loop_lock, NULL);
        ctx = iothread_context(iothread);
    }
    pool = thread_pool_new(ctx, 4, NULL);
}

static struct virtio_device *make_disk(void)
{
    g_autoptr(GError) error = NULL;
    struct device_services services = d.services;
    if (iothread != NULL) {
        services.ctx = iothread_context(iothread);
        services.loop_lock = &loop_lock;
    }
    host_mutex_lock(&d.lock);
    block = block_open(services.ctx, pool,
                       &(struct block_options){ .path = "disk", .format = "raw" }, &error);
    host_mutex_unlock(&d.lock);
    g_assert_no_error(error);
    return virtio_blk_new("disk0", &services, block, NULL, QUEUES, NULL);
}

static void setup_on(bool own_loop, uint64_t features)
{
    static const uint8_t zeros[SECTORS * 512];
    fake_file_reset();
    fake_file_put("disk", zeros, sizeof(zeros));
    driver_init(&d);
    make_loop(own_loop);
    driver_plug(&d, make_disk());
    driver_start(&d, features, 64);
    driver_poll(&d);
}

static void setup(uint64_t features)
{
    setup_on(false, features);
}

static void end_pool(void *opaque)
{
    (void)opaque;
    thread_pool_free(pool);
}

static void finish(void)
{
    driver_unplug(&d);
    host_mutex_lock(&d.lock);
    block_close(block);
    block_run(iothread != NULL ? iothread_context(iothread) : d.ctx, end_pool, NULL);
    host_mutex_unlock(&d.lock);
    iothread_join(iothread);
    iothread = NULL;
    host_mutex_finish(&loop_lock);
    driver_finish(&d);
}

static struct request add(unsigned queue, uint32_t type, uint64_t sector, uint32_t size,
                          uint8_t fill)
{
    gpa_t header = driver_alloc(&d, 16, 16);
    struct request r = { queue, type, driver_alloc(&d, size, 512), driver_alloc(&d, 1, 1) };
    memcpy(driver_at(&d, header), &type, 4);
    memcpy(driver_at(&d, header) + 8, &sector, 8);
    memset(driver_at(&d, r.data), fill, size);
    *driver_at(&d, r.status) = 0xee;
    const struct driver_segment segments[] = { { header, 16, false },
                                               { r.data, size, type == T_IN },
                                               { r.status, 1, true } };
    driver_add(&d, queue, segments, 3);
    return r;
}

/* With a loop of its own the disk answers by itself. */
static void wait_used(unsigned queue, unsigned count)
{
    int64_t end_ns = host_monotonic_ns() + 20000000000;
    uint16_t head;
    uint32_t size;
    while (count > 0 && host_monotonic_ns() < end_ns) {
        if (iothread == NULL) {
            driver_wait_used(&d, queue, &head, &size);
            count--;
        } else if (driver_take_used(&d, queue, &head, &size)) {
            count--;
        } else {
            host_thread_yield();
        }
    }
    g_assert_cmpuint(count, ==, 0);
}

static uint8_t status_of(const struct request *r)
{
    return *driver_at(&d, r->status);
}

static void test_joined(void)
{
    struct request r[12];
    setup(F_FLUSH);
    for (unsigned i = 0; i < 8; i++) {
        r[i] = add(0, T_OUT, i * 8, 4096, (uint8_t)(i + 1));
    }
    r[8] = add(0, T_OUT, 100, 512, 9);
    driver_kick(&d, 0);
    wait_used(0, 9);
    g_assert_cmpuint(block_submitted(block), ==, 2);
    for (unsigned i = 0; i < 9; i++) {
        g_assert_cmpuint(status_of(&r[i]), ==, 0);
    }
    for (unsigned i = 0; i < 8; i++) { /* of the last, only half is asked for */
        r[i] = add(0, T_IN, i * 8, i == 7 ? 2048 : 4096, 0xaa);
    }
    driver_kick(&d, 0);
    wait_used(0, 8);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpuint(status_of(&r[i]), ==, 0);
        g_assert_cmpuint(*driver_at(&d, r[i].data), ==, i + 1);
        g_assert_cmpuint(*driver_at(&d, r[i].data + 2047), ==, i + 1);
    }
    finish();
}

/* When a joined request fails, each part tells what became of itself. */
static void test_joined_errors(void)
{
    struct request r[4];
    setup(F_FLUSH);
    for (unsigned i = 0; i < 4; i++) {
        r[i] = add(0, T_OUT, i * 8, 4096, 5);
    }
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_IO);
    driver_kick(&d, 0);
    wait_used(0, 4);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(status_of(&r[i]), ==, 0);
    }
    finish();
}

static void test_reset_joined(void)
{
    setup(F_FLUSH);
    for (unsigned round = 0; round < 20; round++) {
        gpa_t heap = d.heap;
        for (unsigned i = 0; i < 10; i++) {
            add(0, T_OUT, i * 8, 4096, 5);
        }
        driver_kick(&d, 0);
        for (unsigned i = 0; i < round % 4; i++) {
            host_mutex_lock(&d.lock);
            aio_poll(d.ctx, false);
            host_mutex_unlock(&d.lock);
        }
        d.heap = heap;
        driver_start(&d, 0, 64);
        g_assert_cmpuint(d.dev->queue[0].in_flight, ==, 0);
    }
    finish();
}

static void check_queues(bool own_loop)
{
    struct request r[QUEUES][8];
    setup_on(own_loop, F_FLUSH | F_MQ);
    g_assert_cmpuint(d.dev->queue_count, ==, QUEUES);
    g_assert_true(virtio_has_feature(d.dev, 12));
    uint64_t count;
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100 + 0x22, 2, &count));
    g_assert_cmpuint(count, ==, QUEUES);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            r[queue][i] = add(queue, T_OUT, queue * 64 + i * 8, 4096, (uint8_t)(queue * 8 + i));
        }
    }
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        driver_kick(&d, queue);
    }
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        wait_used(queue, 8);
        for (unsigned i = 0; i < 8; i++) {
            g_assert_cmpuint(status_of(&r[queue][i]), ==, 0);
        }
    }
    size_t size;
    g_autofree uint8_t *image = fake_file_get("disk", &size);
    for (unsigned i = 0; i < QUEUES * 8; i++) {
        g_assert_cmpuint(image[i * 4096], ==, i);
        g_assert_cmpuint(image[i * 4096 + 4095], ==, i);
    }
    finish();
}

static void test_queues(void)
{
    check_queues(false);
}

/* The same on a thread of the disk's. */
static void test_iothread(void)
{
    check_queues(true);
}

/* Registers and memory are the driver's again after a reset, whatever the other thread does. */
static void test_iothread_reset(void)
{
    setup_on(true, F_FLUSH | F_MQ);
    for (unsigned round = 0; round < 200; round++) {
        gpa_t heap = d.heap;
        for (unsigned i = 0; i < 16; i++) {
            add(i % QUEUES, i % 3 ? T_OUT : T_IN, i * 8, 4096, 5);
        }
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            driver_kick(&d, queue);
        }
        for (unsigned i = 0; i < round % 50; i++) {
            host_thread_yield();
        }
        d.heap = heap;
        driver_start(&d, F_FLUSH | F_MQ, 64);
        g_assert_cmpuint(d.dev->queue[0].in_flight, ==, 0);
        g_assert_false(d.dev->broken);
    }
    finish();
}

static void test_resize(void)
{
    uint64_t capacity;
    setup(F_FLUSH);
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100, 8, &capacity));
    g_assert_cmpuint(capacity, ==, SECTORS);
    driver_put(&d, 0x64, 3); /* acknowledge what there is */
    uint32_t generation = driver_get(&d, 0xfc);
    host_mutex_lock(&d.lock);
    g_assert_true(block_resize(block, 2 * SECTORS * 512, NULL));
    host_mutex_unlock(&d.lock);
    g_assert_cmpuint(driver_get(&d, 0x60), ==, 2);
    g_assert_cmpuint(driver_get(&d, 0xfc), !=, generation);
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100, 8, &capacity));
    g_assert_cmpuint(capacity, ==, 2 * SECTORS);
    struct request r = add(0, T_OUT, 2 * SECTORS - 1, 512, 4);
    driver_kick(&d, 0);
    wait_used(0, 1);
    g_assert_cmpuint(status_of(&r), ==, 0);
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk/joined", test_joined);
    g_test_add_func("/virtio-blk/joined-errors", test_joined_errors);
    g_test_add_func("/virtio-blk/reset-joined", test_reset_joined);
    g_test_add_func("/virtio-blk/queues", test_queues);
    g_test_add_func("/virtio-blk/resize", test_resize);
    g_test_add_func("/virtio-blk/iothread", test_iothread);
    g_test_add_func("/virtio-blk/iothread-reset", test_iothread_reset);
    return g_test_run();
}
