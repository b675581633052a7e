#include "demo/layout.h"

#include "demo/lib.h"
#include "demo/machine.h"

#define BASE_WIDTH  1024.0
#define BASE_HEIGHT 768.0
#define GAP         16
#define HEADER      68
#define LEFT_WIDTH  408
#define CARD_HEIGHT 236
#define CARD_HEAD   40
#define PLAY_HEIGHT 190
#define ROW_HEIGHT  19
#define MAP_HEIGHT  48

struct layout layout;

int pt(double points)
{
    return (int)(points * layout.scale + 0.5);
}

static struct font layout_font(double size, double weight)
{
    return (struct font){ size * layout.scale, MAX(weight * layout.scale, 1.0) };
}

/* A card's inside: below its heading, with a margin. */
static struct box card_inside(struct box card)
{
    int margin = pt(GAP), head = pt(CARD_HEAD);
    return (struct box){ card.x + margin, card.y + head, card.width - 2 * margin,
                         card.height - head - margin };
}

void layout_make(const struct surface *surface)
{
    double wide = surface->width / BASE_WIDTH, high = surface->height / BASE_HEIGHT;
    layout.scale = MIN(wide, high);
    layout.title = layout_font(19, 2.5);
    layout.heading = layout_font(10, 1.5);
    layout.body = layout_font(9, 1.2);
    layout.small = layout_font(8, 1.05);
    int gap = pt(GAP), top = pt(HEADER), left = pt(LEFT_WIDTH), right_x = left + 2 * gap;
    int bottom = surface->height - gap, right = surface->width - gap - right_x;
    int rows = (int)((machine.harts + 1) / 2);
    int bars = MAX(pt(rows * ROW_HEIGHT + 6), pt(MAP_HEIGHT));
    layout.card = (struct box){ gap, top, left, pt(CARD_HEIGHT) };
    int tests_y = top + pt(CARD_HEIGHT) + gap;
    layout.tests = (struct box){ gap, tests_y, left, bottom - tests_y };
    int play_y = bottom - pt(PLAY_HEIGHT);
    layout.play_card = (struct box){ right_x, play_y, right, pt(PLAY_HEIGHT) };
    layout.picture_card = (struct box){ right_x, top, right, play_y - gap - top };
    layout.play = card_inside(layout.play_card);
    layout.picture = card_inside(layout.picture_card);
    layout.picture.height -= bars + pt(10);
    layout.bars = layout.picture;
    layout.bars.y += layout.picture.height + pt(12);
    layout.bars.height = bars;
    font_forget();
}

void layout_card(struct surface *surface, struct box box, const char *heading)
{
    draw_round(surface, box, pt(10), COLOUR_CARD);
    font_draw(surface, layout.heading, box.x + pt(GAP), box.y + pt(26), COLOUR_TEXT, heading);
}

int layout_chip_width(const char *text)
{
    return font_width(layout.small, text, ~0u) + pt(12);
}

int layout_chip(struct surface *surface, int x, int y, uint32_t back, uint32_t front,
                const char *text)
{
    struct box box = { x, y, layout_chip_width(text), pt(18) };
    draw_round(surface, box, pt(9), back);
    font_draw(surface, layout.small, x + pt(7), y + pt(13), front, text);
    return box.width;
}

uint32_t hart_colour(unsigned hart)
{
    static const uint32_t colours[] = { 0x5cc8b4, 0xe9b44c, 0xd98cb3, 0x8fb8ed,
                                        0xb5d66b, 0xe58a6a, 0xb39ddb, 0xc9c3a5 };
    return colours[hart % COUNT(colours)];
}
