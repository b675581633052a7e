/* The waiters of macOS: poll(2), whose time-outs are whole milliseconds. */
#include <limits.h>

#include "aio-posix/poll.h"
#include "platform/clock.h"

static const struct aio_waiter_ops plain_ops = {
    .name = "poll",
    .start = poll_start,
    .update = poll_update,
    .wait = poll_wait,
    .wake = poll_wake,
    .poll_fds = poll_fds,
    .finish = poll_finish,
};

int poll_until(struct pollfd *fds, nfds_t count, int64_t until_ns)
{
    int64_t left_ms;

    if (until_ns == INT64_MAX) {
        return poll(fds, count, -1);
    }
    left_ms = until_ns == 0 ? 0 : (until_ns - host_monotonic_ns() + 999999) / 1000000;
    return poll(fds, count, left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms);
}

const struct aio_waiter_ops *aio_waiter_default(void)
{
    return &plain_ops;
}

const struct aio_waiter_ops *aio_waiter_nth(unsigned index)
{
    return index == 0 ? &plain_ops : NULL;
}
