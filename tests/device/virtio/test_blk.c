/* Goal: a disk keeps its data, answers each bad request, flushes in order, and survives resets. */
#include <string.h>

#include <glib.h>

#include "tests/device/virtio/driver.h"
#include "tests/fake/file.h"

#define F_SEG_MAX    (1ull << 2)
#define F_RO         (1ull << 5)
#define F_BLK_SIZE   (1ull << 6)
#define F_FLUSH      (1ull << 9)
#define F_CONFIG_WCE (1ull << 11)
#define F_DISCARD    (1ull << 13)
#define F_ZEROES     (1ull << 14)
#define F_RINGS      (1ull << VIRTIO_F_EVENT_IDX | 1ull << VIRTIO_F_INDIRECT_DESC)
#define F_ALL        (F_FLUSH | F_CONFIG_WCE | F_RINGS)

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP, S_NONE = 0xee };

#define SECTORS 2048u

static struct driver d;
static struct thread_pool *pool;
static struct block *block;

/* A disk request in guest memory. */
struct request {
    gpa_t header, data, status;
    uint32_t size;
    uint16_t head;
};

static void setup_with(const struct block_options *options, uint64_t features)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    pool = thread_pool_new(d.ctx, 4, &error);
    g_assert_no_error(error);
    block = block_open(d.ctx, pool, options, &error);
    g_assert_no_error(error);
    struct virtio_device *dev = virtio_blk_new("disk0", &d.services, block, "serial-7", 1, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, features, 256);
    driver_poll(&d);
}

static void setup(uint64_t features)
{
    fake_file_reset();
    g_autofree uint8_t *image = g_malloc0(SECTORS * 512);
    fake_file_put("disk", image, SECTORS * 512);
    setup_with(&(struct block_options){ .path = "disk", .format = "raw" }, features);
}

static void finish(void)
{
    driver_unplug(&d);
    host_mutex_lock(&d.lock);
    block_close(block);
    thread_pool_free(pool);
    host_mutex_unlock(&d.lock);
    driver_finish(&d);
}

/* Builds a request; data of `size` bytes lies behind the header, in one piece. */
static struct request make(uint32_t type, uint64_t sector, uint32_t size, bool indirect)
{
    struct request r = { driver_alloc(&d, 16, 16), driver_alloc(&d, size + 1, 512),
                         driver_alloc(&d, 1, 1), size, 0 };
    memcpy(driver_at(&d, r.header), &type, 4);
    memcpy(driver_at(&d, r.header) + 8, &sector, 8);
    *driver_at(&d, r.status) = S_NONE;
    struct driver_segment segments[3] = { { r.header, 16, false },
                                          { r.data, size, type == T_IN || type == T_GET_ID },
                                          { r.status, 1, true } };
    if (size == 0) {
        segments[1] = segments[2];
    }
    unsigned count = size == 0 ? 2 : 3;
    r.head =
        indirect ? driver_add_indirect(&d, 0, segments, count) : driver_add(&d, 0, segments, count);
    return r;
}

static uint8_t status_of(const struct request *r)
{
    return *driver_at(&d, r->status);
}

/* Sends one request and waits for its answer. */
static uint8_t run(struct request r)
{
    uint16_t head;
    uint32_t size;
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    g_assert_cmpuint(head, ==, r.head);
    g_assert_cmpuint(size, >=, 1);
    return status_of(&r);
}

static uint8_t run_write(uint64_t sector, uint8_t fill, uint32_t size)
{
    gpa_t heap = d.heap;
    struct request r = make(T_OUT, sector, size, false);
    memset(driver_at(&d, r.data), fill, size);
    uint8_t status = run(r);
    d.heap = heap;
    return status;
}

static uint8_t run_read(uint64_t sector, uint8_t *data, uint32_t size)
{
    gpa_t heap = d.heap;
    struct request r = make(T_IN, sector, size, virtio_has_feature(d.dev, VIRTIO_F_INDIRECT_DESC));
    uint8_t status = run(r);
    memcpy(data, driver_at(&d, r.data), size);
    d.heap = heap;
    return status;
}

static uint64_t config(uint32_t offset, unsigned size)
{
    uint64_t value;
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100 + offset, size, &value));
    return value;
}

static void test_identity(void)
{
    setup(F_ALL);
    g_assert_cmpuint(driver_get(&d, 8), ==, 2);
    driver_put(&d, 0x14, 0);
    g_assert_cmphex(driver_get(&d, 0x10) & 0xffffff, ==,
                    F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_CONFIG_WCE | F_ZEROES);
    g_assert_cmpuint(config(0, 8), ==, SECTORS);
    g_assert_cmpuint(config(0x0c, 4), ==, 254);
    g_assert_cmpuint(config(0x14, 4), ==, 512);
    g_assert_cmpuint(config(0x20, 1), ==, 1);

    struct request id = make(T_GET_ID, 0, 20, false);
    g_assert_cmpuint(run(id), ==, S_OK);
    g_assert_cmpstr((char *)driver_at(&d, id.data), ==, "serial-7");
    struct request small = make(T_GET_ID, 0, 4, false);
    g_assert_cmpuint(run(small), ==, S_OK);
    g_assert_cmpmem(driver_at(&d, small.data), 4, "seri", 4);
    finish();
}

/* All sectors, in requests of many sizes that are in flight together, come back as written. */
static void test_integrity(void)
{
    setup(F_ALL);
    GRand *random = g_rand_new_with_seed(5);
    static uint8_t shadow[SECTORS * 512], back[SECTORS * 512];
    for (unsigned round = 0; round < 20; round++) {
        gpa_t heap = d.heap;
        uint64_t sector = 0;
        unsigned pending = 0;
        struct request requests[64];
        while (sector < SECTORS && pending < 64) {
            uint64_t count = (uint64_t)g_rand_int_range(random, 1, 65);
            count = MIN(count, SECTORS - sector);
            struct request r = make(T_OUT, sector, (uint32_t)count * 512, pending % 2 == 0);
            for (uint32_t i = 0; i < count * 512; i++) {
                *driver_at(&d, r.data + i) = shadow[sector * 512 + i] = (uint8_t)g_rand_int(random);
            }
            requests[pending++] = r;
            sector += count;
        }
        driver_kick(&d, 0);
        for (unsigned i = 0; i < pending; i++) {
            uint16_t head;
            uint32_t size;
            driver_wait_used(&d, 0, &head, &size);
        }
        for (unsigned i = 0; i < pending; i++) {
            g_assert_cmpuint(status_of(&requests[i]), ==, S_OK);
        }
        d.heap = heap;
        g_assert_cmpuint(run_read(0, back, SECTORS * 512), ==, S_OK);
        g_assert_cmpmem(back, sizeof(back), shadow, sizeof(shadow));
    }
    g_rand_free(random);
    g_assert_cmpuint(d.dev->queue[0].in_flight, ==, 0);
    finish();
}

/* Header, data and status may be cut into descriptors in any way (2.7.4). */
static void test_layout(void)
{
    setup(F_ALL);
    gpa_t memory = driver_alloc(&d, 2048, 16);
    uint32_t type = T_OUT;
    uint64_t sector = 3;
    memcpy(driver_at(&d, memory), &type, 4);
    memcpy(driver_at(&d, memory + 8), &sector, 8);
    memset(driver_at(&d, memory + 16), 0x3c, 1024);
    const struct driver_segment out[] = { { memory, 3, false },
                                          { memory + 3, 10, false },
                                          { memory + 13, 100, false },
                                          { memory + 113, 927, false },
                                          { memory + 1500, 1, true } };
    uint16_t head;
    uint32_t size;
    driver_add(&d, 0, out, 5);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    g_assert_cmpuint(*driver_at(&d, memory + 1500), ==, S_OK);

    type = T_IN;
    memcpy(driver_at(&d, memory), &type, 4);
    const struct driver_segment in[] = { { memory, 16, false },
                                         { memory + 100, 511, true },
                                         { memory + 611, 514, true } }; /* the last byte: status */
    *driver_at(&d, memory + 1124) = S_NONE;
    driver_add_indirect(&d, 0, in, 3);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    g_assert_cmpuint(size, ==, 1025);
    g_assert_cmpuint(*driver_at(&d, memory + 1124), ==, S_OK);
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmpuint(*driver_at(&d, memory + 100 + i), ==, 0x3c);
    }
    finish();
}

static void test_bad_requests(void)
{
    uint8_t data[1024];
    setup(F_ALL);
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t size;
        uint8_t status;
    } bad[] = {
        { T_IN, SECTORS, 512, S_IOERR },
        { T_IN, SECTORS - 1, 1024, S_IOERR },
        { T_OUT, SECTORS, 512, S_IOERR },
        { T_IN, UINT64_MAX, 512, S_IOERR },
        { T_IN, UINT64_MAX >> 9, 512, S_IOERR },
        { T_OUT, UINT64_MAX / 512 + 1, 512, S_IOERR },
        { T_IN, 0, 511, S_IOERR },
        { T_OUT, 0, 513, S_IOERR },
        { T_OUT, 0, 1, S_IOERR },
        { 2, 0, 512, S_UNSUPP },
        { 11, 0, 16, S_UNSUPP },
        { 13, 0, 16, S_UNSUPP },
        { UINT32_MAX, 0, 0, S_UNSUPP },
        { T_IN, SECTORS, 0, S_OK },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpuint(run(make(bad[i].type, bad[i].sector, bad[i].size, i % 2 == 0)), ==,
                         bad[i].status);
    }
    g_assert_cmpuint(run_read(0, data, 1024), ==, S_OK); /* and it lives */
    finish();
}

/* A request that cannot even be answered breaks the device. */
static void test_unanswerable(void)
{
    setup(F_ALL);
    gpa_t memory = driver_alloc(&d, 64, 16);
    const struct driver_segment short_header[] = { { memory, 15, false }, { memory, 1, true } };
    const struct driver_segment no_status[] = { { memory, 16, false } };
    driver_add(&d, 0, short_header, 2);
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    driver_start(&d, F_ALL, 256);
    driver_add(&d, 0, no_status, 1);
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    driver_start(&d, F_ALL, 256);
    uint8_t data[512];
    g_assert_cmpuint(run_read(0, data, 512), ==, S_OK);
    finish();
}

static void test_read_only(void)
{
    uint8_t data[512];
    fake_file_reset();
    fake_file_put("disk", "read only", 9); /* 9 bytes are a sector */
    setup_with(&(struct block_options){ .path = "disk", .format = "raw", .read_only = true },
               F_ALL | F_RO);
    g_assert_true(virtio_has_feature(d.dev, 5));
    g_assert_cmpuint(config(0, 8), ==, 1);
    g_assert_cmpuint(run_write(0, 1, 512), ==, S_IOERR);
    g_assert_cmpuint(run_read(0, data, 512), ==, S_OK);
    g_assert_cmpstr((char *)data, ==, "read only");
    g_assert_cmpuint(run(make(T_FLUSH, 0, 0, false)), ==, S_OK);
    finish();
}

static void test_errors(void)
{
    uint8_t data[512];
    setup(F_ALL);
    fake_file_fail(FAKE_FILE_READ, 1, FILE_ERROR_IO);
    g_assert_cmpuint(run_read(0, data, 512), ==, S_IOERR);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE);
    g_assert_cmpuint(run_write(0, 1, 512), ==, S_IOERR);
    g_assert_cmpuint(run_write(0, 1, 512), ==, S_OK);
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpuint(run(make(T_FLUSH, 0, 0, false)), ==, S_IOERR);
    finish();
}

/* What was answered before a flush that was answered is on the disk. */
static void test_flush(void)
{
    uint8_t data[512];
    setup(F_ALL);
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmpuint(run_write(i, (uint8_t)(i + 1), 512), ==, S_OK);
    }
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 0); /* a write-back cache */
    g_assert_cmpuint(run(make(T_FLUSH, 0, 0, false)), ==, S_OK);
    g_assert_cmpuint(run_write(20, 21, 512), ==, S_OK);
    fake_file_power_cut();
    for (unsigned i = 0; i < 21; i++) {
        g_assert_cmpuint(run_read(i, data, 512), ==, S_OK);
        g_assert_cmpuint(data[0], ==, i < 20 ? i + 1 : 0);
    }
    finish();
}

/* Without a cache (5.2.5.1), an answered write is on the disk. */
static void check_write_through(void)
{
    uint8_t data[512];
    unsigned flushes = fake_file_count(FAKE_FILE_FLUSH);
    g_assert_cmpuint(run_write(7, 77, 512), ==, S_OK);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, flushes + 1);
    fake_file_power_cut();
    g_assert_cmpuint(run_read(7, data, 512), ==, S_OK);
    g_assert_cmpuint(data[0], ==, 77);
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpuint(run_write(8, 88, 512), ==, S_IOERR);
}

static void test_write_through(void)
{
    setup(0); /* the driver knows no flush */
    check_write_through();
    finish();

    setup(F_ALL);
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + 0x120, 1, 0)); /* writeback off */
    g_assert_cmpuint(config(0x20, 1), ==, 0);
    check_write_through();
    driver_put(&d, 0x70, 0);
    g_assert_cmpuint(config(0x20, 1), ==, 1);
    finish();
}

/* A reset, or the end, with requests in flight: the guest's memory is its own again at once. */
static void test_reset_in_flight(void)
{
    setup(F_ALL);
    for (unsigned round = 0; round < 50; round++) {
        gpa_t heap = d.heap;
        struct request requests[16];
        for (unsigned i = 0; i < 16; i++) {
            requests[i] = make(i % 3 == 0 ? T_OUT : T_IN, i * 64, 32768, false);
        }
        driver_kick(&d, 0);
        host_mutex_lock(&d.lock);
        aio_poll(d.ctx, false);
        host_mutex_unlock(&d.lock);
        driver_put(&d, 0x70, 0);
        memset(driver_at(&d, heap), 0x99, d.heap - heap);
        driver_poll(&d);
        for (unsigned i = 0; i < 16; i++) {
            g_assert_cmpuint(status_of(&requests[i]), ==, 0x99);
            g_assert_cmpuint(*driver_at(&d, requests[i].data), ==, 0x99);
        }
        driver_start(&d, F_ALL, 256);
    }
    make(T_IN, 0, 32768, false);
    make(T_OUT, 0, 32768, false);
    driver_kick(&d, 0);
    host_mutex_lock(&d.lock);
    aio_poll(d.ctx, false);
    host_mutex_unlock(&d.lock);
    finish();
}

/* The largest request: the last descriptor that fits. */
static void test_many_segments(void)
{
    struct driver_segment segments[256];
    setup(F_ALL);
    gpa_t header = driver_alloc(&d, 16, 16), data = driver_alloc(&d, 254 * 1024, 512);
    segments[0] = (struct driver_segment){ header, 16, false };
    for (unsigned i = 0; i < 254; i++) { /* every other half, so that no two touch */
        segments[i + 1] = (struct driver_segment){ data + i * 1024, 512, true };
    }
    segments[255] = (struct driver_segment){ driver_alloc(&d, 1, 1), 1, true };
    for (unsigned i = 0; i < 254; i++) {
        g_assert_cmpuint(run_write(i, (uint8_t)i, 512), ==, S_OK);
    }
    memset(driver_at(&d, header), 0, 16);
    uint16_t head;
    uint32_t size;
    driver_add_indirect(&d, 0, segments, 256);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &head, &size);
    g_assert_cmpuint(size, ==, 254 * 512 + 1);
    for (unsigned i = 0; i < 254; i++) {
        g_assert_cmpuint(*driver_at(&d, data + i * 1024), ==, i);
        g_assert_cmpuint(*driver_at(&d, data + i * 1024 + 511), ==, i);
        g_assert_cmpuint(*driver_at(&d, data + i * 1024 + 512), ==, 0);
    }
    finish();
}

/* Sends one piece of a discard or of zeroes, `size` bytes of it. */
static uint8_t run_range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags,
                         uint32_t size)
{
    gpa_t heap = d.heap;
    struct request r = make(type, 0, size, false);
    uint8_t range[32] = { 0 };
    memcpy(range, &sector, 8);
    memcpy(range + 8, &sectors, 4);
    memcpy(range + 12, &flags, 4);
    memcpy(driver_at(&d, r.data), range, size);
    uint8_t status = run(r);
    d.heap = heap;
    return status;
}

static void check_sector(uint64_t sector, uint8_t expected)
{
    uint8_t data[512];
    g_assert_cmpuint(run_read(sector, data, 512), ==, S_OK);
    g_assert_cmpuint(data[0], ==, expected);
    g_assert_cmpuint(data[511], ==, expected);
}

static void test_ranges(void)
{
    fake_file_reset();
    g_autofree uint8_t *image = g_malloc0(SECTORS * 512);
    memset(image, 7, SECTORS * 512);
    fake_file_put("disk", image, SECTORS * 512);
    setup_with(&(struct block_options){ .path = "disk", .format = "raw", .discard = true },
               F_ALL | F_DISCARD | F_ZEROES);
    g_assert_true(virtio_has_feature(d.dev, 13) && virtio_has_feature(d.dev, 14));
    g_assert_cmpuint(config(0x24, 4), >=, 8);
    g_assert_cmpuint(config(0x28, 4), ==, 1);
    g_assert_cmpuint(config(0x38, 1), ==, 1);
    g_assert_cmpuint(run_range(T_ZEROES, 10, 5, 0, 16), ==, S_OK);
    g_assert_cmpuint(run_range(T_ZEROES, 20, 1, 1, 16), ==, S_OK);
    g_assert_cmpuint(run_range(T_DISCARD, 40, 8, 0, 16), ==, S_OK);
    check_sector(9, 7);
    check_sector(10, 0);
    check_sector(14, 0);
    check_sector(15, 7);
    check_sector(20, 0);
    check_sector(40, 0);
    check_sector(48, 7);
    g_assert_cmpuint(run_range(T_ZEROES, SECTORS, 0, 0, 16), ==, S_OK);
    g_assert_cmpuint(run_range(T_ZEROES, SECTORS - 1, 2, 0, 16), ==, S_IOERR);
    g_assert_cmpuint(run_range(T_DISCARD, UINT64_MAX, 1, 0, 16), ==, S_IOERR);
    g_assert_cmpuint(run_range(T_DISCARD, 0, 1, 1, 16), ==, S_UNSUPP);
    g_assert_cmpuint(run_range(T_ZEROES, 0, 1, 2, 16), ==, S_UNSUPP);
    g_assert_cmpuint(run_range(T_ZEROES, 0, 1, 0, 15), ==, S_IOERR);
    g_assert_cmpuint(run_range(T_ZEROES, 0, 1, 0, 32), ==, S_IOERR);
    g_assert_cmpuint(run_range(T_ZEROES, 0, 1, 0, 0), ==, S_IOERR);
    fake_file_fail(FAKE_FILE_ZERO, 1, FILE_ERROR_IO);
    g_assert_cmpuint(run_range(T_ZEROES, 0, 1, 0, 16), ==, S_IOERR);
    check_sector(0, 7);
    finish();
}

static void test_bad_serial(void)
{
    g_autoptr(GError) error = NULL;
    setup(F_ALL);
    g_assert_null(virtio_blk_new("disk1", &d.services, block, "123456789012345678901", 1, &error));
    g_assert_nonnull(strstr(error->message, "disk1"));
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk/identity", test_identity);
    g_test_add_func("/virtio-blk/integrity", test_integrity);
    g_test_add_func("/virtio-blk/layout", test_layout);
    g_test_add_func("/virtio-blk/bad-requests", test_bad_requests);
    g_test_add_func("/virtio-blk/unanswerable", test_unanswerable);
    g_test_add_func("/virtio-blk/read-only", test_read_only);
    g_test_add_func("/virtio-blk/errors", test_errors);
    g_test_add_func("/virtio-blk/flush", test_flush);
    g_test_add_func("/virtio-blk/write-through", test_write_through);
    g_test_add_func("/virtio-blk/reset-in-flight", test_reset_in_flight);
    g_test_add_func("/virtio-blk/many-segments", test_many_segments);
    g_test_add_func("/virtio-blk/ranges", test_ranges);
    g_test_add_func("/virtio-blk/bad-serial", test_bad_serial);
    return g_test_run();
}
