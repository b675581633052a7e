/* Blocking host calls on worker threads, with the completion back on a context. */
#pragma once

#include <glib.h>

#include "aio/context.h"

struct thread_pool;

/* Runs on a worker; the result is handed to the completion. */
typedef int64_t thread_pool_fn(void *opaque);

/* Runs on the context's home thread, from aio_poll. */
typedef void thread_pool_done_fn(void *opaque, int64_t result);

/* Makes a pool of at most `threads_max` workers, started as needed, for one context. */
struct thread_pool *thread_pool_new(struct aio_context *ctx, unsigned threads_max, GError **error);

/* Waits for all work (running its completions) and frees the pool. Home thread. */
void thread_pool_free(struct thread_pool *pool);

/* Queues `fn`; `done` is called exactly once. Home thread. */
void thread_pool_submit(struct thread_pool *pool, thread_pool_fn *fn, thread_pool_done_fn *done,
                        void *opaque);

/* Requests submitted and not yet completed. */
unsigned thread_pool_pending(const struct thread_pool *pool);
