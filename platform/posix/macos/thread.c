#include "platform/posix/family.h"

#include <sys/sysctl.h>
#include <time.h>

#include "platform/clock.h"

void family_cond_init(pthread_cond_t *cond)
{
    pthread_cond_init(cond, NULL);
}

/* There is no choice of clock here: the wait is relative. */
void family_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns)
{
    int64_t left_ns = MAX(until_ns - host_monotonic_ns(), 0);
    struct timespec left = { .tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000 };
    pthread_cond_timedwait_relative_np(cond, mutex, &left);
}

void family_thread_name(const char *name)
{
    pthread_setname_np(name);
}

uint64_t family_thread_id(void)
{
    uint64_t id;
    pthread_threadid_np(NULL, &id);
    return id;
}

unsigned family_cpu_count(void)
{
    int count = 1;
    size_t size = sizeof(count);
    sysctlbyname("hw.logicalcpu", &count, &size, NULL, 0);
    return count > 0 ? (unsigned)count : 1;
}
