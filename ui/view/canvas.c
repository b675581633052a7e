#include "ui/view/canvas.h"

#include <assert.h>

#include <glib.h>

#define OPAQUE 0xff000000u

struct box box_common(struct box a, struct box b)
{
    int left = MAX(a.x, b.x), top = MAX(a.y, b.y);
    int right = MIN(a.x + a.width, b.x + b.width), bottom = MIN(a.y + a.height, b.y + b.height);
    return (struct box){ left, top, MAX(right - left, 0), MAX(bottom - top, 0) };
}

struct box box_inset(struct box box, int by)
{
    return (struct box){ box.x + by, box.y + by, MAX(box.width - 2 * by, 0),
                         MAX(box.height - 2 * by, 0) };
}

void canvas_init(struct canvas *canvas, int width, int height)
{
    assert(width > 0 && height > 0);
    *canvas = (struct canvas){
        .pixels = g_new0(uint32_t, (size_t)width * (size_t)height),
        .width = width,
        .height = height,
    };
    canvas_unclip(canvas);
}

void canvas_finish(struct canvas *canvas)
{
    g_clear_pointer(&canvas->pixels, g_free);
}

void canvas_clip(struct canvas *canvas, struct box clip)
{
    canvas->clip = box_common(clip, (struct box){ 0, 0, canvas->width, canvas->height });
}

void canvas_unclip(struct canvas *canvas)
{
    canvas->clip = (struct box){ 0, 0, canvas->width, canvas->height };
}

static uint32_t *canvas_row(const struct canvas *canvas, int y)
{
    return canvas->pixels + (size_t)y * (size_t)canvas->width;
}

void canvas_fill(struct canvas *canvas, struct box box, uint32_t color)
{
    box = box_common(box, canvas->clip);
    for (int y = box.y; y < box.y + box.height; y++) {
        uint32_t *row = canvas_row(canvas, y);
        for (int x = box.x; x < box.x + box.width; x++) {
            row[x] = color | OPAQUE;
        }
    }
}

void canvas_frame(struct canvas *canvas, struct box box, int line, uint32_t color)
{
    canvas_fill(canvas, (struct box){ box.x, box.y, box.width, line }, color);
    canvas_fill(canvas, (struct box){ box.x, box.y + box.height - line, box.width, line }, color);
    canvas_fill(canvas, (struct box){ box.x, box.y, line, box.height }, color);
    canvas_fill(canvas, (struct box){ box.x + box.width - line, box.y, line, box.height }, color);
}

static uint32_t blend(uint32_t below, uint32_t above, unsigned strength)
{
    uint32_t result = OPAQUE;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        uint32_t a = below >> shift & 0xff, b = above >> shift & 0xff;
        result |= ((a * (255 - strength) + b * strength + 127) / 255) << shift;
    }
    return result;
}

/* How much of a pixel lies in a circle around (0, 0): 16 samples. */
static unsigned corner_coverage(int x, int y, int radius)
{
    unsigned inside = 0;
    for (int sample = 0; sample < 16; sample++) {
        int dx = x * 8 + 1 + sample % 4 * 2, dy = y * 8 + 1 + sample / 4 * 2;
        inside += dx * dx + dy * dy <= radius * radius * 64;
    }
    return inside * 255 / 16;
}

void canvas_round(struct canvas *canvas, struct box box, int radius, uint32_t color)
{
    radius = MIN(radius, MIN(box.width, box.height) / 2);
    struct box seen = box_common(box, canvas->clip);
    for (int y = seen.y; y < seen.y + seen.height; y++) {
        uint32_t *row = canvas_row(canvas, y);
        int from_top = y - box.y, from_bottom = box.y + box.height - 1 - y;
        int dy = radius - 1 - MIN(from_top, from_bottom);
        for (int x = seen.x; x < seen.x + seen.width; x++) {
            int dx = radius - 1 - MIN(x - box.x, box.x + box.width - 1 - x);
            unsigned strength = dx >= 0 && dy >= 0 ? corner_coverage(dx, dy, radius) : 255;
            row[x] = blend(row[x], color, strength);
        }
    }
}

void canvas_cover(struct canvas *canvas, struct box box, const uint8_t *coverage, uint32_t color)
{
    struct box seen = box_common(box, canvas->clip);
    for (int y = seen.y; y < seen.y + seen.height; y++) {
        uint32_t *row = canvas_row(canvas, y);
        const uint8_t *from = coverage + (size_t)(y - box.y) * (size_t)box.width;
        for (int x = seen.x; x < seen.x + seen.width; x++) {
            unsigned strength = from[x - box.x];
            if (strength > 0) {
                row[x] = blend(row[x], color, strength);
            }
        }
    }
}

void canvas_dim(struct canvas *canvas)
{
    const struct box box = canvas->clip;
    for (int y = box.y; y < box.y + box.height; y++) {
        uint32_t *row = canvas_row(canvas, y);
        for (int x = box.x; x < box.x + box.width; x++) {
            row[x] = (row[x] >> 1 & 0x7f7f7f) | OPAQUE;
        }
    }
}
