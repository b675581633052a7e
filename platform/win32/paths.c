/* The environment comes first, as it does for other programs: it is how one run is kept apart. */
#include "platform/paths.h"

#include <glib.h>

#include <windows.h>
#include <shlobj.h>

#include "platform/win32/text.h"

/* Settings roam with the user; what is large or belongs to this computer does not. */
static const struct base {
    const char *variable;
    const KNOWNFOLDERID *id;
} roaming = { "APPDATA", &FOLDERID_RoamingAppData },
  local = { "LOCALAPPDATA", &FOLDERID_LocalAppData };

static const char *const local_names[] = {
    [HOST_PLACE_DATA] = "Machines",
    [HOST_PLACE_CACHE] = "Cache",
    [HOST_PLACE_STATE] = "Logs",
};

static char *base_path(const struct base *base)
{
    const char *named = g_getenv(base->variable);
    wchar_t *wide = NULL;
    if (named && g_path_is_absolute(named)) {
        return g_strdup(named);
    }
    HRESULT failed = SHGetKnownFolderPath(base->id, KF_FLAG_DONT_VERIFY, NULL, &wide);
    char *path = failed ? g_strdup(g_get_home_dir()) : text_from_wide(wide);
    CoTaskMemFree(wide);
    return path;
}

char *host_place_of_user(enum host_place place)
{
    g_autofree char *base = base_path(place == HOST_PLACE_SETTINGS ? &roaming : &local);
    return place == HOST_PLACE_SETTINGS
               ? g_build_filename(base, "Tinamou", NULL)
               : g_build_filename(base, "Tinamou", local_names[place], NULL);
}
