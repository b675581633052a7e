#include "platform/paths.h"

#include <assert.h>

#include <glib.h>

#include "platform/file.h"
#include "platform/process.h"

#define PORTABLE_MARK   "portable.txt"
#define PORTABLE_FOLDER "data"

static const char *const portable_names[] = {
    [HOST_PLACE_SETTINGS] = "settings",
    [HOST_PLACE_DATA] = "machines",
    [HOST_PLACE_CACHE] = "cache",
    [HOST_PLACE_STATE] = "logs",
};

bool host_is_portable(void)
{
    g_autofree char *folder = host_program_folder();
    g_autofree char *mark = g_build_filename(folder, PORTABLE_MARK, NULL);
    enum host_file_type type;
    return host_file_type(mark, &type, NULL) && type == HOST_FILE_REGULAR;
}

char *host_place_path(enum host_place place)
{
    assert(place < G_N_ELEMENTS(portable_names));
    if (!host_is_portable()) {
        return host_place_of_user(place);
    }
    g_autofree char *folder = host_program_folder();
    return g_build_filename(folder, PORTABLE_FOLDER, portable_names[place], NULL);
}
