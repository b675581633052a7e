#include "platform/win32/text.h"

#include <assert.h>
#include <stdbool.h>

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

/* Folders may have 12 characters less than files: room for a short name below them. */
#define PLAIN_PATH_MAX (MAX_PATH - 12)

static wchar_t *path_absolute(const wchar_t *path)
{
    DWORD units = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *full = g_new0(wchar_t, (size_t)units + 1);
    GetFullPathNameW(path, units + 1, full, NULL);
    return full;
}

wchar_t *text_to_path(const char *path)
{
    wchar_t *wide = text_to_wide(path);
    if (wcsncmp(wide, L"\\\\?\\", 4) == 0 || wcsncmp(wide, L"\\\\.\\", 4) == 0) {
        return wide;
    }
    g_autofree wchar_t *full = path_absolute(wide);
    size_t length = wcslen(full);
    if (length < PLAIN_PATH_MAX) {
        return wide;
    }
    g_free(wide);
    bool share = full[0] == L'\\' && full[1] == L'\\';
    const wchar_t *prefix = share ? L"\\\\?\\UNC" : L"\\\\?\\";
    const wchar_t *rest = share ? full + 1 : full;
    size_t units = wcslen(prefix) + wcslen(rest) + 1;
    wchar_t *result = g_new(wchar_t, units);
    wcscpy(result, prefix);
    wcscat(result, rest);
    return result;
}
