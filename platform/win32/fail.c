#include "platform/win32/fail.h"

#include <stdarg.h>

#include <winsock2.h>
#include <windows.h>

static const struct {
    DWORD number;
    enum host_error code;
} codes[] = {
    { ERROR_FILE_NOT_FOUND, HOST_ERROR_NOT_FOUND },
    { ERROR_PATH_NOT_FOUND, HOST_ERROR_NOT_FOUND },
    { ERROR_BAD_NETPATH, HOST_ERROR_NOT_FOUND },
    { ERROR_INVALID_NAME, HOST_ERROR_NOT_FOUND },
    { ERROR_FILE_EXISTS, HOST_ERROR_EXISTS },
    { ERROR_ALREADY_EXISTS, HOST_ERROR_EXISTS },
    { ERROR_ACCESS_DENIED, HOST_ERROR_DENIED },
    { ERROR_WRITE_PROTECT, HOST_ERROR_DENIED },
    { WSAEACCES, HOST_ERROR_DENIED },
    { ERROR_SHARING_VIOLATION, HOST_ERROR_IN_USE },
    { ERROR_LOCK_VIOLATION, HOST_ERROR_IN_USE },
    { WSAEADDRINUSE, HOST_ERROR_IN_USE },
    { ERROR_NOT_ENOUGH_MEMORY, HOST_ERROR_EXHAUSTED },
    { ERROR_OUTOFMEMORY, HOST_ERROR_EXHAUSTED },
    { ERROR_COMMITMENT_LIMIT, HOST_ERROR_EXHAUSTED },
    { ERROR_NO_SYSTEM_RESOURCES, HOST_ERROR_EXHAUSTED },
    { ERROR_DISK_FULL, HOST_ERROR_EXHAUSTED },
    { ERROR_TOO_MANY_OPEN_FILES, HOST_ERROR_EXHAUSTED },
    { WSAEMFILE, HOST_ERROR_EXHAUSTED },
    { ERROR_FILE_TOO_LARGE, HOST_ERROR_TOO_LARGE },
    { ERROR_FILENAME_EXCED_RANGE, HOST_ERROR_TOO_LARGE },
    { ERROR_NOT_SUPPORTED, HOST_ERROR_UNSUPPORTED },
    { WSAEAFNOSUPPORT, HOST_ERROR_UNSUPPORTED },
    { WSAETIMEDOUT, HOST_ERROR_TIMEOUT },
    { WSAECONNREFUSED, HOST_ERROR_REFUSED },
};

static enum host_error code_of(DWORD number)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].number == number) {
            return codes[i].code;
        }
    }
    return HOST_ERROR_OTHER;
}

bool host_fail(GError **error, unsigned long number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *why = g_win32_error_message((gint)number);
    return host_error_set(error, code_of(number), "%s: %s (error %lu)", what, g_strchomp(why),
                          number);
}
