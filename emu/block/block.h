/*
 * Disks behind block devices: asynchronous requests that complete on the context.
 *
 * A request is owned by its submitter until `done` is called, exactly once, from aio_poll. All
 * calls on the context's home thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/threadpool.h"

struct block;
struct block_request;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

typedef void block_done_fn(struct block_request *request, int result);

/* A piece of memory that takes part in a transfer. */
struct block_vec {
    uint8_t *base;
    size_t size;
};

/* Embed it. Memory in `vec` must stay valid until done. */
struct block_request {
    enum block_op op;
    uint64_t offset; /* bytes */
    const struct block_vec *vec;
    unsigned vec_count;
    block_done_fn *done; /* result: 0 or a negative enum file_error */
    /* Private to the driver. */
    struct block *block;
};

struct block_options {
    const char *path;
    bool read_only;
    bool snapshot;       /* writes go to memory and are lost at the end (-snapshot) */
    bool sync_each;      /* cache=writethrough, directsync */
    bool ignore_flush;   /* cache=unsafe */
};

/* Opens a raw image and locks it against other writers; NULL and `error` name the file and why. */
struct block *block_open_raw(struct aio_context *ctx, struct thread_pool *pool,
                             const struct block_options *options, GError **error);

/* Waits for requests in flight, flushes and closes; accepts NULL. */
void block_close(struct block *block);

/* Length in bytes. */
uint64_t block_size(const struct block *block);

/* Whether writes are refused. */
bool block_read_only(const struct block *block);

/* Path for reports. */
const char *block_path(const struct block *block);

/* Starts a request; `done` comes later, also for errors. */
void block_submit(struct block *block, struct block_request *request);

/* Runs the loop until no request is in flight. */
void block_drain(struct block *block);
