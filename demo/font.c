#include "demo/font.h"

#include "demo/glyphs.h"
#include "demo/lib.h"

#define CAPITAL    20.0 /* the height that a font's size is for */
#define TOP        4    /* above capitals and below the baseline, what a glyph may reach, */
#define BOTTOM     8
#define SPACING    4.6 /* between two glyphs */
#define CURVE      8   /* lines for one curve */
#define CACHE_MAX  512
#define CACHE_SIZE (1 << 20)

/* A glyph at one size. */
struct rendered {
    struct font font;
    unsigned glyph;
    struct mask mask;
};

static struct rendered cache[CACHE_MAX];
static unsigned cache_count;
static uint8_t *cache_memory;
static size_t cache_used;

/* A point of a path while it is drawn. */
struct pen {
    struct mask *mask;
    double scale, margin, weight, x, y;
};

static const char *number_read(const char *text, double *ret_value)
{
    while (*text == ' ') {
        text++;
    }
    bool negative = *text == '-';
    int value = 0;
    for (text += negative; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + *text - '0';
    }
    *ret_value = negative ? -value : value;
    return text;
}

static void pen_line(struct pen *pen, double x, double y)
{
    double left = pen->margin, top = pen->margin + TOP * pen->scale;
    mask_line(pen->mask, left + pen->x * pen->scale, top + pen->y * pen->scale,
              left + x * pen->scale, top + y * pen->scale, pen->weight);
    pen->x = x;
    pen->y = y;
}

static void pen_curve(struct pen *pen, double cx, double cy, double x, double y)
{
    double x0 = pen->x, y0 = pen->y;
    for (int i = 1; i <= CURVE; i++) {
        double t = (double)i / CURVE, a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
        pen_line(pen, a * x0 + b * cx + c * x, a * y0 + b * cy + c * y);
    }
}

static void path_draw(struct pen *pen, const char *path)
{
    while (*path) {
        char command = *path++;
        double cx = 0, cy = 0, x, y;
        if (command == 'Q') {
            path = number_read(path, &cx);
            path = number_read(path, &cy);
        }
        path = number_read(path, &x);
        path = number_read(path, &y);
        if (command == 'Q') {
            pen_curve(pen, cx, cy, x, y);
        } else if (command == 'L') {
            pen_line(pen, x, y);
        } else {
            pen->x = x;
            pen->y = y;
        }
        path += *path == ' ';
    }
}

static int font_margin(struct font font)
{
    return (int)(font.weight / 2) + 1;
}

static const struct mask *font_render(struct font font, unsigned glyph)
{
    double scale = font.size / CAPITAL;
    int margin = font_margin(font);
    struct rendered *slot = &cache[cache_count];
    struct mask mask = { NULL, (int)(glyphs[glyph].width * scale) + 2 * margin + 1,
                         (int)((TOP + CAPITAL + BOTTOM) * scale) + 2 * margin + 1 };
    size_t size = (size_t)mask.width * mask.height;
    cache_memory = cache_memory ? cache_memory : memory_take(CACHE_SIZE, 16);
    if (!cache_memory || cache_count == CACHE_MAX || size > CACHE_SIZE - cache_used) {
        return NULL;
    }
    mask.alpha = memset(cache_memory + cache_used, 0, size);
    cache_used += size;
    struct pen pen = { &mask, scale, margin, font.weight, 0, 0 };
    path_draw(&pen, glyphs[glyph].path);
    *slot = (struct rendered){ font, glyph, mask };
    cache_count++;
    return &slot->mask;
}

static const struct mask *font_find(struct font font, unsigned glyph)
{
    for (unsigned i = 0; i < cache_count; i++) {
        const struct rendered *slot = &cache[i];
        if (slot->glyph == glyph && slot->font.size == font.size &&
            slot->font.weight == font.weight) {
            return &slot->mask;
        }
    }
    return font_render(font, glyph);
}

static double glyph_advance(struct font font, unsigned glyph)
{
    return (glyphs[glyph].width + SPACING) * font.size / CAPITAL;
}

int font_draw(struct surface *surface, struct font font, int x, int y, uint32_t colour,
              const char *text)
{
    int margin = font_margin(font);
    int top = y - margin - (int)((TOP + CAPITAL) * font.size / CAPITAL + 0.5);
    double at = x;
    for (; *text; text++) {
        unsigned glyph = (unsigned)(uint8_t)*text - ' ';
        const struct mask *mask = glyph < COUNT(glyphs) ? font_find(font, glyph) : NULL;
        if (mask) {
            draw_mask(surface, mask, (int)(at + 0.5) - margin, top, colour);
            at += glyph_advance(font, glyph);
        }
    }
    return (int)(at + 0.5);
}

int font_width(struct font font, const char *text, unsigned length)
{
    double width = 0;
    for (unsigned i = 0; i < length && text[i]; i++) {
        unsigned glyph = (unsigned)(uint8_t)text[i] - ' ';
        width += glyph < COUNT(glyphs) ? glyph_advance(font, glyph) : 0;
    }
    return (int)(width + 0.5);
}

void font_forget(void)
{
    cache_count = 0;
    cache_used = 0;
}
