/* What a window consists of: private to this folder. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define SDL_MAIN_HANDLED
#include <SDL.h>

#include "ui/sdl/window.h"
#include "ui/terminal/terminal.h"
#include "ui/view/canvas.h"
#include "ui/view/console_view.h"
#include "ui/view/menu.h"
#include "ui/view/sheet.h"
#include "ui/view/text.h"

/* An output of the guest. */
struct screen {
    struct display *display;
    const struct display_frame *frame; /* NULL: none yet */
    SDL_Texture *texture;              /* as large as the frame; NULL: none */
    uint32_t width, height;            /* of the texture */
    uint32_t cursor_serial;            /* of the picture that `cursor` has */
    bool cursor_visible;
    SDL_Cursor *cursor;
    struct display_request wish; /* what the guest was asked for last */
};

/* A terminal, and the monitor. */
struct console {
    struct vc *vc;
    struct terminal *terminal;
    struct console_view view;
    unsigned columns, rows; /* as the machine knows them */
};

enum scaling { SCALING_FIT, SCALING_INTEGER, SCALING_ONE };

/* What must be drawn again. */
enum part {
    PART_MENU = 1,
    PART_CONTENT = 2,
    PART_STATUS = 4,
    PART_SHOW = 8, /* nothing drawn anew, but shown again */
    PART_ALL = 15,
};

struct window {
    struct window_options options;
    char *name;
    struct session *session;
    SDL_Window *sdl;
    SDL_Renderer *renderer;
    SDL_Texture *chrome; /* shows the canvas */
    struct canvas canvas;
    struct text text;
    struct box content, status_box; /* below the menu; below that */
    double points;                  /* pixels to a point of SDL's window coordinates */
    unsigned stale;                 /* of enum part */
    int64_t drawn_ns;

    struct menu menu;
    struct sheet sheet;
    char *status_text;
    char *dropped;   /* the file that a sheet asks about */
    GString *finding; /* the text that is being looked for; NULL: nothing is */

    struct screen screen[DISPLAY_OUTPUTS_MAX];
    unsigned screen_count;
    struct console console[SESSION_CONSOLES_MAX];
    unsigned console_count;
    unsigned shown;  /* screens first, then consoles */
    bool chosen;     /* by the user: the first pixel does not change it */
    int64_t wish_ns; /* when the guest is asked for the new size; 0: not */

    struct input_hub *input; /* NULL: no machine */
    enum scaling scaling;
    bool full_screen, grabbed, focus, text_input, skip_text, attached, failed;
    bool selecting, quit_asked;
    bool control_fresh;       /* left Control went down by itself at control_ms */
    uint32_t control_ms;
    int64_t fingers[INPUT_SLOTS]; /* of SDL's fingers, 0: free */
};

/* The console that is shown; NULL if a screen is. */
struct console *window_console(struct window *window);

/* The screen that is shown; NULL if a console is, or there is none. */
struct screen *window_screen(struct window *window);

/* Shows a screen or console by its number. */
void window_show_view(struct window *window, unsigned index);

/* Names the window after its machine, and says how to get the mouse back. */
void window_title(struct window *window);

/* Measures the window again: fonts, boxes, textures. False and `error` without fonts. */
bool window_layout(struct window *window, GError **error);

/* Draws what is stale and shows it. */
void window_draw(struct window *window);

/* Frees textures and fonts. */
void window_undraw(struct window *window);

/* Takes new frames of all screens; whether the one that is shown has changed. */
bool screen_take_all(struct window *window);

/* Frees what a screen holds. */
void screen_finish(struct screen *screen);

/* Where the picture lies in the window. */
struct box screen_box(const struct window *window, const struct screen *screen);

/* Copies the picture to the window. */
void screen_render(struct window *window, struct screen *screen);

/* Asks the guest for a picture as large as the content. */
void screen_wish(struct window *window, struct screen *screen);

/* Shows the guest's pointer, or the host's. */
void screen_set_cursor(struct window *window);

/* Takes text of all consoles; whether the one that is shown has changed. */
bool console_take_all(struct window *window);

/* Makes window_wake possible; SDL has started. */
void window_prepare_wake(void);

/* Waits for events, a wake-up or the time to draw, and handles what came. */
void window_wait(struct window *window);

/* Exchanges text between the host's clipboard and the guest's; `host`: the host's has changed. */
void window_exchange_clipboard(struct window *window, bool host);

/* Handles one event of SDL. */
void window_event(struct window *window, const SDL_Event *event);

/* Captures the mouse and the keyboard, or lets them go. */
void window_grab(struct window *window, bool grab);

/* All keys up, mouse free: the window is left, or a sheet comes. */
void window_release(struct window *window);

/* Does what a menu, a key or a button asks for. */
void window_do(struct window *window, enum command command);

/* Shows a failure with its details and what to do. */
void window_say_failure(struct window *window, const char *title, const char *body,
                        const char *next);

/* Offers to start a file. */
void window_offer(struct window *window, const char *path);
