/* What a window consists of: private to this folder. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define SDL_MAIN_HANDLED
#include <SDL.h>

#include "platform/frame.h"
#include "ui/sdl/window.h"
#include "ui/terminal/terminal.h"
#include "ui/view/canvas.h"
#include "ui/view/console_view.h"
#include "ui/view/menu.h"
#include "ui/view/sheet.h"
#include "ui/view/text.h"

/* A window of the desktop, and what draws in it. */
struct pane {
    SDL_Window *sdl; /* NULL: none */
    SDL_Renderer *renderer;
    int width, height;  /* in pixels */
    struct box content; /* where the guest's picture goes, in pixels */
    double points;      /* pixels to a point of SDL's window coordinates */
    bool full_screen;
};

/* An output of the guest. The first one is a view of the main window, each further one has a window
 * of its own. */
struct screen {
    struct display *display;
    struct pane *pane; /* where it is shown: the main one, or `own` */
    struct pane own;
    bool open;  /* `own` is seen */
    bool stale; /* `own` must be drawn */
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
    struct pane pane;    /* the main one; its content is below the menu */
    struct screen *at;   /* whose own window has the user's attention; NULL: the main one */
    SDL_Texture *chrome; /* shows the canvas */
    struct canvas canvas;
    struct text text;
    struct box status_box; /* below the content */
    unsigned stale;        /* of enum part */
    int64_t drawn_ns;

    struct menu menu;
    struct menu menu_told;    /* what the host shows of it */
    struct host_frame *frame; /* draws the menus; NULL: they are drawn here */
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
    struct pane *grabbed; /* who has captured the mouse; NULL: nobody */
    bool focus, text_input, skip_text, attached, failed;
    bool selecting, quit_asked;
    bool control_fresh;       /* left Control went down by itself at control_ms */
    uint32_t control_ms;
    int64_t fingers[INPUT_SLOTS]; /* of SDL's fingers, 0: free */
};

/* The console that the main window shows; NULL if a screen is. */
struct console *window_console(struct window *window);

/* The screen that the main window shows; NULL if a console is, or there is none. */
struct screen *window_screen(struct window *window);

/* The window with the user's attention. */
struct pane *window_pane(struct window *window);

/* What is seen there: a console of the main window, or NULL. */
struct console *window_console_at(struct window *window);

/* What is seen there: the guest's screen, or NULL. */
struct screen *window_screen_at(struct window *window);

/* Shows a screen or console by its number; one with a window of its own comes to the front. */
void window_show_view(struct window *window, unsigned index);

/* Names all windows after their machine, and says how to get the mouse back. */
void window_title(struct window *window);

/* Opens a window with what draws in it: the host's graphics if it has some, else the processor. */
bool pane_create(struct pane *pane, int width, int height);

/* Measures it, and takes all of it for the content. */
void pane_measure(struct pane *pane);

/* Fills the screen of the host, or no longer. */
void pane_set_full_screen(struct pane *pane, bool full_screen);

/* Closes it, if it is open. */
void pane_close(struct pane *pane);

/* Opens the further screen's own window, or brings it to the front. */
void head_open(struct window *window, struct screen *screen);

/* Hides it: the guest's monitor is unplugged. */
void head_hide(struct window *window, struct screen *screen);

/* The screen whose own window that is; NULL: the main one. */
struct screen *head_find(struct window *window, Uint32 id);

/* Draws the own windows that are stale. */
void heads_draw(struct window *window);

/* Handles an event of a screen's own window; false: it is handled as for the main one. */
bool head_window_event(struct window *window, struct screen *screen,
                       const SDL_WindowEvent *event);

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

/* Copies the picture to its window. */
void screen_render(struct window *window, struct screen *screen);

/* Whether there is a picture to show. */
bool screen_has_picture(const struct screen *screen);

/* Brings the texture up to date with the frame that has been taken, if one has. */
void screen_upload(struct window *window, struct screen *screen);

/* Asks the guest for a picture as large as the content, or unplugs the monitor of a screen that is
 * not seen. */
void screen_wish(struct screen *screen);

/* The guest is asked once sizes have settled. */
void window_wish_soon(struct window *window);

/* Shows the guest's pointer, or the host's. */
void screen_set_cursor(struct window *window);

/* Takes text of all consoles; whether the one that is shown has changed. */
bool console_take_all(struct window *window);

/* Lets the host draw the menus, if it does such things. The window has just been created. */
void frame_open(struct window *window);

/* The host shows what is in the menus now. */
void frame_refresh(struct window *window);

/* What was chosen, from what the host was told of it. */
struct menu_choice frame_choice(int id);

/* The host no longer knows of the window. */
void frame_close(struct window *window);

/* Takes what the session has for us; false once there is nothing more to show. */
bool window_take(struct window *window);

/* Makes window_wake possible; SDL has started. */
void window_prepare_wake(void);

/* Has what the host was told of a choice handled with the next events. */
void window_choose_soon(int id);

/* Waits for events, a wake-up or the time to draw, and handles what came. */
void window_wait(struct window *window);

/* Exchanges text between the host's clipboard and the guest's; `host`: the host's has changed. */
void window_exchange_clipboard(struct window *window, bool host);

/* The window has another size. */
void window_resized(struct window *window);

/* Handles one event of SDL. */
void window_event(struct window *window, const SDL_Event *event);

/* Captures the mouse and the keyboard, or lets them go. */
void window_grab(struct window *window, bool grab);

/* All keys up, mouse free: the window is left, or a sheet comes. */
void window_release(struct window *window);

/* Does what a menu, a key or a button asks for. */
void window_do(struct window *window, enum command command);

/* Gives the main window the user's attention. */
void window_to_front(struct window *window);

/* Shows a failure with its details and what to do. */
void window_say_failure(struct window *window, const char *title, const char *body,
                        const char *next);

/* Shows a sheet, still without buttons, in the main window. */
void window_show_sheet(struct window *window, bool failure, const char *title, const char *body,
                       const char *next);

/* Says something that is no failure. */
void window_say(struct window *window, const char *title, const char *body, const char *next);

/* Takes the sheet away. */
void window_hide_sheet(struct window *window);

/* Offers to start a file that was dropped, or says why it cannot be started. */
void window_offer(struct window *window, const char *path);

/* Starts the file that was offered. */
void window_start_dropped(struct window *window);

/* Asks which file to start, and starts it. */
void window_ask_file(struct window *window);
