/* A window of the desktop with its renderer: the main one, or that of one screen. */
#include <string.h>

#include "ui/sdl/icon.h"
#include "ui/sdl/parts.h"

#define GL_RENDERER 0x1f01 /* of glGetString */
#define WIDTH_MIN   320
#define HEIGHT_MIN  200

/* Whether OpenGL is only played by the processor, which draws this faster without it. */
static bool renderer_is_slow(SDL_Renderer *renderer)
{
    static const char *const slow[] = { "llvmpipe", "softpipe", "Software Rasterizer" };
    typedef const char *(SDLCALL * get_string_fn)(unsigned name);
    SDL_RendererInfo info;
    if (SDL_GetRendererInfo(renderer, &info) != 0 || !g_str_has_prefix(info.name, "opengl")) {
        return false;
    }
    get_string_fn get_string = (get_string_fn)SDL_GL_GetProcAddress("glGetString");
    const char *name = get_string ? get_string(GL_RENDERER) : NULL;
    for (size_t i = 0; name && i < G_N_ELEMENTS(slow); i++) {
        if (strstr(name, slow[i])) {
            return true;
        }
    }
    return false;
}

/* Where windows have an icon of their own: elsewhere the program's file has it, in all sizes. */
static void pane_set_icon(const struct pane *pane)
{
    if (g_strcmp0(SDL_GetCurrentVideoDriver(), "x11") != 0) {
        return;
    }
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom(
        (void *)icon.pixels, (int)icon.width, (int)icon.height, 32, (int)icon.width * 4,
        SDL_PIXELFORMAT_ARGB8888);
    if (surface) {
        SDL_SetWindowIcon(pane->sdl, surface);
        SDL_FreeSurface(surface);
    }
}

bool pane_create(struct pane *pane, int width, int height)
{
    Uint32 flags = SDL_WINDOW_HIDDEN | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
    for (int attempt = 0; attempt < 2; attempt++) {
        pane->sdl = SDL_CreateWindow("Tinamou", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                     width, height, flags);
        pane->renderer = pane->sdl ? SDL_CreateRenderer(pane->sdl, -1, 0) : NULL;
        if (!pane->renderer || attempt > 0 || !renderer_is_slow(pane->renderer)) {
            break;
        }
        pane_close(pane);
        SDL_SetHint(SDL_HINT_RENDER_DRIVER, "software");
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    }
    if (!pane->renderer) {
        pane_close(pane);
        return false;
    }
    pane_set_icon(pane);
    SDL_SetWindowMinimumSize(pane->sdl, WIDTH_MIN, HEIGHT_MIN);
    return true;
}

void pane_measure(struct pane *pane)
{
    int points;
    SDL_GetRendererOutputSize(pane->renderer, &pane->width, &pane->height);
    SDL_GetWindowSize(pane->sdl, &points, NULL);
    pane->points = (double)pane->width / MAX(points, 1);
    pane->content = (struct box){ 0, 0, pane->width, pane->height };
}

void pane_set_full_screen(struct pane *pane, bool full_screen)
{
    pane->full_screen = full_screen;
    SDL_SetWindowFullscreen(pane->sdl, full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
}

void pane_close(struct pane *pane)
{
    if (pane->renderer) {
        SDL_DestroyRenderer(pane->renderer);
    }
    if (pane->sdl) {
        SDL_DestroyWindow(pane->sdl);
    }
    *pane = (struct pane){ 0 };
}
