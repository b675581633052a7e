/* Turns a Windows error number into a GError. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "platform/error.h"

/* Sets `error` to "<formatted>: <what `number` of GetLastError means>"; always returns false. */
bool host_fail(GError **error, unsigned long number, const char *format, ...) G_GNUC_PRINTF(3, 4);
