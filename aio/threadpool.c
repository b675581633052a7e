/*
 * The thread pool: one queue, workers started as needed, completions by a bottom half.
 *
 * The bottom half schedules itself again before each completion, so that a completion which polls
 * gets the ones behind it.
 */
#include "aio/threadpool.h"

#include <assert.h>

#include "aio/loop.h"
#include "aio/request.h"
#include "platform/thread.h"

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_FINISHED };

struct pool_job {
    struct aio_request request;
    struct pool_job *next;
    enum job_state state;
    thread_pool_fn *fn;
    thread_pool_done_fn *done;
    void *opaque;
    int64_t result;
};

struct job_list {
    struct pool_job *first;
    struct pool_job **last;
    unsigned count;
};

struct thread_pool {
    struct aio_context *ctx;
    struct aio_bh *bh;
    struct thread_pool *next; /* of the context's; inspect lock */
    unsigned threads_max;
    unsigned pending; /* home thread */

    struct host_mutex lock; /* guards what follows */
    struct host_cond work;
    struct job_list queued;
    struct job_list finished;
    unsigned idle;
    bool stopping;
    unsigned thread_count;
    struct host_thread **threads;
};

static void list_init(struct job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->count = 0;
}

static void list_push(struct job_list *list, struct pool_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
    list->count++;
}

static void list_remove(struct job_list *list, struct pool_job *job)
{
    struct pool_job **link = &list->first;

    while (*link != job) {
        link = &(*link)->next;
    }
    *link = job->next;
    if (!job->next) {
        list->last = link;
    }
    list->count--;
}

static struct pool_job *list_pop(struct job_list *list)
{
    struct pool_job *job = list->first;

    if (job) {
        list->count--;
        list->first = job->next;
        if (!list->first) {
            list->last = &list->first;
        }
    }
    return job;
}

/* The next job, waiting for one; NULL when the pool stops. Lock held. */
static struct pool_job *worker_next(struct thread_pool *pool)
{
    struct pool_job *job;

    while (!(job = list_pop(&pool->queued)) && !pool->stopping) {
        pool->idle++;
        host_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    return job;
}

/* Hands a job with its result to the home thread; lock held. */
static void job_finish(struct thread_pool *pool, struct pool_job *job, int64_t result)
{
    job->state = JOB_FINISHED;
    job->result = result;
    list_push(&pool->finished, job);
    aio_bh_schedule(pool->bh);
    aio_request_waits_on(&job->request, AIO_ON_BH, pool->bh);
}

static void worker_run(void *opaque)
{
    struct thread_pool *pool = opaque;
    struct pool_job *job;

    host_mutex_lock(&pool->lock);
    while ((job = worker_next(pool))) {
        int64_t result;

        job->state = JOB_RUNNING;
        host_mutex_unlock(&pool->lock);
        aio_request_waits_on(&job->request, AIO_ON_WORKER, "running");
        result = job->fn(job->opaque);
        host_mutex_lock(&pool->lock);
        job_finish(pool, job, result);
    }
    host_mutex_unlock(&pool->lock);
}

/* Adds a worker; lock held. */
static bool pool_grow(struct thread_pool *pool, GError **error)
{
    struct host_thread *thread = host_thread_new("aio-worker", worker_run, pool, error);

    if (thread) {
        pool->threads[pool->thread_count++] = thread;
    }
    return thread != NULL;
}

static void pool_complete(void *opaque)
{
    struct thread_pool *pool = opaque;
    struct pool_job *job;

    for (;;) {
        host_mutex_lock(&pool->lock);
        job = list_pop(&pool->finished);
        if (pool->finished.first) {
            aio_bh_schedule(pool->bh);
        }
        host_mutex_unlock(&pool->lock);
        if (!job) {
            return;
        }
        pool->pending--;
        aio_request_end(&job->request);
        job->done(job->opaque, job->result);
        g_free(job);
    }
}

struct thread_pool *thread_pool_new(struct aio_context *ctx, unsigned threads_max, GError **error)
{
    struct thread_pool *pool = g_new0(struct thread_pool, 1);
    bool started;

    assert(threads_max > 0);
    pool->ctx = aio_context_ref(ctx);
    pool->threads_max = threads_max;
    pool->threads = g_new0(struct host_thread *, threads_max);
    list_init(&pool->queued);
    list_init(&pool->finished);
    host_mutex_init(&pool->lock);
    host_cond_init(&pool->work);
    pool->bh = aio_bh_new(ctx, "thread-pool", pool_complete, pool);
    host_mutex_lock(&pool->lock);
    started = pool_grow(pool, error);
    host_mutex_unlock(&pool->lock);
    aio_lock_take(&ctx->inspect_lock);
    pool->next = ctx->pools;
    ctx->pools = pool;
    aio_lock_give(&ctx->inspect_lock);
    if (!started) {
        thread_pool_free(pool);
        return NULL;
    }
    return pool;
}

static void pool_hide(struct thread_pool *pool)
{
    struct thread_pool **link = &pool->ctx->pools;

    aio_lock_take(&pool->ctx->inspect_lock);
    while (*link != pool) {
        link = &(*link)->next;
    }
    *link = pool->next;
    aio_lock_give(&pool->ctx->inspect_lock);
}

static bool pool_busy(void *opaque)
{
    struct thread_pool *pool = opaque;

    return pool->pending > 0;
}

void thread_pool_free(struct thread_pool *pool)
{
    if (!pool) {
        return;
    }
    aio_wait_while(pool->ctx, pool_busy, pool, "thread pool has work");
    host_mutex_lock(&pool->lock);
    pool->stopping = true;
    host_cond_broadcast(&pool->work);
    host_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        host_thread_join(pool->threads[i]);
    }
    pool_hide(pool);
    aio_bh_delete(pool->bh);
    aio_context_unref(pool->ctx);
    host_cond_finish(&pool->work);
    host_mutex_finish(&pool->lock);
    g_free(pool->threads);
    g_free(pool);
}

struct pool_job *thread_pool_submit_at(struct thread_pool *pool, thread_pool_fn *fn,
                                       thread_pool_done_fn *done, void *opaque, const char *name,
                                       const char *site)
{
    struct pool_job *job = g_new0(struct pool_job, 1);

    job->fn = fn;
    job->done = done;
    job->opaque = opaque;
    pool->pending++;
    aio_request_begin_at(&job->request, pool->ctx, name, site);
    aio_request_waits_on(&job->request, AIO_ON_WORKER, "queued");
    host_mutex_lock(&pool->lock);
    list_push(&pool->queued, job);
    if (pool->queued.count > pool->idle && pool->thread_count < pool->threads_max) {
        pool_grow(pool, NULL); /* without one more, those that run take it */
    }
    host_mutex_unlock(&pool->lock);
    host_cond_signal(&pool->work); /* a worker that wakes finds the lock free */
    return job;
}

bool thread_pool_cancel(struct thread_pool *pool, struct pool_job *job)
{
    bool queued;

    host_mutex_lock(&pool->lock);
    queued = job->state == JOB_QUEUED;
    if (queued) {
        list_remove(&pool->queued, job);
        job_finish(pool, job, THREAD_POOL_CANCELLED);
    }
    host_mutex_unlock(&pool->lock);
    return queued;
}

bool thread_pool_look(struct thread_pool *pool, struct thread_pool_load *ret_load)
{
    if (!host_mutex_trylock(&pool->lock)) { /* its holder may want the inspect lock */
        return false;
    }
    *ret_load = (struct thread_pool_load){ .threads = pool->thread_count,
                                           .threads_max = pool->threads_max,
                                           .idle = pool->idle,
                                           .queued = pool->queued.count,
                                           .finished = pool->finished.count };
    host_mutex_unlock(&pool->lock);
    return true;
}

struct thread_pool *thread_pool_next(const struct thread_pool *pool)
{
    return pool->next;
}

unsigned thread_pool_pending(const struct thread_pool *pool)
{
    return pool->pending;
}
