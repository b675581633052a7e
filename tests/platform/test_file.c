/* Files: bytes written at an offset are read there by any thread and name; failures say why. */
#include "platform/file.h"

#include <string.h>

#include <glib/gstdio.h>

#include "platform/error.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "tests/platform/child.h"

#define READ_WRITE (HOST_FILE_READ | HOST_FILE_WRITE)
#define IN_USE     3 /* exit status of a child that could not get the file */

static char *folder;
static const char *program;

static char *path_of(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static struct host_file *open_ok(const char *path, unsigned mode)
{
    GError *error = NULL;
    struct host_file *file = host_file_open(path, mode, &error);
    g_assert_no_error(error);
    return file;
}

static void expect(GError **error, enum host_error code, const char *named)
{
    g_assert_error(*error, host_error_quark(), (int)code);
    g_assert_true(g_utf8_validate((*error)->message, -1, NULL));
    g_assert_nonnull(strstr((*error)->message, named));
    g_clear_error(error);
}

static void test_positions(void)
{
    g_autofree char *path = path_of("positions");
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    uint8_t data[16] = { 0 };
    uint64_t size;
    g_assert_cmpint(host_file_write(file, "tail", 4, 100), ==, 4);
    g_assert_cmpint(host_file_write(file, "head", 4, 0), ==, 4);
    g_assert_true(host_file_size(file, &size, NULL));
    g_assert_cmpuint(size, ==, 104);
    g_assert_cmpint(host_file_read(file, data, 8, 96), ==, 8);
    g_assert_cmpmem(data, 8, "\0\0\0\0tail", 8);
    g_assert_cmpint(host_file_read(file, data, 16, 100), ==, 4);
    g_assert_cmpint(host_file_read(file, data, 16, 104), ==, 0);
    g_assert_cmpint(host_file_read(file, data, 16, 1 << 30), ==, 0);
    g_assert_cmpint(host_file_read(file, data, 16, UINT64_MAX - 4), ==, FILE_ERROR_IO);
    g_assert_cmpint(host_file_write(file, data, 16, UINT64_MAX - 4), ==, FILE_ERROR_NO_SPACE);
    g_assert_cmpint(host_file_flush(file), ==, 0);
    host_file_close(file);
    host_file_close(NULL);
    g_assert_true(host_file_remove(path, NULL));
}

/* Many pieces, empty and large ones among them, follow each other in the file. */
static void test_pieces(void)
{
    enum { PIECES = 1000, BYTES = PIECES * (PIECES - 1) / 2 };
    g_autofree char *path = path_of("pieces");
    g_autofree uint8_t *out = g_malloc(BYTES), *in = g_malloc0(BYTES + 8);
    struct host_vec out_vec[PIECES], in_vec[PIECES];
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    for (unsigned i = 0, at = 0; i < PIECES; at += i++) {
        memset(out + at, (int)(i % 251), i);
        out_vec[i] = (struct host_vec){ out + at, i };
        in_vec[i] = (struct host_vec){ in + at, i };
    }
    g_assert_cmpint(host_file_write_vec(file, out_vec, PIECES, 77), ==, BYTES);
    g_assert_cmpint(host_file_read_vec(file, in_vec, PIECES, 77), ==, BYTES);
    g_assert_cmpmem(in, BYTES, out, BYTES);
    memset(in, 0, BYTES);
    g_assert_cmpint(host_file_read_vec(file, in_vec, PIECES, 78), ==, BYTES - 1); /* at the end */
    g_assert_cmpmem(in, BYTES - 1, out + 1, BYTES - 1);
    g_assert_cmpint(host_file_read_vec(file, in_vec, 0, 0), ==, 0);
    g_assert_cmpint(host_file_write_vec(file, out_vec, 1, 0), ==, 0); /* one empty piece */
    g_assert_cmpint(host_file_read_vec(file, in_vec, 9, UINT64_MAX - 9), ==, FILE_ERROR_IO);
    g_assert_cmpint(host_file_write_vec(file, out_vec, 9, UINT64_MAX - 9), <, 0);
    memset(in, 0, BYTES);
    int64_t cached = host_file_read_cached(file, in_vec, 100, 77);
    if (cached != FILE_ERROR_AGAIN) { /* a host that can tell, and has it */
        g_assert_cmpint(cached, ==, 4950);
        g_assert_cmpmem(in, 4950, out, 4950);
    }
    g_assert_cmpint(host_file_read_cached(file, in_vec, 100, 77 + BYTES - 4000), ==,
                    FILE_ERROR_AGAIN);
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

static void test_beyond_4_gib(void)
{
    g_autofree char *path = path_of("large");
    uint64_t far = (uint64_t)5 << 30, size;
    char data[4];
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    g_assert_cmpint(host_file_truncate(file, far), ==, 0);
    g_assert_cmpint(host_file_write(file, "edge", 4, far - 2), ==, 4);
    g_assert_cmpint(host_file_read(file, data, 4, far - 2), ==, 4);
    g_assert_cmpmem(data, 4, "edge", 4);
    g_assert_true(host_file_size(file, &size, NULL));
    g_assert_cmpuint(size, ==, far + 2);
    g_assert_cmpint(host_file_truncate(file, 3), ==, 0);
    g_assert_cmpint(host_file_truncate(file, 8), ==, 0);
    g_assert_cmpint(host_file_read(file, data, 4, 2), ==, 4);
    g_assert_cmpmem(data, 4, "\0\0\0\0", 4);
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

/* Zeros without writing them, where the host can; the rest and the length stay. */
static void test_zero(void)
{
    static uint8_t data[300000], back[300000];
    g_autofree char *path = path_of("zero");
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    uint64_t size;
    memset(data, 5, sizeof(data));
    for (unsigned release = 0; release <= 1; release++) {
        g_assert_cmpint(host_file_write(file, data, sizeof(data), 0), ==, sizeof(data));
        int result = host_file_zero(file, 70001, 150000, release == 1);
        g_assert_true(result == 0 || result == FILE_ERROR_UNSUPPORTED);
        g_test_message("release %u: %d", release, result);
        memset(data + 70001, result == 0 ? 0 : 5, 150000);
        g_assert_cmpint(host_file_read(file, back, sizeof(back), 0), ==, sizeof(back));
        g_assert_cmpmem(back, sizeof(back), data, sizeof(data));
        memset(data, 5, sizeof(data));
    }
    int result = host_file_zero(file, 1000, 0, true);
    g_assert_true(result == 0 || result == FILE_ERROR_UNSUPPORTED);
    host_file_zero(file, 299999, 100000, false);
    g_assert_true(host_file_size(file, &size, NULL));
    g_assert_cmpuint(size, ==, sizeof(data));
    host_file_close(file);
    file = open_ok(path, HOST_FILE_READ);
    g_assert_cmpint(host_file_zero(file, 0, 10, false), ==, FILE_ERROR_READ_ONLY);
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

static void test_modes(void)
{
    g_autofree char *path = path_of("modes");
    GError *error = NULL;
    g_assert_null(host_file_open(path, HOST_FILE_READ, &error));
    expect(&error, HOST_ERROR_NOT_FOUND, path);
    g_assert_null(host_file_open(path, READ_WRITE, &error));
    expect(&error, HOST_ERROR_NOT_FOUND, path);
    struct host_file *file =
        open_ok(path, HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE);
    g_assert_cmpint(host_file_write(file, "12345", 5, 0), ==, 5);
    host_file_close(file);
    g_assert_null(
        host_file_open(path, READ_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE, &error));
    expect(&error, HOST_ERROR_EXISTS, path);
    file = open_ok(path, HOST_FILE_READ);
    g_assert_cmpint(host_file_write(file, "x", 1, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(host_file_truncate(file, 0), ==, FILE_ERROR_READ_ONLY);
    g_assert_cmpint(host_file_flush(file), ==, 0);
    host_file_close(file);
    file = open_ok(path, READ_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE);
    uint64_t size;
    g_assert_true(host_file_size(file, &size, NULL));
    g_assert_cmpuint(size, ==, 0);
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
    g_assert_false(host_file_remove(path, &error));
    expect(&error, HOST_ERROR_NOT_FOUND, path);
}

static void test_types(void)
{
    enum host_file_type type;
    GError *error = NULL;
    g_autofree char *path = path_of("types");
    g_assert_null(host_file_open(folder, HOST_FILE_READ, &error));
    expect(&error, HOST_ERROR_WRONG_TYPE, folder);
    g_assert_null(host_file_open(folder, READ_WRITE, &error));
    expect(&error, HOST_ERROR_WRONG_TYPE, "directory");
    g_assert_true(host_file_type(folder, &type, NULL));
    g_assert_cmpint(type, ==, HOST_FILE_DIRECTORY);
    g_assert_false(host_file_type(path, &type, &error));
    expect(&error, HOST_ERROR_NOT_FOUND, path);
    g_assert_true(host_file_save(path, "x", 1, NULL));
    g_assert_true(host_file_type(path, &type, NULL));
    g_assert_cmpint(type, ==, HOST_FILE_REGULAR);
    g_assert_true(host_file_remove(path, NULL));
}

static void round_trip(const char *path)
{
    uint8_t *data;
    size_t size;
    GError *error = NULL;
    g_assert_true(host_file_save(path, "text", 4, &error));
    g_assert_no_error(error);
    g_assert_true(host_file_load(path, 4, &data, &size, &error));
    g_assert_no_error(error);
    g_assert_cmpmem(data, (int)size, "text", 4);
    g_free(data);
    g_assert_true(host_file_remove(path, NULL));
}

/* A Windows program that goes through its code page loses these letters. */
static void test_utf8_name(void)
{
    g_autofree char *path = path_of("Jürgen Ωλ 日本 🐦");
    round_trip(path);
    g_assert_true(host_file_save(path, "x", 1, NULL));
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_cmpstr(g_dir_read_name(dir), ==, "Jürgen Ωλ 日本 🐦");
    g_assert_null(g_dir_read_name(dir));
    g_assert_true(host_file_remove(path, NULL));
}

static void test_long_path(void)
{
    GPtrArray *made = g_ptr_array_new_with_free_func(g_free);
    const char *path = folder;
    GError *error = NULL;
    while (strlen(path) < 600) {
        path = g_build_filename(path, "eine ziemlich lange Straße mit Häusern", NULL);
        g_ptr_array_add(made, (char *)path);
    }
    g_assert_true(host_folder_create(path, &error));
    g_assert_no_error(error);
    g_assert_true(host_folder_create(path, &error));
    g_autofree char *file = g_build_filename(path, "Datei", NULL);
    round_trip(file);
    for (guint i = made->len; i > 0; i--) {
        g_assert_true(host_file_remove(made->pdata[i - 1], &error));
        g_assert_no_error(error);
    }
    g_ptr_array_unref(made);
}

static void test_whole(void)
{
    g_autofree char *path = path_of("whole");
    GError *error = NULL;
    uint8_t *data = NULL;
    size_t size = 77;
    g_autofree uint8_t *large = g_malloc(3000001);
    memset(large, 0x6b, 3000001);
    g_assert_true(host_file_save(path, large, 3000001, NULL));
    g_assert_false(host_file_load(path, 3000000, &data, &size, &error));
    expect(&error, HOST_ERROR_TOO_LARGE, path);
    g_assert_null(data);
    g_assert_cmpuint(size, ==, 77);
    g_assert_true(host_file_load(path, 3000001, &data, &size, &error));
    g_assert_cmpmem(data, (int)size, large, 3000001);
    g_free(data);
    g_assert_true(host_file_save(path, "short", 5, NULL));
    g_assert_true(host_file_save(path, "", 0, NULL));
    g_assert_true(host_file_load(path, 10, &data, &size, NULL));
    g_assert_cmpuint(size, ==, 0);
    g_free(data);
    g_assert_true(host_file_remove(path, NULL));
}

/* What was there stays, and no temporary is left. */
static void test_save_failure(void)
{
    g_autofree char *inside = path_of("missing" G_DIR_SEPARATOR_S "file");
    GError *error = NULL;
    g_assert_false(host_file_save(inside, "x", 1, &error));
    expect(&error, HOST_ERROR_NOT_FOUND, inside);
    g_assert_false(host_file_save(folder, "x", 1, &error));
    expect(&error, HOST_ERROR_WRONG_TYPE, folder);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
}

struct stripe {
    struct host_file *file;
    unsigned index;
};

#define STRIPES     4
#define STRIPE_SIZE 4096
#define STRIPE_ROWS 64

static void write_stripes(void *opaque)
{
    struct stripe *stripe = opaque;
    uint8_t data[STRIPE_SIZE], back[STRIPE_SIZE];
    for (unsigned row = 0; row < STRIPE_ROWS; row++) {
        uint64_t at = (uint64_t)(row * STRIPES + stripe->index) * STRIPE_SIZE;
        memset(data, (int)(row * STRIPES + stripe->index), sizeof(data));
        g_assert_cmpint(host_file_write(stripe->file, data, sizeof(data), at), ==, STRIPE_SIZE);
        g_assert_cmpint(host_file_read(stripe->file, back, sizeof(back), at), ==, STRIPE_SIZE);
        g_assert_cmpmem(back, sizeof(back), data, sizeof(data));
    }
}

static void test_threads(void)
{
    g_autofree char *path = path_of("threads");
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    struct host_thread *threads[STRIPES];
    struct stripe stripes[STRIPES];
    for (unsigned i = 0; i < STRIPES; i++) {
        stripes[i] = (struct stripe){ file, i };
        threads[i] = host_thread_new("stripe", write_stripes, &stripes[i], NULL);
    }
    for (unsigned i = 0; i < STRIPES; i++) {
        host_thread_join(threads[i]);
    }
    uint8_t data[STRIPE_SIZE];
    for (unsigned i = 0; i < STRIPES * STRIPE_ROWS; i++) {
        g_assert_cmpint(host_file_read(file, data, STRIPE_SIZE, (uint64_t)i * STRIPE_SIZE), ==,
                        STRIPE_SIZE);
        g_assert_cmpint(data[0], ==, (uint8_t)i);
        g_assert_cmpint(data[STRIPE_SIZE - 1], ==, (uint8_t)i);
    }
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

typedef bool lock_fn(struct host_file *file, bool exclusive, GError **error);

/* The child's side: 0 if it got the lock. */
static int try_lock_by(lock_fn *lock, const char *path, bool exclusive)
{
    GError *error = NULL;
    struct host_file *file = host_file_open(path, exclusive ? READ_WRITE : HOST_FILE_READ, &error);
    bool locked = file && lock(file, exclusive, &error);
    host_file_close(file);
    if (locked) {
        return 0;
    }
    expect(&error, HOST_ERROR_IN_USE, path);
    return IN_USE;
}

static int try_lock(const char *path, bool exclusive)
{
    return try_lock_by(host_file_lock, path, exclusive);
}

static int child_lock(const char *path, const char *kind)
{
    return child_run(program, (const char *[]){ "lock", path, kind, NULL });
}

static void test_locks(void)
{
    g_autofree char *path = path_of("locked Ω");
    g_assert_true(host_file_save(path, "x", 1, NULL));
    struct host_file *writer = open_ok(path, READ_WRITE);
    GError *error = NULL;
    g_assert_true(host_file_lock(writer, true, &error));
    g_assert_no_error(error);
    g_assert_cmpint(child_lock(path, "exclusive"), ==, IN_USE);
    g_assert_cmpint(child_lock(path, "shared"), ==, IN_USE);
    g_assert_cmpint(try_lock(path, true), ==, IN_USE); /* and within one process */
    g_assert_cmpint(host_file_write(writer, "y", 1, 0), ==, 1);
    host_file_close(writer);
    g_assert_cmpint(child_lock(path, "exclusive"), ==, 0);
    struct host_file *reader = open_ok(path, HOST_FILE_READ);
    g_assert_true(host_file_lock(reader, false, &error));
    g_assert_no_error(error);
    g_assert_cmpint(child_lock(path, "shared"), ==, 0);
    g_assert_cmpint(child_lock(path, "exclusive"), ==, IN_USE);
    host_file_close(reader);
    g_assert_true(host_file_remove(path, NULL));
}

/* One who writes is alone, those who read are not; whatever lock the bytes are held by. */
static void test_image_locks(void)
{
    g_autofree char *path = path_of("image");
    g_assert_true(host_file_save(path, "x", 1, NULL));
    struct host_file *writer = open_ok(path, READ_WRITE);
    g_assert_true(host_file_lock_image(writer, true, NULL));
    g_assert_cmpint(try_lock_by(host_file_lock_image, path, true), ==, IN_USE);
    g_assert_cmpint(try_lock_by(host_file_lock_image, path, false), ==, IN_USE);
    host_file_close(writer);
    struct host_file *reader = open_ok(path, HOST_FILE_READ);
    g_assert_true(host_file_lock_image(reader, false, NULL));
    g_assert_cmpint(try_lock_by(host_file_lock_image, path, false), ==, 0);
    g_assert_cmpint(try_lock_by(host_file_lock_image, path, true), ==, IN_USE);
    host_file_close(reader);
    g_assert_cmpint(try_lock_by(host_file_lock_image, path, true), ==, 0);
    g_assert_true(host_file_remove(path, NULL));
}

/* A file with bytes at its end alone: what comes before may be a hole, and never hides them. */
static void test_extents(void)
{
    static const uint64_t end = 1 << 20;
    g_autofree char *path = path_of("sparse");
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE);
    uint64_t size = 0, at = 0;
    bool data = false;
    g_assert_cmpint(host_file_truncate(file, end), ==, 0);
    g_assert_cmpint(host_file_zero(file, 0, end, true), <=, 0); /* makes it sparse on win32 */
    g_assert_cmpint(host_file_write(file, "x", 1, end - 1), ==, 1);
    while (at < end && host_file_extent(file, at, end - at, &size, &data) == 0) {
        g_assert_cmpuint(size, >, 0);
        g_assert_cmpuint(size, <=, end - at);
        at += size;
    }
    g_assert_true(at == 0 || (at == end && data));
    g_assert_true(host_file_same(path, path));
    g_assert_false(host_file_same(path, folder));
    g_assert_false(host_file_same(path, "nothing"));
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

/* Around the cache, with the alignment that the host asks for. */
static void test_direct(void)
{
    g_autofree char *path = path_of("direct");
    struct host_file *file = open_ok(path, READ_WRITE | HOST_FILE_CREATE | HOST_FILE_DIRECT);
    size_t step = host_file_alignment(file);
    g_autofree uint8_t *memory = g_malloc0(3 * step + 8192);
    uint8_t *data = memory + (-(uintptr_t)memory & (step - 1));
    g_assert_true(step >= 1 && step <= 4096);
    memset(data, 9, 2 * step);
    g_assert_cmpint(host_file_write(file, data, step, step), ==, step);
    g_assert_cmpint(host_file_read(file, data, 2 * step, 0), ==, 2 * step);
    g_assert_cmpint(data[0], ==, 0);
    g_assert_cmpint(data[step], ==, 9);
    host_file_close(file);
    g_assert_true(host_file_remove(path, NULL));
}

int main(int argc, char **argv)
{
    g_auto(GStrv) arguments = host_arguments(argc, argv);
    if (argc == 4 && strcmp(arguments[1], "lock") == 0) {
        return try_lock(arguments[2], strcmp(arguments[3], "exclusive") == 0);
    }
    g_test_init(&argc, &argv, NULL);
    program = arguments[0];
    folder = g_dir_make_tmp("tinamou-file-XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_test_add_func("/file/positions", test_positions);
    g_test_add_func("/file/pieces", test_pieces);
    g_test_add_func("/file/beyond-4-gib", test_beyond_4_gib);
    g_test_add_func("/file/modes", test_modes);
    g_test_add_func("/file/zero", test_zero);
    g_test_add_func("/file/types", test_types);
    g_test_add_func("/file/utf8-name", test_utf8_name);
    g_test_add_func("/file/long-path", test_long_path);
    g_test_add_func("/file/whole", test_whole);
    g_test_add_func("/file/save-failure", test_save_failure);
    g_test_add_func("/file/threads", test_threads);
    g_test_add_func("/file/locks", test_locks);
    g_test_add_func("/file/image-locks", test_image_locks);
    g_test_add_func("/file/extents", test_extents);
    g_test_add_func("/file/direct", test_direct);
    int status = g_test_run();
    host_file_remove(folder, NULL);
    g_free(folder);
    return status;
}
