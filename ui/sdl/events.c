/* Events of the window itself, and who gets those of keys and pointers. */
#include "ui/sdl/events.h"

#include <stdlib.h>

#include "platform/clock.h"

#define WISH_DELAY_NS 200000000 /* the guest hears of a size once it has settled */

/* A console's text, and its size, as far as they have changed. */
static bool console_take(struct console *console)
{
    char chunk[16384];
    unsigned columns, rows;
    size_t size, total = 0;
    while (total < VC_OUTPUT_MAX / 4 && (size = vc_take(console->vc, chunk, sizeof(chunk))) > 0) {
        terminal_feed(console->terminal, chunk, size);
        total += size;
    }
    terminal_get_grid(console->terminal, &columns, &rows);
    if (columns != console->columns || rows != console->rows) {
        console->columns = columns;
        console->rows = rows;
        vc_set_size(console->vc, columns, rows);
    }
    return terminal_take_changed(console->terminal);
}

bool console_take_all(struct window *window)
{
    bool changed = false;
    for (unsigned i = 0; i < window->console_count; i++) {
        bool own = console_take(&window->console[i]);
        changed |= own && window->shown == window->screen_count + i;
    }
    return changed;
}

void window_release(struct window *window)
{
    window_grab(window, false);
    if (window->input) {
        input_release_all(window->input);
    }
    window->selecting = false;
}

void window_exchange_clipboard(struct window *window, bool host)
{
    struct clipboard *clipboard = window->session ? session_clipboard(window->session) : NULL;
    char *own = clipboard && host ? SDL_GetClipboardText() : NULL;
    g_autofree char *theirs = clipboard ? clipboard_host_take(clipboard) : NULL;
    if (own && *own) {
        clipboard_host_set(clipboard, own);
    } else if (theirs) {
        SDL_SetClipboardText(theirs);
    }
    SDL_free(own);
}

void window_wish_soon(struct window *window)
{
    window->wish_ns = host_monotonic_ns() + WISH_DELAY_NS;
}

void window_resized(struct window *window)
{
    GError *error = NULL;
    if (!window_layout(window, &error)) {
        SDL_Log("%s", error->message); /* fonts that were there a moment ago */
        g_error_free(error);
        return;
    }
    window_wish_soon(window);
}

static void window_focus(struct window *window, bool focus)
{
    window->focus = focus;
    window->stale |= PART_CONTENT;
    if (focus) {
        /* X11 does not tell SDL of what other programs copy: look when the user comes from them. */
        window_exchange_clipboard(window, false);
        window_exchange_clipboard(window, true);
    } else {
        window_release(window);
        window->menu.open = window->menu.item = -1;
        window->stale = PART_ALL;
    }
}

static void on_window_event(struct window *window, const SDL_WindowEvent *event)
{
    if (window->at && head_window_event(window, window->at, event)) {
        return;
    }
    switch (event->event) {
    case SDL_WINDOWEVENT_CLOSE: window_do(window, COMMAND_QUIT); break;
    case SDL_WINDOWEVENT_ENTER: screen_set_cursor(window); break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
    case SDL_WINDOWEVENT_DISPLAY_CHANGED: window_resized(window); break;
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED: window->stale |= PART_SHOW; break;
    case SDL_WINDOWEVENT_FOCUS_GAINED: window_focus(window, true); break;
    case SDL_WINDOWEVENT_FOCUS_LOST: window_focus(window, false); break;
    default: break;
    }
}

void window_choose(struct window *window, struct menu_choice choice)
{
    window->stale = PART_ALL;
    if (choice.view >= 0) {
        window->chosen = true;
        window_show_view(window, (unsigned)choice.view);
    } else if (choice.command != COMMAND_NONE) {
        window_do(window, choice.command);
    }
}

/* Which window an event is about; 0: none in particular. */
static Uint32 event_window(const SDL_Event *event)
{
    switch (event->type) {
    case SDL_WINDOWEVENT: return event->window.windowID;
    case SDL_KEYDOWN:
    case SDL_KEYUP: return event->key.windowID;
    case SDL_TEXTINPUT: return event->text.windowID;
    case SDL_MOUSEMOTION: return event->motion.windowID;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: return event->button.windowID;
    case SDL_MOUSEWHEEL: return event->wheel.windowID;
    case SDL_FINGERDOWN:
    case SDL_FINGERMOTION:
    case SDL_FINGERUP: return event->tfinger.windowID;
    default: return 0;
    }
}

/* The host asks all its programs to end, and the user is asked as for the window's button. But on
 * Wayland this says that the compositor is gone: nobody can answer, so the process ends, in order,
 * as Xlib ends it when the X server is gone. */
static void on_quit(struct window *window)
{
    if (g_strcmp0(SDL_GetCurrentVideoDriver(), "wayland") == 0) {
        exit(EXIT_FAILURE);
    }
    window_do(window, COMMAND_QUIT);
}

void window_event(struct window *window, const SDL_Event *event)
{
    Uint32 id = event_window(event);
    if (id != 0) {
        window->at = head_find(window, id);
    }
    switch (event->type) {
    case SDL_QUIT: on_quit(window); break;
    case SDL_WINDOWEVENT: on_window_event(window, &event->window); break;
    case SDL_KEYDOWN: on_key_down(window, &event->key); break;
    case SDL_KEYUP: on_key_up(window, &event->key); break;
    case SDL_TEXTINPUT: on_text(window, event->text.text); break;
    case SDL_MOUSEMOTION: on_motion(window, &event->motion); break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: on_button(window, &event->button); break;
    case SDL_MOUSEWHEEL: on_wheel(window, &event->wheel); break;
    case SDL_CLIPBOARDUPDATE: window_exchange_clipboard(window, true); break;
    case SDL_FINGERDOWN:
    case SDL_FINGERMOTION:
    case SDL_FINGERUP: on_finger(window, &event->tfinger); break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET: window_resized(window); break;
    case SDL_DROPFILE:
        window_offer(window, event->drop.file);
        SDL_free(event->drop.file);
        break;
    default: break;
    }
}
