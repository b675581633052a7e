/* Goal: a disk that fails does what rerror=, werror= and its limits say, and nothing is lost. */
#include <string.h>

#include <glib.h>

#include "emu/block/block.h"
#include "emu/block/node.h"
#include "platform/clock.h"
#include "tests/fake/file.h"

#define SIZE     (1u << 20)
#define REQUESTS 8

static struct {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct block *block;
    unsigned done, stops, resized;
    int result;
} b;

static void done(struct block_request *request, int result)
{
    (void)request;
    b.done++;
    b.result = result;
}

static void stopped(void *opaque, struct block *block, const char *why)
{
    (void)opaque;
    g_assert_true(block == b.block);
    g_assert_nonnull(strstr(why, "disk"));
    b.stops++;
}

static void setup(struct block_options options)
{
    static const uint8_t zeros[SIZE];
    g_autoptr(GError) error = NULL;
    memset(&b, 0, sizeof(b));
    fake_file_reset();
    fake_file_put("disk", zeros, SIZE);
    b.ctx = aio_context_new("test", NULL);
    b.pool = thread_pool_new(b.ctx, 2, NULL);
    options.path = options.path != NULL ? options.path : "disk";
    b.block = block_open(b.ctx, b.pool, &options, &error);
    g_assert_no_error(error);
    block_set_stop(b.block, stopped, NULL);
}

static void finish(void)
{
    block_close(b.block);
    thread_pool_free(b.pool);
    aio_context_unref(b.ctx);
}

static struct block_request request_of(enum block_op op, const struct host_vec *vec,
                                       uint64_t offset)
{
    return (struct block_request){
        .op = op, .offset = offset, .vec = vec, .vec_count = vec != NULL, .done = done
    };
}

static int run(enum block_op op, void *data, size_t size)
{
    struct host_vec vec = { data, size };
    struct block_request request = request_of(op, size > 0 ? &vec : NULL, 0);
    block_submit(b.block, &request);
    block_drain(b.block);
    return b.result;
}

static bool waits_for_stop(void *opaque)
{
    (void)opaque;
    return b.stops == 0;
}

static void test_report_and_ignore(void)
{
    uint8_t data[512] = { 1 };
    setup((struct block_options){ .format = "raw", .on_write_error = ON_ERROR_IGNORE });
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data)), ==, 0);
    fake_file_fail(FAKE_FILE_READ, 1, FILE_ERROR_IO);
    g_assert_cmpint(run(BLOCK_READ, data, sizeof(data)), ==, FILE_ERROR_IO);
    g_assert_cmpuint(b.stops, ==, 0);
    finish();
}

/* What is kept is done when somebody says so, with the data it had. */
static void test_stop(void)
{
    uint8_t data[512], back[512];
    setup((struct block_options){ .format = "raw", .on_write_error = ON_ERROR_ENOSPC });
    memset(data, 7, sizeof(data));
    struct host_vec vec = { data, sizeof(data) };
    struct block_request request[3];
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE);
    for (unsigned i = 0; i < 3; i++) {
        request[i] = request_of(BLOCK_WRITE, &vec, i * 512);
        block_submit(b.block, &request[i]);
    }
    aio_wait_while(b.ctx, waits_for_stop, NULL, "the stop");
    while (b.done < 2) {
        aio_poll(b.ctx, true);
    }
    g_assert_cmpuint(block_stopped(b.block), ==, 1);
    g_assert_cmpuint(block_in_flight(b.block), ==, 1);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE); /* still none */
    block_resume(b.block);
    while (b.stops < 2) {
        aio_poll(b.ctx, true);
    }
    g_assert_cmpuint(b.done, ==, 2);
    block_resume(b.block);
    block_drain(b.block);
    g_assert_cmpint(b.result, ==, 0);
    g_assert_cmpuint(block_stopped(b.block), ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct host_vec into = { back, sizeof(back) };
        request[0] = request_of(BLOCK_READ, &into, i * 512);
        block_submit(b.block, &request[0]);
        block_drain(b.block);
        g_assert_cmpmem(back, 512, data, 512);
    }
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_IO); /* not for want of space */
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data)), ==, FILE_ERROR_IO);
    finish();
}

/* A reset takes back what was kept, and the end of the machine ends it. */
static void test_stop_without_resume(void)
{
    uint8_t data[512] = { 1 };
    struct host_vec vec = { data, sizeof(data) };
    struct block_request first = request_of(BLOCK_WRITE, &vec, 0), second = first;
    setup((struct block_options){ .format = "raw", .on_write_error = ON_ERROR_STOP });
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_IO);
    block_submit(b.block, &first);
    aio_wait_while(b.ctx, waits_for_stop, NULL, "the stop");
    block_cancel(b.block, &first);
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, 1);
    g_assert_cmpint(b.result, <, 0);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_IO);
    block_submit(b.block, &second);
    while (block_stopped(b.block) == 0) {
        aio_poll(b.ctx, true);
    }
    finish();
    g_assert_cmpuint(b.done, ==, 2);
}

/* Nobody touches memory that was taken back, also where the graph cannot return it. */
static void test_cancel_copied(void)
{
    struct block_request request[REQUESTS];
    struct host_vec vec[REQUESTS];
    setup((struct block_options){ .format = NULL }); /* a guessed format bounces */
    g_assert_false(node_can_withdraw(block_root(b.block)));
    for (unsigned i = 0; i < REQUESTS; i++) {
        vec[i] = (struct host_vec){ g_malloc(16384), 16384 };
        request[i] = request_of(i % 2 ? BLOCK_WRITE : BLOCK_READ, &vec[i], i * 16384);
        block_submit(b.block, &request[i]);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        block_cancel(b.block, &request[i]);
        g_free(vec[i].base);
    }
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, REQUESTS);
    finish();
}

/* Two seconds' worth at once takes at least the time it must, less the burst. */
static void test_limits(void)
{
    uint8_t data[512];
    struct block_request request[REQUESTS];
    struct host_vec vec = { data, sizeof(data) };
    setup((struct block_options){ .format = "raw", .limits.requests[THROTTLE_TOTAL] = 20 });
    int64_t began_ns = host_monotonic_ns();
    for (unsigned i = 0; i < REQUESTS; i++) {
        request[i] = request_of(BLOCK_READ, &vec, 0);
        block_submit(b.block, &request[i]);
    }
    block_drain(b.block);
    g_assert_cmpint(host_monotonic_ns() - began_ns, >=, (REQUESTS - 1) * 50000000 - 110000000);
    finish();
}

static void test_closing_ignores_limits(void)
{
    uint8_t data[512] = { 3 };
    struct block_request request[2];
    struct host_vec vec = { data, sizeof(data) };
    setup((struct block_options){ .format = "raw", .limits.bytes[THROTTLE_WRITE] = 1 });
    for (unsigned i = 0; i < 2; i++) {
        request[i] = request_of(BLOCK_WRITE, &vec, i * 512);
        block_submit(b.block, &request[i]);
    }
    finish(); /* the second one would wait for eight minutes */
    g_assert_cmpuint(b.done, ==, 2);
    g_assert_cmpint(b.result, ==, 0);
}

/* New limits hold for who waits already. */
static void test_new_limits(void)
{
    uint8_t data[512] = { 3 };
    struct block_request request[3];
    struct host_vec vec = { data, sizeof(data) };
    setup((struct block_options){ .format = "raw", .limits.bytes[THROTTLE_WRITE] = 1 });
    for (unsigned i = 0; i < 3; i++) {
        request[i] = request_of(BLOCK_WRITE, &vec, i * 512);
        block_submit(b.block, &request[i]);
    }
    while (b.done < 1) {
        aio_poll(b.ctx, true);
    }
    g_assert_cmpuint(block_in_flight(b.block), ==, 2);
    block_set_limits(b.block, &(struct throttle_limits){ .requests[THROTTLE_TOTAL] = 1000 });
    block_drain(b.block);
    g_assert_cmpuint(b.done, ==, 3);
    finish();
}

static void resized(void *opaque)
{
    (void)opaque;
    b.resized++;
}

static void test_resize(void)
{
    g_autoptr(GError) error = NULL;
    uint8_t data[512] = { 1 };
    setup((struct block_options){ .format = "raw" });
    block_set_resized(b.block, resized, NULL);
    g_assert_true(block_resize(b.block, 2 * SIZE, &error));
    g_assert_cmpuint(block_size(b.block), ==, 2 * SIZE);
    g_assert_cmpuint(b.resized, ==, 1);
    fake_file_fail(FAKE_FILE_TRUNCATE, 1, FILE_ERROR_NO_SPACE);
    g_assert_false(block_resize(b.block, 4 * SIZE, &error));
    g_assert_nonnull(strstr(error->message, "disk"));
    g_assert_cmpuint(block_size(b.block), ==, 2 * SIZE);
    g_assert_cmpint(run(BLOCK_WRITE, data, sizeof(data)), ==, 0);
    finish();
}

static void expect_refused(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    const struct block_options options = { .path = path, .format = "raw" };
    g_assert_null(block_open(b.ctx, b.pool, &options, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, text));
}

static void test_refused(void)
{
    setup((struct block_options){ .format = "raw" });
    fake_file_put("empty", "", 0);
    expect_refused("empty", "tinamou img create");
    expect_refused("disk", "in use");
    finish();
}

/* Who closes hears that what was written before could not be put on stable storage. */
static void test_closing_fails(void)
{
    static uint8_t data[512];
    const struct host_vec vec = { data, sizeof(data) };
    setup((struct block_options){ .format = "raw" });
    struct block_request request = request_of(BLOCK_WRITE, &vec, 0);
    block_submit(b.block, &request);
    block_drain(b.block);
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpint(block_close(b.block), ==, FILE_ERROR_IO);
    b.block = NULL;
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/report-and-ignore", test_report_and_ignore);
    g_test_add_func("/policy/stop", test_stop);
    g_test_add_func("/policy/stop-without-resume", test_stop_without_resume);
    g_test_add_func("/policy/cancel-copied", test_cancel_copied);
    g_test_add_func("/policy/limits", test_limits);
    g_test_add_func("/policy/new-limits", test_new_limits);
    g_test_add_func("/policy/closing-ignores-limits", test_closing_ignores_limits);
    g_test_add_func("/policy/resize", test_resize);
    g_test_add_func("/policy/refused", test_refused);
    g_test_add_func("/policy/closing-fails", test_closing_fails);
    return g_test_run();
}
