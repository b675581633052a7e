/* A terminal drawn on a canvas: only the cells that changed. */
#pragma once

#include <stdbool.h>

#include "ui/terminal/terminal.h"
#include "ui/view/canvas.h"
#include "ui/view/text.h"

struct console_cell;

struct console_view {
    struct terminal *terminal; /* not owned */
    struct box box;
    int cell_width, cell_height, padding;
    unsigned columns, rows;
    struct console_cell *drawn; /* what the canvas shows; NULL: nothing */
};

/* Makes one that shows nothing yet. */
void console_view_init(struct console_view *view, struct terminal *terminal);

/* Frees what it holds. */
void console_view_finish(struct console_view *view);

/* Gives it a place, and the terminal the size that fits there. All is drawn anew. */
void console_view_place(struct console_view *view, const struct text *text, struct box box);

/* Draws what changed; `focus`: the cursor is solid. Returns what was touched. */
struct box console_view_draw(struct console_view *view, struct text *text, struct canvas *canvas,
                             bool focus);

/* The cell at a point, also outside of the box: then the nearest. */
struct terminal_place console_view_at(const struct console_view *view, int x, int y);
