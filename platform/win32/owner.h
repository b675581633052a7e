/* Who has a file open: Windows tells through the restart manager. */
#pragma once

#include <wchar.h>

/* Describes the first process that has `path` open, or NULL if unknown; free with g_free. */
char *owner_describe(const wchar_t *path);
