/* The waiters of Windows. */
#include "aio-win32/wfmo.h"

static const struct aio_waiter_ops wfmo_only = {
    .name = "wfmo",
    .handles_max = WFMO_HANDLES_MAX,
    .holds_handles = true,
    .start = wfmo_start,
    .update = wfmo_update,
    .wait = wfmo_wait,
    .wake = wfmo_wake,
    .poll_fds = wfmo_poll_fds,
    .finish = wfmo_finish,
};

const struct aio_waiter_ops *aio_waiter_default(void)
{
    return &wfmo_only;
}

const struct aio_waiter_ops *aio_waiter_nth(unsigned index)
{
    return index == 0 ? &wfmo_only : NULL;
}
