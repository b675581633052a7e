/* Blocking host calls on worker threads, with the completion back on a context. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"

struct thread_pool;
struct pool_job;

/* What a job that was cancelled gives its completion. */
#define THREAD_POOL_CANCELLED INT64_MIN

/* Runs on a worker; the result is handed to the completion. */
typedef int64_t thread_pool_fn(void *opaque);

/* Runs on the context's home thread, from aio_poll. */
typedef void thread_pool_done_fn(void *opaque, int64_t result);

/* Makes a pool of at most `threads_max` workers, started as needed, for one context. */
struct thread_pool *thread_pool_new(struct aio_context *ctx, unsigned threads_max, GError **error);

/* Waits for all work (running its completions) and frees the pool. Home thread. */
void thread_pool_free(struct thread_pool *pool);

/* Queues `fn`; `done` is called exactly once. The job returned lives until then. Home thread. */
#define thread_pool_submit(pool, fn, done, opaque)                                                 \
    thread_pool_submit_at(pool, fn, done, opaque, #fn, __FILE__ ":" G_STRINGIFY(__LINE__))

/* The same with the name and place that reports show; both static. */
struct pool_job *thread_pool_submit_at(struct thread_pool *pool, thread_pool_fn *fn,
                                       thread_pool_done_fn *done, void *opaque, const char *name,
                                       const char *site);

/* Takes a job back that no worker has begun: its completion gets THREAD_POOL_CANCELLED, from a
 * later pass. False if it runs already; then it completes as if nobody had asked. Home thread. */
bool thread_pool_cancel(struct thread_pool *pool, struct pool_job *job);

/* How busy a pool is. */
struct thread_pool_load {
    unsigned threads, threads_max, idle;
    unsigned queued, finished;
};

/* Takes a look from any thread, for reports; false if the pool's lock is taken just now. The pool
 * is one of its context's, whose inspect lock is held. */
bool thread_pool_look(struct thread_pool *pool, struct thread_pool_load *ret_load);

/* The next pool of the same context; same lock. */
struct thread_pool *thread_pool_next(const struct thread_pool *pool);

/* Requests submitted and not yet completed. */
unsigned thread_pool_pending(const struct thread_pool *pool);
