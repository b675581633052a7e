/* Opening and closing the window, and what it shows of a session. */
#include "ui/sdl/window.h"

#include <string.h>

#include "platform/desktop.h"
#include "platform/memory.h"
#include "ui/sdl/parts.h"

#define WIDTH          1024 /* points of the content at first, as a GPU without a window has */
#define HEIGHT         768
#define TITLE_HEIGHT   32        /* of the desktop's own title bar, about */
#define APPLICATION    "tinamou" /* the desktop entry's StartupWMClass */
#define CONSOLE_WIDTH  80
#define CONSOLE_HEIGHT 25

struct console *window_console(struct window *window)
{
    bool is = window->shown >= window->screen_count &&
              window->shown < window->screen_count + window->console_count;
    return is ? &window->console[window->shown - window->screen_count] : NULL;
}

struct screen *window_screen(struct window *window)
{
    return window->shown < window->screen_count ? &window->screen[window->shown] : NULL;
}

struct pane *window_pane(struct window *window)
{
    return window->at ? &window->at->own : &window->pane;
}

struct console *window_console_at(struct window *window)
{
    return window->at ? NULL : window_console(window);
}

struct screen *window_screen_at(struct window *window)
{
    return window->at ? window->at : window_screen(window);
}

void window_title(struct window *window)
{
    const char *chord = command_chord(COMMAND_GRAB);
    g_autofree char *end = g_strdup_printf(" - Tinamou - %s %s the mouse", chord,
                                           window->grabbed ? "releases" : "captures or releases");
    g_autofree char *title = g_strconcat(window->name, end, NULL);
    SDL_SetWindowTitle(window->pane.sdl, title);
    for (unsigned i = 1; i < window->screen_count; i++) {
        struct screen *screen = &window->screen[i];
        if (screen->own.sdl) {
            g_autofree char *own =
                g_strconcat(window->name, " - ", display_name(screen->display), end, NULL);
            SDL_SetWindowTitle(screen->own.sdl, own);
        }
    }
}

void window_show_view(struct window *window, unsigned index)
{
    if (index > 0 && index < window->screen_count) {
        head_open(window, &window->screen[index]);
        return;
    }
    if (index >= window->screen_count + window->console_count || index == window->shown) {
        return;
    }
    window_release(window);
    window->shown = index;
    struct console *console = window_console(window);
    if (console) {
        console_view_place(&console->view, &window->text, window->pane.content);
    }
    screen_set_cursor(window);
    window->stale = PART_ALL;
}

bool window_possible(void)
{
    return host_desktop_present();
}

/* The system's own hints that have to be given before it starts. */
static void hints_set(void)
{
    SDL_SetMainReady();
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); /* the platform has its own */
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
#ifdef SDL_HINT_WINDOWS_DPI_SCALING
    SDL_SetHint(SDL_HINT_WINDOWS_DPI_SCALING, "1");
#endif
    SDL_SetHint(SDL_HINT_APP_NAME, "Tinamou");
    g_setenv("SDL_VIDEO_X11_WMCLASS", APPLICATION, FALSE); /* SDL 2 has no hints for these */
    g_setenv("SDL_VIDEO_WAYLAND_WMCLASS", APPLICATION, FALSE);
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0"); /* the main one's button does */
}

static bool sdl_failed(GError **error, const char *what)
{
    g_autofree char *why = g_strdup(SDL_GetError());
    size_t length = strlen(why);
    while (length > 0 && strchr(". \r\n", why[length - 1])) {
        why[--length] = '\0'; /* Windows ends what it says with that, and we go on */
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "%s: %s. Is there a display? Without one say '-display none' or '-nographic'", what,
                why);
    return false;
}

/* When no display answers SDL draws where nobody sees it: only for those who asked for that. */
static bool sdl_is_unseen(void)
{
    return !SDL_GetHint(SDL_HINT_VIDEODRIVER) &&
           g_strcmp0(SDL_GetCurrentVideoDriver(), "offscreen") == 0;
}

static bool sdl_open(struct window *window, GError **error)
{
    hints_set();
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        return sdl_failed(error, "cannot use the display");
    }
    if (sdl_is_unseen()) {
        SDL_SetError("none answers");
        return sdl_failed(error, "cannot use the display");
    }
    window_prepare_wake();
    SDL_Rect usable;
    int width = WIDTH, height = HEIGHT;
    if (SDL_GetDisplayUsableBounds(0, &usable) == 0) {
        width = MIN(width, usable.w * 9 / 10);
        height = MIN(height, usable.h * 9 / 10);
    }
    if (!pane_create(&window->pane, width, height)) {
        return sdl_failed(error, "cannot open a window");
    }
    frame_open(window);
    SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
    return true;
}

/* Makes room for menu and status bar around a picture of the size that was asked for, as far as the
 * desktop has it, and keeps what the desktop adds above in sight. */
static void window_fit_content(struct window *window)
{
    SDL_Rect usable;
    int width, height, above = 0, below = 0;
    SDL_Window *sdl = window->pane.sdl;
    SDL_GetWindowSize(sdl, &width, &height);
    height +=
        (int)((window->canvas.height - window->pane.content.height) / window->pane.points + 0.5);
    if (SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(sdl), &usable) != 0) {
        SDL_SetWindowSize(sdl, width, height);
        return;
    }
    /* Where that is not known before the window is seen, places are those of the border. */
    SDL_GetWindowBordersSize(sdl, &above, NULL, &below, NULL);
    int borders = MAX(above + below, TITLE_HEIGHT);
    height = MIN(height, usable.h - borders);
    SDL_SetWindowSize(sdl, width, height);
    SDL_SetWindowPosition(sdl, usable.x + (usable.w - width) / 2,
                          usable.y + above + (usable.h - borders - height) / 2);
}

struct window *window_open(const struct window_options *options, GError **error)
{
    struct window *window = g_new0(struct window, 1);
    window->options = *options;
    window->name = g_strdup(options->name ? options->name : "riscv64");
    window->focus = true;
    menu_init(&window->menu);
    if (!sdl_open(window, error) || !window_layout(window, error)) {
        window_close(window);
        return NULL;
    }
    window_fit_content(window);
    if (!window_layout(window, error)) {
        window_close(window);
        return NULL;
    }
    window_title(window);
    SDL_ShowWindow(window->pane.sdl);
    if (options->full_screen) {
        window_do(window, COMMAND_FULL_SCREEN);
    }
    window_draw(window);
    return window;
}

static void console_send(void *opaque, const char *data, size_t size)
{
    struct console *console = opaque;
    vc_type(console->vc, data, size);
}

static void consoles_make(struct window *window)
{
    static const struct terminal_events events = { .send = console_send };
    window->console_count = session_console_count(window->session);
    for (unsigned i = 0; i < window->console_count; i++) {
        struct console *console = &window->console[i];
        console->vc = session_console(window->session, i);
        console->terminal = terminal_new(CONSOLE_WIDTH, CONSOLE_HEIGHT, &events, console);
        console_view_init(&console->view, console->terminal);
        console_view_place(&console->view, &window->text, window->pane.content);
    }
}

static void consoles_free(struct window *window)
{
    for (unsigned i = 0; i < window->console_count; i++) {
        console_view_finish(&window->console[i].view);
        terminal_free(window->console[i].terminal);
    }
    window->console_count = 0;
}

/* The session's machine has come: its outputs, its input. */
static void window_attach(struct window *window, struct machine *machine)
{
    unsigned consoles_from = window->screen_count;
    window->attached = true;
    window->input = machine_input(machine);
    window->screen_count = MIN(machine_display_count(machine), DISPLAY_OUTPUTS_MAX);
    for (unsigned i = 0; i < window->screen_count; i++) {
        struct screen *screen = &window->screen[i];
        *screen = (struct screen){ .display = machine_display(machine, i) };
        screen->pane = i == 0 ? &window->pane : &screen->own;
        screen_wish(screen);
    }
    for (unsigned i = 1; i < window->screen_count; i++) {
        head_open(window, &window->screen[i]);
    }
    SDL_RaiseWindow(window->pane.sdl);
    window_exchange_clipboard(window, true);
    window->shown += window->screen_count - consoles_from;
    if (window->console_count == 0) {
        window->shown = 0;
    }
    window->stale = PART_ALL;
}

static void window_detach(struct window *window)
{
    window_release(window);
    window->at = NULL;
    for (unsigned i = 0; i < window->screen_count; i++) {
        screen_finish(&window->screen[i]);
    }
    window->shown -= MIN(window->shown, window->screen_count);
    window->screen_count = 0;
    window->input = NULL;
    window->attached = false;
}

/* What makes no sense now: commands for a machine that is not there, for text that is not shown. */
static unsigned menu_greyed(struct window *window)
{
    static const unsigned of_machine = 1u << COMMAND_PAUSE | 1u << COMMAND_RESET |
                                       1u << COMMAND_POWER | 1u << COMMAND_SAVE |
                                       1u << COMMAND_LOAD | 1u << COMMAND_FORK;
    static const unsigned of_screen = 1u << COMMAND_SCREENSHOT | 1u << COMMAND_GRAB;
    static const unsigned of_console =
        1u << COMMAND_COPY | 1u << COMMAND_PASTE | 1u << COMMAND_SELECT_ALL | 1u << COMMAND_FIND;
    unsigned of_host = host_memory_can_part(NULL) ? 0 : 1u << COMMAND_FORK;
    return of_host | (window->attached ? 0 : of_machine) | (window_screen(window) ? 0 : of_screen) |
           (window_console(window) ? 0 : of_console);
}

/* What menus list and tick. */
static void menu_refresh(struct window *window)
{
    struct menu *menu = &window->menu;
    menu->view_count = (int)(window->screen_count + window->console_count);
    menu->views_ticked = 1u << window->shown;
    for (unsigned i = 0; i < window->screen_count; i++) {
        menu->views[i] = display_name(window->screen[i].display);
        menu->views_ticked |= window->screen[i].open ? 1u << i : 0;
    }
    for (unsigned i = 0; i < window->console_count; i++) {
        menu->views[window->screen_count + i] = session_console_name(window->session, i);
    }
    menu->ticked = 1u << (window->scaling == SCALING_FIT       ? COMMAND_FIT
                          : window->scaling == SCALING_INTEGER ? COMMAND_INTEGER
                                                               : COMMAND_ONE_TO_ONE);
    menu->ticked |= (window->pane.full_screen ? 1u << COMMAND_FULL_SCREEN : 0) |
                    (window->grabbed ? 1u << COMMAND_GRAB : 0);
    menu->greyed = menu_greyed(window);
    frame_refresh(window);
}

bool window_take(struct window *window)
{
    struct session_status status;
    session_get_status(window->session, &status);
    if (status.state == SESSION_ENDED && !window->failed) {
        const char *why = session_failure(window->session);
        window_detach(window);
        if (!why || !window->options.guided) {
            return false;
        }
        window->failed = true;
        window_say_failure(window, "The machine cannot start", why,
                           "Set that right and start again. 'tinamou doctor' looks for what this "
                           "computer lacks.");
    }
    struct machine *machine = window->attached ? NULL : session_machine(window->session);
    if (machine) {
        window_attach(window, machine);
    }
    window_exchange_clipboard(window, false);
    window->stale |= console_take_all(window) ? PART_CONTENT : 0;
    window->stale |= screen_take_all(window) ? PART_SHOW : 0;
    g_autofree char *question = session_question(window->session);
    if (question) {
        window_show_sheet(window, false, "Go on from where you left?", question,
                          "If you start anew, it is set aside.");
        sheet_add_button(&window->sheet, COMMAND_GO_ON);
        sheet_add_button(&window->sheet, COMMAND_START_ANEW);
    }
    struct session_message message;
    while (session_message(window->session, &message)) {
        if (message.done) {
            window_say(window, "Done", message.text, NULL);
        } else {
            window_say_failure(window, "The machine answered", message.text, NULL);
        }
        g_free(message.text);
    }
    menu_refresh(window);
    return !(window->failed && window->quit_asked);
}

void window_run(struct window *window, struct session *session)
{
    window->session = session;
    consoles_make(window);
    window->stale = PART_ALL;
    SDL_StartTextInput();
    window->text_input = true;
    while (window_take(window)) {
        window_draw(window);
        window_wait(window);
    }
    window_detach(window);
    consoles_free(window);
    session_let_go(session);
    window->session = NULL;
}

void window_close(struct window *window)
{
    if (!window) {
        return;
    }
    window_undraw(window);
    frame_close(window);
    pane_close(&window->pane);
    SDL_Quit();
    sheet_hide(&window->sheet);
    if (window->finding) {
        g_string_free(window->finding, TRUE);
    }
    g_free(window->dropped);
    g_free(window->status_text);
    g_free(window->name);
    g_free(window);
}
