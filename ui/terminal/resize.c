/* Another size. The library's own way of changing it reads memory that it has freed once a guest
 * has set margins or used the second screen, so a new terminal is made and the lines are written
 * into it. What the guest had drawn under its full-screen program does not come over, nor does a
 * scroll region. */
#include <assert.h>
#include <string.h>

#include "ui/terminal/parts.h"

/* Modes that programs rely on to stay set: cursor keys, wrapping, paste in brackets. */
static const unsigned modes[] = { 1, 7, 2004 };

static void ask(struct terminal *terminal, const char *question, GString *answer)
{
    terminal->answer = answer;
    vterm_input_write(terminal->vterm, question, strlen(question));
    terminal->answer = NULL;
}

/* Appends what sets the modes again. A CAN first ends whatever sequence was open. */
static void modes_save(struct terminal *terminal, GString *again)
{
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autoptr(GString) answer = g_string_new(NULL);
        g_autofree char *question = g_strdup_printf("\x18\x1b[?%u$p", modes[i]);
        g_autofree char *set = g_strdup_printf("?%u;1$y", modes[i]);
        ask(terminal, question, answer);
        g_string_append_printf(again, "\x1b[?%u%c", modes[i], strstr(answer->str, set) ? 'h' : 'l');
    }
    g_string_append_printf(again, "\x1b[?25%c", terminal->cursor_visible ? 'h' : 'l');
}

/* Appends a line as a guest would write it. */
static void line_save(const struct history_line *line, unsigned columns, GString *out)
{
    for (unsigned i = 0; i < MIN(line->count, columns); i++) {
        const struct terminal_cell *cell = &line->cells[i];
        if (cell->width == 0 || (cell->width == 2 && i + 1 >= columns)) {
            continue;
        }
        g_string_append_printf(out, "\x1b[0%s%s%s%s", cell->bold ? ";1" : "",
                               cell->italic ? ";3" : "", cell->underline ? ";4" : "",
                               cell->strike ? ";9" : "");
        if (cell->foreground != TERMINAL_FOREGROUND) {
            g_string_append_printf(out, ";38;2;%u;%u;%u", cell->foreground >> 16 & 0xff,
                                   cell->foreground >> 8 & 0xff, cell->foreground & 0xff);
        }
        if (cell->background != TERMINAL_BACKGROUND) {
            g_string_append_printf(out, ";48;2;%u;%u;%u", cell->background >> 16 & 0xff,
                                   cell->background >> 8 & 0xff, cell->background & 0xff);
        }
        g_string_append_c(out, 'm');
        if (cell->chars[0] == 0) {
            g_string_append_c(out, ' ');
        }
        for (unsigned k = 0; k < TERMINAL_CELL_CHARS && cell->chars[k] != 0; k++) {
            g_string_append_unichar(out, cell->chars[k]);
        }
    }
    g_string_append(out, "\x1b[0m");
}

/* A row of the screen as a line of the history. */
static struct history_line *row_copy(const struct terminal *terminal, unsigned row)
{
    struct history_line *line =
        g_malloc0(sizeof(*line) + terminal->columns * sizeof(struct terminal_cell));
    for (unsigned i = 0; i < terminal->columns; i++) {
        terminal_get_cell(terminal, (struct terminal_place){ terminal->top + row, i },
                          &line->cells[i]);
    }
    line->count = terminal_cells_used(line->cells, terminal->columns);
    return line;
}

/* The rows up to the cursor, or to the last one with something in it. */
static GPtrArray *rows_copy(const struct terminal *terminal)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func(g_free);
    unsigned used = 0;
    for (unsigned i = 0; i < terminal->rows; i++) {
        struct history_line *line = row_copy(terminal, i);
        used = line->count > 0 || (int)i == terminal->cursor.row ? i + 1 : used;
        g_ptr_array_add(rows, line);
    }
    g_ptr_array_set_size(rows, (int)used);
    return rows;
}

/* Moves lines between screen and history until the screen is as full as it can be; returns how far
 * down the rest went. A full-screen program draws again by itself. */
static int rows_fit(struct terminal *terminal, GPtrArray *lines, unsigned rows)
{
    int moved = 0;
    while (lines->len > rows) {
        const struct history_line *line = lines->pdata[0];
        if (!terminal->alternate) {
            history_push(&terminal->history, line->cells, line->count);
            terminal->top++;
        }
        g_ptr_array_remove_index(lines, 0);
        moved--;
    }
    while (!terminal->alternate && lines->len < rows && terminal->history.count > 0) {
        g_ptr_array_insert(lines, 0, history_pop(&terminal->history));
        terminal->top--;
        moved++;
    }
    return moved;
}

void terminal_resize(struct terminal *terminal, unsigned columns, unsigned rows)
{
    assert(columns >= TERMINAL_COLUMNS_MIN && columns <= TERMINAL_SIZE_MAX);
    assert(rows > 0 && rows <= TERMINAL_SIZE_MAX);
    if (columns == terminal->columns && rows == terminal->rows) {
        return;
    }
    g_autoptr(GString) again = g_string_new(terminal->alternate ? "\x1b[?1049h" : NULL);
    g_autoptr(GPtrArray) lines = rows_copy(terminal);
    int row = terminal->cursor.row + rows_fit(terminal, lines, rows);
    unsigned column = MIN((unsigned)terminal->cursor.col, columns - 1);
    for (unsigned i = 0; i < lines->len; i++) {
        g_string_append_printf(again, "\x1b[%u;1H", i + 1);
        line_save(lines->pdata[i], columns, again);
    }
    modes_save(terminal, again);
    g_string_append_printf(again, "\x1b[%d;%uH", CLAMP(row, 0, (int)rows - 1) + 1, column + 1);

    vterm_free(terminal->vterm);
    terminal->columns = columns;
    terminal->rows = rows;
    terminal->partial_size = 0;
    terminal_open_screen(terminal);
    g_autoptr(GString) unheard = g_string_new(NULL);
    ask(terminal, again->str, unheard);
    vterm_screen_flush_damage(terminal->screen);
}
