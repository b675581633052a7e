/* The menu bar: titles in a row, one of them open. Knows no window; is told of keys and clicks.
 * What is in the menus can be asked for, where the host draws them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ui/view/canvas.h"
#include "ui/view/command.h"
#include "ui/view/text.h"

#define MENU_TITLES    6
#define MENU_VIEWS_MAX 32 /* outputs and terminals that can be listed: bits of a number */
#define MENU_ROWS_MAX  44

enum menu_key { MENU_LEFT, MENU_RIGHT, MENU_UP, MENU_DOWN, MENU_ENTER, MENU_ESCAPE };

/* A choice: a command, or one of the views. */
struct menu_choice {
    enum command command;
    int view; /* with COMMAND_NONE: its number, -1 if nothing was chosen */
};

struct menu {
    struct box bar;
    int open; /* which title, -1: none */
    int item; /* which of its items is marked, -1: none */
    const char *views[MENU_VIEWS_MAX]; /* names, not owned */
    int view_count;
    uint32_t views_ticked; /* bit by number: shown with a tick */
    unsigned ticked; /* bit by enum command: shown with a tick */
    unsigned greyed; /* the same: makes no sense now */
};

/* An item of a menu; without a label, a line between groups. */
struct menu_row {
    const char *label;
    bool ticked, greyed;
    struct menu_choice choice;
};

/* What a title says. */
const char *menu_title(int title);

/* The items below a title, as they are now; how many. */
int menu_rows(const struct menu *menu, int title, struct menu_row rows[MENU_ROWS_MAX]);

/* Makes a closed one without views. */
void menu_init(struct menu *menu);

/* How high the bar is. */
int menu_bar_height(const struct text *text);

/* Draws the bar. */
void menu_draw_bar(const struct menu *menu, struct text *text, struct canvas *canvas);

/* Where the open menu lies; empty if none is open. */
struct box menu_popup_box(const struct menu *menu, struct text *text);

/* Draws the open menu, if one is. */
void menu_draw_popup(const struct menu *menu, struct text *text, struct canvas *canvas);

/* The pointer moved; true if that changed something. */
bool menu_hover(struct menu *menu, struct text *text, int x, int y);

/* A click: opens, closes, chooses. True if it was the menu's. */
bool menu_click(struct menu *menu, struct text *text, int x, int y,
                struct menu_choice *ret_choice);

/* A key while a menu is open. */
void menu_press(struct menu *menu, enum menu_key key, struct menu_choice *ret_choice);
