#include "platform/event.h"

#include <assert.h>

#include <windows.h>

#include "platform/win32/fail.h"

static HANDLE handle_of(const struct host_event *event)
{
    return (HANDLE)event->handle.os;
}

bool host_event_init(struct host_event *event, GError **error)
{
    HANDLE handle = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!handle) {
        return host_fail(error, GetLastError(), "cannot make an event");
    }
    event->handle = (struct host_handle){ HOST_HANDLE_WAITABLE, (intptr_t)handle };
    event->write_os = (intptr_t)handle;
    return true;
}

void host_event_finish(struct host_event *event)
{
    CloseHandle(handle_of(event));
    event->handle = host_handle_none();
    event->write_os = -1;
}

void host_event_set(struct host_event *event)
{
    BOOL done = SetEvent(handle_of(event));
    assert(done);
}

/* A set between the two calls is answered by this one: whoever clears looks for work afterwards. */
bool host_event_test_and_clear(struct host_event *event)
{
    DWORD waited = WaitForSingleObject(handle_of(event), 0);
    assert(waited == WAIT_OBJECT_0 || waited == WAIT_TIMEOUT);
    if (waited != WAIT_OBJECT_0) {
        return false;
    }
    BOOL done = ResetEvent(handle_of(event));
    assert(done);
    return true;
}
