#include "platform/win32/text.h"

#include <assert.h>

#include <glib.h>

wchar_t *text_to_wide(const char *text)
{
    int units = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    assert(units > 0);
    wchar_t *wide = g_new(wchar_t, (size_t)units);
    MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, units);
    return wide;
}

char *text_from_wide(const wchar_t *wide)
{
    int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    assert(bytes > 0);
    char *text = g_malloc((size_t)bytes);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, bytes, NULL, NULL);
    return text;
}

int64_t text_filetime_ns(FILETIME time)
{
    return (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) * 100;
}
