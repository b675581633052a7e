/* A process that crashes leaves a report that says of what, in a folder that was not there. */
#include "platform/crash.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "platform/file.h"
#include "platform/process.h"
#include "platform/thread.h"
#include "tests/platform/child.h"

#define ABOUT "bird 1.2.3\ncommand: bird --fly"

static const char *program;

/* Each is a way to crash, and what the report calls it. */
static void crash_address(void)
{
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
}

static void crash_assertion(void)
{
    volatile bool holds = false;
    assert(holds);
}

/* Not a loop to a compiler: what each call returns is used. */
static int recurse(volatile char *above, unsigned depth)
{
    volatile char room[4096] = { above[0] };
    return depth == 0 ? 0 : recurse(room, depth - 1) + room[1];
}

static void crash_stack(void)
{
    volatile char none[1] = { 0 };
    exit(recurse(none, UINT_MAX));
}

static void overflow(void *opaque)
{
    (void)opaque;
    crash_stack();
}

static void crash_thread(void)
{
    host_thread_join(host_thread_new("deep", overflow, NULL, NULL));
}

static void crash_log(void)
{
    g_error("a fatal message");
}

static const struct way {
    const char *name;
    bool fault; /* a sanitizer reports those itself */
    void (*fn)(void);
    const char *said; /* one of two, as the hosts have it */
    const char *or_said;
} ways[] = {
    { "address", true, crash_address, "a bad address", "a bad address" },
    { "assertion", false, crash_assertion, "a failed assertion", "a failed assertion" },
    { "stack", true, crash_stack, "a bad address", "the stack is full" },
    { "thread", true, crash_thread, "a bad address", "the stack is full" },
    { "log", true, crash_log, "crashed", "crashed" },
};

static void crash(const char *name, const char *folder)
{
    host_crash_reports(&(struct crash_options){ .folder = folder, .about = ABOUT });
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (strcmp(ways[i].name, name) == 0) {
            ways[i].fn();
        }
    }
}

/* The text of the only report in `folder`, which goes with all that is in it. */
static char *report_take(const char *folder)
{
    char *text = NULL;
    GDir *dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_suffix(name, ".txt")) {
            g_assert_null(text);
            g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        }
        g_assert_true(host_file_remove(path, NULL));
    }
    g_dir_close(dir);
    g_assert_true(host_file_remove(folder, NULL));
    g_assert_nonnull(text);
    return text;
}

static void test_way(const void *opaque)
{
    const struct way *way = opaque;
    g_autofree char *here = host_program_folder();
    g_autofree char *name = g_strdup_printf("crash-%s-Ωλ", way->name);
    g_autofree char *folder = g_build_filename(here, name, NULL);
    int status = child_run(program, (const char *[]){ "crash", way->name, folder, NULL });
    g_assert_cmpint(status, !=, 0);
    g_assert_cmpint(status, !=, 1);
    g_autofree char *text = report_take(folder);
    g_test_message("%s", text);
    g_assert_true(g_str_has_prefix(text, ABOUT));
    g_assert_nonnull(strstr(text, "host: "));
    g_assert_true(strstr(text, way->said) || strstr(text, way->or_said));
    g_assert_nonnull(strstr(text, "#1 0x"));
    g_assert_nonnull(strstr(text, "test_crash"));
}

int main(int argc, char **argv)
{
    g_auto(GStrv) arguments = host_arguments(argc, argv);
    if (arguments[1] && strcmp(arguments[1], "crash") == 0) {
        crash(arguments[2], arguments[3]);
        return 1;
    }
    host_process_prepare();
    g_test_init(&argc, &argv, NULL);
    program = arguments[0];
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *path = g_strconcat("/crash/", ways[i].name, NULL);
        if (!TEST_SANITIZED || !ways[i].fault) {
            g_test_add_data_func(path, &ways[i], test_way);
        }
    }
    return g_test_run();
}
