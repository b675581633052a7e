#include "platform/posix/fail.h"

#include <errno.h>
#include <stdarg.h>

static enum host_error code_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR: return HOST_ERROR_NOT_FOUND;
    case EEXIST: return HOST_ERROR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return HOST_ERROR_DENIED;
    case EADDRINUSE:
    case EBUSY:
    case ETXTBSY: return HOST_ERROR_IN_USE;
    case EISDIR: return HOST_ERROR_WRONG_TYPE;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EDQUOT:
    case EAGAIN: return HOST_ERROR_EXHAUSTED;
    case EFBIG:
    case ENAMETOOLONG: return HOST_ERROR_TOO_LARGE;
    case ENOSYS:
    case EAFNOSUPPORT:
    case ENOTSUP: return HOST_ERROR_UNSUPPORTED;
    case ETIMEDOUT: return HOST_ERROR_TIMEOUT;
    case ECONNREFUSED: return HOST_ERROR_REFUSED;
    default: return HOST_ERROR_OTHER;
    }
}

bool host_fail(GError **error, int number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return host_error_set(error, code_of(number), "%s: %s", what, g_strerror(number));
}
