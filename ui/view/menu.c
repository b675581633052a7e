#include "ui/view/menu.h"

#include "ui/view/colors.h"

#define BAR_HEIGHT  28
#define ITEM_HEIGHT 27
#define PADDING     12
#define GAP         40 /* between a label and its chord */

static const struct menu_choice nothing = { COMMAND_NONE, -1 };

void menu_init(struct menu *menu)
{
    *menu = (struct menu){ .open = -1, .item = -1 };
}

int menu_bar_height(const struct text *text)
{
    return text_scaled(text, BAR_HEIGHT);
}

/* The items of the open menu, if one is. */
static int open_rows(const struct menu *menu, struct menu_row rows[MENU_ROWS_MAX])
{
    return menu->open >= 0 ? menu_rows(menu, menu->open, rows) : 0;
}

static struct box title_box(const struct menu *menu, struct text *text, int index)
{
    int padding = text_scaled(text, PADDING), x = menu->bar.x;
    for (int i = 0; i < index; i++) {
        x += text_width(text, TEXT_PLAIN, menu_title(i), -1) + 2 * padding;
    }
    return (struct box){ x, menu->bar.y,
                         text_width(text, TEXT_PLAIN, menu_title(index), -1) + 2 * padding,
                         menu->bar.height };
}

void menu_draw_bar(const struct menu *menu, struct text *text, struct canvas *canvas)
{
    int line = text_scaled(text, 1), padding = text_scaled(text, PADDING);
    canvas_fill(canvas, menu->bar, COLOR_BAR);
    for (int i = 0; i < MENU_TITLES; i++) {
        struct box box = title_box(menu, text, i);
        if (i == menu->open) {
            canvas_fill(canvas, box, COLOR_POPUP);
        }
        text_draw(text, canvas, TEXT_PLAIN, box.x + padding,
                  box.y + (box.height - text_height(text, TEXT_PLAIN)) / 2, COLOR_TEXT,
                  menu_title(i), -1);
    }
    canvas_fill(canvas,
                (struct box){ menu->bar.x, menu->bar.y + menu->bar.height - line, menu->bar.width,
                              line },
                COLOR_EDGE);
}

static int row_height(const struct text *text, const struct menu_row *row)
{
    return text_scaled(text, row->label ? ITEM_HEIGHT : PADDING - 3);
}

struct box menu_popup_box(const struct menu *menu, struct text *text)
{
    struct menu_row rows[MENU_ROWS_MAX];
    int count = open_rows(menu, rows), padding = text_scaled(text, PADDING), width = 0;
    if (menu->open < 0) {
        return (struct box){ 0 };
    }
    int height = padding;
    for (int i = 0; i < count; i++) {
        int own = rows[i].label ? text_width(text, TEXT_PLAIN, rows[i].label, -1) : 0;
        own += text_width(text, TEXT_PLAIN, command_chord(rows[i].choice.command), -1);
        width = MAX(width, own);
        height += row_height(text, &rows[i]);
    }
    struct box title = title_box(menu, text, menu->open);
    return (struct box){ title.x, title.y + title.height,
                         width + 3 * padding + text_scaled(text, GAP), height };
}

static void row_draw(const struct menu_row *row, bool marked, struct box box, struct text *text,
                     struct canvas *canvas)
{
    int padding = text_scaled(text, PADDING);
    int y = box.y + (box.height - text_height(text, TEXT_PLAIN)) / 2;
    if (!row->label) {
        canvas_fill(canvas,
                    (struct box){ box.x + padding, box.y + box.height / 2, box.width - 2 * padding,
                                  text_scaled(text, 1) },
                    COLOR_EDGE);
        return;
    }
    if (marked) {
        canvas_round(canvas, box_inset(box, text_scaled(text, 1)), text_scaled(text, 4),
                     COLOR_ACCENT);
    }
    if (row->ticked) {
        int dot = text_scaled(text, 6);
        canvas_round(canvas,
                     (struct box){ box.x + (2 * padding - dot) / 2 - text_scaled(text, 2),
                                   box.y + (box.height - dot) / 2, dot, dot },
                     dot / 2, COLOR_TEXT);
    }
    text_draw(text, canvas, TEXT_PLAIN, box.x + 2 * padding - text_scaled(text, 2), y,
              row->greyed ? COLOR_FAINT : COLOR_TEXT, row->label, -1);
    const char *chord = command_chord(row->choice.command);
    text_draw(text, canvas, TEXT_PLAIN,
              box.x + box.width - padding - text_width(text, TEXT_PLAIN, chord, -1), y,
              marked ? COLOR_TEXT : COLOR_FAINT, chord, -1);
}

void menu_draw_popup(const struct menu *menu, struct text *text, struct canvas *canvas)
{
    struct menu_row rows[MENU_ROWS_MAX];
    int count = open_rows(menu, rows), edge = text_scaled(text, 1);
    struct box popup = menu_popup_box(menu, text);
    canvas_fill(canvas, popup, COLOR_POPUP);
    canvas_frame(canvas, popup, edge, COLOR_EDGE);
    int y = popup.y + text_scaled(text, PADDING) / 2, inset = text_scaled(text, 4);
    for (int i = 0; i < count; i++) {
        struct box box = { popup.x + inset, y, popup.width - 2 * inset,
                           row_height(text, &rows[i]) };
        row_draw(&rows[i], i == menu->item, box, text, canvas);
        y += box.height;
    }
}

static bool row_can_be_chosen(const struct menu_row *row)
{
    return row->label && !row->greyed;
}

/* The item under a point, -1 if none. */
static int item_at(const struct menu *menu, struct text *text, int x, int y)
{
    struct menu_row rows[MENU_ROWS_MAX];
    int count = open_rows(menu, rows);
    struct box popup = menu_popup_box(menu, text);
    int top = popup.y + text_scaled(text, PADDING) / 2;
    for (int i = 0; i < count && box_has(popup, x, y); i++) {
        int height = row_height(text, &rows[i]);
        if (y >= top && y < top + height) {
            return row_can_be_chosen(&rows[i]) ? i : -1;
        }
        top += height;
    }
    return -1;
}

static int title_at(const struct menu *menu, struct text *text, int x, int y)
{
    for (int i = 0; i < MENU_TITLES; i++) {
        if (box_has(title_box(menu, text, i), x, y)) {
            return i;
        }
    }
    return -1;
}

bool menu_hover(struct menu *menu, struct text *text, int x, int y)
{
    int open = menu->open, item = menu->item;
    if (open >= 0) {
        int title = title_at(menu, text, x, y);
        menu->open = title >= 0 ? title : open;
        menu->item = item_at(menu, text, x, y);
    }
    return open != menu->open || item != menu->item;
}

static void menu_choose(struct menu *menu, struct menu_choice *ret_choice)
{
    struct menu_row rows[MENU_ROWS_MAX];
    int count = open_rows(menu, rows);
    if (menu->item >= 0 && menu->item < count) {
        *ret_choice = rows[menu->item].choice;
        menu->open = menu->item = -1;
    }
}

bool menu_click(struct menu *menu, struct text *text, int x, int y, struct menu_choice *ret_choice)
{
    int title = title_at(menu, text, x, y);
    bool inside = box_has(menu_popup_box(menu, text), x, y), was_open = menu->open >= 0;
    *ret_choice = nothing;
    if (title >= 0) {
        menu->open = menu->open == title ? -1 : title;
        menu->item = -1;
        return true;
    }
    menu->item = item_at(menu, text, x, y);
    menu_choose(menu, ret_choice);
    if (!inside) {
        menu->open = menu->item = -1;
    }
    return was_open || box_has(menu->bar, x, y);
}

/* The next item that can be chosen. */
static void item_step(struct menu *menu, int step)
{
    struct menu_row rows[MENU_ROWS_MAX];
    int count = open_rows(menu, rows);
    int item = menu->item < 0 && step < 0 ? count : menu->item;
    for (int tries = 0; tries < count; tries++) {
        item = (item + step + count) % count;
        if (row_can_be_chosen(&rows[item])) {
            menu->item = item;
            return;
        }
    }
}

void menu_press(struct menu *menu, enum menu_key key, struct menu_choice *ret_choice)
{
    *ret_choice = nothing;
    switch (key) {
    case MENU_LEFT:
    case MENU_RIGHT:
        menu->open = (menu->open + (key == MENU_LEFT ? MENU_TITLES - 1 : 1)) % MENU_TITLES;
        menu->item = -1;
        return;
    case MENU_UP:
    case MENU_DOWN: item_step(menu, key == MENU_UP ? -1 : 1); return;
    case MENU_ENTER: menu_choose(menu, ret_choice); return;
    case MENU_ESCAPE: menu->open = menu->item = -1; return;
    }
}
