/*
 * Requests in flight: who began each, how old it is, and who must complete it.
 *
 * Embed one in whatever is asked for and not yet answered. It costs two short list operations, and
 * it is what a report, `info aio` and the watchdog know of the world.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"
#include "aio/timer.h"

/* Who must act for the request to go on; `what` below says which one. */
enum aio_waits_on {
    AIO_ON_NOBODY,  /* nobody was told: it can never complete */
    AIO_ON_WORKER,  /* const char *: what the worker does */
    AIO_ON_HOST,    /* const char *: which call of the host's */
    AIO_ON_REMOTE,  /* const char *: which peer */
    AIO_ON_TIMER,   /* struct aio_timer * */
    AIO_ON_BH,      /* struct aio_bh * */
    AIO_ON_REQUEST, /* struct aio_request * */
    AIO_ON_CONTEXT, /* struct aio_context *: a callback there */
};

/* Fields belong to the functions below. */
struct aio_request {
    uint64_t id;
    const char *kind;
    const char *site;
    struct aio_context *ctx;
    int64_t began_ns;
    enum aio_waits_on on;
    const void *what;
    bool suspected; /* the watchdog found it stuck at its last look */
    bool reported;  /* and has named it */
    struct aio_request *next;
    struct aio_request **link;
};

/* Puts a request on the list of its context; `kind` is static. It waits on nobody yet. Any
 * thread. */
#define aio_request_begin(request, ctx, kind)                                                      \
    aio_request_begin_at(request, ctx, kind, __FILE__ ":" G_STRINGIFY(__LINE__))

/* The same for a place of the caller's choice, static too. */
void aio_request_begin_at(struct aio_request *request, struct aio_context *ctx, const char *kind,
                          const char *site);

/* Says who has it now. `what` must live until the next such call or the end. Any thread. */
void aio_request_waits_on(struct aio_request *request, enum aio_waits_on on, const void *what);

/* Takes it off the list. Any thread. */
void aio_request_end(struct aio_request *request);
