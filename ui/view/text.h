/* Text on a canvas: the fonts of the window, each glyph drawn by the host once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "platform/font.h"
#include "ui/view/canvas.h"

enum text_style { TEXT_MONO, TEXT_MONO_BOLD, TEXT_PLAIN, TEXT_BOLD, TEXT_STYLES };

/* A font and the glyphs drawn so far. */
struct text_font {
    struct host_font *font;
    struct host_font_metrics metrics;
    GHashTable *glyphs; /* character -> struct host_glyph, owned */
};

struct text {
    struct text_font font[TEXT_STYLES];
    double scale; /* pixels of the screen to a pixel of the layout */
};

/* Opens the fonts for a scale of 1 to 8. */
bool text_init(struct text *text, double scale, GError **error);

/* Closes them; also a zeroed one. */
void text_finish(struct text *text);

/* A length of the layout in pixels of the screen. */
int text_scaled(const struct text *text, int length);

/* Height of a line. */
int text_height(const struct text *text, enum text_style style);

/* Width of the text, `length` bytes of UTF-8 (-1: all). */
int text_width(struct text *text, enum text_style style, const char *utf8, gssize length);

/* Draws a line with its top left corner there; returns its width. */
int text_draw(struct text *text, struct canvas *canvas, enum text_style style, int x, int y,
              uint32_t color, const char *utf8, gssize length);

/* Draws one character with the top left corner of its cell there. */
void text_draw_char(struct text *text, struct canvas *canvas, enum text_style style, int x, int y,
                    uint32_t color, uint32_t character);

/* The lines that a text needs to be no wider than `width`; free with g_strfreev. */
char **text_wrap(struct text *text, enum text_style style, const char *utf8, int width);
