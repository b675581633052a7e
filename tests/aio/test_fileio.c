/* Goal: every engine moves the same bytes, ends each request once, and reports the same errors. */
#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/fileio.h"
#include "aio/threadpool.h"
#include "platform/thread.h"

#define BLOCK  4096u
#define BLOCKS 300u

struct fixture {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct file_io *io;
    struct host_file *file;
    char *folder, *path;
    unsigned done;
    int64_t result;
};

static void set_up(struct fixture *fixture, gconstpointer engine)
{
    GError *error = NULL;

    fixture->ctx = aio_context_new("files", &error);
    fixture->pool = thread_pool_new(fixture->ctx, 4, &error);
    g_assert_no_error(error);
    aio_context_set_home(fixture->ctx);
    fixture->io = file_io_new_with(fixture->ctx, fixture->pool, engine, &error);
    if (!fixture->io) {
        g_test_skip(error->message); /* no such engine on this kernel */
        g_error_free(error);
        fixture->io = file_io_new_with(fixture->ctx, fixture->pool, NULL, NULL);
    }
    fixture->folder = g_dir_make_tmp("tinamou-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "file", NULL);
    error = NULL;
    fixture->file =
        host_file_open(fixture->path, HOST_FILE_READ | HOST_FILE_WRITE | HOST_FILE_CREATE, &error);
    g_assert_no_error(error);
}

static void tear_down(struct fixture *fixture, gconstpointer engine)
{
    (void)engine;
    file_io_free(fixture->io);
    thread_pool_free(fixture->pool);
    host_file_close(fixture->file);
    while (aio_poll(fixture->ctx, false)) {
    }
    aio_context_unref(fixture->ctx);
    g_remove(fixture->path);
    g_rmdir(fixture->folder);
    g_free(fixture->path);
    g_free(fixture->folder);
}

static void request_done(struct file_request *request, int64_t result)
{
    struct fixture *fixture = request->opaque;

    fixture->done++;
    fixture->result = result;
}

static int64_t run(struct fixture *fixture, enum file_op op, struct host_file *file,
                   const struct host_vec *vec, unsigned count, uint64_t offset)
{
    struct file_request request = { .op = op,
                                    .file = file,
                                    .vec = vec,
                                    .vec_count = count,
                                    .offset = offset,
                                    .done = request_done,
                                    .opaque = fixture };

    fixture->done = 0;
    file_io_submit(fixture->io, &request);
    g_assert_cmpint(fixture->done, ==, 0); /* never from inside of submit */
    while (!fixture->done) {
        aio_poll(fixture->ctx, true);
    }
    g_assert_cmpint(fixture->done, ==, 1);
    return fixture->result;
}

static void test_pieces(struct fixture *fixture, gconstpointer engine)
{
    uint8_t out[1000], in[1000] = { 0 };
    const struct host_vec write[] = { { out, 300 }, { out + 300, 0 }, { out + 300, 700 } };
    const struct host_vec read[] = { { in, 1 }, { in + 1, 600 }, { in + 601, 399 } };
    struct host_vec many[100];

    (void)engine;
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7);
    }
    g_assert_cmpint(run(fixture, FILE_OP_WRITE, fixture->file, write, 3, 5000), ==, 1000);
    g_assert_cmpint(run(fixture, FILE_OP_FLUSH, fixture->file, NULL, 0, 0), ==, 0);
    g_assert_cmpint(run(fixture, FILE_OP_READ, fixture->file, read, 3, 5000), ==, 1000);
    g_assert_cmpint(memcmp(in, out, sizeof(in)), ==, 0);
    g_assert_cmpint(run(fixture, FILE_OP_READ, fixture->file, read, 3, 5990), ==, 10);
    g_assert_cmpint(memcmp(in, out + 990, 10), ==, 0);
    g_assert_cmpint(run(fixture, FILE_OP_READ, fixture->file, read, 3, 6000), ==, 0);
    g_assert_cmpint(run(fixture, FILE_OP_READ, fixture->file, read, 1, 1 << 20), ==, 0);
    for (unsigned i = 0; i < 100; i++) {
        many[i] = (struct host_vec){ in + i * 10, 10 };
    }
    g_assert_cmpint(run(fixture, FILE_OP_READ, fixture->file, many, 100, 5000), ==, 1000);
    g_assert_cmpint(memcmp(in, out, sizeof(in)), ==, 0);
}

static void test_read_only(struct fixture *fixture, gconstpointer engine)
{
    uint8_t byte = 1;
    const struct host_vec vec = { &byte, 1 };
    GError *error = NULL;
    struct host_file *file;

    (void)engine;
    g_assert_cmpint(run(fixture, FILE_OP_WRITE, fixture->file, &vec, 1, 0), ==, 1);
    host_file_close(fixture->file);
    fixture->file = NULL;
    file = host_file_open(fixture->path, HOST_FILE_READ, &error);
    g_assert_no_error(error);
    g_assert_cmpint(run(fixture, FILE_OP_WRITE, file, &vec, 1, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(run(fixture, FILE_OP_READ, file, &vec, 1, 0), ==, 1);
    host_file_close(file);
}

struct block_request {
    struct file_request request;
    struct host_vec vec;
    unsigned *left;
};

static void block_done(struct file_request *request, int64_t result)
{
    struct block_request *block = (struct block_request *)request;

    g_assert_cmpint(result, ==, BLOCK);
    --*block->left;
}

static void blocks_run(struct fixture *fixture, struct block_request *blocks, enum file_op op)
{
    unsigned left = BLOCKS;

    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned number = i * 37 % BLOCKS;

        blocks[number].left = &left;
        blocks[number].request = (struct file_request){ .op = op,
                                                        .file = fixture->file,
                                                        .vec = &blocks[number].vec,
                                                        .vec_count = 1,
                                                        .offset = (uint64_t)number * BLOCK,
                                                        .done = block_done };
        file_io_submit(fixture->io, &blocks[number].request);
    }
    while (left > 0) {
        g_assert_true(aio_poll(fixture->ctx, true));
    }
}

/* More at once than an engine's ring holds, in any order. */
static void test_many(struct fixture *fixture, gconstpointer engine)
{
    g_autofree struct block_request *blocks = g_new0(struct block_request, BLOCKS);
    g_autofree uint8_t *data = g_malloc(BLOCKS * BLOCK);

    (void)engine;
    for (unsigned i = 0; i < BLOCKS; i++) {
        memset(data + i * BLOCK, (int)i + 1, BLOCK);
        blocks[i].vec = (struct host_vec){ data + i * BLOCK, BLOCK };
    }
    blocks_run(fixture, blocks, FILE_OP_WRITE);
    memset(data, 0, BLOCKS * BLOCK);
    for (unsigned round = 0; round < 5; round++) {
        blocks_run(fixture, blocks, FILE_OP_READ);
    }
    for (unsigned i = 0; i < BLOCKS * BLOCK; i++) {
        g_assert_cmpint(data[i], ==, (uint8_t)(i / BLOCK + 1));
    }
}

struct withdrawal {
    struct fixture *fixture;
    struct block_request *blocks;
};

/* Takes all memory back and uses it, while the home thread is held up. */
static void withdraw_run(void *opaque)
{
    struct withdrawal *withdrawal = opaque;

    for (unsigned i = 0; i < BLOCKS; i++) {
        struct block_request *block = &withdrawal->blocks[i];

        file_io_withdraw(withdrawal->fixture->io, &block->request);
        memset(block->vec.base, 0xee, block->vec.size);
    }
}

static void withdrawn_done(struct file_request *request, int64_t result)
{
    struct block_request *block = (struct block_request *)request;

    g_assert_true(result == BLOCK || result == FILE_ERROR_IO);
    --*block->left;
}

static void test_withdraw(struct fixture *fixture, gconstpointer engine)
{
    g_autofree struct block_request *blocks = g_new0(struct block_request, BLOCKS);
    g_autofree uint8_t *data = g_malloc0(BLOCKS * BLOCK);
    struct withdrawal withdrawal = { fixture, blocks };
    const struct host_vec all = { data, BLOCKS * BLOCK };
    unsigned left = BLOCKS;

    (void)engine;
    g_assert_cmpint(run(fixture, FILE_OP_WRITE, fixture->file, &all, 1, 0), ==, BLOCKS * BLOCK);
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i].left = &left;
        blocks[i].vec = (struct host_vec){ data + i * BLOCK, BLOCK };
        blocks[i].request = (struct file_request){ .op = FILE_OP_READ,
                                                   .file = fixture->file,
                                                   .vec = &blocks[i].vec,
                                                   .vec_count = 1,
                                                   .offset = (uint64_t)i * BLOCK,
                                                   .done = withdrawn_done };
        file_io_submit(fixture->io, &blocks[i].request);
    }
    host_thread_join(host_thread_new("withdraw", withdraw_run, &withdrawal, NULL));
    while (left > 0) {
        g_assert_true(aio_poll(fixture->ctx, true));
    }
    for (unsigned i = 0; i < BLOCKS * BLOCK; i++) {
        g_assert_cmpint(data[i], ==, 0xee);
    }
    file_io_withdraw(fixture->io, &blocks[0].request); /* of one that is over: nothing */
}

static int64_t work_run(struct file_request *request)
{
    return (int64_t)request->offset * 2;
}

/* What is not a plain transfer goes the same way. */
static void test_work(struct fixture *fixture, gconstpointer engine)
{
    struct file_request request = {
        .op = FILE_OP_WORK, .work = work_run, .offset = 21, .done = request_done, .opaque = fixture
    };

    (void)engine;
    file_io_submit(fixture->io, &request);
    while (!fixture->done) {
        aio_poll(fixture->ctx, true);
    }
    g_assert_cmpint(fixture->result, ==, 42);
}

static void copy_in_coroutine(void *opaque)
{
    struct fixture *fixture = opaque;
    uint8_t data[100];
    const struct host_vec vec = { data, sizeof(data) };
    struct file_request request = {
        .op = FILE_OP_WRITE, .file = fixture->file, .vec = &vec, .vec_count = 1
    };

    memset(data, 'c', sizeof(data));
    g_assert_cmpint(file_io_submit_co(fixture->io, &request), ==, 100);
    memset(data, 0, sizeof(data));
    request.op = FILE_OP_READ;
    g_assert_cmpint(file_io_submit_co(fixture->io, &request), ==, 100);
    g_assert_cmpint(data[99], ==, 'c');
    fixture->done = 1;
}

static void test_coroutine(struct fixture *fixture, gconstpointer engine)
{
    (void)engine;
    coroutine_enter(coroutine_create("copy", copy_in_coroutine, fixture));
    while (!fixture->done) {
        aio_poll(fixture->ctx, true);
    }
}

static void close_in_coroutine(void *opaque)
{
    struct fixture *fixture = opaque;

    copy_in_coroutine(fixture);
    file_io_free(fixture->io);
    fixture->io = NULL;
}

/* The coroutine goes on inside of the completion that woke it. */
static void test_free(struct fixture *fixture, gconstpointer engine)
{
    (void)engine;
    coroutine_enter(coroutine_create("close", close_in_coroutine, fixture));
    while (fixture->io) {
        aio_poll(fixture->ctx, true);
    }
}

static void add(const struct file_engine_ops *engine)
{
    static const struct {
        const char *name;
        void (*test)(struct fixture *, gconstpointer);
    } tests[] = { { "pieces", test_pieces }, { "read-only", test_read_only },
                  { "many", test_many },     { "withdraw", test_withdraw },
                  { "work", test_work },     { "coroutine", test_coroutine },
                  { "free", test_free } };

    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path =
            g_strdup_printf("/%s/%s", engine ? engine->name : "pool", tests[i].name);

        g_test_add(path, struct fixture, engine, set_up, tests[i].test, tear_down);
    }
}

int main(int argc, char **argv)
{
    const struct file_engine_ops *engine;

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; (engine = file_engine_nth(i)); i++) {
        add(engine);
    }
    add(NULL);
    return g_test_run();
}
