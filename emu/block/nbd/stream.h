/*
 * A connection as coroutines see it: read so many bytes, write these, and wait meanwhile. Plain, or
 * with TLS from some point on.
 *
 * One coroutine reads at a time; any number may write. Home thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "emu/block/nbd/tls.h"
#include "platform/file.h"
#include "platform/handle.h"

#define NBD_STREAM_BUFFER 8192

/* Fields belong to stream.c. */
struct nbd_stream {
    struct aio_context *ctx;
    struct host_handle socket;
    struct coroutine *reader, *writer; /* who waits for the socket */
    bool watches_read, watches_write;
    bool broken;
    struct co_mutex write_lock;
    struct nbd_tls *tls; /* or NULL */
    size_t begin, end;   /* of what is received and not yet read */
    uint8_t buffer[NBD_STREAM_BUFFER];
    uint8_t merged[NBD_STREAM_BUFFER]; /* small messages are sent in one piece; under write_lock */
};

/* Takes over a connected socket. */
void nbd_stream_init(struct nbd_stream *stream, struct aio_context *ctx, struct host_handle socket);

/* Goes on with TLS: its handshake. False when that fails: nbd_stream_problem says why. Nobody else
 * reads or writes; in a coroutine. */
bool nbd_stream_start_tls(struct nbd_stream *stream, struct nbd_tls_keys *keys);

/* Why TLS failed, for people; NULL if it did not. */
const char *nbd_stream_problem(const struct nbd_stream *stream);

/* Closes the socket; nobody reads or writes. */
void nbd_stream_finish(struct nbd_stream *stream);

/* Makes all reads and writes fail, those under way too, which end from a later bottom half. Not
 * only for coroutines. */
void nbd_stream_abort(struct nbd_stream *stream);

/* Reads exactly `size` bytes; false when the connection ended before. */
bool nbd_stream_read(struct nbd_stream *stream, void *data, size_t size);

/* The same into memory in several pieces. */
bool nbd_stream_read_vec(struct nbd_stream *stream, const struct host_vec *vec, unsigned count);

/* Reads and forgets. */
bool nbd_stream_skip(struct nbd_stream *stream, uint64_t size);

/* Begins a message: nobody else sends until its end. */
void nbd_stream_begin(struct nbd_stream *stream);

/* Ends it. */
void nbd_stream_end(struct nbd_stream *stream);

/* Sends a part of a message that has begun; false when the connection ended before. */
bool nbd_stream_send(struct nbd_stream *stream, const void *header, size_t header_size,
                     const struct host_vec *vec, unsigned count);

/* Sends a message: a header and what follows it. */
bool nbd_stream_write(struct nbd_stream *stream, const void *header, size_t header_size,
                      const struct host_vec *vec, unsigned count);
