#include "aio/iothread.h"

#include "platform/thread.h"

struct iothread {
    struct aio_context *ctx;
    struct host_thread *thread;
    struct host_mutex *lock;
    bool stopping; /* home thread */
};

static void iothread_run(void *opaque)
{
    struct iothread *iothread = opaque;

    aio_context_set_home(iothread->ctx);
    if (iothread->lock) {
        host_mutex_lock(iothread->lock);
    }
    while (!iothread->stopping) {
        aio_poll(iothread->ctx, true);
    }
    while (aio_poll(iothread->ctx, false)) {
        /* what was due when it was told to end */
    }
    if (iothread->lock) {
        host_mutex_unlock(iothread->lock);
    }
}

static void iothread_stop(void *opaque)
{
    ((struct iothread *)opaque)->stopping = true;
}

struct iothread *iothread_new(const char *name, GError **error)
{
    return iothread_new_locked(name, NULL, error);
}

struct iothread *iothread_new_locked(const char *name, struct host_mutex *lock, GError **error)
{
    struct iothread *iothread = g_new0(struct iothread, 1);

    iothread->lock = lock;
    iothread->ctx = aio_context_new(name, error);
    if (iothread->ctx) {
        aio_context_set_lock(iothread->ctx, lock);
        iothread->thread = host_thread_new(name, iothread_run, iothread, error);
    }
    if (!iothread->thread) {
        aio_context_unref(iothread->ctx);
        g_clear_pointer(&iothread, g_free);
    }
    return iothread;
}

struct aio_context *iothread_context(struct iothread *iothread)
{
    return iothread->ctx;
}

void iothread_join(struct iothread *iothread)
{
    if (!iothread) {
        return;
    }
    aio_bh_schedule_oneshot(iothread->ctx, "iothread-stop", iothread_stop, iothread);
    host_thread_join(iothread->thread);
    aio_context_unref(iothread->ctx);
    g_free(iothread);
}
