/* Drawing into memory: rectangles, discs, strokes and paths, all with smooth edges. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A picture of xrgb8888, and what has changed in it since somebody looked. */
struct surface {
    uint32_t *pixels;
    int width, height; /* also its stride */
    int left, top, right, bottom; /* what has changed; nothing if left >= right */
};

/* A place and size in pixels. */
struct box {
    int x, y, width, height;
};

/* Coverage in bytes: 0 is nothing, 255 all of a pixel. */
struct mask {
    uint8_t *alpha;
    int width, height;
};

/* Notes a change; what lies outside is cut off. */
void surface_damage(struct surface *surface, struct box box);

/* Fills a rectangle. */
void draw_box(struct surface *surface, struct box box, uint32_t colour);

/* Fills a rectangle with round corners. */
void draw_round(struct surface *surface, struct box box, double radius, uint32_t colour);

/* Draws a line with round ends from (x0, y0) to (x1, y1); a dot if they are the same. */
void draw_line(struct surface *surface, double x0, double y0, double x1, double y1, double width,
               uint32_t colour);

/* Fills an ellipse whose axes are turned by the angle with this cosine and sine. */
void draw_ellipse(struct surface *surface, double x, double y, double half_width,
                  double half_height, double cosine, double sine, uint32_t colour);

/* Draws a mask at (x, y) in a colour. */
void draw_mask(struct surface *surface, const struct mask *mask, int x, int y, uint32_t colour);

/* Adds a line with round ends to a mask. */
void mask_line(struct mask *mask, double x0, double y0, double x1, double y1, double width);

/* The colour that is `part` of 255 of the way from one to the other. */
uint32_t colour_mix(uint32_t from, uint32_t to, unsigned part);

/* The square root. */
double square_root(double value);
