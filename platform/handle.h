/* One thing of the host's that a loop can wait for: a descriptor, a socket, an event, ... */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum host_handle_kind {
    HOST_HANDLE_NONE,
    HOST_HANDLE_SOCKET,   /* readable / writable, level-triggered */
    HOST_HANDLE_WAITABLE, /* signalled or not: an event, a timer, a process; a pipe on posix */
};

/* Passed by value. `os` is a file descriptor on posix, a SOCKET or a HANDLE on win32. */
struct host_handle {
    enum host_handle_kind kind;
    intptr_t os;
};

/* The handle that is no handle. */
static inline struct host_handle host_handle_none(void)
{
    return (struct host_handle){ HOST_HANDLE_NONE, -1 };
}

/* Whether both name the same thing of the host's. */
static inline bool host_handle_equal(struct host_handle a, struct host_handle b)
{
    return a.kind == b.kind && a.os == b.os;
}
