/* The library's terminal, with a history of lines and colours that can be read. */
#include "ui/terminal/terminal.h"

#include <assert.h>
#include <string.h>

#include "ui/terminal/parts.h"

/* The sixteen named colours: each can be read on the background. */
static const uint32_t palette[16] = {
    0x2b303a, 0xe06c75, 0x8fc573, 0xe0b65c, 0x61a5f0, 0xc678dd, 0x56b6c2, 0xc8ccd4,
    0x6b7280, 0xff8b92, 0xb0e398, 0xffd885, 0x8cc2ff, 0xe09cf4, 0x7fd8e2, 0xffffff,
};

static VTermColor color_of(uint32_t rgb)
{
    VTermColor color;
    vterm_color_rgb(&color, (uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb);
    return color;
}

static uint32_t color_rgb(const struct terminal *terminal, VTermColor color)
{
    vterm_screen_convert_color_to_rgb(terminal->screen, &color);
    return (uint32_t)color.rgb.red << 16 | (uint32_t)color.rgb.green << 8 | color.rgb.blue;
}

void terminal_convert(const struct terminal *terminal, const VTermScreenCell *from,
                      struct terminal_cell *ret_cell)
{
    uint32_t foreground = color_rgb(terminal, from->fg);
    uint32_t background = color_rgb(terminal, from->bg);
    *ret_cell = (struct terminal_cell){
        .foreground = from->attrs.reverse ? background : foreground,
        .background = from->attrs.reverse ? foreground : background,
        .width = (uint8_t)from->width,
        .bold = from->attrs.bold,
        .italic = from->attrs.italic,
        .underline = from->attrs.underline != VTERM_UNDERLINE_OFF,
        .strike = from->attrs.strike,
    };
    if (from->chars[0] == (uint32_t)-1) { /* the right half of a wide one */
        ret_cell->width = 0;
        return;
    }
    for (unsigned i = 0; i < TERMINAL_CELL_CHARS && from->chars[i] != 0; i++) {
        ret_cell->chars[i] = from->chars[i];
    }
}

static int on_damage(VTermRect rect, void *opaque)
{
    struct terminal *terminal = opaque;
    (void)rect;
    terminal->changed = true;
    return 1;
}

static int on_cursor(VTermPos at, VTermPos before, int visible, void *opaque)
{
    struct terminal *terminal = opaque;
    (void)before;
    terminal->cursor = at;
    terminal->cursor_visible = visible;
    terminal->changed = true;
    return 1;
}

static int on_property(VTermProp property, VTermValue *value, void *opaque)
{
    struct terminal *terminal = opaque;
    if (property == VTERM_PROP_CURSORVISIBLE) {
        terminal->cursor_visible = value->boolean;
        terminal->changed = true;
    } else if (property == VTERM_PROP_ALTSCREEN) {
        terminal->alternate = value->boolean;
    }
    return 1;
}

static int on_bell(void *opaque)
{
    struct terminal *terminal = opaque;
    if (terminal->events->bell) {
        terminal->events->bell(terminal->opaque);
    }
    return 1;
}

unsigned terminal_cells_used(const struct terminal_cell *cells, unsigned count)
{
    while (count > 0 && cells[count - 1].chars[0] == 0 && cells[count - 1].width == 1 &&
           cells[count - 1].background == TERMINAL_BACKGROUND) {
        count--;
    }
    return count;
}

static int on_push(int count, const VTermScreenCell *from, void *opaque)
{
    struct terminal *terminal = opaque;
    g_autofree struct terminal_cell *cells = g_new0(struct terminal_cell, (size_t)count);
    for (int i = 0; i < count; i++) {
        terminal_convert(terminal, &from[i], &cells[i]);
    }
    history_push(&terminal->history, cells, terminal_cells_used(cells, (unsigned)count));
    terminal->top++;
    return 1;
}

static void on_output(const char *data, size_t size, void *opaque)
{
    struct terminal *terminal = opaque;
    if (terminal->answer) {
        g_string_append_len(terminal->answer, data, (gssize)size);
    } else {
        terminal->events->send(terminal->opaque, data, size);
    }
}

static void terminal_set_colors(struct terminal *terminal)
{
    VTermState *state = vterm_obtain_state(terminal->vterm);
    const VTermColor foreground = color_of(TERMINAL_FOREGROUND);
    const VTermColor background = color_of(TERMINAL_BACKGROUND);
    vterm_state_set_default_colors(state, &foreground, &background);
    for (int i = 0; i < 16; i++) {
        const VTermColor color = color_of(palette[i]);
        vterm_state_set_palette_color(state, i, &color);
    }
}

void terminal_open_screen(struct terminal *terminal)
{
    static const VTermScreenCallbacks callbacks = {
        .damage = on_damage,
        .movecursor = on_cursor,
        .settermprop = on_property,
        .bell = on_bell,
        .sb_pushline = on_push,
    };
    terminal->vterm = vterm_new((int)terminal->rows, (int)terminal->columns);
    terminal->screen = vterm_obtain_screen(terminal->vterm);
    vterm_set_utf8(terminal->vterm, true);
    terminal_set_colors(terminal);
    vterm_output_set_callback(terminal->vterm, on_output, terminal);
    vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
    vterm_screen_enable_altscreen(terminal->screen, true);
    vterm_screen_set_damage_merge(terminal->screen, VTERM_DAMAGE_SCREEN);
    vterm_screen_reset(terminal->screen, true);
}

struct terminal *terminal_new(unsigned columns, unsigned rows, const struct terminal_events *events,
                              void *opaque)
{
    assert(columns >= TERMINAL_COLUMNS_MIN && columns <= TERMINAL_SIZE_MAX);
    assert(rows > 0 && rows <= TERMINAL_SIZE_MAX);
    struct terminal *terminal = g_new0(struct terminal, 1);
    terminal->events = events;
    terminal->opaque = opaque;
    terminal->columns = columns;
    terminal->rows = rows;
    terminal->view = INT64_MAX;
    history_init(&terminal->history);
    terminal_open_screen(terminal);
    return terminal;
}

void terminal_free(struct terminal *terminal)
{
    if (terminal) {
        vterm_free(terminal->vterm);
        history_finish(&terminal->history);
        g_free(terminal);
    }
}

/* How many bytes at the end begin a character of UTF-8 that goes on behind them. */
static size_t tail_size(const char *data, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        uint8_t byte = (uint8_t)data[size - back];
        if (byte >= 0xc0) {
            size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return back < whole ? back : 0;
        }
        if (byte < 0x80) {
            break;
        }
    }
    return 0;
}

/* The library would take a character that is cut in two for two broken ones. */
void terminal_feed(struct terminal *terminal, const void *data, size_t size)
{
    const char *bytes = data;
    while (terminal->partial_size > 0 && size > 0) {
        terminal->partial[terminal->partial_size++] = *bytes++;
        size--;
        if (tail_size(terminal->partial, terminal->partial_size) != terminal->partial_size) {
            vterm_input_write(terminal->vterm, terminal->partial, terminal->partial_size);
            terminal->partial_size = 0;
        }
    }
    size_t tail = tail_size(bytes, size);
    vterm_input_write(terminal->vterm, bytes, size - tail);
    memcpy(terminal->partial + terminal->partial_size, bytes + (size - tail), tail);
    terminal->partial_size += tail;
    vterm_screen_flush_damage(terminal->screen);
}

void terminal_get_grid(const struct terminal *terminal, unsigned *ret_columns, unsigned *ret_rows)
{
    *ret_columns = terminal->columns;
    *ret_rows = terminal->rows;
}

int64_t terminal_first(const struct terminal *terminal)
{
    return terminal->top - terminal->history.count;
}

int64_t terminal_top(const struct terminal *terminal)
{
    return terminal->top;
}

void terminal_get_cell(const struct terminal *terminal, struct terminal_place at,
                       struct terminal_cell *ret_cell)
{
    *ret_cell = (struct terminal_cell){
        .foreground = TERMINAL_FOREGROUND, .background = TERMINAL_BACKGROUND, .width = 1
    };
    int64_t row = at.line - terminal->top;
    if (at.column >= TERMINAL_SIZE_MAX || at.line < terminal_first(terminal)) {
        return;
    }
    if (row < 0) {
        unsigned index = (unsigned)(at.line - terminal_first(terminal));
        const struct history_line *line = history_at(&terminal->history, index);
        if (at.column < line->count) {
            *ret_cell = line->cells[at.column];
        }
    } else if (row < terminal->rows && at.column < terminal->columns) {
        VTermScreenCell cell;
        VTermPos position = { .row = (int)row, .col = (int)at.column };
        if (vterm_screen_get_cell(terminal->screen, position, &cell)) {
            terminal_convert(terminal, &cell, ret_cell);
        }
    }
}

bool terminal_get_cursor(const struct terminal *terminal, struct terminal_place *ret_at)
{
    ret_at->line = terminal->top + terminal->cursor.row;
    ret_at->column = (unsigned)terminal->cursor.col;
    return terminal->cursor_visible;
}

bool terminal_take_changed(struct terminal *terminal)
{
    bool changed = terminal->changed;
    terminal->changed = false;
    return changed;
}

int64_t terminal_view(const struct terminal *terminal)
{
    return CLAMP(terminal->view, terminal_first(terminal), terminal->top);
}

void terminal_scroll(struct terminal *terminal, int lines)
{
    int64_t to = terminal_view(terminal) + lines;
    terminal->view = to >= terminal->top ? INT64_MAX : MAX(to, terminal_first(terminal));
    terminal->changed = true;
}
