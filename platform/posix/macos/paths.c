/* Apple's File System Programming Guide: what belongs where in ~/Library. */
#include "platform/paths.h"

#include <glib.h>

char *host_place_of_user(enum host_place place)
{
    const char *folder = place == HOST_PLACE_CACHE ? "Caches" : "Application Support";
    return g_build_filename(g_get_home_dir(), "Library", folder, "Tinamou", NULL);
}
