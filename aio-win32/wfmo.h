/* The plain waiter of Windows: WaitForMultipleObjects over at most 64 handles. */
#pragma once

#include "aio/waiter.h"

/* Waitable handles it can hold: 64 less the wake event, the sockets' event and the timer. */
#define WFMO_HANDLES_MAX 61u

/* The waiter's functions, for the tables of waiters.c; see struct aio_waiter_ops. */
struct aio_waiter *wfmo_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error);

/* See struct aio_waiter_ops; fails for one handle too many. */
bool wfmo_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error);

/* See struct aio_waiter_ops. */
bool wfmo_wait(struct aio_waiter *waiter, int64_t until_ns);

/* See struct aio_waiter_ops. */
void wfmo_wake(struct aio_waiter *waiter);

/* See struct aio_waiter_ops. */
unsigned wfmo_poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now);

/* See struct aio_waiter_ops. */
void wfmo_finish(struct aio_waiter *waiter);
