/* Where everything is on the display, and how it looks. Lengths are in points: 1024 by 768 of them,
 * or more in one direction, fill the display whatever its size. */
#pragma once

#include "demo/font.h"
#include "demo/surface.h"

enum colour {
    COLOUR_BACK = 0x0e1a20,
    COLOUR_CARD = 0x16262e,
    COLOUR_WELL = 0x0b151a,
    COLOUR_CHIP = 0x21363f,
    COLOUR_TEXT = 0xe8eee9,
    COLOUR_SOFT = 0x8ea5aa,
    COLOUR_FAINT = 0x4d646b,
    COLOUR_ACCENT = 0x5cc8b4,
    COLOUR_GOOD = 0x7fc97f,
    COLOUR_BAD = 0xe5645a,
    COLOUR_WARM = 0xe9b44c,
};

struct layout {
    double scale; /* pixels for a point */
    struct font title, heading, body, small;
    struct box card, tests, picture_card, picture, bars, play_card, play;
};

/* The one layout; for the surface's size at the time of layout_make. */
extern struct layout layout;

/* Computes it. */
void layout_make(const struct surface *surface);

/* Points to pixels. */
int pt(double points);

/* Draws a card with a heading, empty. */
void layout_card(struct surface *surface, struct box box, const char *heading);

/* Draws a small rounded label; returns its width. */
int layout_chip(struct surface *surface, int x, int y, uint32_t back, uint32_t front,
                const char *text);

/* The width that layout_chip will have. */
int layout_chip_width(const char *text);

/* A hart's colour. */
uint32_t hart_colour(unsigned hart);
