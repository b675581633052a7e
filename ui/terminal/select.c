/* Selecting, copying and finding text in what is kept. */
#include <string.h>

#include "ui/terminal/parts.h"

static uint32_t char_at(const struct terminal *terminal, int64_t line, unsigned column)
{
    struct terminal_cell cell;
    terminal_get_cell(terminal, (struct terminal_place){ line, column }, &cell);
    return cell.chars[0];
}

/* Letters and what paths and addresses consist of: a double click selects them whole. */
static bool is_word(uint32_t c)
{
    return c != 0 && (g_unichar_isalnum(c) || (c < 128 && strchr("_-./~:@%+=?&#", (int)c)));
}

static int64_t terminal_end(const struct terminal *terminal)
{
    return terminal->top + terminal->rows;
}

static struct terminal_place place_clamp(const struct terminal *terminal, struct terminal_place at)
{
    at.line = CLAMP(at.line, terminal_first(terminal), terminal_end(terminal) - 1);
    at.column = MIN(at.column, terminal->columns);
    return at;
}

/* What a click on a cell selects by itself. */
static void unit_around(const struct terminal *terminal, struct terminal_place at,
                        enum terminal_unit unit, struct terminal_place *ret_start,
                        struct terminal_place *ret_end)
{
    *ret_start = *ret_end = at;
    if (unit == TERMINAL_LINE) {
        ret_start->column = 0;
        ret_end->column = terminal->columns;
    } else if (unit == TERMINAL_WORD && at.column < terminal->columns) {
        bool word = is_word(char_at(terminal, at.line, at.column));
        while (word && ret_start->column > 0 &&
               is_word(char_at(terminal, at.line, ret_start->column - 1))) {
            ret_start->column--;
        }
        do {
            ret_end->column++;
        } while (word && ret_end->column < terminal->columns &&
                 is_word(char_at(terminal, at.line, ret_end->column)));
    }
}

void terminal_select(struct terminal *terminal, struct terminal_place at, enum terminal_unit unit)
{
    struct selection *selection = &terminal->selection;
    unit_around(terminal, place_clamp(terminal, at), unit, &selection->first, &selection->after);
    selection->start = selection->first;
    selection->end = selection->after;
    selection->unit = unit;
    terminal->changed = true;
}

void terminal_select_to(struct terminal *terminal, struct terminal_place at)
{
    struct selection *selection = &terminal->selection;
    struct terminal_place start, end;
    at = place_clamp(terminal, at);
    unit_around(terminal, at, selection->unit, &start, &end);
    if (selection->unit == TERMINAL_CELLS && !place_before(at, selection->first)) {
        end.column = MIN(end.column + 1, terminal->columns); /* the cell under the pointer too */
    }
    selection->start = place_before(start, selection->first) ? start : selection->first;
    selection->end = place_before(selection->after, end) ? end : selection->after;
    terminal->changed = true;
}

void terminal_select_all(struct terminal *terminal)
{
    terminal->selection = (struct selection){
        .start = { terminal_first(terminal), 0 },
        .end = { terminal_end(terminal) - 1, terminal->columns },
    };
    terminal->selection.first = terminal->selection.start;
    terminal->selection.after = terminal->selection.start;
    terminal->changed = true;
}

void terminal_select_none(struct terminal *terminal)
{
    terminal->selection = (struct selection){ 0 };
    terminal->changed = true;
}

bool terminal_is_selected(const struct terminal *terminal, struct terminal_place at)
{
    const struct selection *selection = &terminal->selection;
    return !place_before(at, selection->start) && place_before(at, selection->end);
}

/* Appends the cells [from, to) of a line, without the empty ones at its end; false if the line was
 * full, and so perhaps goes on in the next. */
static bool line_append(const struct terminal *terminal, int64_t line, unsigned from, unsigned to,
                        GString *text)
{
    unsigned used = to;
    while (used > from && char_at(terminal, line, used - 1) == 0) {
        struct terminal_cell cell;
        terminal_get_cell(terminal, (struct terminal_place){ line, used - 1 }, &cell);
        if (cell.width == 0) {
            break;
        }
        used--;
    }
    for (unsigned column = from; column < used; column++) {
        struct terminal_cell cell;
        terminal_get_cell(terminal, (struct terminal_place){ line, column }, &cell);
        if (cell.width == 0) {
            continue;
        }
        if (cell.chars[0] == 0) {
            g_string_append_c(text, ' ');
        }
        for (unsigned i = 0; i < TERMINAL_CELL_CHARS && cell.chars[i] != 0; i++) {
            g_string_append_unichar(text, cell.chars[i]);
        }
    }
    return used < terminal->columns;
}

char *terminal_copy(const struct terminal *terminal)
{
    const struct selection *selection = &terminal->selection;
    if (!place_before(selection->start, selection->end)) {
        return NULL;
    }
    GString *text = g_string_new(NULL);
    int64_t line = MAX(selection->start.line, terminal_first(terminal));
    for (; line <= MIN(selection->end.line, terminal_end(terminal) - 1); line++) {
        unsigned from = line == selection->start.line ? selection->start.column : 0;
        bool last = line == selection->end.line;
        bool ended = line_append(terminal, line, from,
                                 last ? selection->end.column : terminal->columns, text);
        if (!last && ended) {
            g_string_append_c(text, '\n');
        }
    }
    return g_string_free(text, FALSE);
}

/* Whether the text stands there; it lies within one line. */
static bool text_at(const struct terminal *terminal, struct terminal_place at,
                    const gunichar *wanted, glong length, unsigned *ret_end)
{
    unsigned column = at.column;
    for (glong i = 0; i < length; i++) {
        struct terminal_cell cell;
        do {
            if (column >= terminal->columns) {
                return false;
            }
            terminal_get_cell(terminal, (struct terminal_place){ at.line, column++ }, &cell);
        } while (cell.width == 0);
        uint32_t c = cell.chars[0] == 0 ? ' ' : cell.chars[0];
        if (g_unichar_tolower(c) != wanted[i]) {
            return false;
        }
    }
    *ret_end = column;
    return true;
}

/* One cell on in reading order, or back; false at the end of what is kept. */
static bool place_step(const struct terminal *terminal, struct terminal_place *at, bool upwards)
{
    if (upwards && at->column > 0) {
        at->column--;
    } else if (upwards) {
        at->column = terminal->columns - 1;
        at->line--;
    } else if (++at->column >= terminal->columns) {
        at->column = 0;
        at->line++;
    }
    return at->line >= terminal_first(terminal) && at->line < terminal_end(terminal);
}

/* Shows a line in the middle if it is not shown. */
static void view_show(struct terminal *terminal, int64_t line)
{
    int64_t view = terminal_view(terminal);
    if (line < view || line >= view + terminal->rows) {
        int64_t wanted = line - terminal->rows / 2;
        terminal_scroll(terminal, (int)(wanted - view));
    }
}

bool terminal_search(struct terminal *terminal, const char *text, bool upwards)
{
    if (!*text || !g_utf8_validate(text, -1, NULL)) {
        return false;
    }
    glong length;
    g_autofree gunichar *wanted = g_utf8_to_ucs4_fast(text, -1, &length);
    for (glong i = 0; i < length; i++) {
        wanted[i] = g_unichar_tolower(wanted[i]);
    }
    struct selection *selection = &terminal->selection;
    bool selected = place_before(selection->start, selection->end);
    struct terminal_place at = { upwards ? terminal_end(terminal) : terminal_first(terminal), 0 };
    if (selected) {
        at = place_clamp(terminal, selection->start);
    } else if (!upwards) {
        at.column = 0;
    }
    bool check = !selected && !upwards;
    while (check || place_step(terminal, &at, upwards)) {
        unsigned end;
        check = false;
        if (text_at(terminal, at, wanted, length, &end)) {
            terminal_select(terminal, at, TERMINAL_CELLS);
            selection->end = (struct terminal_place){ at.line, end };
            view_show(terminal, at.line);
            return true;
        }
    }
    return false;
}
