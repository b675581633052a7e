/* What the window draws and how it answers clicks, on pixels in memory. */
#include <string.h>

#include "ui/view/colors.h"
#include "ui/view/console_view.h"
#include "ui/view/keymap.h"
#include "ui/view/menu.h"
#include "ui/view/sheet.h"

#define WIDTH  800
#define HEIGHT 600

struct world {
    struct text text;
    struct canvas canvas;
};

static void world_open(struct world *world)
{
    GError *error = NULL;
    text_init(&world->text, 1.0, &error);
    g_assert_no_error(error);
    canvas_init(&world->canvas, WIDTH, HEIGHT);
}

static void world_close(struct world *world)
{
    canvas_finish(&world->canvas);
    text_finish(&world->text);
}

/* How many pixels of a box have a colour. */
static unsigned count(const struct world *world, struct box box, uint32_t color)
{
    unsigned found = 0;
    for (int y = box.y; y < box.y + box.height; y++) {
        for (int x = box.x; x < box.x + box.width; x++) {
            found += (world->canvas.pixels[y * WIDTH + x] & 0xffffff) == color;
        }
    }
    return found;
}

/* Places on the keyboard have the codes that Linux gives them; each code is there once. */
static void test_keymap(void)
{
    static const unsigned pairs[][2] = {
        { 4, 30 },    { 29, 44 },  { 39, 11 },  { 40, 28 },  { 58, 59 }, { 69, 88 },
        { 79, 106 },  { 88, 96 },  { 98, 82 },  { 100, 86 }, { 135, 89 }, { 148, 85 },
        { 224, 29 },  { 230, 100 }, { 231, 126 }, { 0, 0 },  { 3, 0 },   { 600, 0 },
    };
    unsigned users[256] = { 0 };
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_assert_cmpuint(keymap_code(pairs[i][0]), ==, pairs[i][1]);
    }
    for (unsigned usage = 0; usage < 256; usage++) {
        users[keymap_code(usage)]++;
    }
    for (unsigned code = 1; code < 256; code++) {
        g_assert_cmpuint(users[code], <=, code == 43 ? 2 : 1); /* two places for one key */
    }
}

static void test_chords(void)
{
    g_assert_cmpint(command_of_key('g'), ==, COMMAND_GRAB);
    g_assert_cmpint(command_of_key('z'), ==, COMMAND_NONE);
    g_assert_cmpstr(command_chord(COMMAND_GRAB), ==, "Ctrl+Shift+G");
    g_assert_cmpstr(command_chord(COMMAND_FULL_SCREEN), ==, "Ctrl+Shift+Enter");
    g_assert_cmpstr(command_chord(COMMAND_QUIT_NOW), ==, "");
    for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        g_assert_nonnull(command_infos[i].label);
        if (command_infos[i].key) {
            g_assert_cmpint(command_of_key(command_infos[i].key), ==, i);
        }
    }
}

static void test_clip(void)
{
    struct world world;
    world_open(&world);
    canvas_clip(&world.canvas, (struct box){ 10, 10, 5, 5 });
    canvas_fill(&world.canvas, (struct box){ -50, -50, 2000, 2000 }, 0x123456);
    canvas_unclip(&world.canvas);
    g_assert_cmpuint(count(&world, (struct box){ 0, 0, WIDTH, HEIGHT }, 0x123456), ==, 25);
    text_draw(&world.text, &world.canvas, TEXT_PLAIN, WIDTH - 10, HEIGHT - 5, 0xffffff,
              "beyond the edge", -1);
    world_close(&world);
}

/* A title opens its menu, an item is chosen, a click elsewhere closes. */
static void test_menu(void)
{
    struct world world;
    struct menu menu;
    struct menu_choice choice;
    world_open(&world);
    menu_init(&menu);
    menu.bar = (struct box){ 0, 0, WIDTH, menu_bar_height(&world.text) };
    menu_draw_bar(&menu, &world.text, &world.canvas);
    g_assert_cmpuint(count(&world, menu.bar, COLOR_BAR), >, 1000);
    g_assert_false(menu_click(&menu, &world.text, 400, 300, &choice));
    g_assert_true(menu_click(&menu, &world.text, 20, 10, &choice));
    g_assert_cmpint(choice.command, ==, COMMAND_NONE);
    struct box popup = menu_popup_box(&menu, &world.text);
    g_assert_cmpint(popup.height, >, 100);
    menu_hover(&menu, &world.text, popup.x + 30, popup.y + 15);
    menu_draw_popup(&menu, &world.text, &world.canvas);
    g_assert_cmpuint(count(&world, popup, COLOR_ACCENT), >, 100);
    g_assert_true(menu_click(&menu, &world.text, popup.x + 30, popup.y + 15, &choice));
    g_assert_cmpint(choice.command, ==, COMMAND_OPEN);
    g_assert_cmpint(menu.open, ==, -1);
    menu_click(&menu, &world.text, 20, 10, &choice);
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_ENTER, &choice);
    g_assert_cmpint(choice.command, ==, COMMAND_SCREENSHOT);
    world_close(&world);
}

/* What makes no sense now is passed over by keys, and not hit by clicks. */
static void test_greyed(void)
{
    struct world world;
    struct menu menu;
    struct menu_choice choice;
    world_open(&world);
    menu_init(&menu);
    menu.bar = (struct box){ 0, 0, WIDTH, menu_bar_height(&world.text) };
    menu.open = 1;
    menu.greyed = 1u << COMMAND_PAUSE | 1u << COMMAND_RESET;
    struct box popup = menu_popup_box(&menu, &world.text);
    menu_click(&menu, &world.text, popup.x + 30, popup.y + 15, &choice);
    g_assert_cmpint(choice.command, ==, COMMAND_NONE);
    g_assert_cmpint(menu.open, ==, 1);
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_ENTER, &choice);
    g_assert_cmpint(choice.command, ==, COMMAND_POWER);
    menu.open = 1;
    menu.greyed |=
        1u << COMMAND_POWER | 1u << COMMAND_SAVE | 1u << COMMAND_LOAD | 1u << COMMAND_FORK;
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_ENTER, &choice);
    g_assert_cmpint(choice.command, ==, COMMAND_NONE);
    world_close(&world);
}

/* Nothing is in two menus, and whatever has a key is in one. */
static void test_table(void)
{
    struct menu menu;
    struct menu_row rows[MENU_ROWS_MAX];
    unsigned seen = 0;
    menu_init(&menu);
    for (int title = 0; title < MENU_TITLES; title++) {
        int count = menu_rows(&menu, title, rows);
        g_assert_nonnull(menu_title(title));
        g_assert_cmpint(count, >, 0);
        for (int i = 0; i < count; i++) {
            unsigned bit = rows[i].label ? 1u << rows[i].choice.command : 0;
            g_assert_cmpuint(seen & bit, ==, 0);
            seen |= bit;
        }
    }
    for (int command = COMMAND_NONE + 1; command < COMMAND_COUNT; command++) {
        g_assert_cmpuint(seen >> command & 1, ==, command_infos[command].key != 0);
    }
}

static void test_views_in_menu(void)
{
    struct world world;
    struct menu menu;
    struct menu_choice choice;
    world_open(&world);
    menu_init(&menu);
    menu.views[0] = "Screen";
    menu.views[1] = "Monitor";
    menu.view_count = 2;
    menu.open = 3;
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_DOWN, &choice);
    menu_press(&menu, MENU_ENTER, &choice);
    g_assert_cmpint(choice.view, ==, 1);
    world_close(&world);
}

/* Each button answers where it is drawn; the text for the clipboard has all that is said. */
static void test_sheet(void)
{
    struct world world;
    struct sheet sheet = { 0 };
    unsigned found[COMMAND_COUNT] = { 0 };
    world_open(&world);
    sheet_show(&sheet, true, "It failed", "A disk that is not there, and a long reason for that.",
               "Look for it.");
    sheet_add_button(&sheet, COMMAND_DISMISS);
    sheet_add_button(&sheet, COMMAND_COPY_DETAILS);
    sheet_draw(&sheet, &world.text, &world.canvas);
    struct box box = sheet_box(&sheet, &world.text, world.canvas.clip);
    g_assert_cmpuint(count(&world, box, COLOR_ACCENT), >, 500);
    g_assert_cmpuint(count(&world, box, COLOR_BAD), >, 20);
    for (int y = 0; y < HEIGHT; y += 4) {
        for (int x = 0; x < WIDTH; x += 4) {
            found[sheet_click(&sheet, &world.text, world.canvas.clip, x, y)]++;
        }
    }
    g_assert_cmpuint(found[COMMAND_DISMISS], >, 10);
    g_assert_cmpuint(found[COMMAND_COPY_DETAILS], >, 10);
    g_autofree char *text = sheet_text(&sheet);
    g_assert_nonnull(strstr(text, "It failed"));
    g_assert_nonnull(strstr(text, "Look for it."));
    sheet_hide(&sheet);
    world_close(&world);
}

static void console_send(void *opaque, const char *data, size_t size)
{
    (void)opaque, (void)data, (void)size;
}

/* Only what changed is drawn again, and clicks find their cell. */
static void test_console(void)
{
    static const struct terminal_events events = { .send = console_send };
    struct world world;
    struct console_view view;
    const struct box box = { 0, 40, WIDTH, 400 };
    const char *red = "\x1b[?25l\x1b[3;5H\x1b[41mx";
    world_open(&world);
    struct terminal *terminal = terminal_new(80, 25, &events, NULL);
    console_view_init(&view, terminal);
    console_view_place(&view, &world.text, box);
    struct box touched = console_view_draw(&view, &world.text, &world.canvas, true);
    g_assert_cmpint(touched.height, ==, box.height);
    touched = console_view_draw(&view, &world.text, &world.canvas, true);
    g_assert_cmpint(touched.width, ==, 0);
    terminal_feed(terminal, red, strlen(red));
    touched = console_view_draw(&view, &world.text, &world.canvas, true);
    g_assert_cmpint(touched.height, <=, 3 * view.cell_height);
    const struct box cell = { 6 + 4 * view.cell_width, 40 + 6 + 2 * view.cell_height,
                              view.cell_width, view.cell_height };
    g_assert_cmpuint(count(&world, cell, 0xe06c75), >, 20);
    struct terminal_place at = console_view_at(&view, cell.x + view.cell_width - 1, cell.y);
    g_assert_cmpint(at.line, ==, 2);
    g_assert_cmpuint(at.column, ==, 4);
    console_view_finish(&view);
    terminal_free(terminal);
    world_close(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/view/keymap", test_keymap);
    g_test_add_func("/view/chords", test_chords);
    g_test_add_func("/view/clip", test_clip);
    g_test_add_func("/view/menu", test_menu);
    g_test_add_func("/view/greyed", test_greyed);
    g_test_add_func("/view/menu-table", test_table);
    g_test_add_func("/view/views-in-menu", test_views_in_menu);
    g_test_add_func("/view/sheet", test_sheet);
    g_test_add_func("/view/console", test_console);
    return g_test_run();
}
