/*
 * The block graph: a node is an open image, run by a driver (raw, qcow2, nbd, file, memory), with
 * children: `file`, where its bytes lie, `backing`, what shows through where it has none, and
 * `data`, an external data file.
 *
 * Every function is a coroutine's and runs on the context of the graph, unless it says otherwise.
 * Transfers may be made by many coroutines at once. Offsets and sizes are bytes of what the node
 * shows and may have any alignment. Results are 0 or a negative enum file_error. Making images and
 * looking after them: manage.h. Writing a driver: driver.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/threadpool.h"
#include "platform/file.h"

struct block_driver;
struct block_node;

enum node_open_flag {
    NODE_WRITE = 1,       /* else read only */
    NODE_NO_BACKING = 2,  /* what is not in this image reads as zeros; its backing is not opened */
    NODE_FORCE_SHARE = 4, /* no lock: for looking at an image in use; never with NODE_WRITE */
    NODE_RELEASE = 8,     /* discard=unmap: the host may take back what is discarded */
    NODE_DIRECT = 16,     /* cache=none, directsync: around the host's page cache where it can */
    NODE_NO_FLUSH = 32,   /* cache=unsafe: flushes do nothing */
    NODE_CHECK = 64,      /* the image may be inconsistent: it is opened to be checked */
    NODE_NO_LOCK = 128,   /* the caller holds the lock already */
};

enum request_flag {
    REQUEST_FUA = 1,         /* on stable storage before it is done */
    REQUEST_RELEASE = 2,     /* zeroes: the host may take the room back */
    REQUEST_COMPRESSED = 4,  /* write: whole clusters (or the tail of the image), compressed */
    REQUEST_NO_FALLBACK = 8, /* zeroes: FILE_ERROR_UNSUPPORTED instead of writing zeros */
};

/* What stands in a range of an image. */
enum extent_status {
    EXTENT_DATA = 1,      /* there are bytes to read */
    EXTENT_ZERO = 2,      /* it reads as zeros */
    EXTENT_ALLOCATED = 4, /* decided by this node, not by its backing */
    EXTENT_OFFSET = 8,    /* `host_offset` in `file` holds exactly these bytes */
    EXTENT_COMPRESSED = 16,
};

struct block_extent {
    uint64_t size; /* at least 1 unless the range begins at or behind the end */
    unsigned status;
    uint64_t host_offset;
    struct block_node *file; /* whose offset that is */
};

/* How a node is opened. Strings are copied. */
struct node_options {
    const char *path;         /* a file, memory:BYTES, nbd://, ... (drivers know their scheme) */
    const char *format;       /* NULL: by what the image says; then raw's first sector is guarded */
    unsigned flags;           /* enum node_open_flag */
    const char *data_file;    /* external data file of a qcow2 image: only from the user */
    const char *backing_path; /* instead of the one the image names; "" for none */
    const char *backing_format;
    uint64_t cache_size; /* bytes of metadata cache; 0: the driver's default */
};

/* --- opening and closing --- */

/* Opens an image with what it stands on; NULL and `error` name the image and why. */
struct block_node *node_open(struct aio_context *ctx, struct thread_pool *pool,
                             const struct node_options *options, GError **error);

/* Puts an image under an overlay that keeps all writes in memory, until it is closed (-snapshot).
 * Takes the image over; it should have been opened without NODE_WRITE. */
struct block_node *node_open_overlay(struct block_node *image);

/* Flushes, closes and frees with all children; accepts NULL. The first error of the last writes. */
int node_close(struct block_node *node);

/* --- transfers --- */

/* Reads into one piece of memory. Behind the end of the node: FILE_ERROR_IO, here and below, but
 * files read as zeros there, and writes make them longer. */
int node_read(struct block_node *node, uint64_t offset, void *data, size_t size);

/* Writes one piece of memory; `flags` of enum request_flag. */
int node_write(struct block_node *node, uint64_t offset, const void *data, size_t size,
               unsigned flags);

/* Reads into memory in several pieces, at least `size` bytes of them. */
int node_read_vec(struct block_node *node, uint64_t offset, uint64_t size,
                  const struct host_vec *vec, unsigned count);

/* Writes memory in several pieces, at least `size` bytes of them. */
int node_write_vec(struct block_node *node, uint64_t offset, uint64_t size,
                   const struct host_vec *vec, unsigned count, unsigned flags);

/* Makes a range read as zeros. */
int node_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags);

/* Nobody will read the range before it is written again: a hint, ignored without NODE_RELEASE. */
int node_discard(struct block_node *node, uint64_t offset, uint64_t size);

/* Every write that was done before is on stable storage after. */
int node_flush(struct block_node *node);

/* The same, and the image is as it will be when it is closed. */
int node_settle(struct block_node *node);

/* Changes the size; `preallocation` as in struct node_create. */
int node_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                  GError **error);

/* What stands at `offset`, looking at this node alone. */
int node_extent(struct block_node *node, uint64_t offset, uint64_t size,
                struct block_extent *ret_extent);

/* The same through the backing chain down to, and without, `base` (NULL: all of it). `depth` counts
 * the nodes above the one that decided. */
int node_extent_above(struct block_node *node, struct block_node *base, uint64_t offset,
                      uint64_t size, struct block_extent *ret_extent, unsigned *ret_depth);

/* --- what a node is; no coroutine needed --- */

/* The driver's own data. */
void *node_instance(struct block_node *node);

/* Who runs it. */
const struct block_driver *node_driver(const struct block_node *node);

/* Length in bytes; a file as `raw` shows whole sectors of 512. */
uint64_t node_size(const struct block_node *node);

/* Path for reports. */
const char *node_path(const struct block_node *node);

/* Whether it was opened with NODE_WRITE. */
bool node_writable(const struct block_node *node);

/* How it was opened: enum node_open_flag. */
unsigned node_flags(const struct block_node *node);

/* Where the image lies; NULL for a protocol. */
struct block_node *node_file(const struct block_node *node);

/* What shows through, or NULL. */
struct block_node *node_backing(const struct block_node *node);

/* Where guest data lies: the external data file, or `file`. */
struct block_node *node_data(const struct block_node *node);

/* The context of the graph. Any thread. */
struct aio_context *node_context(const struct block_node *node);

/* The pool for work that would hold the loop. */
struct thread_pool *node_pool(const struct block_node *node);

/* --- drained sections; on the context's thread, in a coroutine or not --- */

/* Closes the graph's gate and waits until nothing is under way in it. Nests. Not by a coroutine
 * that passed the gate itself. */
void node_drain_begin(struct block_node *node);

/* Opens the gate again when it was the outermost. */
void node_drain_end(struct block_node *node);

/* For who passes on requests from outside (block.h, servers): waits while the graph is drained.
 * Requests of who drained it need not pass, so that he can work in the section. */
void node_gate(struct block_node *node);

/* Requests under way in the whole graph. */
unsigned node_in_flight(const struct block_node *node);

/* --- taking memory back; by the context's thread, or while it cannot run callbacks --- */

/* Whether node_withdraw can keep its promise here; if not, lend requests memory of your own. */
bool node_can_withdraw(const struct block_node *node);

/* Takes memory back from requests under way: what has not begun is dropped and fails, what has is
 * waited for. Nobody touches the pieces after the return. */
void node_withdraw(struct block_node *node, const struct host_vec *vec, unsigned count);

/* --- without a coroutine --- */

/* Runs `fn` in a coroutine of `ctx` and waits for its end, polling. By the thread of `ctx` (a
 * thread without any context becomes it), or of another context while that thread runs. */
void block_run(struct aio_context *ctx, coroutine_fn *fn, void *opaque);
