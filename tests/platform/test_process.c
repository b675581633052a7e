/* Child processes get their arguments unchanged and report how they ended. */
#include "platform/process.h"

#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "platform/error.h"
#include "platform/file.h"
#include "platform/thread.h"
#include "tests/platform/child.h"

static const char *program;

/* What quoting for the host's command line may get wrong. */
static const char *const odd_arguments[] = {
    "compare",    "",         "two words", "quo\"te",        "back\\slash",
    "trailing\\", "both\\\"", "\\\\\\\"",  "Jürgen Ωλ 日本", "%PATH%",
    "$HOME",      "*",        "'",         "a\tb",           NULL,
};

static int compare_arguments(char **arguments)
{
    for (size_t i = 0; odd_arguments[i]; i++) {
        if (!arguments[i] || strcmp(arguments[i], odd_arguments[i]) != 0) {
            return 1 + (int)i;
        }
    }
    return 0;
}

static void test_arguments(void)
{
    g_assert_cmpint(child_run(program, odd_arguments), ==, 0);
}

static void test_exit_status(void)
{
    static const int statuses[] = { 0, 1, 7, 124, 255 };
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autofree char *number = g_strdup_printf("%d", statuses[i]);
        g_assert_cmpint(child_run(program, (const char *[]){ "exit", number, NULL }), ==,
                        statuses[i]);
    }
}

static void test_abort_is_no_success(void)
{
    g_assert_cmpint(child_run(program, (const char *[]){ "relock", NULL }), !=, 0);
}

/* The second lock must not return. */
static int lock_twice(void)
{
    struct host_mutex mutex;
    host_mutex_init(&mutex);
    host_mutex_lock(&mutex);
    host_mutex_lock(&mutex);
    return 0;
}

static void test_not_found(void)
{
    GError *error = NULL;
    const char *const argv[] = { "no-such-program-anywhere", NULL };
    g_assert_null(host_process_start(argv, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, argv[0]));
    g_clear_error(&error);
}

/* Children of this thread, dead ones too, where the host lists them; else nothing. */
static bool children_listed(void)
{
    g_autofree char *text = NULL;
    return g_file_get_contents("/proc/thread-self/children", &text, NULL, NULL) && *text;
}

static void test_leave(void)
{
    GError *error = NULL;
    g_autofree char *folder = g_dir_make_tmp("leave-XXXXXX", &error), *file = NULL, *path = NULL;
    g_assert_no_error(error);
    file = g_build_filename(folder, "there", NULL);
    path = child_path(program);
    const char *const argv[] = { path, "make", file, NULL };
    struct host_process *process = host_process_start(argv, &error);
    g_assert_no_error(error);
    host_process_leave(process);
    while (!g_file_test(file, G_FILE_TEST_EXISTS) || children_listed()) {
        host_thread_yield();
    }
    g_assert_true(host_file_remove(file, &error));
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void test_self(void)
{
    g_autofree char *folder = host_program_folder();
    g_autofree char *name = g_path_get_basename(program);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_path_is_absolute(folder));
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
    g_autofree char *description = host_description();
    g_test_message("%s", description);
    g_assert_cmpuint(strlen(description), >, 10);
    g_assert_true(g_utf8_validate(description, -1, NULL));
    volatile unsigned sink = 0;
    int64_t before = host_process_cpu_ns();
    while (host_process_cpu_ns() == before) {
        for (unsigned i = 0; i < 100000; i++) {
            sink = sink + i;
        }
    }
    g_assert_cmpint(host_process_cpu_ns(), >, before);
}

int main(int argc, char **argv)
{
    g_auto(GStrv) arguments = host_arguments(argc, argv);
    const char *what = arguments[1];
    if (what && strcmp(what, "compare") == 0) {
        return compare_arguments(arguments + 1);
    }
    if (what && strcmp(what, "exit") == 0) {
        return atoi(arguments[2]);
    }
    if (what && strcmp(what, "make") == 0) {
        return host_file_save(arguments[2], "", 0, NULL) ? 0 : 1;
    }
    if (what && strcmp(what, "relock") == 0) {
        return lock_twice();
    }
    host_process_prepare();
    g_test_init(&argc, &argv, NULL);
    program = arguments[0];
    g_test_add_func("/process/arguments", test_arguments);
    g_test_add_func("/process/exit-status", test_exit_status);
    g_test_add_func("/process/abort", test_abort_is_no_success);
    g_test_add_func("/process/not-found", test_not_found);
    g_test_add_func("/process/leave", test_leave);
    g_test_add_func("/process/self", test_self);
    return g_test_run();
}
