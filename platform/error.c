#include "platform/error.h"

#include <stdarg.h>

GQuark host_error_quark(void)
{
    return g_quark_from_static_string("host-error");
}

bool host_error_set(GError **error, enum host_error code, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        *error = g_error_new_valist(host_error_quark(), (gint)code, format, args);
        va_end(args);
    }
    return false;
}
