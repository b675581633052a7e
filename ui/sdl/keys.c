/* Keys: those of the window itself first, then the console's as text, or the guest's by place. */
#include <string.h>

#include "ui/sdl/events.h"
#include "ui/view/keymap.h"

#define KEY_LEFTCTRL 29
#define ALTGR_MS     1 /* a left Control that came so close before a right Alt is part of AltGr */

static unsigned modifiers_of(Uint16 mod)
{
    return ((mod & KMOD_SHIFT) ? TERMINAL_SHIFT : 0u) | ((mod & KMOD_CTRL) ? TERMINAL_CTRL : 0u) |
           ((mod & KMOD_ALT) ? TERMINAL_ALT : 0u);
}

/* Control and Shift without Alt: AltGr is Control and Alt on some hosts. */
static enum command chord_of(const SDL_KeyboardEvent *event)
{
    Uint16 mod = event->keysym.mod;
    if (!(mod & KMOD_CTRL) || !(mod & KMOD_SHIFT) || (mod & (KMOD_ALT | KMOD_MODE | KMOD_GUI))) {
        return COMMAND_NONE;
    }
    SDL_Keycode key = event->keysym.sym;
    if (key == SDLK_KP_ENTER) {
        key = SDLK_RETURN;
    }
    if (key < 0 || key > 127) { /* another script: by the key's place on a Latin keyboard */
        SDL_Scancode code = event->keysym.scancode;
        key =
            code >= SDL_SCANCODE_A && code <= SDL_SCANCODE_Z ? 'a' + (int)code - SDL_SCANCODE_A : 0;
    }
    SDL_Scancode code = event->keysym.scancode;
    if (code >= SDL_SCANCODE_1 && code <= SDL_SCANCODE_0) { /* with Shift they are signs */
        key = code == SDL_SCANCODE_0 ? '0' : '1' + (int)code - SDL_SCANCODE_1;
    }
    return key == 0 ? COMMAND_NONE : command_of_key(key);
}

/* In a guest's own window these chords are the guest's. */
static bool chord_is_ours(struct window *window, enum command command)
{
    bool of_console = command == COMMAND_COPY || command == COMMAND_PASTE ||
                      command == COMMAND_SELECT_ALL || command == COMMAND_FIND;
    return command != COMMAND_NONE && (!of_console || window_console_at(window));
}

static bool sheet_key(struct window *window, SDL_Keycode key)
{
    struct sheet *sheet = &window->sheet;
    if (!sheet->title) {
        return false;
    }
    unsigned count = MAX(sheet->button_count, 1);
    if (key == SDLK_LEFT || key == SDLK_TAB) {
        sheet->marked = (sheet->marked + 1) % count;
    } else if (key == SDLK_RIGHT) {
        sheet->marked = (sheet->marked + count - 1) % count;
    } else if (key == SDLK_RETURN || key == SDLK_KP_ENTER || key == SDLK_SPACE) {
        window_do(window, sheet->button[sheet->marked]);
    } else if (key == SDLK_ESCAPE) {
        window_do(window, sheet->button[count - 1]);
    }
    window->stale = PART_ALL;
    return true;
}

static bool menu_key(struct window *window, SDL_Keycode key)
{
    static const struct {
        SDL_Keycode from;
        enum menu_key to;
    } keys[] = {
        { SDLK_LEFT, MENU_LEFT }, { SDLK_RIGHT, MENU_RIGHT },  { SDLK_UP, MENU_UP },
        { SDLK_DOWN, MENU_DOWN }, { SDLK_RETURN, MENU_ENTER }, { SDLK_ESCAPE, MENU_ESCAPE },
    };
    struct menu_choice choice;
    if (window->menu.open < 0) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].from == key) {
            menu_press(&window->menu, keys[i].to, &choice);
            window_choose(window, choice);
            break;
        }
    }
    return true;
}

/* The text that is looked for is typed into the status bar. */
static bool find_key(struct window *window, const SDL_KeyboardEvent *event)
{
    struct console *console = window_console(window);
    GString *text = window->finding;
    if (!text) {
        return false;
    }
    SDL_Keycode key = event->keysym.sym;
    if (!console || key == SDLK_ESCAPE) {
        g_string_free(g_steal_pointer(&window->finding), TRUE);
    } else if (key == SDLK_BACKSPACE && text->len > 0) {
        g_string_truncate(text, (gsize)(g_utf8_prev_char(text->str + text->len) - text->str));
    } else if (key == SDLK_RETURN || key == SDLK_KP_ENTER) {
        terminal_search(console->terminal, text->str, !(event->keysym.mod & KMOD_SHIFT));
    }
    window->stale |= PART_CONTENT;
    return true;
}

static bool terminal_key_of(SDL_Keycode key, enum terminal_key *ret_key)
{
    static const struct {
        SDL_Keycode from;
        enum terminal_key to;
    } keys[] = {
        { SDLK_RETURN, TERMINAL_ENTER },
        { SDLK_KP_ENTER, TERMINAL_ENTER },
        { SDLK_TAB, TERMINAL_TAB },
        { SDLK_BACKSPACE, TERMINAL_BACKSPACE },
        { SDLK_ESCAPE, TERMINAL_ESCAPE },
        { SDLK_UP, TERMINAL_UP },
        { SDLK_DOWN, TERMINAL_DOWN },
        { SDLK_LEFT, TERMINAL_LEFT },
        { SDLK_RIGHT, TERMINAL_RIGHT },
        { SDLK_INSERT, TERMINAL_INSERT },
        { SDLK_DELETE, TERMINAL_DELETE },
        { SDLK_HOME, TERMINAL_HOME },
        { SDLK_END, TERMINAL_END },
        { SDLK_PAGEUP, TERMINAL_PAGE_UP },
        { SDLK_PAGEDOWN, TERMINAL_PAGE_DOWN },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].from == key) {
            *ret_key = keys[i].to;
            return true;
        }
    }
    if (key >= SDLK_F1 && key <= SDLK_F12) {
        *ret_key = (enum terminal_key)(TERMINAL_F1 + (key - SDLK_F1));
        return true;
    }
    return false;
}

static void console_key(struct window *window, struct console *console,
                        const SDL_KeyboardEvent *event)
{
    unsigned modifiers = modifiers_of(event->keysym.mod);
    SDL_Keycode key = event->keysym.sym;
    enum terminal_key special;
    bool letter = key > ' ' && key < 127;
    if (modifiers == TERMINAL_SHIFT && (key == SDLK_PAGEUP || key == SDLK_PAGEDOWN)) {
        int page = (int)console->rows - 1;
        terminal_scroll(console->terminal, key == SDLK_PAGEUP ? -page : page);
    } else if (terminal_key_of(key, &special)) {
        terminal_press(console->terminal, special, modifiers);
    } else if ((letter || key == SDLK_SPACE) && !(event->keysym.mod & KMOD_MODE) &&
               (modifiers == TERMINAL_CTRL || modifiers == TERMINAL_ALT)) {
        const char text[2] = { (char)key, '\0' };
        terminal_type(console->terminal, text, modifiers);
        window->skip_text = modifiers == TERMINAL_ALT; /* the host may send it as text too */
    }
    window->stale |= PART_CONTENT;
}

/* AltGr is a right Alt to the guest; the left Control that one host adds is taken back. */
static void guest_key(struct window *window, const SDL_KeyboardEvent *event, bool down)
{
    SDL_Scancode code = event->keysym.scancode;
    if (code == SDL_SCANCODE_RALT && down && window->control_fresh &&
        event->timestamp - window->control_ms <= ALTGR_MS) {
        input_key(window->input, KEY_LEFTCTRL, false);
    }
    window->control_fresh = code == SDL_SCANCODE_LCTRL && down;
    window->control_ms = event->timestamp;
    unsigned key = keymap_code((unsigned)code);
    if (key != 0) {
        input_key(window->input, key, down);
    }
}

void on_key_down(struct window *window, const SDL_KeyboardEvent *event)
{
    struct console *console = window_console_at(window);
    SDL_Keycode key = event->keysym.sym;
    window->skip_text = false;
    if (!window->at && (sheet_key(window, key) || menu_key(window, key))) {
        return;
    }
    enum command command = chord_of(event);
    if (chord_is_ours(window, command)) {
        if (event->repeat == 0) {
            if (window->input) {
                input_release_all(window->input); /* the guest has seen Control and Shift */
            }
            window_do(window, command);
        }
        window->skip_text = true;
    } else if (!window->at && find_key(window, event)) {
        return;
    } else if (console) {
        console_key(window, console, event);
    } else if (window->input && event->repeat == 0) {
        guest_key(window, event, true);
    }
}

void on_key_up(struct window *window, const SDL_KeyboardEvent *event)
{
    if (window->input) {
        guest_key(window, event, false);
    }
}

void on_text(struct window *window, const char *text)
{
    struct console *console = window_console_at(window);
    if (window->skip_text || window->sheet.title || window->menu.open >= 0 || !console) {
        return;
    }
    if (window->finding) {
        g_string_append(window->finding, text);
    } else {
        terminal_type(console->terminal, text, 0);
    }
    window->stale |= PART_CONTENT;
}
