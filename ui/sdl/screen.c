/* The guest's picture as a texture: damage goes in, the right scale comes out. */
#include <math.h>
#include <string.h>

#include "ui/sdl/parts.h"

#define MM_PER_INCH 25.4

void screen_finish(struct screen *screen)
{
    if (screen->texture) {
        SDL_DestroyTexture(screen->texture);
    }
    if (screen->cursor) {
        SDL_FreeCursor(screen->cursor);
    }
    pane_close(&screen->own);
    *screen = (struct screen){ 0 };
}

bool screen_has_picture(const struct screen *screen)
{
    return screen && screen->frame && screen->frame->width > 0;
}

void screen_upload(struct window *window, struct screen *screen)
{
    const struct display_frame *frame = screen->frame;
    bool whole = false;
    if (!frame || !screen->pane->renderer) {
        return;
    }
    if (frame->width == 0) {
        g_clear_pointer(&screen->texture, SDL_DestroyTexture);
        screen->width = screen->height = 0;
        return;
    }
    if (!screen->texture || screen->width != frame->width || screen->height != frame->height) {
        g_clear_pointer(&screen->texture, SDL_DestroyTexture);
        screen->texture =
            SDL_CreateTexture(screen->pane->renderer, SDL_PIXELFORMAT_RGB888,
                              SDL_TEXTUREACCESS_STREAMING, (int)frame->width, (int)frame->height);
        screen->width = frame->width;
        screen->height = frame->height;
        window->stale = PART_ALL;
        whole = true;
    }
    const struct display_rect all = { 0, 0, (int32_t)frame->width, (int32_t)frame->height };
    unsigned count = whole ? 1 : frame->damage_count;
    for (unsigned i = 0; screen->texture && i < count; i++) {
        const struct display_rect *from = whole ? &all : &frame->damage[i];
        const SDL_Rect rect = { from->x, from->y, from->width, from->height };
        const uint32_t *pixels = frame->pixels + (size_t)from->y * (frame->stride / 4) + from->x;
        SDL_UpdateTexture(screen->texture, &rect, pixels, (int)frame->stride);
    }
}

/* The guest's pointer becomes the host's: it moves without waiting for the guest. */
static void cursor_take(struct screen *screen)
{
    const struct display_cursor *from = &screen->frame->cursor;
    screen->cursor_visible = from->visible;
    if (!from->visible || (screen->cursor && screen->cursor_serial == from->serial) ||
        from->width == 0 || from->height == 0) {
        return;
    }
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom(
        (void *)from->pixels, (int)from->width, (int)from->height, 32, (int)from->width * 4,
        SDL_PIXELFORMAT_ARGB8888);
    SDL_Cursor *cursor =
        surface ? SDL_CreateColorCursor(surface, (int)MIN(from->hot_x, from->width - 1),
                                        (int)MIN(from->hot_y, from->height - 1))
                : NULL;
    SDL_FreeSurface(surface);
    if (cursor) {
        SDL_Cursor *old = screen->cursor;
        screen->cursor = cursor;
        SDL_SetCursor(cursor);
        g_clear_pointer(&old, SDL_FreeCursor);
        screen->cursor_serial = from->serial;
    }
}

void screen_set_cursor(struct window *window)
{
    const SDL_Window *under = SDL_GetMouseFocus();
    const struct screen *head =
        under ? head_find(window, SDL_GetWindowID((SDL_Window *)under)) : NULL;
    const struct screen *screen = head ? head : window_screen(window);
    bool own = screen && screen->cursor && screen->cursor_visible && !window->sheet.title &&
               window->menu.open < 0;
    SDL_SetCursor(own ? screen->cursor : SDL_GetDefaultCursor());
}

bool screen_take_all(struct window *window)
{
    bool changed = false, taken = false;
    for (unsigned i = 0; i < window->screen_count; i++) {
        struct screen *screen = &window->screen[i];
        const struct display_frame *frame = display_take(screen->display);
        if (!frame) {
            continue;
        }
        screen->frame = frame;
        screen_upload(window, screen);
        cursor_take(screen);
        screen->stale = true;
        if (i == 0 && frame->drawn && !window->chosen && window->shown != i) {
            window->chosen = true;
            window_show_view(window, i);
        }
        taken = true;
        changed |= window->shown == i;
    }
    if (taken) {
        screen_set_cursor(window);
    }
    return changed;
}

/* Whole pixels of the window for each pixel of the guest, if that is what the factor is. */
static bool factor_is_whole(double factor)
{
    return fabs(factor - floor(factor + 0.5)) < 0.001;
}

static double factor_of(const struct window *window, const struct screen *screen)
{
    double across = (double)screen->pane->content.width / screen->width;
    double down = (double)screen->pane->content.height / screen->height;
    double factor = MIN(across, down);
    switch (window->scaling) {
    case SCALING_FIT: return factor;
    case SCALING_INTEGER: return factor >= 1 ? floor(factor) : factor;
    case SCALING_ONE: return 1;
    }
    g_assert_not_reached();
}

struct box screen_box(const struct window *window, const struct screen *screen)
{
    double factor = factor_of(window, screen);
    int width = (int)(screen->width * factor + 0.5), height = (int)(screen->height * factor + 0.5);
    struct box content = screen->pane->content;
    return (struct box){ content.x + (content.width - width) / 2,
                         content.y + (content.height - height) / 2, width, height };
}

/* A captured mouse has no pointer of the host's: the guest's is drawn. */
static void cursor_render(struct window *window, const struct screen *screen, struct box box)
{
    const struct display_cursor *cursor = &screen->frame->cursor;
    if (!window->grabbed || !cursor->visible || cursor->width == 0 || cursor->height == 0) {
        return;
    }
    SDL_Texture *texture =
        SDL_CreateTexture(screen->pane->renderer, SDL_PIXELFORMAT_ARGB8888,
                          SDL_TEXTUREACCESS_STATIC, (int)cursor->width, (int)cursor->height);
    if (texture) {
        double factor = (double)box.width / screen->width;
        const SDL_Rect to = { box.x + (int)(cursor->x * factor), box.y + (int)(cursor->y * factor),
                              (int)(cursor->width * factor), (int)(cursor->height * factor) };
        SDL_BlendMode premultiplied = SDL_ComposeCustomBlendMode(
            SDL_BLENDFACTOR_ONE, SDL_BLENDFACTOR_ONE_MINUS_SRC_ALPHA, SDL_BLENDOPERATION_ADD,
            SDL_BLENDFACTOR_ONE, SDL_BLENDFACTOR_ONE_MINUS_SRC_ALPHA, SDL_BLENDOPERATION_ADD);
        SDL_UpdateTexture(texture, NULL, cursor->pixels, (int)cursor->width * 4);
        if (SDL_SetTextureBlendMode(texture, premultiplied) != 0) {
            SDL_SetTextureBlendMode(texture, SDL_BLENDMODE_BLEND);
        }
        SDL_RenderCopy(screen->pane->renderer, texture, NULL, &to);
        SDL_DestroyTexture(texture);
    }
}

void screen_render(struct window *window, struct screen *screen)
{
    struct box box = screen_box(window, screen);
    const SDL_Rect to = { box.x, box.y, box.width, box.height };
    const SDL_Rect content = { screen->pane->content.x, screen->pane->content.y,
                               screen->pane->content.width, screen->pane->content.height };
    bool whole = factor_is_whole(factor_of(window, screen));
    SDL_SetTextureScaleMode(screen->texture, whole ? SDL_ScaleModeNearest : SDL_ScaleModeLinear);
    if (box.width > content.w || box.height > content.h) {
        SDL_RenderSetClipRect(screen->pane->renderer, &content);
    }
    SDL_RenderCopy(screen->pane->renderer, screen->texture, NULL, &to);
    cursor_render(window, screen, box);
    SDL_RenderSetClipRect(screen->pane->renderer, NULL);
}

void screen_wish(struct screen *screen)
{
    float across = 0, down = 0;
    struct pane *pane = screen->pane;
    int display = pane->sdl ? SDL_GetWindowDisplayIndex(pane->sdl) : -1;
    struct display_request wish = screen->wish;
    wish.connected = pane != &screen->own || screen->open;
    if (wish.connected) {
        wish.width = (uint32_t)CLAMP(pane->content.width, 1, DISPLAY_SIDE_MAX);
        wish.height = (uint32_t)CLAMP(pane->content.height, 1, DISPLAY_SIDE_MAX);
    }
    if (display >= 0 && SDL_GetDisplayDPI(display, NULL, &across, &down) == 0 && across > 1 &&
        down > 1) {
        wish.width_mm = (uint32_t)(wish.width / (double)across * MM_PER_INCH);
        wish.height_mm = (uint32_t)(wish.height / (double)down * MM_PER_INCH);
    }
    if (wish.width > 0 && memcmp(&wish, &screen->wish, sizeof(wish)) != 0) {
        screen->wish = wish;
        display_set_request(screen->display, &wish);
    }
}
