/*
 * Requests to files that do not hold the loop: io_uring where the kernel has it, overlapped
 * transfers on Windows, the thread pool elsewhere and for what those cannot do. One interface.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/request.h"
#include "aio/threadpool.h"
#include "platform/file.h"

struct file_io;
struct file_request;

enum file_op {
    FILE_OP_READ,
    FILE_OP_WRITE,
    FILE_OP_FLUSH,
    FILE_OP_WORK, /* `work` on a worker, for what is not a plain transfer */
};

typedef int64_t file_work_fn(struct file_request *request);

/* Runs on the context's home thread, from aio_poll, once for each request. The result is what
 * host_file_read_vec, host_file_write_vec or host_file_flush would have returned. */
typedef void file_done_fn(struct file_request *request, int64_t result);

/* Embed it. The caller sets what stands first; it and the vectors' memory live until `done`. */
struct file_request {
    enum file_op op;
    struct host_file *file;
    const struct host_vec *vec;
    unsigned vec_count;
    uint64_t offset;
    file_done_fn *done;
    void *opaque; /* the caller's */
    file_work_fn *work;

    /* What follows belongs to the engine. */
    struct file_io *io;
    struct aio_request tracked;
    struct file_request *next;
    unsigned stage; /* under the lock of `io` */
    bool pooled;    /* a worker does it */
    void *engine;
    int64_t moved; /* bytes so far: the host may do less than it was asked for */
    int64_t result;
};

/* One way to make such requests. */
struct file_engine_ops {
    const char *name;

    /* Makes the engine of one context; NULL and `error` where the host has no such thing. */
    void *(*start)(struct file_io *io, GError **error);

    /* Takes a request, which ends with file_io_finish; false: not by this engine (the pool gets
     * it). Home thread. */
    bool (*submit)(void *engine, struct file_request *request);

    /* Waits until the host has done one of the requests that are under way, if there is one, and
     * ends it. Any thread. NULL: they end by themselves, whatever the home thread does. */
    void (*settle)(void *engine);

    /* Frees it; nothing is in flight. */
    void (*finish)(void *engine);
};

/* Makes a context's file requests go through the best engine the host has, and the pool. */
struct file_io *file_io_new(struct aio_context *ctx, struct thread_pool *pool);

/* The same with one engine, NULL for the pool alone. NULL and `error` if it cannot be had. */
struct file_io *file_io_new_with(struct aio_context *ctx, struct thread_pool *pool,
                                 const struct file_engine_ops *ops, GError **error);

/* Waits for what is in flight and frees; accepts NULL. Home thread, also in a completion. */
void file_io_free(struct file_io *io);

/* The name of the engine in use. */
const char *file_io_name(const struct file_io *io);

/* Begins a request. Any order among those in flight; a flush covers what was done before it began.
 * Home thread. */
#define file_io_submit(io, request)                                                                \
    file_io_submit_at(io, request, __FILE__ ":" G_STRINGIFY(__LINE__))

/* The same with the place that reports show; static. */
void file_io_submit_at(struct file_io *io, struct file_request *request, const char *site);

/* Takes a request's memory back: one that has not begun is dropped and ends with FILE_ERROR_IO, one
 * that has is waited for. Nobody touches the memory after the return; `done` still comes. Any
 * thread, also while the home thread is blocked. */
void file_io_withdraw(struct file_io *io, struct file_request *request);

/* Does it and waits; returns the result. In a coroutine of the context. */
int64_t file_io_submit_co(struct file_io *io, struct file_request *request);

/* The engines of this host, NULL after the last; the first is the best. */
const struct file_engine_ops *file_engine_nth(unsigned index);

/* For engines: the context, and the end of a request with its result. Any thread; the completion
 * comes from a bottom half. */
void file_io_finish(struct file_request *request, int64_t result);

/* For engines: the context. */
struct aio_context *file_io_context(const struct file_io *io);

/* For engines: what is left of a request after `moved` bytes, into `vec` of at least vec_count
 * entries; the number of pieces. */
unsigned file_request_left(const struct file_request *request, struct host_vec *vec);

/* For engines: the bytes of all pieces. */
int64_t file_request_size(const struct file_request *request);
