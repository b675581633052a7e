/* A file of its own: the header brings the host's own along. */
#include "ui/sdl/native.h"

#include <string.h>

#include <SDL_syswm.h>

/* The member for Windows has a name only there. Its place is known: the handle comes first. */
void *native_window(SDL_Window *sdl)
{
    SDL_SysWMinfo info;
    void *native = NULL;
    SDL_VERSION(&info.version);
    if (SDL_GetWindowWMInfo(sdl, &info) && info.subsystem == SDL_SYSWM_WINDOWS) {
        memcpy(&native, &info.info, sizeof(native));
    }
    return native;
}
