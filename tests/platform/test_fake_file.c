/* The double of platform/file.h keeps its contract and fails on demand; power cuts take the rest.
 */
#include "tests/fake/file.h"

#include <string.h>

#include "platform/error.h"

static void expect_content(const char *path, const char *text)
{
    size_t size;
    g_autofree uint8_t *data = fake_file_get(path, &size);
    g_assert_cmpmem(data, (int)size, text, (int)strlen(text));
}

static void test_power_cut(void)
{
    fake_file_reset();
    fake_file_put("disk", "12345678", 8);
    struct host_file *file = host_file_open("disk", HOST_FILE_READ | HOST_FILE_WRITE, NULL);
    g_assert_cmpint(host_file_write(file, "ab", 2, 0), ==, 2);
    g_assert_cmpint(host_file_flush(file), ==, 0);
    g_assert_cmpint(host_file_write(file, "cd", 2, 8), ==, 2);
    expect_content("disk", "ab345678cd");
    fake_file_power_cut();
    expect_content("disk", "ab345678");
    fake_file_fail(FAKE_FILE_FLUSH, 1, FILE_ERROR_IO);
    g_assert_cmpint(host_file_write(file, "xy", 2, 0), ==, 2);
    g_assert_cmpint(host_file_flush(file), ==, FILE_ERROR_IO);
    fake_file_power_cut();
    expect_content("disk", "ab345678");
    host_file_close(file);
}

static void test_nth_call(void)
{
    char data[4];
    fake_file_reset();
    fake_file_put("disk", "1234", 4);
    struct host_file *file = host_file_open("disk", HOST_FILE_READ | HOST_FILE_WRITE, NULL);
    fake_file_fail(FAKE_FILE_READ, 3, FILE_ERROR_IO);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE);
    for (unsigned call = 1; call <= 5; call++) {
        g_assert_cmpint(host_file_read(file, data, 4, 1), ==, call == 3 ? FILE_ERROR_IO : 3);
    }
    g_assert_cmpint(host_file_write(file, "abcd", 4, 0), ==, FILE_ERROR_NO_SPACE);
    expect_content("disk", "ab34");
    g_assert_cmpuint(fake_file_count(FAKE_FILE_READ), ==, 5);
    host_file_close(file);
}

/* Whole-file functions are the real ones, on the double: every step's failure is reported, and
 * leaves the old file. */
static void test_save_fails_at_each_step(void)
{
    static const enum fake_file_call steps[] = { FAKE_FILE_OPEN, FAKE_FILE_WRITE, FAKE_FILE_FLUSH };
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        GError *error = NULL;
        fake_file_reset();
        fake_file_put("config", "old", 3);
        fake_file_fail(steps[i], 1, FILE_ERROR_NO_SPACE);
        g_assert_false(host_file_save("config", "newer", 5, &error));
        g_assert_nonnull(strstr(error->message, "config"));
        g_clear_error(&error);
        expect_content("config", "old");
        g_assert_true(host_file_save("config", "newer", 5, &error));
        expect_content("config", "newer");
    }
    fake_file_reset();
}

static void test_locks(void)
{
    fake_file_reset();
    fake_file_put("disk", "x", 1);
    struct host_file *a = host_file_open("disk", HOST_FILE_READ | HOST_FILE_WRITE, NULL);
    struct host_file *b = host_file_open("disk", HOST_FILE_READ | HOST_FILE_WRITE, NULL);
    GError *error = NULL;
    g_assert_true(host_file_lock(a, true, NULL));
    g_assert_false(host_file_lock(b, false, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_IN_USE);
    g_clear_error(&error);
    host_file_close(a);
    g_assert_true(host_file_lock(b, false, NULL));
    host_file_close(b);
    fake_file_reset();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fake-file/power-cut", test_power_cut);
    g_test_add_func("/fake-file/nth-call", test_nth_call);
    g_test_add_func("/fake-file/save-fails-at-each-step", test_save_fails_at_each_step);
    g_test_add_func("/fake-file/locks", test_locks);
    return g_test_run();
}
