/* Mouse, wheel and fingers: the window's own parts first, then the console or the guest. */
#include "ui/sdl/events.h"

#define WHEEL_LINES 3

/* Mouse coordinates come in points. */
static void to_pixels(struct window *window, int *x, int *y)
{
    double points = window_pane(window)->points;
    *x = (int)(*x * points);
    *y = (int)(*y * points);
}

/* A guest that knows only relative mice needs the host's for itself. */
static bool needs_grab(const struct window *window)
{
    return window->input && !input_absolute(window->input) && input_has(window->input, INPUT_MOUSE);
}

void window_grab(struct window *window, bool grab)
{
    grab = grab && window->input && window_screen_at(window) && !window->sheet.title;
    if (grab == (window->grabbed != NULL)) {
        return;
    }
    struct pane *pane = grab ? window_pane(window) : window->grabbed;
    window->grabbed = grab ? pane : NULL;
    SDL_SetRelativeMouseMode(grab ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowGrab(pane->sdl, grab ? SDL_TRUE : SDL_FALSE);
    if (!grab && window->input) {
        input_release_all(window->input);
    }
    window_title(window);
    window->stale |= PART_STATUS | PART_SHOW;
}

/* From a place in the picture to 0..INPUT_ABS_MAX. */
static int32_t scaled(int at, int from, int length)
{
    int64_t inside = CLAMP(at - from, 0, length - 1);
    return (int32_t)(inside * INPUT_ABS_MAX / MAX(length - 1, 1));
}

/* From a pixel of the window to a place on the guest's desktop: 0..INPUT_ABS_MAX. */
static void to_desktop(const struct window *window, const struct screen *screen, int *x, int *y)
{
    struct box box = screen_box(window, screen);
    int32_t across = scaled(*x, box.x, box.width), down = scaled(*y, box.y, box.height);
    display_to_desktop(screen->frame, INPUT_ABS_MAX, &across, &down);
    *x = across;
    *y = down;
}

static void guest_position(struct window *window, const struct screen *screen, int x, int y)
{
    if (screen->width > 0) {
        to_desktop(window, screen, &x, &y);
        input_position(window->input, x, y);
    }
}

void on_motion(struct window *window, const SDL_MouseMotionEvent *event)
{
    struct console *console = window_console_at(window);
    struct screen *screen = window_screen_at(window);
    int x = event->x, y = event->y;
    to_pixels(window, &x, &y);
    if (window->grabbed) {
        input_motion(window->input, event->xrel, event->yrel);
    } else if (window->menu.open >= 0 && !window->at) {
        window->stale |= menu_hover(&window->menu, &window->text, x, y) ? PART_ALL : 0;
    } else if (window->sheet.title) {
        return;
    } else if (console && window->selecting) {
        if (y < window->pane.content.y ||
            y >= window->pane.content.y + window->pane.content.height) {
            terminal_scroll(console->terminal, y < window->pane.content.y ? -1 : 1);
        }
        terminal_select_to(console->terminal, console_view_at(&console->view, x, y));
        window->stale |= PART_CONTENT;
    } else if (screen && window->input && input_absolute(window->input) &&
               event->which != SDL_TOUCH_MOUSEID) {
        guest_position(window, screen, x, y);
    }
}

static void console_button(struct window *window, struct console *console,
                           const SDL_MouseButtonEvent *event, int x, int y)
{
    bool down = event->type == SDL_MOUSEBUTTONDOWN;
    struct terminal_place at = console_view_at(&console->view, x, y);
    if (event->button == SDL_BUTTON_LEFT && down) {
        if (SDL_GetModState() & KMOD_SHIFT) {
            terminal_select_to(console->terminal, at);
        } else {
            terminal_select(console->terminal, at,
                            event->clicks >= 3   ? TERMINAL_LINE
                            : event->clicks == 2 ? TERMINAL_WORD
                                                 : TERMINAL_CELLS);
        }
        window->selecting = true;
    } else if (event->button == SDL_BUTTON_LEFT) {
        g_autofree char *text = window->selecting ? terminal_copy(console->terminal) : NULL;
        window->selecting = false;
        if (text) {
            SDL_SetPrimarySelectionText(text);
        }
    } else if (event->button == SDL_BUTTON_MIDDLE && down) {
        char *text = SDL_GetPrimarySelectionText();
        terminal_paste(console->terminal, text ? text : "");
        SDL_free(text);
    } else if (event->button == SDL_BUTTON_RIGHT && down) {
        window_do(window, COMMAND_PASTE);
    }
    window->stale |= PART_CONTENT;
}

static unsigned button_code(Uint8 button)
{
    switch (button) {
    case SDL_BUTTON_LEFT: return INPUT_BUTTON_LEFT;
    case SDL_BUTTON_MIDDLE: return INPUT_BUTTON_MIDDLE;
    case SDL_BUTTON_RIGHT: return INPUT_BUTTON_RIGHT;
    case SDL_BUTTON_X1: return INPUT_BUTTON_SIDE;
    case SDL_BUTTON_X2: return INPUT_BUTTON_EXTRA;
    default: return 0;
    }
}

static void guest_button(struct window *window, const struct screen *screen,
                         const SDL_MouseButtonEvent *event, int x, int y)
{
    bool down = event->type == SDL_MOUSEBUTTONDOWN;
    unsigned code = button_code(event->button);
    if (down && !window->grabbed && needs_grab(window)) {
        window_grab(window, true); /* the click that captures is not the guest's */
        return;
    }
    if (!window->grabbed && event->which != SDL_TOUCH_MOUSEID) {
        guest_position(window, screen, x, y);
    }
    if (code != 0) {
        input_key(window->input, code, down);
    }
}

/* Clicks on what lies over the content; true if there was something. */
static bool over_button(struct window *window, bool down, int x, int y)
{
    struct menu_choice choice;
    if (window->at) {
        bool over = window->sheet.title || window->menu.open >= 0;
        if (over && down) {
            window_to_front(window);
        }
        return over;
    }
    if (window->sheet.title) {
        enum command command =
            down ? sheet_click(&window->sheet, &window->text, window->pane.content, x, y)
                 : COMMAND_NONE;
        if (command != COMMAND_NONE) {
            window_do(window, command);
        }
        return true;
    }
    if (down && menu_click(&window->menu, &window->text, x, y, &choice)) {
        window_choose(window, choice);
        screen_set_cursor(window);
        return true;
    }
    return false;
}

void on_button(struct window *window, const SDL_MouseButtonEvent *event)
{
    bool down = event->type == SDL_MOUSEBUTTONDOWN;
    struct console *console = window_console_at(window);
    struct screen *screen = window_screen_at(window);
    int x = event->x, y = event->y;
    to_pixels(window, &x, &y);
    if (window->grabbed) {
        guest_button(window, screen, event, x, y);
    } else if (over_button(window, down, x, y)) {
        return;
    } else if (console && (window->selecting || box_has(window_pane(window)->content, x, y))) {
        console_button(window, console, event, x, y);
    } else if (screen && window->input && (!down || box_has(window_pane(window)->content, x, y))) {
        guest_button(window, screen, event, x, y);
    }
}

void on_wheel(struct window *window, const SDL_MouseWheelEvent *event)
{
    struct console *console = window_console_at(window);
    float away = event->preciseY, right = event->preciseX;
    if (event->direction == SDL_MOUSEWHEEL_FLIPPED) {
        away = -away;
        right = -right;
    }
    if (window->sheet.title || window->menu.open >= 0) {
        return;
    }
    if (console) {
        terminal_scroll(console->terminal, (int)(-away * WHEEL_LINES));
        window->stale |= PART_CONTENT;
    } else if (window->input) {
        input_wheel(window->input, (int32_t)(right * INPUT_WHEEL_STEP),
                    (int32_t)(away * INPUT_WHEEL_STEP));
    }
}

/* The guest's slot of one of SDL's fingers; INPUT_SLOTS if all are taken. */
static unsigned slot_of(struct window *window, int64_t finger)
{
    unsigned free_slot = INPUT_SLOTS;
    for (unsigned i = INPUT_SLOTS; i-- > 0;) {
        if (window->fingers[i] == finger + 1) {
            return i;
        }
        free_slot = window->fingers[i] == 0 ? i : free_slot;
    }
    return free_slot;
}

void on_finger(struct window *window, const SDL_TouchFingerEvent *event)
{
    struct screen *screen = window_screen_at(window);
    if (!screen || screen->width == 0 || !window->input || window->sheet.title ||
        !input_has(window->input, INPUT_TOUCHSCREEN)) {
        return; /* SDL makes a mouse of it */
    }
    unsigned slot = slot_of(window, event->fingerId);
    if (slot == INPUT_SLOTS) {
        return;
    }
    bool down = event->type != SDL_FINGERUP;
    int x = (int)(event->x * (float)screen->pane->width);
    int y = (int)(event->y * (float)screen->pane->height);
    window->fingers[slot] = down ? event->fingerId + 1 : 0;
    to_desktop(window, screen, &x, &y);
    input_finger(window->input, slot, down, x, y);
}
