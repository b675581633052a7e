/* The window's picture: menu, content and status bar on one canvas, the guest's own under it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "platform/clock.h"
#include "ui/sdl/parts.h"
#include "ui/view/colors.h"

#define STATUS_HEIGHT 26
#define PADDING       12
#define DPI_PLAIN     96.0f
#define SCALE_MAX     4.0

/* Pixels to a length of the layout. Where SDL counts in pixels only, the display's own density
 * says it, if it is a plausible one. */
static double scale_of(const struct window *window)
{
    float dpi = 0;
    if (window->pane.points > 1.01) {
        return CLAMP(window->pane.points, 1.0, SCALE_MAX);
    }
    int display = SDL_GetWindowDisplayIndex(window->pane.sdl);
    if (display < 0 || SDL_GetDisplayDPI(display, NULL, NULL, &dpi) != 0) {
        return 1.0;
    }
    return CLAMP(floor(dpi / DPI_PLAIN * 4.0 + 0.5) / 4.0, 1.0, SCALE_MAX);
}

static bool fonts_fit(struct window *window, double scale, GError **error)
{
    if (window->text.scale > 0 && fabs(window->text.scale - scale) < 0.01) {
        return true;
    }
    text_finish(&window->text);
    return text_init(&window->text, scale, error);
}

bool window_layout(struct window *window, GError **error)
{
    pane_measure(&window->pane);
    int width = window->pane.width, height = window->pane.height;
    if (!fonts_fit(window, scale_of(window), error)) {
        return false;
    }
    int menu = window->pane.full_screen || window->frame ? 0 : menu_bar_height(&window->text);
    int status = window->pane.full_screen ? 0 : text_scaled(&window->text, STATUS_HEIGHT);
    if (width != window->canvas.width || height != window->canvas.height) {
        canvas_finish(&window->canvas);
        canvas_init(&window->canvas, MAX(width, 1), MAX(height, 1));
        g_clear_pointer(&window->chrome, SDL_DestroyTexture);
        window->chrome =
            SDL_CreateTexture(window->pane.renderer, SDL_PIXELFORMAT_ARGB8888,
                              SDL_TEXTUREACCESS_STREAMING, MAX(width, 1), MAX(height, 1));
    }
    window->menu.bar = (struct box){ 0, 0, width, menu };
    window->pane.content = (struct box){ 0, menu, width, MAX(height - menu - status, 1) };
    window->status_box = (struct box){ 0, height - status, width, status };
    for (unsigned i = 0; i < window->console_count; i++) {
        console_view_place(&window->console[i].view, &window->text, window->pane.content);
    }
    g_clear_pointer(&window->status_text, g_free);
    window->stale = PART_ALL;
    return true;
}

void window_undraw(struct window *window)
{
    g_clear_pointer(&window->chrome, SDL_DestroyTexture);
    canvas_finish(&window->canvas);
    text_finish(&window->text);
}

/* Gives a part of the canvas to the texture. */
static void chrome_upload(struct window *window, struct box box)
{
    box = box_common(box, (struct box){ 0, 0, window->canvas.width, window->canvas.height });
    if (box.width > 0 && box.height > 0) {
        const SDL_Rect rect = { box.x, box.y, box.width, box.height };
        const uint32_t *pixels =
            window->canvas.pixels + (size_t)box.y * (size_t)window->canvas.width + box.x;
        SDL_UpdateTexture(window->chrome, &rect, pixels, window->canvas.width * 4);
    }
}

static void chrome_render(struct window *window, struct box box)
{
    const SDL_Rect rect = { box.x, box.y, box.width, box.height };
    if (box.width > 0 && box.height > 0) {
        SDL_RenderCopy(window->pane.renderer, window->chrome, &rect, &rect);
    }
}

static const char *state_text(enum session_state state, uint32_t *ret_color)
{
    switch (state) {
    case SESSION_STARTING: *ret_color = COLOR_WAITING; return "Starting";
    case SESSION_RUNNING: *ret_color = COLOR_GOOD; return "Running";
    case SESSION_PAUSED: *ret_color = COLOR_WAITING; return "Paused";
    case SESSION_ENDED: *ret_color = COLOR_BAD; return "Ended";
    }
    g_assert_not_reached();
}

/* What the mouse does now, or what is being looked for. */
static char *hint_text(struct window *window)
{
    if (window->finding) {
        return g_strdup_printf("Find: %s_   Enter upwards, Shift+Enter downwards, Escape ends",
                               window->finding->str);
    }
    if (window->grabbed) {
        return g_strdup_printf("%s releases the mouse", command_chord(COMMAND_GRAB));
    }
    if (window_console(window)) {
        return g_strdup_printf("%s shows the next view", command_chord(COMMAND_NEXT_VIEW));
    }
    bool absolute = window->input && input_absolute(window->input);
    return g_strdup_printf(absolute ? "Mouse is shared, %s captures it" : "%s captures the mouse",
                           command_chord(COMMAND_GRAB));
}

/* Draws the status bar if it says something new; whether it did. */
static bool status_draw(struct window *window)
{
    struct session_status status = { .state = SESSION_STARTING };
    struct text *text = &window->text;
    struct box box = window->status_box;
    uint32_t color;
    if (window->session) {
        session_get_status(window->session, &status);
    }
    const char *state = state_text(status.state, &color);
    g_autoptr(GString) left = g_string_new(state);
    if (status.state == SESSION_RUNNING) {
        g_string_append_printf(left, "   %u hart%s   %" PRIu64 " MIPS   CPU %u%%", status.harts,
                               status.harts == 1 ? "" : "s", status.rate / 1000000,
                               status.busy_percent);
        g_string_append_printf(left, "%s%s", status.disk ? "   Disk" : "",
                               status.net ? "   Network" : "");
    }
    g_autofree char *right = hint_text(window);
    char *now = g_strdup_printf("%s|%s", left->str, right);
    bool changed = g_strcmp0(now, window->status_text) != 0;
    g_free(window->status_text);
    window->status_text = now;
    if (changed && box.height > 0) {
        int padding = text_scaled(text, PADDING), dot = text_scaled(text, 8);
        int y = box.y + (box.height - text_height(text, TEXT_PLAIN)) / 2;
        struct box light = { box.x + padding, box.y + (box.height - dot) / 2, dot, dot };
        struct box edge = { box.x, box.y, box.width, text_scaled(text, 1) };
        canvas_fill(&window->canvas, box, COLOR_BAR);
        canvas_fill(&window->canvas, edge, COLOR_EDGE);
        canvas_round(&window->canvas, light, dot / 2, color);
        text_draw(text, &window->canvas, TEXT_PLAIN, light.x + dot + padding / 2, y, COLOR_TEXT,
                  left->str, -1);
        text_draw(text, &window->canvas, TEXT_PLAIN,
                  box.x + box.width - padding - text_width(text, TEXT_PLAIN, right, -1), y,
                  COLOR_FAINT, right, -1);
        chrome_upload(window, box);
    }
    return changed;
}

/* A line in the middle of an empty content. */
static void content_say(struct window *window, const char *what)
{
    struct text *text = &window->text;
    struct box box = window->pane.content;
    canvas_fill(&window->canvas, box, COLOR_BACKDROP);
    text_draw(text, &window->canvas, TEXT_PLAIN,
              box.x + (box.width - text_width(text, TEXT_PLAIN, what, -1)) / 2,
              box.y + (box.height - text_height(text, TEXT_PLAIN)) / 2, COLOR_FAINT, what, -1);
    chrome_upload(window, box);
}

/* Draws what lies between menu and status bar, on the canvas. */
static void content_draw(struct window *window, bool whole)
{
    struct console *console = window_console(window);
    if (console) {
        if (whole) {
            g_clear_pointer(&console->view.drawn, g_free);
        }
        chrome_upload(window, console_view_draw(&console->view, &window->text, &window->canvas,
                                                window->focus && !window->sheet.title));
    } else if (!screen_has_picture(window_screen(window))) {
        content_say(window, window->attached ? "The guest shows no picture here yet" : "");
    }
}

/* Menus and sheets lie over all else: draws them if that under them is new, says where they are. */
static struct box over_draw(struct window *window, bool anew)
{
    struct box box = menu_popup_box(&window->menu, &window->text);
    if (window->sheet.title) {
        bool picture = screen_has_picture(window_screen(window));
        box = picture ? sheet_box(&window->sheet, &window->text, window->pane.content)
                      : window->pane.content;
    }
    if (window->sheet.title && anew) {
        if (!window_console(window)) {
            canvas_fill(&window->canvas, window->pane.content, COLOR_BACKDROP);
        }
        canvas_clip(&window->canvas, window->pane.content);
        sheet_draw(&window->sheet, &window->text, &window->canvas);
        canvas_unclip(&window->canvas);
        chrome_upload(window, window->pane.content);
    } else if (box.width > 0 && anew) {
        menu_draw_popup(&window->menu, &window->text, &window->canvas);
        chrome_upload(window, box);
    }
    return box;
}

/* Under a sheet the guest's picture is seen, but as what it is: out of reach. */
static void picture_dim(struct window *window)
{
    const SDL_Rect rect = { window->pane.content.x, window->pane.content.y,
                            window->pane.content.width, window->pane.content.height };
    SDL_SetRenderDrawBlendMode(window->pane.renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(window->pane.renderer, 0, 0, 0, 0x80);
    SDL_RenderFillRect(window->pane.renderer, &rect);
    SDL_SetRenderDrawBlendMode(window->pane.renderer, SDL_BLENDMODE_NONE);
}

static void window_show(struct window *window, struct box over)
{
    struct screen *screen = window_screen(window);
    SDL_SetRenderDrawColor(window->pane.renderer, COLOR_BACKDROP >> 16, COLOR_BACKDROP >> 8 & 0xff,
                           COLOR_BACKDROP & 0xff, 0xff);
    if (screen_has_picture(screen)) {
        struct box picture = screen_box(window, screen);
        if (picture.width < window->pane.content.width ||
            picture.height < window->pane.content.height) {
            SDL_RenderClear(window->pane.renderer);
        }
        screen_render(window, screen);
        if (window->sheet.title) {
            picture_dim(window);
        }
    } else {
        chrome_render(window, window->pane.content);
    }
    chrome_render(window, window->menu.bar);
    chrome_render(window, window->status_box);
    chrome_render(window, over);
    SDL_RenderPresent(window->pane.renderer);
}

void window_draw(struct window *window)
{
    int64_t now_ns = host_monotonic_ns();
    heads_draw(window);
    if (status_draw(window)) {
        window->stale |= PART_STATUS;
    }
    if (!window->stale || now_ns < window->drawn_ns + 4000000) {
        return;
    }
    bool covered = window->sheet.title || window->menu.open >= 0;
    if (window->stale & PART_MENU) {
        menu_draw_bar(&window->menu, &window->text, &window->canvas);
        chrome_upload(window, window->menu.bar);
    }
    if (window->stale & (PART_CONTENT | PART_MENU)) {
        content_draw(window, covered || (window->stale & PART_MENU));
    }
    window_show(window, over_draw(window, window->stale & (PART_CONTENT | PART_MENU)));
    window->stale = 0;
    window->drawn_ns = host_monotonic_ns();
}
