/* Text of any size from strokes: a font of our own, each glyph a path of round-ended lines. */
#pragma once

#include <stdint.h>

#include "demo/surface.h"

/* How text looks. Sizes are the height of capitals in pixels; weights the width of a stroke. */
struct font {
    double size, weight;
};

/* Draws a text with its baseline at y; returns the x behind it. What is no ASCII is left out. */
int font_draw(struct surface *surface, struct font font, int x, int y, uint32_t colour,
              const char *text);

/* The width of a text, or of its first `length` characters. */
int font_width(struct font font, const char *text, unsigned length);

/* Forgets what was rendered, when all sizes change. */
void font_forget(void);
