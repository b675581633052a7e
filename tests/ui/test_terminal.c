/* The terminal shows what a guest wrote, keeps what scrolled away, and sends what was typed. */
#include <string.h>

#include "ui/terminal/terminal.h"

struct world {
    struct terminal *terminal;
    GString *sent;
    unsigned bells;
};

static void on_send(void *opaque, const char *data, size_t size)
{
    struct world *world = opaque;
    g_string_append_len(world->sent, data, (gssize)size);
}

static void on_bell(void *opaque)
{
    struct world *world = opaque;
    world->bells++;
}

static void world_open(struct world *world, unsigned columns, unsigned rows)
{
    static const struct terminal_events events = { .send = on_send, .bell = on_bell };
    *world = (struct world){ .sent = g_string_new(NULL) };
    world->terminal = terminal_new(columns, rows, &events, world);
}

static void world_close(struct world *world)
{
    terminal_free(world->terminal);
    g_string_free(world->sent, TRUE);
}

static void feed(struct world *world, const char *text)
{
    terminal_feed(world->terminal, text, strlen(text));
}

static struct terminal_cell cell_at(const struct world *world, int64_t line, unsigned column)
{
    struct terminal_cell cell;
    terminal_get_cell(world->terminal, (struct terminal_place){ line, column }, &cell);
    return cell;
}

/* A row of the screen or the history as text; empty cells are dots. */
static void assert_line(const struct world *world, int64_t line, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned columns, rows;
    terminal_get_grid(world->terminal, &columns, &rows);
    for (unsigned i = 0; i < columns; i++) {
        struct terminal_cell cell = cell_at(world, line, i);
        if (cell.width > 0) {
            g_string_append_unichar(text, cell.chars[0] ? cell.chars[0] : '.');
        }
    }
    g_assert_cmpstr(text->str, ==, wanted);
}

static void assert_sent(struct world *world, const char *wanted)
{
    g_assert_cmpstr(world->sent->str, ==, wanted);
    g_string_truncate(world->sent, 0);
}

static void test_text(void)
{
    struct world world;
    world_open(&world, 8, 3);
    feed(&world, "ab\xc3");
    feed(&world, "\xa9" "\r\n\xe6\x97\xa5x\r\n\x1b[3;5Hz");
    assert_line(&world, 0, "ab\xc3\xa9.....");
    assert_line(&world, 1, "\xe6\x97\xa5x.....");
    assert_line(&world, 2, "....z...");
    struct terminal_place cursor;
    g_assert_true(terminal_get_cursor(world.terminal, &cursor));
    g_assert_cmpint(cursor.line, ==, 2);
    g_assert_cmpuint(cursor.column, ==, 5);
    feed(&world, "\x1b[?25l\a");
    g_assert_false(terminal_get_cursor(world.terminal, &cursor));
    g_assert_cmpuint(world.bells, ==, 1);
    world_close(&world);
}

static void test_colors(void)
{
    struct world world;
    world_open(&world, 8, 2);
    feed(&world, "a\x1b[38;2;1;2;3;48;5;16mb\x1b[7mc\x1b[0;1;4md");
    struct terminal_cell plain = cell_at(&world, 0, 0), colored = cell_at(&world, 0, 1);
    struct terminal_cell reversed = cell_at(&world, 0, 2), bold = cell_at(&world, 0, 3);
    g_assert_cmphex(colored.foreground, ==, 0x010203);
    g_assert_cmphex(colored.background, ==, 0);
    g_assert_cmphex(reversed.foreground, ==, 0);
    g_assert_cmphex(reversed.background, ==, 0x010203);
    g_assert_true(bold.bold && bold.underline && !bold.italic && !plain.bold);
    g_assert_cmphex(bold.background, ==, plain.background);
    world_close(&world);
}

static void test_history(void)
{
    struct world world;
    world_open(&world, 8, 3);
    for (int i = 0; i < 6; i++) {
        g_autofree char *line = g_strdup_printf("%sline %d", i > 0 ? "\r\n" : "", i);
        feed(&world, line);
    }
    g_assert_cmpint(terminal_first(world.terminal), ==, 0);
    g_assert_cmpint(terminal_top(world.terminal), ==, 3);
    assert_line(&world, 0, "line 0..");
    assert_line(&world, 5, "line 5..");
    g_assert_cmpint(terminal_view(world.terminal), ==, 3);
    terminal_scroll(world.terminal, -2);
    feed(&world, "\r\nmore"); /* a view that was moved stays where it is */
    g_assert_cmpint(terminal_view(world.terminal), ==, 1);
    terminal_scroll(world.terminal, -9);
    g_assert_cmpint(terminal_view(world.terminal), ==, 0);
    terminal_press(world.terminal, TERMINAL_ENTER, 0);
    g_assert_cmpint(terminal_view(world.terminal), ==, 4);
    terminal_resize(world.terminal, 8, 5); /* two lines come back */
    g_assert_cmpint(terminal_top(world.terminal), ==, 2);
    assert_line(&world, 2, "line 2..");
    assert_line(&world, 6, "more....");
    world_close(&world);
}

static void test_history_limit(void)
{
    struct world world;
    world_open(&world, 10, 2);
    for (int i = 0; i < TERMINAL_HISTORY_MAX + 5; i++) {
        g_autofree char *line = g_strdup_printf("%d\r\n", i);
        feed(&world, line);
    }
    g_assert_cmpint(terminal_first(world.terminal), ==, 4);
    assert_line(&world, 3, "..........");
    assert_line(&world, 4, "4.........");
    assert_line(&world, TERMINAL_HISTORY_MAX + 4, "10004.....");
    world_close(&world);
}

static void test_keys(void)
{
    struct world world;
    world_open(&world, 8, 3);
    terminal_type(world.terminal, "x\xc3\xa9", 0);
    assert_sent(&world, "x\xc3\xa9");
    terminal_type(world.terminal, "c", TERMINAL_CTRL);
    assert_sent(&world, "\x03");
    terminal_press(world.terminal, TERMINAL_ENTER, 0);
    terminal_press(world.terminal, TERMINAL_UP, 0);
    terminal_press(world.terminal, TERMINAL_PAGE_UP, TERMINAL_CTRL);
    assert_sent(&world, "\r\x1b[A\x1b[5;5~");
    terminal_press(world.terminal, TERMINAL_F12, 0);
    assert_sent(&world, "\x1b[24~");
    feed(&world, "\x1b[?1h"); /* the guest wants application cursor keys */
    terminal_press(world.terminal, TERMINAL_UP, 0);
    assert_sent(&world, "\x1bOA");
    feed(&world, "\x1b[6n"); /* and asks where the cursor is */
    assert_sent(&world, "\x1b[1;1R");
    world_close(&world);
}

static void test_paste(void)
{
    struct world world;
    world_open(&world, 8, 3);
    terminal_paste(world.terminal, "a\r\nb\x1b[201~\x03\tc\n");
    assert_sent(&world, "a\rb[201~\tc\r");
    feed(&world, "\x1b[?2004h");
    terminal_paste(world.terminal, "ls\nrm");
    assert_sent(&world, "\x1b[200~ls\rrm\x1b[201~");
    terminal_paste(world.terminal, "\xff");
    assert_sent(&world, "");
    world_close(&world);
}

static void assert_copied(const struct world *world, const char *wanted)
{
    g_autofree char *text = terminal_copy(world->terminal);
    g_assert_cmpstr(text, ==, wanted);
}

static void select_from(struct world *world, int64_t line, unsigned column, int64_t to_line,
                        unsigned to_column, enum terminal_unit unit)
{
    terminal_select(world->terminal, (struct terminal_place){ line, column }, unit);
    terminal_select_to(world->terminal, (struct terminal_place){ to_line, to_column });
}

static void test_select(void)
{
    struct world world;
    world_open(&world, 10, 4);
    feed(&world, "one /etc/x\r\n  two\r\n0123456789abc"); /* the last line is wrapped */
    assert_copied(&world, NULL);
    select_from(&world, 0, 1, 0, 2, TERMINAL_CELLS);
    assert_copied(&world, "ne");
    select_from(&world, 0, 2, 0, 1, TERMINAL_CELLS); /* to the left: up to the start */
    assert_copied(&world, "n");
    select_from(&world, 0, 6, 0, 6, TERMINAL_WORD);
    assert_copied(&world, "/etc/x");
    select_from(&world, 1, 3, 0, 5, TERMINAL_WORD); /* backwards, word by word */
    assert_copied(&world, "/etc/x  two");
    select_from(&world, 1, 3, 2, 0, TERMINAL_LINE);
    assert_copied(&world, "  two\n0123456789");
    select_from(&world, 2, 8, 3, 1, TERMINAL_CELLS);
    assert_copied(&world, "89ab");
    g_assert_true(terminal_is_selected(world.terminal, (struct terminal_place){ 3, 1 }));
    g_assert_false(terminal_is_selected(world.terminal, (struct terminal_place){ 3, 2 }));
    feed(&world, "\r\n\r\nnew"); /* scrolls: the selection stays on its text */
    assert_copied(&world, "89ab");
    terminal_select_none(world.terminal);
    assert_copied(&world, NULL);
    world_close(&world);
}

static void test_search(void)
{
    struct world world;
    world_open(&world, 10, 2);
    feed(&world, "Panic one\r\nquiet\r\npanic two\r\n");
    struct terminal *terminal = world.terminal;
    g_assert_true(terminal_search(terminal, "PANIC", true));
    assert_copied(&world, "panic");
    g_assert_true(terminal_is_selected(terminal, (struct terminal_place){ 2, 4 }));
    g_assert_true(terminal_search(terminal, "panic", true));
    assert_copied(&world, "Panic");
    g_assert_cmpint(terminal_view(terminal), ==, 0);
    g_assert_false(terminal_search(terminal, "panic", true));
    g_assert_true(terminal_search(terminal, "panic", false));
    assert_copied(&world, "panic");
    g_assert_false(terminal_search(terminal, "absent", true));
    g_assert_false(terminal_search(terminal, "", true));
    world_close(&world);
}

/* What programs set stays set, and what they wrote stays where it can be read. */
static void test_resize(void)
{
    struct world world;
    struct terminal_place cursor;
    world_open(&world, 8, 2);
    feed(&world, "first\r\n\x1b[?1h\x1b[?2004h\x1b[1;31mred\x1b[0m long");
    terminal_resize(world.terminal, 4, 2);
    assert_line(&world, 0, "firs");
    assert_line(&world, 1, "red ");
    terminal_resize(world.terminal, 10, 1);
    g_assert_cmpint(terminal_top(world.terminal), ==, 1);
    assert_line(&world, 0, "firs......");
    g_assert_true(cell_at(&world, 1, 0).bold);
    g_assert_cmphex(cell_at(&world, 1, 0).foreground, ==, 0xe06c75);
    terminal_resize(world.terminal, 10, 4);
    g_assert_cmpint(terminal_top(world.terminal), ==, 0);
    assert_line(&world, 1, "red ......");
    g_assert_true(terminal_get_cursor(world.terminal, &cursor));
    g_assert_cmpint(cursor.line, ==, 1);
    g_assert_cmpuint(cursor.column, ==, 3);
    terminal_press(world.terminal, TERMINAL_UP, 0);
    terminal_paste(world.terminal, "x");
    assert_sent(&world, "\x1bOA\x1b[200~x\x1b[201~");
    feed(&world, "\x1b[?1049h\x1b[2Jfull");
    terminal_resize(world.terminal, 12, 3);
    feed(&world, "\x1b[?1049l");
    g_assert_cmpint(terminal_top(world.terminal), ==, 0);
    world_close(&world);
}

/* What no guest should send, in sizes no terminal should have. */
static void test_noise(void)
{
    static const char sequences[] = "\x1b[]()#;?0123456789;;;ABCDEFGHJKLMPSTXZ@`abcdefghilmnqrstu"
                                    " \"'$*>!<=|}~\xe6\x97\xa5";
    struct world world;
    g_autoptr(GRand) random = g_rand_new_with_seed(g_test_rand_int_range(0, G_MAXINT32));
    world_open(&world, 5, 2);
    for (int i = 0; i < 2000; i++) {
        char noise[64];
        for (size_t k = 0; k < sizeof(noise); k++) {
            int dice = g_rand_int_range(random, 0, 8);
            char any = (char)g_rand_int_range(random, 0, 256);
            char of_sequences = sequences[g_rand_int_range(random, 0, sizeof(sequences) - 1)];
            noise[k] = dice == 0 ? '\x1b' : i % 2 == 0 ? any : of_sequences;
        }
        terminal_feed(world.terminal, noise, sizeof(noise));
        int columns = g_rand_int_range(random, TERMINAL_COLUMNS_MIN, 40);
        terminal_resize(world.terminal, (unsigned)columns,
                        (unsigned)g_rand_int_range(random, 1, 30));
        terminal_select_all(world.terminal);
        g_autofree char *text = terminal_copy(world.terminal);
        g_assert_nonnull(text);
        terminal_search(world.terminal, "a", i % 2 == 0);
        terminal_scroll(world.terminal, i % 7 - 3);
    }
    world_close(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/terminal/text", test_text);
    g_test_add_func("/terminal/colors", test_colors);
    g_test_add_func("/terminal/history", test_history);
    g_test_add_func("/terminal/history-limit", test_history_limit);
    g_test_add_func("/terminal/keys", test_keys);
    g_test_add_func("/terminal/paste", test_paste);
    g_test_add_func("/terminal/select", test_select);
    g_test_add_func("/terminal/search", test_search);
    g_test_add_func("/terminal/resize", test_resize);
    g_test_add_func("/terminal/noise", test_noise);
    return g_test_run();
}
