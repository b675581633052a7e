/* A sheet over the window: what happened, why, one next step, and buttons. */
#pragma once

#include <stdbool.h>

#include "ui/view/canvas.h"
#include "ui/view/command.h"
#include "ui/view/text.h"

#define SHEET_BUTTONS_MAX 3

struct sheet {
    char *title; /* NULL: no sheet is shown */
    char *body, *next; /* what and why; what to do now: may be NULL */
    enum command button[SHEET_BUTTONS_MAX]; /* the first is what Enter does */
    unsigned button_count, marked;
    bool failure; /* marked as one */
};

/* Shows it in place of the one before. The texts are copied. */
void sheet_show(struct sheet *sheet, bool failure, const char *title, const char *body,
                const char *next);

/* Adds a button; Escape is the last one. */
void sheet_add_button(struct sheet *sheet, enum command command);

/* Takes it away. */
void sheet_hide(struct sheet *sheet);

/* Where it lies in the middle of a clip. */
struct box sheet_box(const struct sheet *sheet, struct text *text, struct box clip);

/* Draws it in the middle of the clip, which it darkens. */
void sheet_draw(const struct sheet *sheet, struct text *text, struct canvas *canvas);

/* The button at a point of a canvas with that clip; COMMAND_NONE if there is none. */
enum command sheet_click(const struct sheet *sheet, struct text *text, struct box clip, int x,
                         int y);

/* All that it says, for the clipboard; free with g_free. */
char *sheet_text(const struct sheet *sheet);
