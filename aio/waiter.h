/*
 * How a context waits: a table of a few functions that each host fills in twice, once plain for
 * small sets and once scalable. Tests script a third.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "platform/handle.h"

struct aio_context;
struct aio_handler;
struct aio_poller;
struct aio_waiter_ops;

/* What a handler waits for, and what came. */
enum aio_io { AIO_READ = 1, AIO_WRITE = 2, AIO_POLLED = 4 /* said a poll function */ };

/* One way to wait, working for one context. The host's struct begins with it. */
struct aio_waiter {
    const struct aio_waiter_ops *ops;
    struct aio_context *ctx;
};

struct aio_waiter_ops {
    const char *name;

    /* Handlers from which on `larger` is taken, if that can be made; never if it is NULL. */
    unsigned larger_from;
    const struct aio_waiter_ops *larger;

    /* What is taken when `update` fails; NULL: the failure goes to the caller. */
    const struct aio_waiter_ops *smaller;

    /* Waitable handles it can hold; 0: as many as the host has. */
    unsigned handles_max;

    /* The host must not be looking at a handle any more when its removal returns. */
    bool holds_handles;

    /* Makes a waiter without handlers that works by this table. */
    struct aio_waiter *(*start)(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                                GError **error);

    /* Waits for `want` (AIO_READ and AIO_WRITE, hang-up always) on the handler's handle from now
     * on; 0 stops that. False and `error` leave everything as it was; 0 never fails. Any thread,
     * under the handlers' lock, perhaps while another thread is in `wait`. */
    bool (*update)(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                   GError **error);

    /* Sleeps until host_monotonic_ns() reaches `until_ns` (0: not at all; INT64_MAX: no end), a
     * handle is ready, or `wake` was called since the last wait; may end for no reason. Reports
     * each ready handler with aio_handler_ready. True if it was `wake`, which is then taken back.
     * Home thread, handlers' lock not held. */
    bool (*wait)(struct aio_waiter *waiter, int64_t until_ns);

    /* Ends the wait that is under way or comes next. Any thread, never blocks. */
    void (*wake)(struct aio_waiter *waiter);

    /* What another loop must wait for instead: up to `max` entries, the number there are. Sets
     * *ret_now if something is ready already. Home thread, handlers' lock not held. */
    unsigned (*poll_fds)(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now);

    /* Frees it; no handler is in it any more. */
    void (*finish)(struct aio_waiter *waiter);
};

/* One handle that a context waits for. Waiters use `handle`, `want`, `slot` and `backend`. */
struct aio_handler {
    struct host_handle handle;
    unsigned want;    /* AIO_READ | AIO_WRITE; 0 once removed. Under the handlers' lock. */
    unsigned slot;    /* free for the waiter */
    void *backend[2]; /* free for each waiter of the context: [0] plain, [1] larger */

    unsigned ready; /* what came and was not yet handed to the callbacks */
    struct aio_handler *ready_next;
    struct aio_handler *ready_prev;
    unsigned index; /* in the context's array */
    const char *name;
    void (*io_read)(void *opaque);
    void (*io_write)(void *opaque);
    void *opaque;
    uint64_t fired;            /* callbacks called */
    struct aio_poller *poller; /* NULL: never busy-polled */
};

/* The waiter a new context begins with on this host; it goes over to a larger one by itself. */
const struct aio_waiter_ops *aio_waiter_default(void);

/* Each way to wait that this host has, by itself: it neither grows nor falls back. NULL after the
 * last. */
const struct aio_waiter_ops *aio_waiter_nth(unsigned index);

/* Says from inside `wait` that `io` came; ignored if the handler was removed meanwhile. Handlers'
 * lock held. */
void aio_handler_ready(struct aio_handler *handler, struct aio_context *ctx, unsigned io);

/* Takes the lock under which handlers come, go and change. */
void aio_handlers_lock(struct aio_context *ctx);

/* Releases it. */
void aio_handlers_unlock(struct aio_context *ctx);

/* The handlers that are wanted now, `*ret_count` of them. Handlers' lock held. */
struct aio_handler **aio_handlers_all(struct aio_context *ctx, unsigned *ret_count);
