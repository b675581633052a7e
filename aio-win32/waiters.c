/* The waiters of Windows: WaitForMultipleObjects, and a completion port from the 61st handle on. */
#include "aio-win32/port.h"
#include "aio-win32/wfmo.h"

#define PORT_FROM 61

#define WFMO_FUNCTIONS                                                                             \
    .name = "wfmo", .handles_max = WFMO_HANDLES_MAX, .holds_handles = true, .start = wfmo_start,   \
    .update = wfmo_update, .wait = wfmo_wait, .wake = wfmo_wake, .poll_fds = wfmo_poll_fds,        \
    .finish = wfmo_finish
#define PORT_FUNCTIONS                                                                             \
    .name = "port", .start = port_start, .update = port_update, .wait = port_wait,                 \
    .wake = port_wake, .poll_fds = port_poll_fds, .finish = port_finish

static const struct aio_waiter_ops wfmo_only = { WFMO_FUNCTIONS };
static const struct aio_waiter_ops port_ops = { PORT_FUNCTIONS };
static const struct aio_waiter_ops wfmo_ops = { WFMO_FUNCTIONS, .larger_from = PORT_FROM,
                                                .larger = &port_ops };

const struct aio_waiter_ops *aio_waiter_default(void)
{
    return &wfmo_ops;
}

const struct aio_waiter_ops *aio_waiter_nth(unsigned index)
{
    static const struct aio_waiter_ops *const all[] = { &wfmo_only, &port_ops };

    return index < G_N_ELEMENTS(all) ? all[index] : NULL;
}
