/* XDG Base Directory Specification 0.8; glib has its defaults. */
#include "platform/paths.h"

#include <assert.h>

#include <glib.h>

char *host_place_of_user(enum host_place place)
{
    const char *base = NULL;
    switch (place) {
    case HOST_PLACE_SETTINGS: base = g_get_user_config_dir(); break;
    case HOST_PLACE_DATA: base = g_get_user_data_dir(); break;
    case HOST_PLACE_CACHE: base = g_get_user_cache_dir(); break;
    case HOST_PLACE_STATE:
        return g_getenv("XDG_STATE_HOME") && g_path_is_absolute(g_getenv("XDG_STATE_HOME"))
                   ? g_build_filename(g_getenv("XDG_STATE_HOME"), "tinamou", NULL)
                   : g_build_filename(g_get_home_dir(), ".local", "state", "tinamou", NULL);
    }
    assert(base);
    return g_build_filename(base, "tinamou", NULL);
}
