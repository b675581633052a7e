/* Loops on threads of their own, for disks that shall not share the machine's (-object iothread).
 */
#include "emu/machine_parts.h"

#include <string.h>

#include "aio/iothread.h"
#include "emu/block/node.h"
#include "emu/mem/ranks.h"

struct machine_iothread {
    char *id;
    struct iothread *thread;
    struct host_mutex lock; /* its callbacks hold it, and who touches registers of its devices */
    struct thread_pool *pool;
};

static void iothread_end_pool(void *opaque)
{
    struct machine_iothread *iothread = opaque;
    thread_pool_free(iothread->pool);
}

static void iothread_free(void *opaque)
{
    struct machine_iothread *iothread = opaque;
    if (iothread->pool != NULL) {
        block_run(iothread_context(iothread->thread), iothread_end_pool, iothread);
    }
    iothread_join(iothread->thread);
    host_mutex_finish(&iothread->lock);
    g_free(iothread->id);
    g_free(iothread);
}

static struct machine_iothread *iothread_new_named(const char *id, GError **error)
{
    struct machine_iothread *iothread = g_new0(struct machine_iothread, 1);
    iothread->id = g_strdup(id);
    host_mutex_init(&iothread->lock);
    host_mutex_set_rank(&iothread->lock, RANK_LOOP);
    iothread->thread = iothread_new_locked(iothread->id, &iothread->lock, error);
    if (iothread->thread != NULL) {
        iothread->pool =
            thread_pool_new(iothread_context(iothread->thread), MACHINE_POOL_MAX, error);
    }
    if (iothread->pool == NULL) {
        iothread_free(iothread);
        return NULL;
    }
    return iothread;
}

bool machine_start_iothreads(struct machine *machine, const struct machine_config *config,
                             GError **error)
{
    machine->iothreads = g_ptr_array_new_with_free_func(iothread_free);
    for (guint i = 0; i < config->iothreads->len; i++) {
        struct machine_iothread *iothread =
            iothread_new_named(g_ptr_array_index(config->iothreads, i), error);
        if (iothread == NULL) {
            return false;
        }
        g_ptr_array_add(machine->iothreads, iothread);
    }
    return true;
}

struct machine_loop machine_loop_find(const struct machine *machine, const char *id)
{
    for (guint i = 0; id != NULL && i < machine->iothreads->len; i++) {
        struct machine_iothread *iothread = g_ptr_array_index(machine->iothreads, i);
        if (strcmp(iothread->id, id) == 0) {
            return (struct machine_loop){ iothread_context(iothread->thread), iothread->pool,
                                          &iothread->lock };
        }
    }
    return (struct machine_loop){ id == NULL ? machine->ctx : NULL, machine->pool, NULL };
}
