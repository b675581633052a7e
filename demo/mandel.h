/* The Mandelbrot set in tiles, drawn by all harts at once, with the speed of each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MANDEL_TILE 32

/* Where and how a picture is drawn. */
struct mandel {
    uint32_t *pixels; /* xrgb8888 */
    unsigned width, height;
    unsigned stride; /* in pixels */
    double x, y, span; /* the centre, and the width of what is shown, at least 3/4 as high */
    unsigned depth;    /* iterations at most */
};

/* What one hart has done since mandel_begin. */
struct mandel_hart {
    volatile uint64_t instructions, time, tiles;
};

/* Sets a picture up and wakes the other harts to draw it. The one before is done. */
void mandel_begin(const struct mandel *picture);

/* Hart 0 draws a tile of its own; false when none is left. */
bool mandel_step(void);

/* Hart 0 draws what is left and waits for the others. */
void mandel_finish(void);

/* Whether the whole picture is there. */
bool mandel_done(void);

/* The number of the tiles, from left to right, then down. */
unsigned mandel_tiles(void);

/* How many of them are in a row. */
unsigned mandel_columns(void);

/* Whether tile `index` is drawn, and by which hart. */
bool mandel_tile(unsigned index, unsigned *ret_hart);

/* What a hart did. */
const struct mandel_hart *mandel_hart(unsigned hart);

/* Millions of instructions a second of a hart, in this picture. */
uint64_t mandel_mips(unsigned hart);
