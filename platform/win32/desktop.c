/*
 * A window program has standard streams only if whoever started it gave it some: then it is used
 * like a terminal program, and nothing is changed.
 */
#include "platform/desktop.h"

#include <io.h>
#include <stdio.h>

#include <windows.h>

#include "platform/file.h"
#include "platform/win32/fail.h"
#include "platform/win32/text.h"

static bool has_stream(DWORD id)
{
    HANDLE handle = GetStdHandle(id);
    return handle && handle != INVALID_HANDLE_VALUE && GetFileType(handle) != FILE_TYPE_UNKNOWN;
}

/* Both views that programs have of a stream: the C library's and the system's. */
static bool stream_open(FILE *stream, DWORD id, const wchar_t *path)
{
    FILE *opened = _wfreopen(path, L"ab", stream);
#ifndef _UCRT
    /* Wine's copy of the old library does not reopen what was never open; there a stream may be
     * overwritten. */
    if (!opened && (opened = _wfopen(path, L"ab"))) {
        *stream = *opened;
    }
#endif
    if (!opened) {
        return false;
    }
    setvbuf(stream, NULL, _IONBF, 0); /* others append to the same file */
    SetStdHandle(id, (HANDLE)_get_osfhandle(_fileno(stream)));
    return true;
}

bool host_streams_redirect(const char *path, bool *ret_redirected, GError **error)
{
    if (has_stream(STD_ERROR_HANDLE)) {
        *ret_redirected = false;
        return true;
    }
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree wchar_t *wide = text_to_path(path);
    if (!host_folder_create(folder, error)) {
        return false;
    }
    if (!stream_open(stderr, STD_ERROR_HANDLE, wide) ||
        (!has_stream(STD_OUTPUT_HANDLE) && !stream_open(stdout, STD_OUTPUT_HANDLE, wide))) {
        return host_fail(error, GetLastError(), "cannot write the log '%s'", path);
    }
    *ret_redirected = true;
    return true;
}

void host_alert(const char *title, const char *text)
{
    g_autofree wchar_t *wide_title = text_to_wide(title), *wide_text = text_to_wide(text);
    MessageBoxW(NULL, wide_text, wide_title, MB_OK | MB_ICONINFORMATION | MB_SETFOREGROUND);
}

/* A service has a window station that nobody sees. */
bool host_desktop_present(void)
{
    USEROBJECTFLAGS flags = { 0 };
    HWINSTA station = GetProcessWindowStation();
    return station &&
           GetUserObjectInformationW(station, UOI_FLAGS, &flags, sizeof(flags), NULL) &&
           (flags.dwFlags & WSF_VISIBLE);
}
