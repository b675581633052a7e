#include "platform/posix/family.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREAD_NAME_MAX 15 /* pthread_setname_np(3) */

void family_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void family_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns)
{
    struct timespec until = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };
    pthread_cond_timedwait(cond, mutex, &until);
}

void family_thread_name(const char *name)
{
    char shown[THREAD_NAME_MAX + 1];
    g_strlcpy(shown, name, sizeof(shown));
    pthread_setname_np(pthread_self(), shown);
}

uint64_t family_thread_id(void)
{
    static _Thread_local uint64_t id;
    if (id == 0) {
        id = (uint64_t)syscall(SYS_gettid);
    }
    return id;
}

unsigned family_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}
