/* Goal: raw images read, write, flush, fail and end as emu/block/block.h says, and overlays too. */
#include <string.h>

#include <glib.h>

#include "emu/block/block.h"
#include "tests/fake/file.h"

#define SIZE     (1u << 20)
#define REQUESTS 64

struct bench {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct block *block;
    unsigned done;
    int result;
};

static struct bench b;

static void done(struct block_request *request, int result)
{
    (void)request;
    b.done++;
    b.result = result;
}

static void setup(const struct block_options *options)
{
    g_autoptr(GError) error = NULL;
    memset(&b, 0, sizeof(b));
    b.ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    b.pool = thread_pool_new(b.ctx, 4, &error);
    g_assert_no_error(error);
    b.block = block_open(b.ctx, b.pool, options, &error);
    g_assert_no_error(error);
}

static void put_image(size_t size)
{
    g_autofree uint8_t *image = g_malloc(size);
    for (size_t i = 0; i < size; i++) {
        image[i] = (uint8_t)(i / 512 + i);
    }
    fake_file_reset();
    fake_file_put("disk", image, size);
}

static void finish(void)
{
    block_close(b.block);
    thread_pool_free(b.pool);
    while (aio_poll(b.ctx, false)) {
    }
    aio_context_unref(b.ctx);
}

/* One request, to its end. */
static int run(enum block_op op, void *data, size_t size, uint64_t offset)
{
    struct host_vec vec = { data, size };
    struct block_request request = {
        .op = op, .offset = offset, .vec = &vec, .vec_count = size > 0, .done = done
    };
    unsigned before = b.done;
    block_submit(b.block, &request);
    g_assert_cmpuint(b.done, ==, before); /* never from inside */
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, before + 1);
    return b.result;
}

static void check_file(size_t offset, const void *data, size_t size)
{
    size_t length;
    g_autofree uint8_t *image = fake_file_get("disk", &length);
    g_assert_cmpuint(offset + size, <=, length);
    g_assert_true(memcmp(image + offset, data, size) == 0);
}

static void test_transfer(void)
{
    uint8_t data[4096], back[4096];
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    g_assert_cmpuint(block_size(b.block), ==, SIZE);
    g_assert_cmpstr(block_path(b.block), ==, "disk");
    g_assert_false(block_read_only(b.block));
    memset(data, 0xa5, sizeof(data));
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data), 8192), ==, 0);
    g_assert_cmpint(run(BLOCK_READ, back, sizeof(back), 8192), ==, 0);
    g_assert_cmpmem(back, sizeof(back), data, sizeof(data));
    check_file(8192, data, sizeof(data));
    g_assert_cmpint(run(BLOCK_READ, back, 512, 0), ==, 0);
    g_assert_cmpuint(back[77], ==, 77);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 1);
    finish();
}

static void test_pieces(void)
{
    uint8_t a[512], c[1024], d[512];
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    struct host_vec vec[] = { { a, sizeof(a) }, { c, sizeof(c) }, { d, sizeof(d) } };
    struct block_request request = {
        .op = BLOCK_READ, .offset = 512, .vec = vec, .vec_count = 3, .done = done
    };
    block_submit(b.block, &request);
    block_drain(b.block);
    g_assert_cmpint(b.result, ==, 0);
    check_file(512, a, sizeof(a));
    check_file(1024, c, sizeof(c));
    check_file(2048, d, sizeof(d));
    finish();
}

/* What the host has in its cache is read without a worker, in order, and never from inside. */
static void test_cached(void)
{
    static uint8_t data[REQUESTS][1024];
    struct block_request request[REQUESTS];
    struct host_vec vec[REQUESTS];
    put_image(SIZE + 100);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    for (unsigned round = 0; round < 4; round++) {
        fake_file_set_cached(round % 2 == 1);
        memset(data, 0xee, sizeof(data));
        b.done = 0;
        for (unsigned i = 0; i < REQUESTS; i++) {
            vec[i] = (struct host_vec){ data[i], sizeof(data[i]) };
            request[i] = (struct block_request){
                .op = BLOCK_READ, .offset = i * 1024u, .vec = &vec[i], .vec_count = 1, .done = done
            };
            block_submit(b.block, &request[i]);
        }
        g_assert_cmpuint(b.done, ==, 0);
        block_drain(b.block);
        g_assert_cmpuint(b.done, ==, REQUESTS);
        check_file(0, data, sizeof(data));
    }
    g_assert_cmpint(run(BLOCK_READ, data, 512, SIZE), ==, 0); /* the end, and zeros behind it */
    g_assert_cmpuint(data[0][99], !=, 0);
    g_assert_cmpuint(data[0][100], ==, 0);
    g_assert_cmpint(run(BLOCK_READ, data, 512, SIZE + 512), <, 0);
    block_submit(b.block, &request[0]);
    block_submit(b.block, &request[1]);
    block_cancel(b.block, &request[0]);
    block_cancel(b.block, &request[1]);
    finish();
}

/* Many at a time, each to its own place. */
static void test_concurrent(void)
{
    static uint8_t data[REQUESTS][1024];
    struct block_request request[REQUESTS];
    struct host_vec vec[REQUESTS];
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    for (unsigned i = 0; i < REQUESTS; i++) {
        memset(data[i], (int)i + 1, sizeof(data[i]));
        vec[i] = (struct host_vec){ data[i], sizeof(data[i]) };
        request[i] = (struct block_request){
            .op = BLOCK_WRITE, .offset = i * 1024u, .vec = &vec[i], .vec_count = 1, .done = done
        };
        block_submit(b.block, &request[i]);
    }
    g_assert_cmpuint(block_in_flight(b.block), ==, REQUESTS);
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, REQUESTS);
    check_file(0, data, sizeof(data));
    finish();
}

/* An image that ends in the middle of a sector: zeros behind, and a write makes it longer. */
static void test_odd_size(void)
{
    uint8_t data[1024];
    put_image(1300);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    memset(data, 0xff, sizeof(data));
    g_assert_cmpint(run(BLOCK_READ, data, 1024, 512), ==, 0);
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmpuint(data[i], ==, i < 788 ? (uint8_t)((i + 512) / 512 + i + 512) : 0);
    }
    g_assert_cmpint(run(BLOCK_READ, data, 1024, 1024), <, 0);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 1536), <, 0);
    g_assert_cmpint(run(BLOCK_READ, data, 512, UINT64_MAX - 511), <, 0);
    g_assert_cmpint(run(BLOCK_WRITE, data, 1024, 1024), <, 0);
    memset(data, 0x77, sizeof(data));
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 1024), ==, 0);
    check_file(1024, data, 512);
    finish();
}

static void test_read_only(void)
{
    uint8_t data[512] = { 0 };
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw", .read_only = true });
    g_assert_true(block_read_only(b.block));
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 0), ==, 0);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    finish();
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 0);
}

/* What was flushed survives a power cut; what was not may be gone. */
static void test_flush(void)
{
    uint8_t first[512], second[512];
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    memset(first, 1, sizeof(first));
    memset(second, 2, sizeof(second));
    g_assert_cmpint(run(BLOCK_WRITE, first, 512, 0), ==, 0);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    g_assert_cmpint(run(BLOCK_WRITE, second, 512, 512), ==, 0);
    fake_file_power_cut();
    check_file(0, first, 512);
    g_assert_cmpint(run(BLOCK_READ, second, 512, 512), ==, 0);
    g_assert_cmpuint(second[0], ==, 1);
    g_assert_cmpuint(second[1], ==, 2);
    g_assert_cmpint(run(BLOCK_WRITE, second, 512, 512), ==, 0);
    finish(); /* closing flushes */
    fake_file_power_cut();
    check_file(512, second, 512);
}

static void test_cache_modes(void)
{
    uint8_t data[512] = { 9 };
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw", .cache = CACHE_WRITETHROUGH });
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 0), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 1);
    fake_file_power_cut();
    check_file(0, data, 512);
    finish();

    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw", .cache = CACHE_UNSAFE });
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 0), ==, 0);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    finish();
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 0);
}

static void test_errors(void)
{
    uint8_t data[1024] = { 0 };
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    fake_file_fail(FAKE_FILE_READ, 1, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 0), ==, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 0), ==, 0);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 0), ==, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(run(BLOCK_WRITE, data, 512, 0), ==, 0);
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, FILE_ERROR_IO);
    /* The host has dropped what it could not write: a later success would be a lie. */
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 0), ==, 0);
    finish();
}

static int run_range(enum block_op op, uint64_t offset, uint64_t size, bool release)
{
    struct block_request request = {
        .op = op, .offset = offset, .size = size, .release = release, .done = done
    };
    unsigned before = b.done;
    block_submit(b.block, &request);
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, before + 1);
    return b.result;
}

/* Zeros that nobody sends, by the host or by hand where it cannot, and hints about them. */
static void test_zeroes(void)
{
    static const uint8_t zeros[200000];
    uint8_t data[512];
    put_image(SIZE - 100);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    g_assert_false(block_discards(b.block));
    g_assert_cmpint(run_range(BLOCK_ZEROES, 4096, 100000, true), ==, 0);
    check_file(4096, zeros, 100000);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_ZERO), ==, 1);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
    fake_file_fail(FAKE_FILE_ZERO, 1, FILE_ERROR_UNSUPPORTED);
    g_assert_cmpint(run_range(BLOCK_ZEROES, 200000, 200000, false), ==, 0);
    check_file(200000, zeros, 200000);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), >, 1);
    g_assert_cmpint(run(BLOCK_READ, data, 512, 400000), ==, 0);
    g_assert_cmpint(data[0] | data[1] | data[2], !=, 0);
    fake_file_fail(FAKE_FILE_ZERO, 1, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(run_range(BLOCK_ZEROES, 0, 512, false), ==, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(run_range(BLOCK_ZEROES, SIZE - 512, 512, false), ==, 0); /* no longer file */
    g_assert_cmpint(run_range(BLOCK_ZEROES, SIZE - 512, 1024, false), <, 0);
    g_assert_cmpint(run_range(BLOCK_ZEROES, 0, UINT64_MAX, false), <, 0);
    unsigned before = fake_file_count(FAKE_FILE_ZERO);
    g_assert_cmpint(run_range(BLOCK_DISCARD, 0, 65536, false), ==, 0); /* ignored */
    g_assert_cmpuint(fake_file_count(FAKE_FILE_ZERO), ==, before);
    finish();
}

static void test_discard(void)
{
    static uint8_t data[8192];
    put_image(SIZE);
    setup(&(struct block_options){
        .path = "disk", .format = "raw", .discard = true, .cache = CACHE_WRITETHROUGH });
    g_assert_true(block_discards(b.block));
    g_assert_cmpint(run_range(BLOCK_DISCARD, 8192, 8192, false), ==, 0);
    check_file(8192, data, sizeof(data));
    g_assert_cmpuint(fake_file_count(FAKE_FILE_FLUSH), ==, 1);
    fake_file_fail(FAKE_FILE_ZERO, 1, FILE_ERROR_UNSUPPORTED);
    g_assert_cmpint(run_range(BLOCK_DISCARD, 0, 8192, false), ==, 0); /* a hint, not a must */
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
    finish();

    put_image(SIZE);
    setup(&(struct block_options){
        .path = "disk", .format = "raw", .discard = true, .read_only = true });
    g_assert_false(block_discards(b.block));
    g_assert_cmpint(run_range(BLOCK_DISCARD, 0, 512, false), ==, FILE_ERROR_READ_ONLY);
    finish();
}

/* A write of zeros alone takes the same way, one with a bit in it does not. */
static void test_detect_zeroes(void)
{
    static uint8_t data[8192];
    put_image(SIZE);
    setup(
        &(struct block_options){ .path = "disk", .format = "raw", .detect_zeroes = DETECT_ZEROES });
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data), 512), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_ZERO), ==, 1);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
    check_file(512, data, sizeof(data));
    data[8191] = 1;
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data), 512), ==, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 1);
    check_file(512, data, sizeof(data));
    data[8191] = 0;
    finish();
}

static void test_overlay(void)
{
    static uint8_t shadow[SIZE], back[SIZE];
    size_t length;
    put_image(SIZE - 100);
    g_autofree uint8_t *before = fake_file_get("disk", &length);
    memcpy(shadow, before, length);
    setup(&(struct block_options){ .path = "disk", .format = "raw", .snapshot = true });
    g_assert_false(block_read_only(b.block));
    GRand *random = g_rand_new_with_seed(11);
    for (unsigned i = 0; i < 300; i++) { /* pieces of any size and place, sectors or not */
        uint32_t size = (uint32_t)g_rand_int_range(random, 1, 20000);
        uint32_t offset = (uint32_t)g_rand_int_range(random, 0, (gint32)(SIZE - size));
        g_autofree uint8_t *data = g_malloc(size);
        memset(data, (int)i, size);
        memcpy(shadow + offset, data, size);
        g_assert_cmpint(run(BLOCK_WRITE, data, size, offset), ==, 0);
        g_assert_cmpint(run(BLOCK_READ, back, SIZE / 16, offset / (SIZE / 16) * (SIZE / 16)), ==,
                        0);
        g_assert_cmpmem(back, SIZE / 16, shadow + offset / (SIZE / 16) * (SIZE / 16), SIZE / 16);
    }
    g_rand_free(random);
    g_assert_cmpint(run(BLOCK_READ, back, SIZE, 0), ==, 0);
    g_assert_cmpmem(back, SIZE, shadow, SIZE);
    g_assert_cmpint(run(BLOCK_WRITE, back, 512, SIZE), <, 0);
    g_assert_cmpint(run_range(BLOCK_ZEROES, 1000, 9000, true), ==, 0);
    memset(shadow + 1000, 0, 9000);
    g_assert_cmpint(run(BLOCK_READ, back, SIZE, 0), ==, 0);
    g_assert_cmpmem(back, SIZE, shadow, SIZE);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    finish();
    g_autofree uint8_t *after = fake_file_get("disk", &length);
    g_assert_cmpuint(length, ==, SIZE - 100);
    g_assert_true(memcmp(after, before, length) == 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
}

static void test_overlay_error(void)
{
    uint8_t data[100] = { 1 };
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw", .snapshot = true });
    fake_file_fail(FAKE_FILE_READ, 1, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_WRITE, data, 100, 50), ==, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_READ, data, 100, 50), ==, 0);
    g_assert_cmpuint(data[0], ==, 50);
    finish();
}

/* After a cancel the memory is the caller's again, whether the request ran or not. */
static void test_cancel(void)
{
    struct block_request request[REQUESTS];
    struct host_vec vec[REQUESTS];
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    for (unsigned i = 0; i < REQUESTS; i++) {
        vec[i] = (struct host_vec){ g_malloc(16384), 16384 };
        request[i] = (struct block_request){
            .op = BLOCK_READ, .offset = i * 16384u, .vec = &vec[i], .vec_count = 1, .done = done
        };
        block_submit(b.block, &request[i]);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        block_cancel(b.block, &request[i]);
        g_free(vec[i].base);
    }
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, REQUESTS);
    block_cancel(b.block, &request[0]); /* of a finished one: nothing */
    finish();
}

static void expect_refused(const struct block_options *options, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(block_open(b.ctx, b.pool, options, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, text));
}

static void test_open_errors(void)
{
    put_image(SIZE);
    setup(&(struct block_options){ .path = "disk", .format = "raw" });
    expect_refused(&(struct block_options){ .path = "nothing", .format = "raw" }, "nothing");
    expect_refused(&(struct block_options){ .path = "disk", .format = "raw" },
                   "disk"); /* one writer at a time */
    expect_refused(&(struct block_options){ .path = "disk", .format = "raw", .read_only = true },
                   "disk");
    fake_file_fail(FAKE_FILE_SIZE, 1, FILE_ERROR_IO);
    block_close(b.block);
    b.block = NULL;
    expect_refused(&(struct block_options){ .path = "disk", .format = "raw" }, "disk");
    finish();

    setup(&(struct block_options){ .path = "disk", .format = "raw", .read_only = true });
    struct block *second = block_open(
        b.ctx, b.pool, &(struct block_options){ .path = "disk", .format = "raw", .snapshot = true },
        NULL);
    g_assert_nonnull(second); /* readers share */
    block_close(second);
    finish();
}

/* A disk with no image: zeros, then what was written, up to its end. */
static void test_memory(void)
{
    uint8_t out[3000], in[3000];
    memset(out, 7, sizeof(out));
    setup(&(struct block_options){ .memory_size = 8192 });
    g_assert_cmpuint(block_size(b.block), ==, 8192);
    g_assert_cmpstr(block_path(b.block), ==, "memory");
    g_assert_cmpint(run(BLOCK_READ, in, sizeof(in), 8192 - sizeof(in)), ==, 0);
    g_assert_true(in[0] == 0 && in[sizeof(in) - 1] == 0);
    g_assert_cmpint(run(BLOCK_WRITE, out, sizeof(out), 2000), ==, 0);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, 0);
    g_assert_cmpint(run(BLOCK_READ, in, sizeof(in), 2000), ==, 0);
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    g_assert_cmpint(run(BLOCK_READ, in, 512, 8192), <, 0);
    g_assert_cmpuint(fake_file_count(FAKE_FILE_WRITE), ==, 0);
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/transfer", test_transfer);
    g_test_add_func("/block/pieces", test_pieces);
    g_test_add_func("/block/cached", test_cached);
    g_test_add_func("/block/concurrent", test_concurrent);
    g_test_add_func("/block/odd-size", test_odd_size);
    g_test_add_func("/block/read-only", test_read_only);
    g_test_add_func("/block/flush", test_flush);
    g_test_add_func("/block/cache-modes", test_cache_modes);
    g_test_add_func("/block/errors", test_errors);
    g_test_add_func("/block/zeroes", test_zeroes);
    g_test_add_func("/block/discard", test_discard);
    g_test_add_func("/block/detect-zeroes", test_detect_zeroes);
    g_test_add_func("/block/overlay", test_overlay);
    g_test_add_func("/block/overlay-error", test_overlay_error);
    g_test_add_func("/block/memory", test_memory);
    g_test_add_func("/block/cancel", test_cancel);
    g_test_add_func("/block/open-errors", test_open_errors);
    return g_test_run();
}
