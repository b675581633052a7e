#include "platform/event.h"

#include <assert.h>
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/posix/fail.h"
#include "platform/posix/family.h"

/* The usual soft limit is 1024 and the hard one far higher. */
static bool descriptor_limit_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) {
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

bool host_event_init(struct host_event *event, GError **error)
{
    int readable, writable;
    int number = family_event_open(&readable, &writable);
    if (number == EMFILE && descriptor_limit_raise()) {
        number = family_event_open(&readable, &writable);
    }
    if (number) {
        return host_fail(error, number, "cannot make an event");
    }
    event->handle = (struct host_handle){ HOST_HANDLE_WAITABLE, readable };
    event->write_os = writable;
    return true;
}

void host_event_finish(struct host_event *event)
{
    if (event->write_os != event->handle.os) {
        close((int)event->write_os);
    }
    close((int)event->handle.os);
    event->handle = host_handle_none();
    event->write_os = -1;
}

/* Eight bytes are what an eventfd takes; a pipe does not mind. A full pipe is set already. */
void host_event_set(struct host_event *event)
{
    static const uint64_t one = 1;
    ssize_t written;
    do {
        written = write((int)event->write_os, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
    assert(written == sizeof(one) || errno == EAGAIN);
}

bool host_event_test_and_clear(struct host_event *event)
{
    uint64_t taken[64];
    bool was_set = false;
    for (;;) {
        ssize_t got = read((int)event->handle.os, taken, sizeof(taken));
        if (got > 0) {
            was_set = true;
        } else if (got == 0 || errno != EINTR) {
            assert(got < 0 && errno == EAGAIN);
            return was_set;
        }
        if (got > 0 && got < (ssize_t)sizeof(taken)) {
            return was_set;
        }
    }
}
