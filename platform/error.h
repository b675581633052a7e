/* Errors of the host: one GError domain, with codes for what callers can tell apart. */
#pragma once

#include <stdbool.h>

#include <glib.h>

enum host_error {
    HOST_ERROR_OTHER,
    HOST_ERROR_NOT_FOUND,
    HOST_ERROR_EXISTS,
    HOST_ERROR_DENIED,      /* permissions, or a read-only place */
    HOST_ERROR_IN_USE,      /* another process has the file, the lock or the port */
    HOST_ERROR_WRONG_TYPE,  /* a directory where a file is meant, and the like */
    HOST_ERROR_EXHAUSTED,   /* no memory, descriptors, threads or disk space left */
    HOST_ERROR_UNSUPPORTED, /* this host has no such thing */
    HOST_ERROR_TIMEOUT,
    HOST_ERROR_REFUSED, /* nobody listens there */
    HOST_ERROR_TOO_LARGE,
};

/* The domain of `enum host_error`. */
GQuark host_error_quark(void);

/* Sets `error` (which may be NULL) to a formatted UTF-8 message; always returns false. */
bool host_error_set(GError **error, enum host_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
