/*
 * Disks behind block devices: asynchronous requests that complete on the context.
 *
 * A request is lent to the driver from block_submit until `done` is called, exactly once, from
 * aio_poll. All calls on the context's home thread, unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/fileio.h"
#include "aio/threadpool.h"
#include "platform/file.h"

struct block;
struct block_request;

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_ZEROES,  /* what a write of `size` zeros would do, without any in memory */
    BLOCK_DISCARD, /* nobody will read these `size` bytes before they are written again: a hint */
};

/* What becomes of writes of nothing but zeros (detect-zeroes=). */
enum block_detect { DETECT_OFF, DETECT_ZEROES, DETECT_RELEASE };

typedef void block_done_fn(struct block_request *request, int result);

/* Embed it. Memory in `vec`, and `vec` itself, must stay valid until done. */
struct block_request {
    enum block_op op;
    uint64_t offset; /* bytes */
    const struct host_vec *vec;
    unsigned vec_count;
    uint64_t size; /* of the last two, which have no vec */
    bool release;  /* BLOCK_ZEROES: the host may take the room back, if the disk allows that */
    block_done_fn *done; /* result: 0 or a negative enum file_error */
    /* Private to the driver. */
    struct block *block;
    struct file_request file;
    bool withdrawn; /* guarded by the driver's lock */
    int result;
    struct block_request *next;
};

struct block_options {
    const char *path;     /* NULL: there is no image, all of the disk is in memory, */
    uint64_t memory_size; /* this many bytes of it, zeros at first */
    bool read_only;
    bool snapshot;     /* writes go to memory and are lost at the end (-snapshot) */
    bool sync_each;    /* cache=writethrough, directsync */
    bool ignore_flush; /* cache=unsafe */
    bool discard;      /* the host takes room back that the guest does not need any more */
    enum block_detect detect_zeroes;
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

/* Whether discards do anything. */
bool block_discards(const struct block *block);

/* Path for reports; "memory" if there is none. */
const char *block_path(const struct block *block);

/* How many requests there have been. Home thread. */
uint64_t block_submitted(const struct block *block);

/* Starts a request; `done` comes later, also for errors. What lies behind the end of the image
 * reads as zeros up to the next multiple of 512, and a write there makes the image longer; a
 * request beyond that is an error. Flush: every write that was done before it was submitted is on
 * stable storage once it is done. */
void block_submit(struct block *block, struct block_request *request);

/* Takes a request's memory back: a request that has not begun is dropped, one that has is waited
 * for. After the return nobody touches what `vec` points to; `done` still comes, with an error or
 * not. For a guest that resets a device. Any thread. */
void block_cancel(struct block *block, struct block_request *request);

/* Requests submitted and not yet done. */
unsigned block_in_flight(const struct block *block);

/* Runs the loop until no request is in flight. */
void block_drain(struct block *block);
