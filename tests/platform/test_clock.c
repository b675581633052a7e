/* The clocks count nanoseconds, never go backwards, and agree with the C library's idea of now. */
#include "platform/clock.h"

#include <time.h>

#include <glib.h>

static void test_monotonic(void)
{
    int64_t last = host_monotonic_ns();
    g_assert_cmpint(last, >=, 0);
    for (int i = 0; i < 100000; i++) {
        int64_t now = host_monotonic_ns();
        g_assert_cmpint(now, >=, last);
        last = now;
    }
}

static void test_monotonic_advances_by_nanoseconds(void)
{
    int64_t begin = host_monotonic_ns();
    g_usleep(50000);
    int64_t passed = host_monotonic_ns() - begin;
    g_assert_cmpint(passed, >=, 30000000);
    g_assert_cmpint(passed, <, 60000000000);
}

static void test_wall(void)
{
    int64_t before = (int64_t)time(NULL);
    int64_t seconds = host_wall_ns() / 1000000000;
    g_assert_cmpint(seconds, >=, before - 1);
    g_assert_cmpint(seconds, <=, (int64_t)time(NULL) + 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock/monotonic", test_monotonic);
    g_test_add_func("/clock/advances", test_monotonic_advances_by_nanoseconds);
    g_test_add_func("/clock/wall", test_wall);
    return g_test_run();
}
