#include "platform/win32/owner.h"

#include <stdbool.h>

#include <glib.h>

#include <windows.h>
#include <restartmanager.h>

#include "platform/win32/text.h"

char *owner_describe(const wchar_t *path)
{
    wchar_t key[CCH_RM_SESSION_KEY + 1] = { 0 };
    RM_PROCESS_INFO found = { 0 };
    DWORD session;
    DWORD reasons;
    UINT count = 1, needed = 0;
    if (RmStartSession(&session, 0, key) != ERROR_SUCCESS) {
        return NULL;
    }
    DWORD status = RmRegisterResources(session, 1, &path, 0, NULL, 0, NULL);
    if (status == ERROR_SUCCESS) {
        status = RmGetList(session, &needed, &count, &found, &reasons);
    }
    RmEndSession(session);
    bool known = (status == ERROR_SUCCESS || status == ERROR_MORE_DATA) && needed > 0 && count > 0;
    if (!known || found.Process.dwProcessId == 0) {
        return NULL;
    }
    g_autofree char *name = text_from_wide(found.strAppName);
    return g_strdup_printf("process %lu (%s)", found.Process.dwProcessId, name);
}
