/* Windows of the guest's second and further screens: a picture and nothing else. What there is to
 * choose or to read about the machine is in the main one. */
#include "ui/sdl/parts.h"
#include "ui/view/colors.h"

#define WIDTH  1024 /* points at first, as the main one's content */
#define HEIGHT 768
#define GAP    32 /* from the window before, to its right or, without room, over it */

/* The guest hears of the window's size, and the main window draws its menu again. */
static void head_changed(struct window *window, struct screen *screen)
{
    screen->stale = true;
    window->stale = PART_ALL;
    screen_wish(screen);
}

static void head_measure(struct screen *screen)
{
    pane_measure(&screen->own);
    screen->stale = true;
}

/* Beside the window of the screen before, where the guest's pointer goes over to it, if the desktop
 * has that much room. */
static void head_place(struct screen *screen, SDL_Window *before, const SDL_Rect *usable)
{
    int x, y, width, height, own;
    SDL_GetWindowPosition(before, &x, &y);
    SDL_GetWindowSize(before, &width, &height);
    SDL_GetWindowSize(screen->own.sdl, &own, NULL);
    bool room = x + width + GAP + own <= usable->x + usable->w;
    SDL_SetWindowPosition(screen->own.sdl, room ? x + width + GAP : x + GAP, room ? y : y + GAP);
}

static bool head_create(struct window *window, struct screen *screen)
{
    SDL_Rect usable = { 0, 0, WIDTH, HEIGHT };
    struct pane *before = screen[-1].own.sdl ? &screen[-1].own : &window->pane;
    SDL_GetDisplayUsableBounds(MAX(SDL_GetWindowDisplayIndex(before->sdl), 0), &usable);
    if (!pane_create(&screen->own, MIN(WIDTH, usable.w * 9 / 10), MIN(HEIGHT, usable.h * 9 / 10))) {
        window_say_failure(window, "There is no window for this screen", SDL_GetError(), NULL);
        return false;
    }
    head_place(screen, before->sdl, &usable);
    window_title(window);
    screen_upload(window, screen);
    return true;
}

void head_open(struct window *window, struct screen *screen)
{
    if (!screen->own.sdl && !head_create(window, screen)) {
        return;
    }
    if (!screen->open) {
        SDL_ShowWindow(screen->own.sdl);
        screen->open = true;
        head_measure(screen);
        head_changed(window, screen);
    }
    SDL_RaiseWindow(screen->own.sdl);
}

void head_hide(struct window *window, struct screen *screen)
{
    window_release(window);
    if (screen->own.full_screen) {
        pane_set_full_screen(&screen->own, false);
    }
    screen->open = false;
    SDL_HideWindow(screen->own.sdl);
    if (window->at == screen) {
        window->at = NULL;
        SDL_RaiseWindow(window->pane.sdl);
    }
    head_changed(window, screen);
}

struct screen *head_find(struct window *window, Uint32 id)
{
    for (unsigned i = 1; i < window->screen_count; i++) {
        struct screen *screen = &window->screen[i];
        if (screen->own.sdl && SDL_GetWindowID(screen->own.sdl) == id) {
            return screen;
        }
    }
    return NULL;
}

/* A line in the middle of a window without a picture. */
static void head_say(struct window *window, struct screen *screen, const char *what)
{
    struct canvas canvas;
    int width = text_width(&window->text, TEXT_PLAIN, what, -1);
    int height = text_height(&window->text, TEXT_PLAIN);
    struct box content = screen->own.content;
    const SDL_Rect to = { content.x + (content.width - width) / 2,
                          content.y + (content.height - height) / 2, width, height };
    canvas_init(&canvas, width, height);
    canvas_fill(&canvas, (struct box){ 0, 0, width, height }, COLOR_BACKDROP);
    text_draw(&window->text, &canvas, TEXT_PLAIN, 0, 0, COLOR_FAINT, what, -1);
    SDL_Texture *texture = SDL_CreateTexture(screen->own.renderer, SDL_PIXELFORMAT_RGB888,
                                             SDL_TEXTUREACCESS_STATIC, width, height);
    if (texture) {
        SDL_UpdateTexture(texture, NULL, canvas.pixels, canvas.width * 4);
        SDL_RenderCopy(screen->own.renderer, texture, NULL, &to);
        SDL_DestroyTexture(texture);
    }
    canvas_finish(&canvas);
}

static void head_draw(struct window *window, struct screen *screen)
{
    SDL_Renderer *renderer = screen->own.renderer;
    SDL_SetRenderDrawColor(renderer, COLOR_BACKDROP >> 16, COLOR_BACKDROP >> 8 & 0xff,
                           COLOR_BACKDROP & 0xff, 0xff);
    SDL_RenderClear(renderer);
    if (screen_has_picture(screen)) {
        screen_render(window, screen);
    } else {
        head_say(window, screen, "The guest shows no picture here yet");
    }
    SDL_RenderPresent(renderer);
    screen->stale = false;
}

void heads_draw(struct window *window)
{
    for (unsigned i = 1; i < window->screen_count; i++) {
        if (window->screen[i].open && window->screen[i].stale) {
            head_draw(window, &window->screen[i]);
        }
    }
}

bool head_window_event(struct window *window, struct screen *screen, const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_CLOSE: head_hide(window, screen); return true;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
    case SDL_WINDOWEVENT_DISPLAY_CHANGED:
        head_measure(screen);
        window_wish_soon(window);
        return true;
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED: screen->stale = true; return true;
    default: return false;
    }
}
