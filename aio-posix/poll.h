/* The plain waiter of POSIX hosts: one array of descriptors for one system call. */
#pragma once

#include <poll.h>

#include "aio/waiter.h"

/* The waiter's functions, for the tables of <family>/waiters.c. */
struct aio_waiter *poll_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                              GError **error);

/* See struct aio_waiter_ops; never fails. */
bool poll_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                 GError **error);

/* See struct aio_waiter_ops. */
bool poll_wait(struct aio_waiter *waiter, int64_t until_ns);

/* See struct aio_waiter_ops. */
void poll_wake(struct aio_waiter *waiter);

/* See struct aio_waiter_ops. */
void poll_finish(struct aio_waiter *waiter);

/* See struct aio_waiter_ops. */
unsigned poll_fds(struct aio_waiter *waiter, GPollFD *fds, unsigned max, bool *ret_now);

/* poll(2) until host_monotonic_ns() is `until_ns` (0: do not wait; INT64_MAX: no end), as exactly
 * as the host can; may end early. The number of entries with events, 0 also on failure. */
int poll_until(struct pollfd *fds, nfds_t count, int64_t until_ns);
