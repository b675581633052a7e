/*
 * Where this program keeps what it writes for itself. All paths are absolute and UTF-8.
 *
 * A copy is *portable* when a file `portable.txt` lies beside the program: everything is then in
 * the folder `data` beside it, so that it can be carried on a stick.
 */
#pragma once

#include <stdbool.h>

enum host_place {
    HOST_PLACE_SETTINGS, /* XDG_CONFIG_HOME; %APPDATA%; Application Support */
    HOST_PLACE_DATA,     /* XDG_DATA_HOME; %LOCALAPPDATA%; Application Support */
    HOST_PLACE_CACHE,    /* XDG_CACHE_HOME; %LOCALAPPDATA%; Caches: may be lost at any time */
    HOST_PLACE_STATE,    /* XDG_STATE_HOME; %LOCALAPPDATA%; Application Support: logs, reports */
};

/* Whether this copy of the program is portable. */
bool host_is_portable(void);

/* This program's own folder of that kind, which need not exist yet; free with g_free. */
char *host_place_path(enum host_place place);

/* The same for a copy that is not portable: what the host's conventions and the user's environment
 * say. For host_place_path alone. */
char *host_place_of_user(enum host_place place);
