/*
 * A terminal without a window: bytes of the guest go in, cells come out, keys become bytes.
 *
 * Lines have numbers that never change while they exist, so that a selection stays on its text when
 * the screen scrolls: terminal_first is the oldest that is kept, terminal_top the first of the
 * screen. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct terminal;

#define TERMINAL_HISTORY_MAX 10000 /* lines above the screen */
#define TERMINAL_CELL_CHARS  3     /* a character and what is combined with it */
#define TERMINAL_SIZE_MAX    1000  /* columns or rows */
#define TERMINAL_COLUMNS_MIN 2     /* a wide character must fit */

struct terminal_cell {
    uint32_t chars[TERMINAL_CELL_CHARS]; /* unused ones 0; all 0: empty */
    uint32_t foreground, background;     /* 0xRRGGBB; reverse video is in them already */
    uint8_t width;                       /* 1, 2, or 0 for the right half of the cell before */
    bool bold, italic, underline, strike;
};

/* A place between the cells of a line: before `column`. */
struct terminal_place {
    int64_t line;
    unsigned column;
};

/* What the terminal tells its owner, during the calls below. */
struct terminal_events {
    /* Bytes for the guest: keys, pasted text, answers to its questions. */
    void (*send)(void *opaque, const char *data, size_t size);
    /* The guest rang the bell. Optional. */
    void (*bell)(void *opaque);
};

enum terminal_key {
    TERMINAL_ENTER,
    TERMINAL_TAB,
    TERMINAL_BACKSPACE,
    TERMINAL_ESCAPE,
    TERMINAL_UP,
    TERMINAL_DOWN,
    TERMINAL_LEFT,
    TERMINAL_RIGHT,
    TERMINAL_INSERT,
    TERMINAL_DELETE,
    TERMINAL_HOME,
    TERMINAL_END,
    TERMINAL_PAGE_UP,
    TERMINAL_PAGE_DOWN,
    TERMINAL_F1, /* to F12: consecutive */
    TERMINAL_F12 = TERMINAL_F1 + 11,
};

enum terminal_modifier { TERMINAL_SHIFT = 1, TERMINAL_ALT = 2, TERMINAL_CTRL = 4 };

/* What a click selects: cells from here on, a word, a line. */
enum terminal_unit { TERMINAL_CELLS, TERMINAL_WORD, TERMINAL_LINE };

/* Makes an empty one; `events` must outlive it. */
struct terminal *terminal_new(unsigned columns, unsigned rows, const struct terminal_events *events,
                              void *opaque);

/* Frees it; accepts NULL. */
void terminal_free(struct terminal *terminal);

/* Takes what the guest wrote: UTF-8 and escape sequences, broken anywhere. */
void terminal_feed(struct terminal *terminal, const void *data, size_t size);

/* Changes the size; lines that no longer fit go to the history and come back from there. */
void terminal_resize(struct terminal *terminal, unsigned columns, unsigned rows);

/* Its size in cells. */
void terminal_get_grid(const struct terminal *terminal, unsigned *ret_columns, unsigned *ret_rows);

/* Number of the oldest line that is kept. */
int64_t terminal_first(const struct terminal *terminal);

/* Number of the first line of the screen. */
int64_t terminal_top(const struct terminal *terminal);

/* The cell at a place; an empty one outside of what is kept. */
void terminal_get_cell(const struct terminal *terminal, struct terminal_place at,
                       struct terminal_cell *ret_cell);

/* Where the cursor is; false while the guest hides it. */
bool terminal_get_cursor(const struct terminal *terminal, struct terminal_place *ret_at);

/* Whether anything that is shown may have changed since the last call. */
bool terminal_take_changed(struct terminal *terminal);

/* The line that is shown at the top, which follows the screen unless somebody scrolled up. */
int64_t terminal_view(const struct terminal *terminal);

/* Moves the view by that many lines, down if positive, as far as there are lines. */
void terminal_scroll(struct terminal *terminal, int lines);

/* Types text: UTF-8; the view goes back to the screen. */
void terminal_type(struct terminal *terminal, const char *text, unsigned modifiers);

/* Types a key that is no text. */
void terminal_press(struct terminal *terminal, enum terminal_key key, unsigned modifiers);

/* Types text as pasted: in brackets if the guest asked for that, line ends as Enter, other control
 * characters (an end of the bracket among them) left out. */
void terminal_paste(struct terminal *terminal, const char *text);

/* Starts a selection at a cell. */
void terminal_select(struct terminal *terminal, struct terminal_place at, enum terminal_unit unit);

/* Extends the selection to a cell, in the unit that it was started in. */
void terminal_select_to(struct terminal *terminal, struct terminal_place at);

/* Selects all that is kept. */
void terminal_select_all(struct terminal *terminal);

/* Selects nothing. */
void terminal_select_none(struct terminal *terminal);

/* Whether a cell is selected. */
bool terminal_is_selected(const struct terminal *terminal, struct terminal_place at);

/* The selected text, lines joined where the guest did not end them; NULL when nothing is selected.
 * Free with g_free. */
char *terminal_copy(const struct terminal *terminal);

/* Looks for text, small and capital letters alike, upwards from the selection (or the end), or
 * downwards; selects it and scrolls to it. False when there is none. */
bool terminal_search(struct terminal *terminal, const char *text, bool upwards);
