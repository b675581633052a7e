/* The line editor: what is typed is what is there and what is shown, on a terminal of its own. */
#include "emu/control/line.h"

#include <stdlib.h>
#include <string.h>

/* As much of a terminal as one line needs: columns, one character each. */
struct screen {
    GPtrArray *cells; /* of strings, one UTF-8 character each */
    guint at;
};

static void screen_put(struct screen *screen, const char *character, size_t size)
{
    char *cell = g_strndup(character, size);
    if (screen->at < screen->cells->len) {
        g_free(screen->cells->pdata[screen->at]);
        screen->cells->pdata[screen->at] = cell;
    } else {
        g_ptr_array_add(screen->cells, cell);
    }
    screen->at++;
}

static void screen_control(struct screen *screen, char final, unsigned number)
{
    switch (final) {
    case 'K':
    case 'J': g_ptr_array_set_size(screen->cells, (gint)screen->at); break;
    case 'D': screen->at -= number; break;
    case 'H': screen->at = 0; break;
    default: g_assert_not_reached();
    }
}

static void screen_take(struct screen *screen, const char *text)
{
    while (*text) {
        if (*text == '\r') {
            screen->at = 0;
            text++;
        } else if (*text == '\n') {
            g_ptr_array_set_size(screen->cells, 0);
            text++;
        } else if (*text == '\a') {
            text++;
        } else if (*text == '\x1b') {
            char *end;
            unsigned number = (unsigned)strtoul(text + 2, &end, 10);
            screen_control(screen, *end, number);
            text = end + 1;
        } else {
            const char *next = g_utf8_next_char(text);
            screen_put(screen, text, (size_t)(next - text));
            text = next;
        }
    }
}

static char *screen_text(const struct screen *screen)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < screen->cells->len; i++) {
        g_string_append(text, screen->cells->pdata[i]);
    }
    return g_string_free(text, FALSE);
}

struct session {
    struct line line;
    struct screen screen;
    char *entered; /* the last line that was completed */
};

static void session_init(struct session *session)
{
    *session = (struct session){ 0 };
    line_init(&session->line, "> ");
    session->screen.cells = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) show = g_string_new(NULL);
    line_show(&session->line, show);
    screen_take(&session->screen, show->str);
}

static void session_finish(struct session *session)
{
    line_finish(&session->line);
    g_ptr_array_unref(session->screen.cells);
    g_free(session->entered);
}

/* Types, and shows only whole characters to the screen, as a terminal does. */
static enum line_result type(struct session *session, const char *keys)
{
    enum line_result result = LINE_MORE;
    g_autoptr(GString) show = g_string_new(NULL);
    for (; *keys; keys++) {
        result = line_feed(&session->line, (uint8_t)*keys, show);
        if (result == LINE_ENTER) {
            g_free(session->entered);
            session->entered = g_strdup(session->line.text->str);
            line_next(&session->line);
            line_show(&session->line, show);
        }
        if (g_utf8_validate(show->str, (gssize)show->len, NULL)) {
            screen_take(&session->screen, show->str);
            g_string_truncate(show, 0);
        }
    }
    g_assert_cmpuint(show->len, ==, 0);
    return result;
}

static void expect(const struct session *session, const char *text)
{
    g_autofree char *shown = screen_text(&session->screen);
    g_autofree char *want = g_strconcat("> ", text, NULL);
    g_assert_cmpstr(session->line.text->str, ==, text);
    g_assert_cmpstr(shown, ==, want);
}

/* Keys, and the line they leave. */
static const struct {
    const char *keys, *line;
} edits[] = {
    { "info status", "info status" },
    { "infx\bo", "info" },
    { "infx\x7fo", "info" },
    { "\b\b", "" },
    { "ino\x1b[Df", "info" },
    { "nfo\x1b[Hi", "info" },
    { "nfo\x1bOHi\x1b[Fx", "infox" },
    { "nfo\x1b[1~i\x1b[4~x", "infox" },
    { "iinfo\x01\x1b[3~", "info" },
    { "iinfo\x01\x04", "info" },
    { "one two three\x17\x17x", "one x" },
    { "one two\x15x", "x" },
    { "one two\x1b[D\x1b[D\x0b", "one t" },
    { "abc\x02\x02\x06X", "abXc" },
    { "Jürgen Ωλ\x7f\x7fx", "Jürgen x" },
    { "日本\x1b[D\x1b[D鳥", "鳥日本" },
    { "日本\x01\x1b[3~", "本" },
    { "a\x1b[99~b\x1b[200Zc", "abc" },
    { "ab\x1bxc", "abc" },
    { "abc\x03x", "x" },
    { "abc\x0c", "abc" },
    { "a\xff\xa0\xe6"
      "b",
      "ab" },
};

static void test_edits(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(edits); i++) {
        struct session session;
        session_init(&session);
        g_test_message("%zu: %s", i, edits[i].line);
        g_assert_cmpint(type(&session, edits[i].keys), ==, LINE_MORE);
        expect(&session, edits[i].line);
        session_finish(&session);
    }
}

static void test_history(void)
{
    struct session session;
    session_init(&session);
    g_assert_cmpint(type(&session, "one\r"), ==, LINE_ENTER);
    g_assert_cmpstr(session.entered, ==, "one");
    type(&session, "two\r");
    type(&session, "two\r\r");
    g_assert_cmpuint(session.line.history->len, ==, 2);
    type(&session, "dra\x1b[A");
    expect(&session, "two");
    type(&session, "\x10");
    expect(&session, "one");
    type(&session, "\x10");
    expect(&session, "one");
    type(&session, "\x1b[B\x0e");
    expect(&session, "dra");
    type(&session, "\x0e");
    expect(&session, "dra");
    type(&session, "\x1b[A\x1b[A!\r");
    g_assert_cmpstr(session.entered, ==, "one!");
    type(&session, "\x1b[A");
    expect(&session, "one!");
    session_finish(&session);
}

static void test_limits(void)
{
    struct session session;
    g_autofree char *many = g_strnfill(5000, 'x');
    session_init(&session);
    type(&session, many);
    g_assert_cmpuint(session.line.text->len, <, 5000);
    g_assert_cmpuint(session.line.text->len, >=, 1000);
    type(&session, "\x15");
    for (int i = 0; i < 300; i++) {
        g_autofree char *text = g_strdup_printf("%d\r", i);
        type(&session, text);
    }
    g_assert_cmpuint(session.line.history->len, ==, 100);
    g_assert_cmpint(type(&session, "\x04"), ==, LINE_END);
    g_assert_cmpint(type(&session, "i\t"), ==, LINE_COMPLETE);
    session_finish(&session);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/line/edits", test_edits);
    g_test_add_func("/line/history", test_history);
    g_test_add_func("/line/limits", test_limits);
    return g_test_run();
}
