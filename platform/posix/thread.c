#include "platform/thread.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "platform/clock.h"
#include "platform/lock_order.h"
#include "platform/posix/crash_stack.h"
#include "platform/posix/fail.h"
#include "platform/posix/family.h"

static_assert(sizeof(pthread_mutex_t) <= sizeof(struct host_mutex), "mutex storage too small");
static_assert(sizeof(pthread_cond_t) <= sizeof(struct host_cond), "cond storage too small");

/* Guest code and decoders recurse little; glib and libslirp want the usual room. */
#define THREAD_STACK_SIZE (2u << 20)

struct host_thread {
    pthread_t id;
    host_thread_fn *fn;
    void *opaque;
    char *name;
};

static pthread_mutex_t *mutex_of(struct host_mutex *mutex)
{
    return (pthread_mutex_t *)mutex->storage;
}

static pthread_cond_t *cond_of(struct host_cond *cond)
{
    return (pthread_cond_t *)cond->storage;
}

/* Error-checking, so that a thread that waits for itself aborts here instead of hanging. */
void host_mutex_init(struct host_mutex *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    int failed = pthread_mutex_init(mutex_of(mutex), &attributes);
    assert(!failed);
    pthread_mutexattr_destroy(&attributes);
    mutex->rank = 0;
}

void host_mutex_finish(struct host_mutex *mutex)
{
    int failed = pthread_mutex_destroy(mutex_of(mutex));
    assert(!failed);
}

void host_mutex_lock(struct host_mutex *mutex)
{
    lock_order_check(mutex);
    int failed = pthread_mutex_lock(mutex_of(mutex));
    assert(!failed);
    lock_order_taken(mutex);
}

bool host_mutex_trylock(struct host_mutex *mutex)
{
    if (pthread_mutex_trylock(mutex_of(mutex)) != 0) {
        return false;
    }
    lock_order_taken(mutex);
    return true;
}

void host_mutex_unlock(struct host_mutex *mutex)
{
    lock_order_released(mutex);
    int failed = pthread_mutex_unlock(mutex_of(mutex));
    assert(!failed);
}

void host_cond_init(struct host_cond *cond)
{
    family_cond_init(cond_of(cond));
}

void host_cond_finish(struct host_cond *cond)
{
    int failed = pthread_cond_destroy(cond_of(cond));
    assert(!failed);
}

void host_cond_wait(struct host_cond *cond, struct host_mutex *mutex)
{
    lock_order_check_wait(mutex);
    int failed = pthread_cond_wait(cond_of(cond), mutex_of(mutex));
    assert(!failed);
}

bool host_cond_wait_until(struct host_cond *cond, struct host_mutex *mutex, int64_t until_ns)
{
    lock_order_check_wait(mutex);
    family_cond_wait_until(cond_of(cond), mutex_of(mutex), MAX(until_ns, 0));
    return host_monotonic_ns() < until_ns;
}

void host_cond_signal(struct host_cond *cond)
{
    pthread_cond_signal(cond_of(cond));
}

void host_cond_broadcast(struct host_cond *cond)
{
    pthread_cond_broadcast(cond_of(cond));
}

static void *thread_main(void *opaque)
{
    struct host_thread *thread = opaque;
    void *stack = crash_stack_begin();
    family_thread_name(thread->name);
    thread->fn(thread->opaque);
    crash_stack_end(stack);
    return NULL;
}

struct host_thread *host_thread_new(const char *name, host_thread_fn *fn, void *opaque,
                                    GError **error)
{
    assert(name && fn);
    struct host_thread *thread = g_new(struct host_thread, 1);
    *thread = (struct host_thread){ .fn = fn, .opaque = opaque, .name = g_strdup(name) };
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    int number = pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (number) {
        host_fail(error, number, "cannot start thread '%s'", name);
        g_free(thread->name);
        g_free(thread);
        return NULL;
    }
    return thread;
}

void host_thread_join(struct host_thread *thread)
{
    int failed = pthread_join(thread->id, NULL);
    assert(!failed);
    g_free(thread->name);
    g_free(thread);
}

uint64_t host_thread_id(void)
{
    return family_thread_id();
}

int64_t host_thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

unsigned host_cpu_count(void)
{
    return MAX(family_cpu_count(), 1u);
}

void host_thread_yield(void)
{
    sched_yield();
}
