/*
 * Requests of a client: many under way at once, answered in any order by one coroutine that reads.
 * Everything on the context's home thread, in coroutines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"
#include "aio/coroutine.h"
#include "aio/request.h"
#include "emu/block/nbd/handshake.h"
#include "emu/block/nbd/protocol.h"
#include "emu/block/nbd/stream.h"

#define NBD_CALLS_MAX 16

/* One request; on the stack of who makes it. The caller sets what stands first. */
struct nbd_call {
    enum nbd_command command;
    uint16_t flags; /* enum nbd_command_flag */
    uint64_t offset;
    uint32_t size;
    const struct host_vec *vec; /* of a read or a write */
    unsigned count;

    /* The answer. */
    uint32_t status_size, status_flags; /* the first extent, of NBD_CMD_BLOCK_STATUS */

    /* What follows belongs to calls.c. */
    uint64_t cookie;
    struct coroutine *waiting;
    bool done;
    uint64_t received;
    uint32_t error; /* enum nbd_errno */
    struct aio_request tracked;
};

/* Fields belong to calls.c, except what the opener sets. */
struct nbd_calls {
    struct nbd_stream stream; /* the opener's: initialised */
    struct nbd_export export; /* the opener's: what was negotiated */
    char *peer;               /* the opener's: for reports */
    struct aio_context *ctx;  /* the opener's */
    struct nbd_call *calls[NBD_CALLS_MAX];
    unsigned in_flight;
    uint64_t generation;
    struct co_queue room;     /* for one more call */
    struct coroutine *ending; /* waits for the reader */
    bool ended;               /* nobody reads any more: the connection is lost */
};

/* Starts reading answers. */
void nbd_calls_start(struct nbd_calls *calls);

/* Says good-bye and waits until nobody reads; no call is under way. */
void nbd_calls_end(struct nbd_calls *calls);

/* Makes a request and waits for its answer: 0 or a negative enum file_error. */
int nbd_calls_make(struct nbd_calls *calls, struct nbd_call *call);
