#include "emu/state/parallel.h"

#include <stdatomic.h>

#include "platform/thread.h"

#define THREADS_MAX 16

struct parallel {
    parallel_fn *fn;
    void *opaque;
    uint32_t count;
    atomic_uint next;
    atomic_bool failed;
};

static void parallel_run(void *opaque)
{
    struct parallel *work = opaque;
    uint32_t index;
    while (!atomic_load(&work->failed) &&
           (index = atomic_fetch_add(&work->next, 1)) < work->count) {
        if (!work->fn(work->opaque, index)) {
            atomic_store(&work->failed, true);
        }
    }
}

/* A host that gives no thread only makes it slower. */
bool parallel_for(uint32_t count, parallel_fn *fn, void *opaque)
{
    struct parallel work = { .fn = fn, .opaque = opaque, .count = count };
    struct host_thread *thread[THREADS_MAX];
    unsigned wanted = MIN(MIN(host_cpu_count(), count), THREADS_MAX), started = 0;
    while (started + 1 < wanted &&
           (thread[started] = host_thread_new("state", parallel_run, &work, NULL)) != NULL) {
        started++;
    }
    parallel_run(&work);
    while (started > 0) {
        host_thread_join(thread[--started]);
    }
    return !atomic_load(&work.failed);
}
