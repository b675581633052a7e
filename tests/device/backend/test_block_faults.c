/* Goal: whichever call of the host fails, and how, a disk never lies: what it said was written
 * reads back, and what it said was flushed survives a power cut. */
#include <string.h>

#include <glib.h>

#include "emu/block/block.h"
#include "tests/fake/file.h"

#define SECTORS 64u
#define SIZE    (SECTORS * 512u)
#define STEPS   60

/* What the guest may believe of a sector: versions that a read may show. */
struct sector {
    uint8_t now;     /* written last, and acknowledged */
    uint8_t durable; /* the same when a flush was acknowledged last */
    bool torn;       /* a later write failed: it may be there, in part, or not */
};

static struct {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct block *block;
    struct sector sector[SECTORS];
    unsigned done;
    int result;
} b;

static void done(struct block_request *request, int result)
{
    (void)request;
    b.done++;
    b.result = result;
}

static int run(enum block_op op, void *data, uint64_t offset, uint64_t size)
{
    bool transfer = op == BLOCK_READ || op == BLOCK_WRITE;
    struct host_vec vec = { data, (size_t)size };
    struct block_request request = { .op = op,
                                     .offset = offset,
                                     .vec = &vec,
                                     .vec_count = transfer,
                                     .size = transfer ? 0 : size,
                                     .done = done };
    unsigned before = b.done;
    block_submit(b.block, &request);
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, before + 1); /* no request is lost, none ends twice */
    return b.result;
}

static void check_read(uint32_t first, uint32_t count)
{
    uint8_t data[SIZE];
    if (run(BLOCK_READ, data, first * 512, count * 512) != 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct sector *sector = &b.sector[first + i];
        for (uint32_t k = 0; k < 512 && !sector->torn; k++) {
            g_assert_cmpuint(data[i * 512 + k], ==, sector->now);
        }
    }
}

static void step(GRand *random, uint8_t version)
{
    uint8_t data[SIZE];
    uint32_t first = (uint32_t)g_rand_int_range(random, 0, SECTORS);
    uint32_t count = (uint32_t)g_rand_int_range(random, 1, (gint32)(SECTORS - first) + 1);
    int kind = g_rand_int_range(random, 0, 5);
    if (kind == 0) {
        if (run(BLOCK_FLUSH, NULL, 0, 0) == 0) {
            for (uint32_t i = 0; i < SECTORS; i++) {
                b.sector[i].durable = b.sector[i].now;
            }
        }
        return;
    }
    if (kind == 1) {
        check_read(first, count);
        return;
    }
    memset(data, version, sizeof(data));
    int result = kind == 2 ? run(BLOCK_ZEROES, NULL, first * 512, count * 512)
                           : run(BLOCK_WRITE, data, first * 512, count * 512);
    for (uint32_t i = first; i < first + count; i++) {
        b.sector[i].torn = result != 0;
        b.sector[i].now = result != 0 ? b.sector[i].now : kind == 2 ? 0 : version;
    }
}

/* After the cut a sector is what was flushed, or anything that was written later. */
static void check_durable(const struct block_options *options)
{
    struct sector before[SECTORS];
    uint8_t data[SIZE];
    memcpy(before, b.sector, sizeof(before));
    fake_file_power_cut();
    if (options->snapshot || options->cache == CACHE_UNSAFE ||
        run(BLOCK_READ, data, 0, SIZE) != 0) {
        return;
    }
    for (uint32_t i = 0; i < SECTORS; i++) {
        if (!before[i].torn && before[i].now == before[i].durable) {
            g_assert_cmpuint(data[i * 512], ==, before[i].durable);
            g_assert_cmpuint(data[i * 512 + 511], ==, before[i].durable);
        }
    }
}

/* One life of a disk in which one call fails; whether that call was made. */
static bool live(const struct block_options *options, enum fake_file_call call, unsigned nth,
                 int failure)
{
    static const uint8_t zeros[SIZE];
    GRand *random = g_rand_new_with_seed(nth);
    fake_file_reset();
    fake_file_put("disk", zeros, SIZE);
    memset(&b.sector, 0, sizeof(b.sector));
    b.block = block_open(b.ctx, b.pool, options, NULL);
    g_assert_nonnull(b.block);
    fake_file_fail(call, nth, failure);
    unsigned before = fake_file_count(call);
    for (unsigned i = 1; i <= STEPS; i++) {
        step(random, (uint8_t)i);
    }
    bool made = fake_file_count(call) >= before + nth;
    check_durable(options);
    block_close(b.block);
    g_rand_free(random);
    return made;
}

static void check_all(const struct block_options *options)
{
    static const enum fake_file_call calls[] = { FAKE_FILE_READ, FAKE_FILE_WRITE, FAKE_FILE_FLUSH,
                                                 FAKE_FILE_ZERO };
    static const int failures[] = { FILE_ERROR_IO, FILE_ERROR_NO_SPACE, FILE_ERROR_UNSUPPORTED };
    b.ctx = aio_context_new("test", NULL);
    b.pool = thread_pool_new(b.ctx, 2, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(failures); k++) {
            unsigned nth = 1;
            while (live(options, calls[i], nth, failures[k]) && nth < 200) {
                nth++;
            }
            g_test_message("call %u fails with %d: %u lives", calls[i], failures[k], nth);
        }
    }
    thread_pool_free(b.pool);
    aio_context_unref(b.ctx);
    fake_file_reset();
}

/* What a second flush says after one that failed. */
static int flush_again(enum block_cache cache, int failure)
{
    static const uint8_t zeros[SIZE];
    const struct block_options options = { .path = "disk", .format = "raw", .cache = cache };
    uint8_t data[SIZE] = { 1 };
    fake_file_reset();
    fake_file_put("disk", zeros, SIZE);
    b.ctx = aio_context_new("test", NULL);
    b.pool = thread_pool_new(b.ctx, 2, NULL);
    b.block = block_open(b.ctx, b.pool, &options, NULL);
    g_assert_nonnull(b.block);
    g_assert_cmpint(run(BLOCK_WRITE, data, 0, SIZE), ==, 0);
    fake_file_fail(FAKE_FILE_FLUSH, 1, failure);
    g_assert_cmpint(run(BLOCK_FLUSH, NULL, 0, 0), ==, failure);
    int result = run(BLOCK_FLUSH, NULL, 0, 0);
    block_close(b.block);
    thread_pool_free(b.pool);
    aio_context_unref(b.ctx);
    fake_file_reset();
    return result;
}

/* Only where no page cache can have dropped anything does a flush work again. */
static void test_flush_again(void)
{
    g_assert_cmpint(flush_again(CACHE_WRITEBACK, FILE_ERROR_NO_SPACE), ==, FILE_ERROR_IO);
    g_assert_cmpint(flush_again(CACHE_WRITEBACK, FILE_ERROR_IO), ==, FILE_ERROR_IO);
    g_assert_cmpint(flush_again(CACHE_NONE, FILE_ERROR_NO_SPACE), ==, 0);
    g_assert_cmpint(flush_again(CACHE_NONE, FILE_ERROR_IO), ==, FILE_ERROR_IO);
}

static void test_raw(void)
{
    check_all(&(struct block_options){ .path = "disk", .format = "raw" });
}

static void test_direct(void)
{
    check_all(&(struct block_options){
        .path = "disk", .format = "raw", .cache = CACHE_NONE, .detect_zeroes = DETECT_ZEROES });
}

static void test_write_through(void)
{
    check_all(&(struct block_options){ .path = "disk",
                                       .cache = CACHE_DIRECTSYNC,
                                       .discard = true,
                                       .detect_zeroes = DETECT_RELEASE });
}

static void test_overlay(void)
{
    check_all(&(struct block_options){ .path = "disk", .format = "raw", .snapshot = true });
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/faults/raw", test_raw);
    g_test_add_func("/faults/direct", test_direct);
    g_test_add_func("/faults/write-through", test_write_through);
    g_test_add_func("/faults/flush-again", test_flush_again);
    g_test_add_func("/faults/overlay", test_overlay);
    return g_test_run();
}
