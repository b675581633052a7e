/* Events: set from any thread, stay set until cleared, one clear takes all sets before it. */
#include "platform/event.h"

#include <stdatomic.h>

#include "platform/error.h"
#include "platform/thread.h"

#define EVENTS  10000
#define SETTERS 4

static struct host_event events[EVENTS];

static void event_make(struct host_event *event)
{
    GError *error = NULL;
    bool made = host_event_init(event, &error);
    g_assert_no_error(error);
    g_assert_true(made);
    g_assert_cmpint(event->handle.kind, ==, HOST_HANDLE_WAITABLE);
}

static void test_level(void)
{
    struct host_event event;
    event_make(&event);
    g_assert_false(host_event_test_and_clear(&event));
    for (int i = 0; i < 100000; i++) {
        host_event_set(&event); /* never blocks, however often */
    }
    g_assert_true(host_event_test_and_clear(&event));
    g_assert_false(host_event_test_and_clear(&event));
    host_event_set(&event);
    g_assert_true(host_event_test_and_clear(&event));
    host_event_finish(&event);
    g_assert_true(host_handle_equal(event.handle, host_handle_none()));
}

static void set_quarter(void *opaque)
{
    unsigned first = *(unsigned *)opaque;
    for (unsigned i = first; i < EVENTS; i += SETTERS) {
        host_event_set(&events[i]);
    }
}

static unsigned make_many(void)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        GError *error = NULL;
        if (!host_event_init(&events[i], &error)) {
            g_assert_error(error, host_error_quark(), HOST_ERROR_EXHAUSTED);
            g_test_message("this host gives %u events: %s", i, error->message);
            g_error_free(error);
            return i;
        }
    }
    return EVENTS;
}

static void test_many(void)
{
    unsigned made = make_many();
    g_assert_cmpuint(made, >=, 200);
    for (unsigned i = made; i < EVENTS; i++) {
        events[i] = events[i % made]; /* the host is out of them: these are set more than once */
    }
    struct host_thread *threads[SETTERS];
    unsigned first[SETTERS];
    for (unsigned i = 0; i < SETTERS; i++) {
        first[i] = i;
        threads[i] = host_thread_new("setter", set_quarter, &first[i], NULL);
    }
    for (unsigned i = 0; i < SETTERS; i++) {
        host_thread_join(threads[i]);
    }
    for (unsigned i = 0; i < made; i++) {
        g_assert_true(host_event_test_and_clear(&events[i]));
        g_assert_false(host_event_test_and_clear(&events[i]));
        host_event_finish(&events[i]);
    }
}

struct pair {
    struct host_event event;
    atomic_uint stored;
};

static void store_and_set(void *opaque)
{
    struct pair *pair = opaque;
    for (unsigned i = 1; i <= 50000; i++) {
        atomic_store(&pair->stored, i);
        host_event_set(&pair->event);
    }
}

/* Clear, then look: the last store is always seen, or the event is set again. */
static void test_no_lost_set(void)
{
    struct pair pair = { 0 };
    event_make(&pair.event);
    struct host_thread *thread = host_thread_new("setter", store_and_set, &pair, NULL);
    unsigned seen = 0;
    while (seen < 50000) {
        if (host_event_test_and_clear(&pair.event)) {
            seen = atomic_load(&pair.stored);
        }
    }
    host_thread_join(thread);
    host_event_finish(&pair.event);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event/level", test_level);
    g_test_add_func("/event/many", test_many);
    g_test_add_func("/event/no-lost-set", test_no_lost_set);
    return g_test_run();
}
