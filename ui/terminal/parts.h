/* What a terminal consists of: private to this folder. */
#pragma once

#include <vterm.h>

#include "ui/terminal/history.h"
#include "ui/terminal/terminal.h"

/* From `start` up to and without `end`; nothing while they are the same. */
struct selection {
    struct terminal_place start, end;   /* in order */
    struct terminal_place first, after; /* what the first click selected */
    enum terminal_unit unit;
};

struct terminal {
    VTerm *vterm;
    VTermScreen *screen;
    const struct terminal_events *events;
    void *opaque;
    unsigned columns, rows;
    struct history history;
    int64_t top; /* number of the screen's first line */
    VTermPos cursor;
    bool cursor_visible, alternate, changed;
    GString *answer; /* collects what would be sent, while we ask the library something */
    int64_t view; /* the line shown at the top; INT64_MAX: it follows the screen */
    struct selection selection;
    char partial[4]; /* the beginning of a character whose end has not come */
    size_t partial_size;
};

#define TERMINAL_FOREGROUND 0xd4d7dc
#define TERMINAL_BACKGROUND 0x14171c

/* Makes the library's terminal for the size that is set, empty. */
void terminal_open_screen(struct terminal *terminal);

/* How many cells there are without the empty ones at the end. */
unsigned terminal_cells_used(const struct terminal_cell *cells, unsigned count);

/* Makes a cell of the library ours. */
void terminal_convert(const struct terminal *terminal, const VTermScreenCell *from,
                      struct terminal_cell *ret_cell);

/* The order of two places. */
static inline bool place_before(struct terminal_place a, struct terminal_place b)
{
    return a.line < b.line || (a.line == b.line && a.column < b.column);
}
