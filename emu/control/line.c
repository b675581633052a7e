#include "emu/control/line.h"

#include <string.h>

#define HISTORY_MAX    100
#define LINE_BYTES_MAX 1024

#define KEY_CTRL(letter) ((letter)&0x1f)
#define KEY_ESCAPE       0x1b
#define KEY_DELETE       0x7f

void line_init(struct line *line, const char *prompt)
{
    *line = (struct line){ .prompt = prompt };
    line->text = g_string_new(NULL);
    line->history = g_ptr_array_new_with_free_func(g_free);
}

void line_finish(struct line *line)
{
    g_string_free(line->text, TRUE);
    g_ptr_array_unref(line->history);
    g_free(line->draft);
}

static bool is_tail(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

static size_t columns_of(const char *text, size_t size)
{
    size_t columns = 0;
    for (size_t i = 0; i < size; i++) {
        columns += !is_tail(text[i]);
    }
    return columns;
}

void line_show(const struct line *line, GString *show)
{
    const GString *text = line->text;
    size_t behind = columns_of(text->str + line->cursor, text->len - line->cursor);
    g_string_append_printf(show, "\r%s%s\x1b[K", line->prompt, text->str);
    if (behind > 0) {
        g_string_append_printf(show, "\x1b[%zuD", behind);
    }
}

void line_insert(struct line *line, const char *text, GString *show)
{
    size_t size = strlen(text);
    if (line->text->len + size > LINE_BYTES_MAX) {
        g_string_append_c(show, '\a');
        return;
    }
    bool at_end = line->cursor == line->text->len;
    g_string_insert(line->text, (gssize)line->cursor, text);
    line->cursor += size;
    if (at_end) {
        g_string_append(show, text);
    } else {
        line_show(line, show);
    }
}

static size_t before_cursor(const struct line *line)
{
    size_t at = line->cursor;
    while (at > 0 && is_tail(line->text->str[--at])) {
    }
    return at;
}

static size_t after_cursor(const struct line *line)
{
    size_t at = line->cursor;
    if (at < line->text->len) {
        at++;
    }
    while (at < line->text->len && is_tail(line->text->str[at])) {
        at++;
    }
    return at;
}

static void erase_between(struct line *line, size_t from, size_t to, GString *show)
{
    g_string_erase(line->text, (gssize)from, (gssize)(to - from));
    line->cursor = from;
    line_show(line, show);
}

static void move_to(struct line *line, size_t at, GString *show)
{
    line->cursor = at;
    line_show(line, show);
}

static size_t word_begin(const struct line *line)
{
    size_t at = line->cursor;
    while (at > 0 && line->text->str[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && line->text->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* Goes through the history; behind its newest stands the line that is being written. */
static void history_show(struct line *line, guint index, GString *show)
{
    if (index > line->history->len || index == line->shown) {
        return;
    }
    if (line->shown == line->history->len) {
        g_free(line->draft);
        line->draft = g_strdup(line->text->str);
    }
    line->shown = index;
    g_string_assign(line->text,
                    index < line->history->len ? line->history->pdata[index] : line->draft);
    move_to(line, line->text->len, show);
}

void line_next(struct line *line)
{
    GPtrArray *history = line->history;
    const char *newest = history->len ? history->pdata[history->len - 1] : "";
    if (line->text->len && strcmp(newest, line->text->str) != 0) {
        g_ptr_array_add(history, g_strdup(line->text->str));
        if (history->len > HISTORY_MAX) {
            g_ptr_array_remove_index(history, 0);
        }
    }
    g_string_truncate(line->text, 0);
    line->cursor = 0;
    line->shown = history->len;
}

/* What arrow and editing keys send; the same keys differ between terminals. */
static const struct {
    const char *sequence;
    uint8_t key;
} sequences[] = {
    { "[A", KEY_CTRL('P') },  { "[B", KEY_CTRL('N') },  { "[C", KEY_CTRL('F') },
    { "[D", KEY_CTRL('B') },  { "[H", KEY_CTRL('A') },  { "[F", KEY_CTRL('E') },
    { "[1~", KEY_CTRL('A') }, { "[4~", KEY_CTRL('E') }, { "[3~", KEY_CTRL('D') },
    { "OA", KEY_CTRL('P') },  { "OB", KEY_CTRL('N') },  { "OC", KEY_CTRL('F') },
    { "OD", KEY_CTRL('B') },  { "OH", KEY_CTRL('A') },  { "OF", KEY_CTRL('E') },
};

static void control_key(struct line *line, uint8_t key, GString *show)
{
    switch (key) {
    case KEY_CTRL('A'): move_to(line, 0, show); break;
    case KEY_CTRL('E'): move_to(line, line->text->len, show); break;
    case KEY_CTRL('B'): move_to(line, before_cursor(line), show); break;
    case KEY_CTRL('F'): move_to(line, after_cursor(line), show); break;
    case KEY_CTRL('D'): erase_between(line, line->cursor, after_cursor(line), show); break;
    case KEY_CTRL('H'):
    case KEY_DELETE: erase_between(line, before_cursor(line), line->cursor, show); break;
    case KEY_CTRL('K'): erase_between(line, line->cursor, line->text->len, show); break;
    case KEY_CTRL('U'): erase_between(line, 0, line->cursor, show); break;
    case KEY_CTRL('W'): erase_between(line, word_begin(line), line->cursor, show); break;
    case KEY_CTRL('P'): history_show(line, line->shown - 1, show); break;
    case KEY_CTRL('N'): history_show(line, line->shown + 1, show); break;
    case KEY_CTRL('L'):
        g_string_append(show, "\x1b[H\x1b[2J");
        line_show(line, show);
        break;
    case KEY_CTRL('C'):
        g_string_append(show, "^C\r\n");
        g_string_truncate(line->text, 0);
        line->cursor = 0;
        line->shown = line->history->len;
        line_show(line, show);
        break;
    default: break;
    }
}

/* One more byte of an escape sequence; it ends with a letter or '~'. */
static void sequence_feed(struct line *line, uint8_t byte, GString *show)
{
    bool first = line->sequence_size == 1;
    line->sequence[line->sequence_size++] = (char)byte;
    bool opens = first && (byte == '[' || byte == 'O');
    bool full = line->sequence_size == sizeof(line->sequence);
    if (opens || (!first && !full && byte >= 0x20 && byte < 0x40)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sequences); i++) {
        size_t size = line->sequence_size - 1;
        if (strlen(sequences[i].sequence) == size &&
            memcmp(sequences[i].sequence, line->sequence + 1, size) == 0) {
            control_key(line, sequences[i].key, show);
        }
    }
    line->sequence_size = 0;
}

/* A character goes into the line when all of it is there; what is no UTF-8 is left out. */
static void character_feed(struct line *line, uint8_t byte, GString *show)
{
    static const uint8_t first_of_2 = 0xc0, first_of_3 = 0xe0, first_of_4 = 0xf0;
    if (!is_tail((char)byte)) {
        line->partial_size = 0;
    }
    line->partial[line->partial_size++] = (char)byte;
    line->partial[line->partial_size] = '\0';
    uint8_t first = (uint8_t)line->partial[0];
    size_t wanted = first >= first_of_4 ? 4 : first >= first_of_3 ? 3 : first >= first_of_2 ? 2 : 1;
    if (line->partial_size < wanted) {
        return;
    }
    line->partial_size = 0;
    if (g_utf8_validate(line->partial, -1, NULL)) {
        line_insert(line, line->partial, show);
    }
}

enum line_result line_feed(struct line *line, uint8_t byte, GString *show)
{
    if (line->sequence_size > 0) {
        sequence_feed(line, byte, show);
        return LINE_MORE;
    }
    switch (byte) {
    case '\r':
    case '\n': g_string_append(show, "\r\n"); return LINE_ENTER;
    case '\t': return LINE_COMPLETE;
    case KEY_CTRL('D'):
        if (line->text->len == 0) {
            return LINE_END;
        }
        break;
    case KEY_ESCAPE: line->sequence[line->sequence_size++] = KEY_ESCAPE; return LINE_MORE;
    default: break;
    }
    if (byte < 0x20 || byte == KEY_DELETE) {
        control_key(line, byte, show);
    } else {
        character_feed(line, byte, show);
    }
    return LINE_MORE;
}
