/* Goal: coroutines run where and when they should, and what they wait for is given in order. */
#include <stdatomic.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "aio/threadpool.h"
#include "platform/clock.h"
#include "platform/thread.h"

static GString *order;

static void write_letter(char letter)
{
    g_string_append_c(order, letter);
}

static void expect(const char *wanted)
{
    g_assert_cmpstr(order->str, ==, wanted);
    g_string_truncate(order, 0);
}

static struct aio_context *context_make(void)
{
    GError *error = NULL;
    struct aio_context *ctx = aio_context_new("test", &error);

    g_assert_no_error(error);
    aio_context_set_home(ctx);
    return ctx;
}

/* Lets everything run that can. */
static void drain(struct aio_context *ctx)
{
    while (aio_poll(ctx, false)) {
    }
}

static void two_steps(void *opaque)
{
    struct coroutine **self = opaque;

    g_assert_true(coroutine_in());
    g_assert_true(coroutine_self() == *self);
    write_letter('1');
    coroutine_yield();
    write_letter('2');
}

static void test_basic(void)
{
    struct coroutine *co;

    g_assert_false(coroutine_in());
    co = coroutine_create("two-steps", two_steps, &co);
    g_assert_cmpstr(coroutine_name(co), ==, "two-steps");
    write_letter('a');
    coroutine_enter(co);
    write_letter('b');
    coroutine_enter(co);
    expect("a1b2");
    g_assert_null(coroutine_self());
}

struct deep {
    unsigned depth;
    unsigned reached;
};

static void dive(void *opaque)
{
    struct deep *deep = opaque;
    volatile char used[8192];

    used[0] = used[sizeof(used) - 1] = (char)deep->depth;
    deep->reached++;
    if (--deep->depth > 0) {
        coroutine_enter(coroutine_create("deep", dive, deep));
    }
    g_assert_true(used[0] == used[sizeof(used) - 1]);
}

static void test_deep(void)
{
    struct deep deep = { .depth = 1000 };

    coroutine_enter(coroutine_create("deep", dive, &deep));
    g_assert_cmpint(deep.reached, ==, 1000);
}

struct waker {
    char letter;
    struct coroutine *wakes[2];
};

static void wake_others(void *opaque)
{
    struct waker *waker = opaque;

    coroutine_yield();
    write_letter(waker->letter);
    for (int i = 0; i < 2; i++) {
        if (waker->wakes[i]) {
            aio_co_wake(waker->wakes[i]);
        }
    }
    write_letter((char)(waker->letter - 'a' + 'A'));
}

/* Woken coroutines run when the waker is done, its own before those that others woke. */
static void test_wake_order(void)
{
    struct waker wakers[5];
    struct coroutine *co[5];

    for (int i = 0; i < 5; i++) {
        wakers[i] = (struct waker){ .letter = (char)('a' + i) };
        co[i] = coroutine_create("waker", wake_others, &wakers[i]);
        coroutine_enter(co[i]);
    }
    wakers[0].wakes[0] = co[1];
    wakers[0].wakes[1] = co[2];
    wakers[1].wakes[0] = co[3];
    wakers[1].wakes[1] = co[4];
    coroutine_enter(co[0]);
    expect("aAbBdDeEcC");
}

struct task {
    struct aio_context *ctx;
    struct co_mutex *mutex;
    struct co_queue *queue;
    struct co_rwlock *rwlock;
    struct co_sleep *sleep;
    struct thread_pool *pool;
    char letter;
    bool write;
    bool woken;
    int64_t value;
};

static void schedule_self(void *opaque)
{
    struct task *task = opaque;

    write_letter(task->letter);
}

static void test_schedule(void)
{
    struct aio_context *ctx = context_make();
    struct task tasks[4];

    for (int i = 0; i < 4; i++) {
        tasks[i] = (struct task){ .letter = (char)('a' + i) };
        aio_co_schedule(ctx, coroutine_create("scheduled", schedule_self, &tasks[i]));
    }
    expect("");
    g_assert_true(aio_poll(ctx, true));
    expect("abcd");
    aio_context_unref(ctx);
}

static void lock_in_turn(void *opaque)
{
    struct task *task = opaque;

    co_mutex_lock(task->mutex);
    write_letter(task->letter);
    coroutine_yield();
    write_letter((char)(task->letter - 'a' + 'A'));
    co_mutex_unlock(task->mutex);
}

static void test_mutex_fifo(void)
{
    struct co_mutex mutex;
    struct task tasks[4];
    struct coroutine *co[4];

    co_mutex_init(&mutex);
    for (int i = 0; i < 4; i++) {
        tasks[i] = (struct task){ .mutex = &mutex, .letter = (char)('a' + i) };
        co[i] = coroutine_create("locker", lock_in_turn, &tasks[i]);
        coroutine_enter(co[i]);
    }
    expect("a");
    for (int i = 0; i < 4; i++) {
        coroutine_enter(co[i]);
    }
    expect("AbBcCdD");
    co_mutex_finish(&mutex);
}

#define SHARERS      8
#define SHARE_ROUNDS 2000

struct shared {
    struct co_mutex mutex;
    struct iothread *threads[2];
    unsigned inside;
    unsigned total;
    atomic_uint ended;
    struct aio_context *main;
};

/* Takes the lock in one thread after the other. */
static void share(void *opaque)
{
    struct shared *shared = opaque;

    for (unsigned i = 0; i < SHARE_ROUNDS; i++) {
        aio_co_move(iothread_context(shared->threads[i % 2]));
        co_mutex_lock(&shared->mutex);
        g_assert_cmpint(shared->inside++, ==, 0);
        shared->total++;
        if (i % 5 == 0) {
            aio_co_schedule(aio_context_current(), coroutine_self());
            coroutine_yield();
        }
        g_assert_cmpint(--shared->inside, ==, 0);
        co_mutex_unlock(&shared->mutex);
    }
    atomic_fetch_add(&shared->ended, 1);
    aio_notify(shared->main);
}

static bool sharing(void *opaque)
{
    return atomic_load(&((struct shared *)opaque)->ended) < SHARERS;
}

static void test_mutex_threads(void)
{
    struct shared shared = { .main = context_make() };
    GError *error = NULL;

    co_mutex_init(&shared.mutex);
    for (int i = 0; i < 2; i++) {
        shared.threads[i] = iothread_new("sharer", &error);
        g_assert_no_error(error);
    }
    for (unsigned i = 0; i < SHARERS; i++) {
        aio_co_schedule(iothread_context(shared.threads[i % 2]),
                        coroutine_create("share", share, &shared));
    }
    aio_wait_while(shared.main, sharing, &shared, "coroutines share a lock");
    iothread_join(shared.threads[0]);
    iothread_join(shared.threads[1]);
    g_assert_cmpint(shared.total, ==, SHARERS * SHARE_ROUNDS);
    co_mutex_finish(&shared.mutex);
    aio_context_unref(shared.main);
}

static void wait_in_queue(void *opaque)
{
    struct task *task = opaque;

    co_mutex_lock(task->mutex);
    co_queue_wait(task->queue, task->mutex);
    write_letter(task->letter);
    co_mutex_unlock(task->mutex);
}

static void test_queue(void)
{
    struct co_mutex mutex;
    struct co_queue queue;
    struct task tasks[5];

    co_mutex_init(&mutex);
    co_queue_init(&queue);
    g_assert_false(co_queue_next(&queue));
    for (int i = 0; i < 5; i++) {
        tasks[i] = (struct task){ .mutex = &mutex, .queue = &queue, .letter = (char)('a' + i) };
        coroutine_enter(coroutine_create("queued", wait_in_queue, &tasks[i]));
    }
    expect("");
    g_assert_true(co_queue_next(&queue));
    expect("a");
    g_assert_true(co_queue_next(&queue));
    expect("b");
    co_queue_restart_all(&queue);
    expect("cde");
    g_assert_true(co_queue_empty(&queue));
    co_mutex_finish(&mutex);
}

static void read_or_write(void *opaque)
{
    struct task *task = opaque;

    task->write ? co_rwlock_wrlock(task->rwlock) : co_rwlock_rdlock(task->rwlock);
    write_letter(task->letter);
    coroutine_yield();
    co_rwlock_unlock(task->rwlock);
}

/* Readers share, a writer is alone, and nobody overtakes one who waits. */
static void test_rwlock(void)
{
    static const bool writes[] = { false, false, true, false, false, true };
    struct co_rwlock lock;
    struct task tasks[6];
    struct coroutine *co[6];

    co_rwlock_init(&lock);
    for (int i = 0; i < 6; i++) {
        tasks[i] = (struct task){ .rwlock = &lock, .letter = (char)('a' + i), .write = writes[i] };
        co[i] = coroutine_create("rw", read_or_write, &tasks[i]);
        coroutine_enter(co[i]);
    }
    expect("ab");
    coroutine_enter(co[0]);
    expect("");
    coroutine_enter(co[1]);
    expect("c");
    coroutine_enter(co[2]);
    expect("de");
    coroutine_enter(co[4]);
    coroutine_enter(co[3]);
    expect("f");
    coroutine_enter(co[5]);
    co_rwlock_finish(&lock);
}

static void upgrade(void *opaque)
{
    struct task *task = opaque;

    co_rwlock_rdlock(task->rwlock);
    write_letter('r');
    coroutine_yield();
    co_rwlock_upgrade(task->rwlock);
    write_letter('w');
    coroutine_yield();
    co_rwlock_downgrade(task->rwlock);
    write_letter('d');
    coroutine_yield();
    co_rwlock_unlock(task->rwlock);
}

static void test_rwlock_upgrade(void)
{
    struct co_rwlock lock;
    struct task up = { .rwlock = &lock };
    struct task reader = { .rwlock = &lock, .letter = 'a' };
    struct task writer = { .rwlock = &lock, .letter = 'b', .write = true };
    struct task late = { .rwlock = &lock, .letter = 'c' };
    struct coroutine *co_up = coroutine_create("up", upgrade, &up);
    struct coroutine *co_reader = coroutine_create("reader", read_or_write, &reader);
    struct coroutine *co_writer = coroutine_create("writer", read_or_write, &writer);
    struct coroutine *co_late = coroutine_create("late", read_or_write, &late);

    co_rwlock_init(&lock);
    coroutine_enter(co_up);
    coroutine_enter(co_reader);
    coroutine_enter(co_writer); /* waits for both */
    coroutine_enter(co_up);     /* wants to write now: behind the writer */
    expect("ra");
    coroutine_enter(co_reader);
    expect("b");
    coroutine_enter(co_late);
    coroutine_enter(co_writer);
    expect("w");
    coroutine_enter(co_up);
    expect("dc");
    coroutine_enter(co_up);
    coroutine_enter(co_late);
    co_rwlock_finish(&lock);
}

static void sleep_once(void *opaque)
{
    struct task *task = opaque;

    task->woken = co_sleep_until(task->sleep, aio_clock_host(), task->value);
    write_letter(task->letter);
}

static void test_sleep(void)
{
    struct aio_context *ctx = context_make();
    struct co_sleep sleep;
    struct task task = { .sleep = &sleep, .letter = 's' };

    co_sleep_init(&sleep);
    task.value = host_monotonic_ns() + 5000000;
    coroutine_enter(coroutine_create("sleeper", sleep_once, &task));
    expect("");
    g_assert_true(aio_poll(ctx, true));
    expect("s");
    g_assert_false(task.woken);
    g_assert_cmpint(host_monotonic_ns(), >=, task.value);
    task.value = INT64_MAX;
    coroutine_enter(coroutine_create("sleeper", sleep_once, &task));
    co_sleep_wake(&sleep);
    expect("s");
    g_assert_true(task.woken);
    co_sleep_wake(&sleep); /* comes before the sleep: not lost */
    coroutine_enter(coroutine_create("sleeper", sleep_once, &task));
    expect("s");
    g_assert_true(task.woken);
    task.value = 0;
    coroutine_enter(coroutine_create("sleeper", sleep_once, &task));
    drain(ctx);
    expect("s");
    g_assert_false(task.woken);
    aio_context_unref(ctx);
}

#define WAKES 3000

struct sleeper {
    struct co_sleep sleep;
    atomic_uint slept;
    atomic_uint woken;
};

static void sleep_often(void *opaque)
{
    struct sleeper *sleeper = opaque;

    for (unsigned i = 0; i < WAKES; i++) {
        if (!co_sleep_until(&sleeper->sleep, aio_clock_host(),
                            i % 2 ? INT64_MAX : host_monotonic_ns() + 100)) {
            /* by the clock: the wake of this round comes later, and must not be lost */
            co_sleep_until(&sleeper->sleep, aio_clock_host(), INT64_MAX);
        }
        atomic_fetch_add(&sleeper->slept, 1);
    }
}

/* Each wake from another thread, at any moment, ends exactly one sleep. */
static void test_sleep_threads(void)
{
    struct sleeper sleeper = { 0 };
    GError *error = NULL;
    struct iothread *iothread = iothread_new("sleeper", &error);

    g_assert_no_error(error);
    co_sleep_init(&sleeper.sleep);
    aio_co_schedule(iothread_context(iothread), coroutine_create("sleep", sleep_often, &sleeper));
    for (unsigned i = 0; i < WAKES; i++) {
        co_sleep_wake(&sleeper.sleep);
        while (atomic_load(&sleeper.slept) <= i) {
        }
    }
    iothread_join(iothread);
}

static int64_t work(void *opaque)
{
    return ((struct task *)opaque)->value * 3;
}

static void submit_work(void *opaque)
{
    struct task *task = opaque;

    for (int i = 0; i < 3; i++) {
        task->value = thread_pool_submit_co(task->pool, work, task);
    }
    write_letter(task->letter);
}

static void test_thread_pool(void)
{
    struct aio_context *ctx = context_make();
    GError *error = NULL;
    struct task task = { .letter = 'p', .value = 2 };

    task.pool = thread_pool_new(ctx, 2, &error);
    g_assert_no_error(error);
    coroutine_enter(coroutine_create("worker", submit_work, &task));
    expect("");
    thread_pool_free(task.pool);
    expect("p");
    g_assert_cmpint(task.value, ==, 54);
    drain(ctx);
    aio_context_unref(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    order = g_string_new("");
    g_test_add_func("/coroutine/basic", test_basic);
    g_test_add_func("/coroutine/deep", test_deep);
    g_test_add_func("/coroutine/wake-order", test_wake_order);
    g_test_add_func("/coroutine/schedule", test_schedule);
    g_test_add_func("/coroutine/mutex-fifo", test_mutex_fifo);
    g_test_add_func("/coroutine/mutex-threads", test_mutex_threads);
    g_test_add_func("/coroutine/queue", test_queue);
    g_test_add_func("/coroutine/rwlock", test_rwlock);
    g_test_add_func("/coroutine/rwlock-upgrade", test_rwlock_upgrade);
    g_test_add_func("/coroutine/sleep", test_sleep);
    g_test_add_func("/coroutine/sleep-threads", test_sleep_threads);
    g_test_add_func("/coroutine/thread-pool", test_thread_pool);
    int status = g_test_run();
    g_string_free(order, TRUE);
    return status;
}
