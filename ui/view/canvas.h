/* Pixels to draw on: 0xAARRGGBB, host order. Everything is cut to the clip rectangle. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct box {
    int x, y, width, height;
};

struct canvas {
    uint32_t *pixels;
    int width, height;
    struct box clip; /* within the canvas */
};

/* Whether a point lies in it. */
static inline bool box_has(struct box box, int x, int y)
{
    return x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height;
}

/* What both cover; width and height 0 if nothing. */
struct box box_common(struct box a, struct box b);

/* `box` without `by` pixels on each side. */
struct box box_inset(struct box box, int by);

/* Makes one of that size, all black and nothing clipped. */
void canvas_init(struct canvas *canvas, int width, int height);

/* Frees its pixels. */
void canvas_finish(struct canvas *canvas);

/* Draws only there from now on, until the next call. */
void canvas_clip(struct canvas *canvas, struct box clip);

/* Draws everywhere again. */
void canvas_unclip(struct canvas *canvas);

/* Fills with 0xRRGGBB. */
void canvas_fill(struct canvas *canvas, struct box box, uint32_t color);

/* Draws the outline, `line` pixels thick, inwards. */
void canvas_frame(struct canvas *canvas, struct box box, int line, uint32_t color);

/* Fills a box whose corners are round. */
void canvas_round(struct canvas *canvas, struct box box, int radius, uint32_t color);

/* Draws 0xRRGGBB as strong as the coverage says: 0 to 255, rows without gaps. */
void canvas_cover(struct canvas *canvas, struct box box, const uint8_t *coverage, uint32_t color);

/* Darkens everything in the clip. */
void canvas_dim(struct canvas *canvas);
