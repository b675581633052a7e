/* A program without SDL has no sound of its own: into a file, or none. */
#include "ui/sdl/sound.h"

struct audio *sound_new_device(const char *id, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                "-audiodev sdl,id=%s: this program was built without SDL2: say '-audiodev none' or "
                "'-audiodev wav'",
                id);
    return NULL;
}

bool sound_has_device(void)
{
    return false;
}
