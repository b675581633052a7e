/* What menus, chords and buttons do. */
#include <string.h>

#include "platform/process.h"
#include "ui/sdl/parts.h"

#define SNAPSHOT "quick" /* the name of the one that menus save */

void window_to_front(struct window *window)
{
    if (window->at) {
        window->at = NULL;
        SDL_RaiseWindow(window->pane.sdl);
    }
}

void window_show_sheet(struct window *window, bool failure, const char *title, const char *body,
                       const char *next)
{
    window_release(window);
    sheet_show(&window->sheet, failure, title, body, next);
    window_to_front(window);
    screen_set_cursor(window);
    window->stale = PART_ALL;
}

void window_say_failure(struct window *window, const char *title, const char *body,
                        const char *next)
{
    window_show_sheet(window, true, title, body, next);
    sheet_add_button(&window->sheet, window->failed ? COMMAND_QUIT : COMMAND_DISMISS);
    sheet_add_button(&window->sheet, COMMAND_COPY_DETAILS);
}

void window_say(struct window *window, const char *title, const char *body, const char *next)
{
    window_show_sheet(window, false, title, body, next);
    sheet_add_button(&window->sheet, COMMAND_DISMISS);
}

void window_hide_sheet(struct window *window)
{
    sheet_hide(&window->sheet);
    g_clear_pointer(&window->dropped, g_free);
    screen_set_cursor(window);
    window->stale = PART_ALL;
}

static void act_pause(struct window *window)
{
    struct session_status status;
    session_get_status(window->session, &status);
    session_command(window->session, status.state == SESSION_PAUSED ? "cont" : "stop", NULL);
}

/* One name is enough for whoever does not use the monitor. */
static void act_save(struct window *window)
{
    session_command(window->session, "savevm " SNAPSHOT,
                    "The machine and its disks are saved as they are now.");
}

/* Asks first: the present is lost. */
static void act_load(struct window *window)
{
    window_show_sheet(window, false, "Go back to the snapshot?",
                      "What the guest has done since it was saved, on its disks too, is lost.",
                      NULL);
    sheet_add_button(&window->sheet, COMMAND_DISMISS);
    sheet_add_button(&window->sheet, COMMAND_LOAD_NOW);
}

static void act_quit_as(struct window *window, enum session_close close)
{
    window->quit_asked = true;
    window_hide_sheet(window);
    session_quit(window->session, close);
}

static void act_answer(struct window *window, bool yes)
{
    window_hide_sheet(window);
    session_answer(window->session, yes);
}

/* Asks first, though nothing needs to be lost. */
static void act_close(struct window *window)
{
    window_show_sheet(window, false, "Close the machine?",
                      "The guest is still running. Saved, it goes on from here when it is started "
                      "the next time.",
                      "Turned off, it loses what it has not written to its disks.");
    sheet_add_button(&window->sheet, COMMAND_STAY);
    sheet_add_button(&window->sheet, COMMAND_SAVE_QUIT);
    sheet_add_button(&window->sheet, COMMAND_QUIT_NOW);
}

/* Asks first: what the guest has not written would be lost. */
static void act_quit(struct window *window)
{
    bool asked = window->sheet.title && window->sheet.button[0] == COMMAND_STAY;
    if (asked || !window->attached) {
        act_quit_as(window, CLOSE_UNSAID);
        return;
    }
    if (session_keeps(window->session)) {
        act_close(window);
        return;
    }
    window_show_sheet(
        window, false, "Turn the machine off?",
        "The guest is still running. What it has not written to its disks will be lost.",
        "The power button lets it shut down by itself, if it listens to it.");
    sheet_add_button(&window->sheet, COMMAND_STAY);
    sheet_add_button(&window->sheet, COMMAND_POWER);
    sheet_add_button(&window->sheet, COMMAND_QUIT_NOW);
}

static void act_copy(struct window *window)
{
    struct console *console = window_console(window);
    g_autofree char *text = console ? terminal_copy(console->terminal) : NULL;
    if (text) {
        SDL_SetClipboardText(text);
    }
}

static void act_paste(struct window *window)
{
    struct console *console = window_console(window);
    if (console) {
        char *text = SDL_GetClipboardText();
        terminal_paste(console->terminal, text ? text : "");
        SDL_free(text);
        window->stale |= PART_CONTENT;
    }
}

static void act_find(struct window *window)
{
    if (window_console(window) && !window->finding) {
        window->finding = g_string_new(NULL);
        window->stale |= PART_STATUS;
    }
}

static void act_full_screen(struct window *window)
{
    struct pane *pane = window_pane(window);
    bool full_screen = !pane->full_screen;
    struct host_frame *frame = pane == &window->pane ? window->frame : NULL;
    if (frame && !full_screen) {
        host_frame_show_menus(frame, true); /* before: SDL makes room for what is there */
    }
    pane_set_full_screen(pane, full_screen);
    if (frame && full_screen) {
        host_frame_show_menus(frame, false);
    }
    GError *error = NULL;
    if (pane == &window->pane && !window_layout(window, &error)) {
        g_error_free(error);
    }
}

/* Where pictures go: beside the user's others, never over one that is there. */
static void act_screenshot(struct window *window)
{
    const struct screen *screen = window_screen_at(window);
    const char *folder = g_get_user_special_dir(G_USER_DIRECTORY_PICTURES);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *name = g_date_time_format(now, "tinamou-%Y%m%d-%H%M%S.png");
    g_autofree char *path = g_build_filename(folder ? folder : g_get_home_dir(), name, NULL);
    if (!screen || !screen->frame || screen->frame->width == 0) {
        window_say(window, "There is no picture to take",
                   "This view shows text, or the guest has drawn nothing yet.",
                   "Show a screen of the guest, or select the text and copy it.");
        return;
    }
    g_autofree char *line = g_strdup_printf("screendump \"%s\" -f png %u", path,
                                            (unsigned)(screen - window->screen) + 1);
    g_autofree char *done = g_strdup_printf("The picture is saved as %s", path);
    session_command(window->session, line, done);
}

static void act_keys(struct window *window)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        if (command_infos[i].key != 0) {
            g_string_append_printf(text, "%s%s: %s", text->len > 0 ? "\n" : "",
                                   command_chord((enum command)i), command_infos[i].label);
        }
    }
    window_say(window, "Keys", text->str, "All other keys are the guest's.");
}

static void act_about(struct window *window)
{
    g_autofree char *host = host_description();
    g_autofree char *body =
        g_strdup_printf("Tinamou runs riscv64 machines. A tinamou is a bird, the emu's cousin that "
                        "flies.\n \n%s\n%s",
                        window->options.version, host);
    window_say(window, "About Tinamou", body, "MIT licence");
}

static void act_next_view(struct window *window)
{
    unsigned count = window->screen_count + window->console_count, next = window->shown;
    window->chosen = true;
    window_to_front(window);
    do { /* screens with windows of their own are no views of this one */
        next = count > 0 ? (next + 1) % count : 0;
    } while (next > 0 && next < window->screen_count);
    window_show_view(window, next);
}

static void act_scaling(struct window *window, enum command command)
{
    window->scaling = command == COMMAND_FIT       ? SCALING_FIT
                      : command == COMMAND_INTEGER ? SCALING_INTEGER
                                                   : SCALING_ONE;
    window->stale = PART_ALL;
}

static void act_copy_details(struct window *window)
{
    g_autofree char *text = sheet_text(&window->sheet);
    SDL_SetClipboardText(text);
}

static void act_select_all(struct window *window)
{
    struct console *console = window_console(window);
    if (console) {
        terminal_select_all(console->terminal);
        window->stale |= PART_CONTENT;
    }
}

static void act_menu(struct window *window)
{
    window_release(window);
    window_to_front(window);
    if (window->frame) {
        host_frame_enter_menus(window->frame);
        return;
    }
    window->menu.open = window->menu.open < 0 ? 0 : -1;
    window->menu.item = -1;
    window->stale = PART_ALL;
}

static void act_command(struct window *window, const char *line)
{
    window_hide_sheet(window);
    session_command(window->session, line, NULL);
}

void window_do(struct window *window, enum command command)
{
    switch (command) {
    case COMMAND_NONE:
    case COMMAND_COUNT: break;
    case COMMAND_PAUSE: act_pause(window); break;
    case COMMAND_RESET: act_command(window, "system_reset"); break;
    case COMMAND_POWER: act_command(window, "system_powerdown"); break;
    case COMMAND_SAVE: act_save(window); break;
    case COMMAND_LOAD: act_load(window); break;
    case COMMAND_LOAD_NOW: act_command(window, "loadvm " SNAPSHOT); break;
    case COMMAND_FORK: act_command(window, "fork"); break;
    case COMMAND_SCREENSHOT: act_screenshot(window); break;
    case COMMAND_OPEN: window_ask_file(window); break;
    case COMMAND_QUIT: act_quit(window); break;
    case COMMAND_COPY: act_copy(window); break;
    case COMMAND_PASTE: act_paste(window); break;
    case COMMAND_SELECT_ALL: act_select_all(window); break;
    case COMMAND_FIND: act_find(window); break;
    case COMMAND_NEXT_VIEW: act_next_view(window); break;
    case COMMAND_FULL_SCREEN: act_full_screen(window); break;
    case COMMAND_FIT:
    case COMMAND_INTEGER:
    case COMMAND_ONE_TO_ONE: act_scaling(window, command); break;
    case COMMAND_GRAB: window_grab(window, !window->grabbed); break;
    case COMMAND_MENU: act_menu(window); break;
    case COMMAND_KEYS: act_keys(window); break;
    case COMMAND_ABOUT: act_about(window); break;
    case COMMAND_DISMISS:
    case COMMAND_STAY: window_hide_sheet(window); break;
    case COMMAND_QUIT_NOW: act_quit_as(window, CLOSE_LOSE); break;
    case COMMAND_SAVE_QUIT: act_quit_as(window, CLOSE_SAVE); break;
    case COMMAND_GO_ON: act_answer(window, true); break;
    case COMMAND_START_ANEW: act_answer(window, false); break;
    case COMMAND_COPY_DETAILS: act_copy_details(window); break;
    case COMMAND_START_FILE: window_start_dropped(window); break;
    }
}
