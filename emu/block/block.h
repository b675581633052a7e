/*
 * Disks behind block devices: requests with a callback, on top of the root node of a graph.
 *
 * A request is lent to the disk from block_submit until `done` is called, exactly once, from
 * aio_poll. All calls on the context's home thread, unless they say otherwise.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/request.h"
#include "aio/threadpool.h"
#include "emu/block/throttle.h"
#include "platform/file.h"

struct block;
struct block_node;
struct block_request;
struct coroutine;

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_ZEROES,  /* what a write of `size` zeros would do, without any in memory */
    BLOCK_DISCARD, /* nobody will read these `size` bytes before they are written again: a hint */
};

/* When a write is where (cache=). */
enum block_cache {
    CACHE_WRITEBACK,    /* in the host's page cache until a flush */
    CACHE_NONE,         /* in the disk's own cache until a flush */
    CACHE_WRITETHROUGH, /* on stable storage before it is done */
    CACHE_DIRECTSYNC,   /* that, around the page cache */
    CACHE_UNSAFE,       /* somewhere: flushes do nothing */
};

/* What becomes of writes of nothing but zeros (detect-zeroes=). */
enum block_detect { DETECT_OFF, DETECT_ZEROES, DETECT_RELEASE };

/* What becomes of a request that fails (rerror=, werror=). */
enum block_on_error {
    ON_ERROR_REPORT, /* the guest hears of it */
    ON_ERROR_IGNORE, /* the guest hears that all is well */
    ON_ERROR_STOP,   /* the machine stops, the request is kept and made again by block_resume */
    ON_ERROR_ENOSPC, /* stop if there is no space left, else report */
};

typedef void block_done_fn(struct block_request *request, int result);

/* Embed it. Memory in `vec`, and `vec` itself, must stay valid until done. */
struct block_request {
    enum block_op op;
    uint64_t offset; /* bytes */
    const struct host_vec *vec;
    unsigned vec_count;
    uint64_t size; /* of the last two, which have no vec */
    bool release;  /* BLOCK_ZEROES: the host may take the room back, if the disk allows that */
    block_done_fn *done; /* result: 0 or a negative enum file_error. Does not poll. */
    /* Private to the disk. */
    struct block *block;
    struct aio_request tracked;
    bool submitting; /* still in block_submit */
    bool lent;       /* the graph has `vec` */
    bool withdrawn;
    int result;
    struct block_request *next;
};

struct block_options {
    const char *path;      /* NULL: there is no image, all of the disk is in memory, */
    uint64_t memory_size;  /* this many bytes of it, zeros at first */
    const char *format;    /* NULL: by what the image says */
    const char *data_file; /* external data file of a qcow2 image; NULL: none */
    bool read_only;
    const char *at_snapshot; /* shown as it was then; with `snapshot`, without a lock: a twin's */
    struct host_file *pages; /* what a disk or overlay in memory begins with; NULL: nothing */
    bool snapshot; /* writes go to memory and are lost at the end (-snapshot) */
    bool discard;  /* the host takes room back that the guest does not need any more */
    enum block_cache cache;
    enum block_detect detect_zeroes;
    enum block_on_error on_read_error, on_write_error;
    struct throttle_limits limits;
};

/* Opens an image and locks it against other writers; NULL and `error` name the file and why. By the
 * thread of `ctx`, or of another context while the first one's runs; so do close and resize. */
struct block *block_open(struct aio_context *ctx, struct thread_pool *pool,
                         const struct block_options *options, GError **error);

/* Waits for requests in flight, ends those that wait for block_resume, flushes and closes; accepts
 * NULL. Returns 0, or the enum file_error for which what was written last may be lost. */
int block_close(struct block *block);

/* Length in bytes. Any thread. */
uint64_t block_size(const struct block *block);

/* Whether writes are refused. */
bool block_read_only(const struct block *block);

/* Whether discards do anything. */
bool block_discards(const struct block *block);

/* Path for reports; "memory" if there is none. */
const char *block_path(const struct block *block);

/* Name of the image's format. */
const char *block_format(const struct block *block);

/* How many requests there have been. Any thread. */
uint64_t block_submitted(const struct block *block);

/* The root of its graph, for who looks after images: snapshots, resizing. */
struct block_node *block_root(struct block *block);

/* Starts a request; `done` comes later, also for errors. A request beyond the end is an error.
 * Flush: every write that was done before it was submitted is on stable storage once it is done. */
void block_submit(struct block *block, struct block_request *request);

/* Takes a request's memory back: a request that has not begun is dropped, one that has is waited
 * for. After the return nobody touches what `vec` points to; `done` still comes, with an error or
 * not. For a guest that resets a device. Home thread, or while that can run no callback. */
void block_cancel(struct block *block, struct block_request *request);

/* Requests submitted and not yet done. */
unsigned block_in_flight(const struct block *block);

/* Waits until no request is on its way but those that wait for block_resume; false: *canceled is
 * true, and some still are. In a coroutine of its context. */
bool block_rest(struct block *block, const atomic_bool *canceled);

/* Has block_rest look at its `canceled` again. Any thread. */
void block_rest_wake(struct block *block);

/* Runs the loop until no request is in flight. Those that wait for block_resume would wait forever:
 * there are none. */
void block_drain(struct block *block);

/* Called on the home thread when a request could not be done and the machine must stop for it;
 * `why` is a sentence with the path. */
typedef void block_stop_fn(void *opaque, struct block *block, const char *why);

/* Who hears of that; without it errors are reported to the guest. Before the first request. */
void block_set_stop(struct block *block, block_stop_fn *stop, void *opaque);

/* Requests that wait for block_resume. Any thread. */
unsigned block_stopped(const struct block *block);

/* Makes what was kept again. Any thread. */
void block_resume(struct block *block);

/* Changes the length of disk and image; `error` says why it cannot be. Not in a coroutine. */
bool block_resize(struct block *block, uint64_t size, GError **error);

/* Other limits from now on. Where resizing may be called. */
void block_set_limits(struct block *block, const struct throttle_limits *limits);

/* Called on the home thread after the length changed. */
typedef void block_resized_fn(void *opaque);

/* The device that hears of it, or NULL for nobody. */
void block_set_resized(struct block *block, block_resized_fn *resized, void *opaque);
