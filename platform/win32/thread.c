#include "platform/thread.h"

#include <assert.h>
#include <process.h>
#include <stdatomic.h>

#include <windows.h>

#include "platform/clock.h"
#include "platform/lock_order.h"
#include "platform/win32/fail.h"
#include "platform/win32/text.h"

#define THREAD_STACK_SIZE (2u << 20)

/* A slim lock does not notice that its owner waits for it, so the owner is kept beside it. */
struct owned_lock {
    SRWLOCK lock;
    atomic_ulong owner; /* thread id, 0 while free */
};

static_assert(sizeof(struct owned_lock) <= sizeof(struct host_mutex), "mutex storage too small");
static_assert(sizeof(CONDITION_VARIABLE) <= sizeof(struct host_cond), "cond storage too small");

struct host_thread {
    HANDLE handle;
    host_thread_fn *fn;
    void *opaque;
    wchar_t *name;
};

typedef HRESULT WINAPI set_description_fn(HANDLE thread, PCWSTR name);

static struct owned_lock *lock_of(struct host_mutex *mutex)
{
    return (struct owned_lock *)mutex->storage;
}

static CONDITION_VARIABLE *cond_of(struct host_cond *cond)
{
    return (CONDITION_VARIABLE *)cond->storage;
}

static void owner_set(struct owned_lock *lock)
{
    atomic_store_explicit(&lock->owner, GetCurrentThreadId(), memory_order_relaxed);
}

static void owner_clear(struct owned_lock *lock)
{
    assert(atomic_load_explicit(&lock->owner, memory_order_relaxed) == GetCurrentThreadId());
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
}

void host_mutex_init(struct host_mutex *mutex)
{
    struct owned_lock *lock = lock_of(mutex);
    InitializeSRWLock(&lock->lock);
    atomic_init(&lock->owner, 0);
    mutex->rank = 0;
}

void host_mutex_finish(struct host_mutex *mutex)
{
    assert(atomic_load_explicit(&lock_of(mutex)->owner, memory_order_relaxed) == 0);
}

void host_mutex_lock(struct host_mutex *mutex)
{
    struct owned_lock *lock = lock_of(mutex);
    assert(atomic_load_explicit(&lock->owner, memory_order_relaxed) != GetCurrentThreadId());
    lock_order_check(mutex);
    AcquireSRWLockExclusive(&lock->lock);
    owner_set(lock);
    lock_order_taken(mutex);
}

bool host_mutex_trylock(struct host_mutex *mutex)
{
    struct owned_lock *lock = lock_of(mutex);
    if (!TryAcquireSRWLockExclusive(&lock->lock)) {
        return false;
    }
    owner_set(lock);
    lock_order_taken(mutex);
    return true;
}

void host_mutex_unlock(struct host_mutex *mutex)
{
    struct owned_lock *lock = lock_of(mutex);
    lock_order_released(mutex);
    owner_clear(lock);
    ReleaseSRWLockExclusive(&lock->lock);
}

void host_cond_init(struct host_cond *cond)
{
    InitializeConditionVariable(cond_of(cond));
}

void host_cond_finish(struct host_cond *cond)
{
    (void)cond;
}

static bool cond_sleep(struct host_cond *cond, struct host_mutex *mutex, DWORD limit_ms)
{
    struct owned_lock *lock = lock_of(mutex);
    lock_order_check_wait(mutex);
    owner_clear(lock);
    bool woken = SleepConditionVariableSRW(cond_of(cond), &lock->lock, limit_ms, 0);
    assert(woken || GetLastError() == ERROR_TIMEOUT);
    owner_set(lock);
    return woken;
}

void host_cond_wait(struct host_cond *cond, struct host_mutex *mutex)
{
    cond_sleep(cond, mutex, INFINITE);
}

/* The host counts whole milliseconds on a coarser clock than ours and may wake early: wait again.
 * A time that has come already still gives the mutex away once. */
bool host_cond_wait_until(struct host_cond *cond, struct host_mutex *mutex, int64_t until_ns)
{
    for (;;) {
        int64_t left_ns = until_ns - MIN(host_monotonic_ns(), until_ns);
        int64_t left_ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
        bool woken = cond_sleep(cond, mutex, (DWORD)MIN(left_ms, INT32_MAX));
        if (host_monotonic_ns() >= until_ns) {
            return false;
        }
        if (woken) {
            return true;
        }
    }
}

void host_cond_signal(struct host_cond *cond)
{
    WakeConditionVariable(cond_of(cond));
}

void host_cond_broadcast(struct host_cond *cond)
{
    WakeAllConditionVariable(cond_of(cond));
}

/* In debuggers and crash dumps; Windows 10 1607 has it. */
static void thread_describe(const wchar_t *name)
{
    FARPROC found = GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "SetThreadDescription");
    if (found) {
        ((set_description_fn *)(void *)found)(GetCurrentThread(), name);
    }
}

static unsigned WINAPI thread_main(void *opaque)
{
    struct host_thread *thread = opaque;
    thread_describe(thread->name);
    thread->fn(thread->opaque);
    return 0;
}

struct host_thread *host_thread_new(const char *name, host_thread_fn *fn, void *opaque,
                                    GError **error)
{
    assert(name && fn);
    struct host_thread *thread = g_new(struct host_thread, 1);
    *thread = (struct host_thread){ .fn = fn, .opaque = opaque, .name = text_to_wide(name) };
    thread->handle = (HANDLE)_beginthreadex(NULL, THREAD_STACK_SIZE, thread_main, thread,
                                            STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!thread->handle) {
        host_fail(error, GetLastError(), "cannot start thread '%s'", name);
        g_free(thread->name);
        g_free(thread);
        return NULL;
    }
    return thread;
}

void host_thread_join(struct host_thread *thread)
{
    DWORD waited = WaitForSingleObject(thread->handle, INFINITE);
    assert(waited == WAIT_OBJECT_0);
    CloseHandle(thread->handle);
    g_free(thread->name);
    g_free(thread);
}

uint64_t host_thread_id(void)
{
    return GetCurrentThreadId();
}

int64_t host_thread_cpu_ns(void)
{
    FILETIME created, ended, kernel, user;
    GetThreadTimes(GetCurrentThread(), &created, &ended, &kernel, &user);
    return text_filetime_ns(kernel) + text_filetime_ns(user);
}

unsigned host_cpu_count(void)
{
    DWORD_PTR mine = 0, all = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &mine, &all) && mine) {
        return (unsigned)__builtin_popcountll(mine);
    }
    return MAX(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS), 1u);
}

void host_thread_yield(void)
{
    SwitchToThread();
}
