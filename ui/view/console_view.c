#include "ui/view/console_view.h"

#include <stdint.h>
#include <string.h>

#include "ui/view/colors.h"

#define PADDING         6
#define COLOR_SELECTION 0x2f5d9e
#define COLOR_CURSOR    0xe6e9ef

enum cursor { CURSOR_NONE, CURSOR_HOLLOW, CURSOR_SOLID };

/* What was drawn in a cell. */
struct console_cell {
    struct terminal_cell cell;
    bool selected;
    enum cursor cursor;
};

void console_view_init(struct console_view *view, struct terminal *terminal)
{
    *view = (struct console_view){ .terminal = terminal };
}

void console_view_finish(struct console_view *view)
{
    g_clear_pointer(&view->drawn, g_free);
}

void console_view_place(struct console_view *view, const struct text *text, struct box box)
{
    int padding = text_scaled(text, PADDING);
    view->padding = padding;
    view->cell_width = MAX(text->font[TEXT_MONO].metrics.advance, 1);
    view->cell_height = MAX(text_height(text, TEXT_MONO), 1);
    view->box = box;
    int columns = (box.width - 2 * padding) / view->cell_width;
    int rows = (box.height - 2 * padding) / view->cell_height;
    view->columns = (unsigned)CLAMP(columns, TERMINAL_COLUMNS_MIN, TERMINAL_SIZE_MAX);
    view->rows = (unsigned)CLAMP(rows, 1, TERMINAL_SIZE_MAX);
    terminal_resize(view->terminal, view->columns, view->rows);
    g_clear_pointer(&view->drawn, g_free);
}

static bool cell_same(const struct console_cell *a, const struct console_cell *b)
{
    const struct terminal_cell *c = &a->cell, *d = &b->cell;
    return a->selected == b->selected && a->cursor == b->cursor &&
           memcmp(c->chars, d->chars, sizeof(c->chars)) == 0 && c->foreground == d->foreground &&
           c->background == d->background && c->width == d->width && c->bold == d->bold &&
           c->italic == d->italic && c->underline == d->underline && c->strike == d->strike;
}

static struct box cell_box(const struct console_view *view, unsigned column, unsigned row)
{
    return (struct box){ view->box.x + view->padding + (int)column * view->cell_width,
                         view->box.y + view->padding + (int)row * view->cell_height,
                         view->cell_width, view->cell_height };
}

static void cell_draw(const struct console_cell *shown, struct box box, struct text *text,
                      struct canvas *canvas)
{
    const struct terminal_cell *cell = &shown->cell;
    uint32_t background = shown->selected ? COLOR_SELECTION : cell->background;
    uint32_t foreground = cell->foreground;
    int line = text_scaled(text, 1);
    if (cell->width == 2) {
        box.width *= 2;
    }
    if (shown->cursor == CURSOR_SOLID) {
        foreground = background;
        background = COLOR_CURSOR;
    }
    canvas_clip(canvas, box);
    canvas_fill(canvas, box, background);
    for (unsigned i = 0; i < TERMINAL_CELL_CHARS && cell->chars[i] != 0; i++) {
        text_draw_char(text, canvas, cell->bold ? TEXT_MONO_BOLD : TEXT_MONO, box.x, box.y,
                       foreground, cell->chars[i]);
    }
    if (cell->underline) {
        int y = box.y + text->font[TEXT_MONO].metrics.ascent + line;
        canvas_fill(canvas, (struct box){ box.x, y, box.width, line }, foreground);
    }
    if (cell->strike) {
        canvas_fill(canvas, (struct box){ box.x, box.y + box.height / 2, box.width, line },
                    foreground);
    }
    if (shown->cursor == CURSOR_HOLLOW) {
        canvas_frame(canvas, box, line, COLOR_CURSOR);
    }
    canvas_unclip(canvas);
}

static struct box box_around(struct box a, struct box b)
{
    if (a.width == 0) {
        return b;
    }
    int right = MAX(a.x + a.width, b.x + b.width), bottom = MAX(a.y + a.height, b.y + b.height);
    int x = MIN(a.x, b.x), y = MIN(a.y, b.y);
    return (struct box){ x, y, right - x, bottom - y };
}

/* A bar at the right edge that shows which part of the history is seen. */
static void scroll_draw(const struct console_view *view, const struct text *text,
                        struct canvas *canvas)
{
    const struct terminal *terminal = view->terminal;
    int64_t first = terminal_first(terminal), top = terminal_top(terminal);
    int width = text_scaled(text, PADDING - 2), height = view->box.height;
    struct box track = { view->box.x + view->box.width - width, view->box.y, width, height };
    canvas_fill(canvas, track, COLOR_CONSOLE);
    if (terminal_view(terminal) < top) {
        int64_t all = top - first + view->rows;
        int bar = MAX((int)(height * (int64_t)view->rows / all), 4 * width);
        int64_t room = MAX(top - first, 1);
        int y = (int)((height - bar) * (terminal_view(terminal) - first) / room);
        canvas_round(canvas, (struct box){ track.x, track.y + y, width, bar }, width / 2,
                     COLOR_FAINT);
    }
}

struct box console_view_draw(struct console_view *view, struct text *text, struct canvas *canvas,
                             bool focus)
{
    struct box touched = { 0 };
    struct terminal_place cursor;
    bool visible = terminal_get_cursor(view->terminal, &cursor), whole = !view->drawn;
    int64_t top = terminal_view(view->terminal);
    if (whole) {
        view->drawn = g_new0(struct console_cell, (size_t)view->columns * view->rows);
        canvas_fill(canvas, view->box, COLOR_CONSOLE);
        touched = view->box;
    }
    for (unsigned row = 0; row < view->rows; row++) {
        for (unsigned column = 0; column < view->columns; column++) {
            struct console_cell *drawn = &view->drawn[row * view->columns + column], now = { 0 };
            const struct terminal_place at = { top + row, column };
            terminal_get_cell(view->terminal, at, &now.cell);
            now.selected = terminal_is_selected(view->terminal, at);
            bool here = visible && at.line == cursor.line && at.column == cursor.column;
            now.cursor = !here ? CURSOR_NONE : focus ? CURSOR_SOLID : CURSOR_HOLLOW;
            if (!whole && cell_same(&now, drawn)) {
                continue;
            }
            *drawn = now;
            if (now.cell.width > 0) {
                struct box box = cell_box(view, column, row);
                cell_draw(&now, box, text, canvas);
                box.width *= now.cell.width;
                touched = box_around(touched, box);
            }
        }
    }
    if (touched.width > 0) {
        scroll_draw(view, text, canvas);
        touched = (struct box){ view->box.x, touched.y, view->box.width, touched.height };
    }
    return touched;
}

struct terminal_place console_view_at(const struct console_view *view, int x, int y)
{
    int column = (x - view->box.x - view->padding) / MAX(view->cell_width, 1);
    int row = (y - view->box.y - view->padding) / MAX(view->cell_height, 1);
    return (struct terminal_place){
        .line = terminal_view(view->terminal) + CLAMP(row, 0, (int)view->rows - 1),
        .column = (unsigned)CLAMP(column, 0, (int)view->columns - 1),
    };
}
