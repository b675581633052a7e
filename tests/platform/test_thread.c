/* Mutexes exclude, condition variables neither lose a wake-up nor end before their time. */
#include "platform/thread.h"

#include <stdatomic.h>

#include "platform/clock.h"

#define WORKERS 4
#define ROUNDS  20000

struct shared {
    struct host_mutex mutex;
    struct host_cond cond;
    int64_t counter;
    unsigned turn;
    uint64_t ids[WORKERS];
};

struct worker {
    struct shared *shared;
    unsigned index;
};

static void shared_init(struct shared *shared)
{
    *shared = (struct shared){ 0 };
    host_mutex_init(&shared->mutex);
    host_cond_init(&shared->cond);
}

static void shared_finish(struct shared *shared)
{
    host_cond_finish(&shared->cond);
    host_mutex_finish(&shared->mutex);
}

static void run_workers(struct shared *shared, host_thread_fn *fn)
{
    struct host_thread *threads[WORKERS];
    struct worker workers[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        GError *error = NULL;
        workers[i] = (struct worker){ shared, i };
        threads[i] = host_thread_new("a name of more than fifteen bytes", fn, &workers[i], &error);
        g_assert_no_error(error);
        g_assert_nonnull(threads[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        host_thread_join(threads[i]);
    }
}

static void count_up(void *opaque)
{
    struct worker *worker = opaque;
    struct shared *shared = worker->shared;
    shared->ids[worker->index] = host_thread_id();
    for (int i = 0; i < ROUNDS; i++) {
        host_mutex_lock(&shared->mutex);
        shared->counter++;
        host_mutex_unlock(&shared->mutex);
    }
    /* Stay alive until all have their ids, so that those are of threads that live together. */
    host_mutex_lock(&shared->mutex);
    shared->turn++;
    host_cond_broadcast(&shared->cond);
    while (shared->turn < WORKERS) {
        host_cond_wait(&shared->cond, &shared->mutex);
    }
    host_mutex_unlock(&shared->mutex);
}

static void test_mutex_and_ids(void)
{
    struct shared shared;
    shared_init(&shared);
    run_workers(&shared, count_up);
    g_assert_cmpint(shared.counter, ==, (int64_t)WORKERS * ROUNDS);
    for (unsigned i = 0; i < WORKERS; i++) {
        g_assert_cmpuint(shared.ids[i], !=, 0);
        g_assert_cmpuint(shared.ids[i], !=, host_thread_id());
        for (unsigned k = 0; k < i; k++) {
            g_assert_cmpuint(shared.ids[i], !=, shared.ids[k]);
        }
    }
    shared_finish(&shared);
}

/* Each waits for its turn and hands it on: one lost wake-up would hang this. */
static void take_turns(void *opaque)
{
    struct worker *worker = opaque;
    struct shared *shared = worker->shared;
    for (int i = 0; i < 500; i++) {
        host_mutex_lock(&shared->mutex);
        while (shared->turn % WORKERS != worker->index) {
            host_cond_wait(&shared->cond, &shared->mutex);
        }
        shared->turn++;
        host_cond_broadcast(&shared->cond);
        host_mutex_unlock(&shared->mutex);
    }
}

static void test_turns(void)
{
    struct shared shared;
    shared_init(&shared);
    run_workers(&shared, take_turns);
    g_assert_cmpuint(shared.turn, ==, 500 * WORKERS);
    shared_finish(&shared);
}

static void test_timed_wait_is_never_early(void)
{
    static const int64_t spans_ns[] = { 0, 1, 999, 100000, 1000001, 7300000, 40000000 };
    struct shared shared;
    shared_init(&shared);
    host_mutex_lock(&shared.mutex);
    for (size_t i = 0; i < G_N_ELEMENTS(spans_ns); i++) {
        int64_t until = host_monotonic_ns() + spans_ns[i];
        while (host_cond_wait_until(&shared.cond, &shared.mutex, until)) {
            /* woken for no reason */
        }
        g_assert_cmpint(host_monotonic_ns(), >=, until);
        g_assert_false(host_mutex_trylock(&shared.mutex));
    }
    host_mutex_unlock(&shared.mutex);
    shared_finish(&shared);
}

static void signal_later(void *opaque)
{
    struct shared *shared = opaque;
    host_mutex_lock(&shared->mutex);
    shared->turn = 1;
    host_cond_signal(&shared->cond);
    host_mutex_unlock(&shared->mutex);
}

static void test_timed_wait_is_woken(void)
{
    struct shared shared;
    shared_init(&shared);
    host_mutex_lock(&shared.mutex);
    struct host_thread *thread = host_thread_new("signal", signal_later, &shared, NULL);
    int64_t until = host_monotonic_ns() + 60000000000;
    while (shared.turn == 0) {
        g_assert_true(host_cond_wait_until(&shared.cond, &shared.mutex, until));
    }
    host_mutex_unlock(&shared.mutex);
    host_thread_join(thread);
    shared_finish(&shared);
}

static void burn(void *opaque)
{
    atomic_int *sink = opaque;
    for (int i = 0; i < 20000000; i++) {
        atomic_fetch_add_explicit(sink, i, memory_order_relaxed);
    }
    g_assert_cmpint(host_thread_cpu_ns(), >, 0);
}

/* A thread's time is its own: another one's work does not count. */
static void test_cpu_time(void)
{
    atomic_int sink = 0;
    int64_t before = host_thread_cpu_ns();
    struct host_thread *thread = host_thread_new("burn", burn, &sink, NULL);
    host_thread_join(thread);
    int64_t asleep = host_thread_cpu_ns() - before;
    burn(&sink);
    g_assert_cmpint(host_thread_cpu_ns() - before, >, asleep);
    g_assert_cmpuint(host_cpu_count(), >=, 1);
    g_assert_cmpuint(host_cpu_count(), <=, 65536);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/thread/mutex", test_mutex_and_ids);
    g_test_add_func("/thread/turns", test_turns);
    g_test_add_func("/thread/timed-never-early", test_timed_wait_is_never_early);
    g_test_add_func("/thread/timed-woken", test_timed_wait_is_woken);
    g_test_add_func("/thread/cpu-time", test_cpu_time);
    return g_test_run();
}
