/* Goal: ranked mutexes taken in order pass, in any other order the program ends there. */
#include "platform/thread.h"

#include <string.h>

#include "platform/process.h"

static struct host_mutex low, high, plain;
static struct host_cond cond;

static void take(struct host_mutex *first, struct host_mutex *second)
{
    host_mutex_lock(first);
    host_mutex_lock(second);
    host_mutex_unlock(first); /* not the one taken last */
    host_mutex_unlock(second);
}

/* What breaks the order; each in a process of its own. */
static void test_descending(void)
{
    take(&high, &low);
}

static void test_twin(void)
{
    struct host_mutex twin;
    host_mutex_init(&twin);
    host_mutex_set_rank(&twin, 1);
    take(&low, &twin);
}

static void test_wait(void)
{
    host_mutex_lock(&low);
    host_mutex_lock(&high);
    host_cond_wait_until(&cond, &high, 0);
}

static void test_good(void)
{
    for (unsigned i = 0; i < 3; i++) {
        take(&low, &high);
        take(&low, &plain);
        take(&plain, &low);
        take(&high, &plain);
    }
    host_mutex_lock(&low);
    g_assert_true(host_mutex_trylock(&high));
    host_mutex_unlock(&low);
    g_assert_false(host_cond_wait_until(&cond, &high, 0));
    host_mutex_unlock(&high);
    g_assert_true(host_mutex_trylock(&high)); /* a lock tried does not wait: no order to break */
    g_assert_true(host_mutex_trylock(&low));
    host_mutex_unlock(&low);
    host_mutex_unlock(&high);
    take(&low, &high);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*fn)(void); } bad[] = {
        { "descending", test_descending }, { "twin", test_twin }, { "wait", test_wait },
    };
    host_mutex_init(&low);
    host_mutex_init(&high);
    host_mutex_init(&plain);
    host_cond_init(&cond);
    host_mutex_set_rank(&low, 1);
    host_mutex_set_rank(&high, 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (argc == 2 && strcmp(argv[1], bad[i].name) == 0) {
            bad[i].fn();
            return 0; /* nobody stopped it */
        }
        if (argc == 1) {
            const char *const again[] = { argv[0], bad[i].name, NULL };
            GError *error = NULL;
            struct host_process *child = host_process_start(again, &error);
            g_assert_no_error(error);
            g_assert_cmpint(host_process_wait(child), !=, 0);
        }
    }
    test_good();
    return 0;
}
