#include "demo/cards.h"

#include "demo/gpu.h"
#include "demo/layout.h"
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/mandel.h"
#include "demo/ticks.h"
#include "demo/virtio.h"

#define MARGIN     16
#define ROW_FIRST  52 /* baseline of a card's first row */
#define TICK_STEP  27
#define LABEL      86 /* where values begin */
#define CHIP_STEP  23
#define BAR_STEP   19
#define MAP_CELL   4 /* of the map of tiles */

/* Tinamou, at (x, y), `size` points high: a plump ground bird with a thin neck. */
static void bird_draw(struct surface *surface, double x, double y, double size)
{
    enum { FEATHER = 0xb07d4f, WING = 0x8a5f3b, BELLY = 0xd9b48a, LEG = 0xd98f5c, EYE = 0x241a12 };
    double u = size * layout.scale / 48;
    draw_line(surface, x + 21 * u, y + 37 * u, x + 20 * u, y + 47 * u, 2 * u, LEG);
    draw_line(surface, x + 28 * u, y + 37 * u, x + 28 * u, y + 47 * u, 2 * u, LEG);
    draw_line(surface, x + 20 * u, y + 47 * u, x + 24 * u, y + 47 * u, 1.8 * u, LEG);
    draw_line(surface, x + 28 * u, y + 47 * u, x + 32 * u, y + 47 * u, 1.8 * u, LEG);
    draw_ellipse(surface, x + 22 * u, y + 28 * u, 19 * u, 12.5 * u, 0.966, -0.259, FEATHER);
    draw_ellipse(surface, x + 27 * u, y + 32 * u, 12 * u, 8 * u, 0.966, -0.259, BELLY);
    draw_line(surface, x + 35 * u, y + 23 * u, x + 39 * u, y + 10 * u, 5.4 * u, FEATHER);
    draw_ellipse(surface, x + 40 * u, y + 8 * u, 5.2 * u, 4.6 * u, 1, 0, FEATHER);
    draw_line(surface, x + 44 * u, y + 8 * u, x + 50 * u, y + 9.5 * u, 1.9 * u, EYE);
    draw_ellipse(surface, x + 41.5 * u, y + 7.2 * u, 1.2 * u, 1.2 * u, 1, 0, EYE);
    draw_ellipse(surface, x + 17 * u, y + 26.5 * u, 13 * u, 7 * u, 0.94, -0.34, WING);
    for (int i = 0; i < 3; i++) {
        draw_line(surface, x + (8 + 5 * i) * u, y + (30 - 1.5 * i) * u, x + (16 + 5 * i) * u,
                  y + (27 - 2 * i) * u, 1.1 * u, FEATHER);
    }
}

void card_header(struct surface *surface)
{
    char text[64];
    bird_draw(surface, pt(MARGIN + 4), pt(10), 48);
    font_draw(surface, layout.title, pt(78), pt(38), COLOUR_TEXT, "Tinamou");
    text_format(text, sizeof(text), "the built-in guest, on %u hart%s and %lu MiB", machine.harts,
                machine.harts == 1 ? "" : "s", machine.memory_size >> 20);
    font_draw(surface, layout.small, pt(79), pt(55), COLOUR_SOFT, text);
    card_clock(surface);
}

/* Right-aligned text. */
static void draw_right(struct surface *surface, struct font font, int right, int y,
                       uint32_t colour, const char *text)
{
    font_draw(surface, font, right - font_width(font, text, ~0u), y, colour, text);
}

void card_clock(struct surface *surface)
{
    char text[32];
    unsigned seconds = (unsigned)(time_now() / machine.timebase_hz);
    int right = surface->width - pt(MARGIN + 4);
    draw_box(surface, (struct box){ right - pt(200), pt(14), pt(200), pt(46) }, COLOUR_BACK);
    text_format(text, sizeof(text), "%u:%02u:%02u", seconds / 3600, seconds / 60 % 60,
                seconds % 60);
    draw_right(surface, layout.heading, right, pt(36), COLOUR_TEXT, text);
    text_format(text, sizeof(text), "%d x %d", surface->width, surface->height);
    draw_right(surface, layout.small, right, pt(55), COLOUR_SOFT, text);
}

/* A label and where its value begins. */
static int row_label(struct surface *surface, int y, const char *label)
{
    int x = layout.card.x + pt(MARGIN);
    font_draw(surface, layout.body, x, y, COLOUR_SOFT, label);
    return x + pt(LABEL);
}

/* Chips in rows; remembers where the next one goes. */
struct chips {
    struct surface *surface;
    int left, right, x, y, bottom;
    uint32_t back, front;
};

static void chip_add(struct chips *chips, const char *text)
{
    int width = layout_chip_width(text);
    if (chips->x + width > chips->right) {
        chips->x = chips->left;
        chips->y += pt(CHIP_STEP);
    }
    if (chips->y <= chips->bottom) {
        layout_chip(chips->surface, chips->x, chips->y, chips->back, chips->front, text);
    }
    chips->x += width + pt(5);
}

/* The extensions: "rv64imac_zba_zbb" becomes three chips. */
static void isa_chips(struct chips *chips)
{
    char word[MACHINE_TEXT_MAX];
    const char *at = machine.isa;
    while (*at) {
        unsigned length = 0;
        while (at[length] && at[length] != '_' && length < sizeof(word) - 1) {
            word[length] = at[length];
            length++;
        }
        word[length] = '\0';
        chip_add(chips, word);
        chips->front = COLOUR_SOFT;
        at += length;
        at += *at == '_';
    }
}

static void device_chips(struct chips *chips)
{
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        const char *name = virtio_name(virtio_kind(i));
        if (name) {
            chip_add(chips, name);
        }
    }
    if (machine.rtc.address) {
        chip_add(chips, "clock");
    }
}

void card_machine(struct surface *surface)
{
    char text[64];
    int y = layout.card.y + pt(ROW_FIRST), bottom = layout.card.y + layout.card.height - pt(24);
    layout_card(surface, layout.card, "Machine");
    int x = row_label(surface, y, "Harts");
    text_format(text, sizeof(text), "%u, %s", machine.harts_all,
                text_starts(machine.mmu, "riscv,") ? machine.mmu + 6 : machine.mmu);
    font_draw(surface, layout.body, x, y, COLOUR_TEXT, text);
    y += pt(CHIP_STEP);
    row_label(surface, y, "Memory");
    text_format(text, sizeof(text), "%lu MiB at 0x%lx", machine.memory_size >> 20,
                machine.memory_start);
    font_draw(surface, layout.body, x, y, COLOUR_TEXT, text);
    y += pt(CHIP_STEP);
    row_label(surface, y, "Devices");
    int right = layout.card.x + layout.card.width - pt(MARGIN);
    struct chips chips = { surface, x, right, x, y - pt(13), bottom, COLOUR_CHIP, COLOUR_ACCENT };
    device_chips(&chips);
    y = chips.y + pt(CHIP_STEP + 13);
    row_label(surface, y, "ISA");
    chips = (struct chips){ surface, x, right, x, y - pt(13), bottom, COLOUR_CHIP, COLOUR_TEXT };
    isa_chips(&chips);
}

/* A round mark: a check, a cross, a dash, or nothing yet. */
static void mark_draw(struct surface *surface, double x, double y, enum tick_state state)
{
    double u = layout.scale;
    uint32_t dark = COLOUR_CARD;
    switch (state) {
    case TICK_WAITING:
        draw_ellipse(surface, x, y, 8 * u, 8 * u, 1, 0, COLOUR_CHIP);
        draw_ellipse(surface, x, y, 6.5 * u, 6.5 * u, 1, 0, COLOUR_CARD);
        break;
    case TICK_OK:
        draw_ellipse(surface, x, y, 8 * u, 8 * u, 1, 0, COLOUR_GOOD);
        draw_line(surface, x - 3.6 * u, y + 0.2 * u, x - 1 * u, y + 3 * u, 2 * u, dark);
        draw_line(surface, x - 1 * u, y + 3 * u, x + 3.8 * u, y - 2.8 * u, 2 * u, dark);
        break;
    case TICK_NONE:
        draw_ellipse(surface, x, y, 8 * u, 8 * u, 1, 0, COLOUR_FAINT);
        draw_line(surface, x - 3.5 * u, y, x + 3.5 * u, y, 2 * u, dark);
        break;
    case TICK_BAD:
        draw_ellipse(surface, x, y, 8 * u, 8 * u, 1, 0, COLOUR_BAD);
        draw_line(surface, x - 3 * u, y - 3 * u, x + 3 * u, y + 3 * u, 2 * u, dark);
        draw_line(surface, x - 3 * u, y + 3 * u, x + 3 * u, y - 3 * u, 2 * u, dark);
        break;
    }
}

void card_tick(struct surface *surface, unsigned index)
{
    const struct tick *tick = &ticks[index];
    const struct box *card = &layout.tests;
    char text[32];
    int x = card->x + pt(MARGIN), y = card->y + pt(ROW_FIRST + index * TICK_STEP);
    int right = card->x + card->width - pt(MARGIN);
    if (y + pt(8) > card->y + card->height) {
        return; /* a display of an odd shape has no room for it */
    }
    draw_box(surface, (struct box){ x, y - pt(14), right - x, pt(TICK_STEP - 4) }, COLOUR_CARD);
    mark_draw(surface, x + pt(9), y - pt(4), tick->state);
    font_draw(surface, layout.body, x + pt(26), y, COLOUR_TEXT, tick->name);
    uint32_t colour = tick->state == TICK_BAD ? COLOUR_BAD : COLOUR_SOFT;
    font_draw(surface, layout.small, x + pt(LABEL + 10), y, colour, tick->note);
    if (tick->state == TICK_OK) {
        text_format(text, sizeof(text), tick->us < 10000 ? "%lu us" : "%lu ms",
                    tick->us < 10000 ? tick->us : tick->us / 1000);
        draw_right(surface, layout.small, right, y, COLOUR_FAINT, text);
    }
}

/* The map: a small square for each tile, in the colour of the hart that drew it. */
static int bars_map(struct surface *surface)
{
    unsigned hart, columns = mandel_columns(), tiles = MIN(mandel_tiles(), CARDS_TILES_MAX);
    unsigned rows = columns ? ALIGN_UP(tiles, columns) / columns : 0;
    double cell = pt(MAP_CELL);
    int most = layout.bars.height;
    cell = rows && cell * rows > most ? (double)most / rows : cell;
    for (unsigned i = 0; i < tiles; i++) {
        int x = (int)(i % columns * cell), y = (int)(i / columns * cell);
        int next_x = (int)((i % columns + 1) * cell), next_y = (int)((i / columns + 1) * cell);
        struct box box = { layout.bars.x + x, layout.bars.y + y, next_x - x, next_y - y };
        draw_box(surface, box, mandel_tile(i, &hart) ? hart_colour(hart) : COLOUR_WELL);
    }
    return (int)(columns * cell);
}

static void bar_draw(struct surface *surface, struct box box, unsigned hart, uint64_t most)
{
    char text[32];
    uint64_t mips = mandel_mips(hart);
    int label = pt(52), number = pt(72), track = box.width - label - number;
    text_format(text, sizeof(text), "hart %u", hart);
    font_draw(surface, layout.small, box.x, box.y + pt(12), COLOUR_SOFT, text);
    struct box bar = { box.x + label, box.y + pt(3), track, pt(10) };
    draw_round(surface, bar, pt(5), COLOUR_WELL);
    bar.width = MAX((int)(mips * (uint64_t)track / most), pt(10));
    draw_round(surface, bar, pt(5), hart_colour(hart));
    text_format(text, sizeof(text), "%lu MIPS", mips);
    draw_right(surface, layout.small, box.x + box.width, box.y + pt(12), COLOUR_TEXT, text);
}

void card_bars(struct surface *surface)
{
    uint64_t most = 1;
    draw_box(surface, layout.bars, COLOUR_CARD);
    int map = bars_map(surface) + pt(20);
    unsigned columns = machine.harts > 1 ? 2 : 1;
    int width = (layout.bars.width - map - (int)(columns - 1) * pt(20)) / (int)columns;
    for (unsigned i = 0; i < machine.harts; i++) {
        most = MAX(most, mandel_mips(i));
    }
    int rows = (int)((machine.harts + columns - 1) / columns);
    int top = layout.bars.y + (layout.bars.height - rows * pt(BAR_STEP)) / 2;
    for (unsigned i = 0; i < machine.harts; i++) {
        struct box box = { layout.bars.x + map + (int)(i % columns) * (width + pt(20)),
                           top + (int)(i / columns) * pt(BAR_STEP), width, pt(BAR_STEP) };
        bar_draw(surface, box, i, most);
    }
}
