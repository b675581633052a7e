/*
 * Letters as the host's own fonts draw them: how much of each pixel a glyph covers. No layout.
 *
 * The host chooses: what its user set as monospace and sans serif, and another of its fonts for
 * what these do not have. One thread at a time, also over several fonts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct host_font;

enum host_font_face { HOST_FONT_MONO, HOST_FONT_SANS };

#define HOST_FONT_SIZE_MAX 256 /* pixels */

/* A glyph; the pixels lie at (x + left, baseline - top), each 0 to 255. */
struct host_glyph {
    int left, top, advance;
    unsigned width, height;
    uint8_t *coverage; /* rows without gaps; NULL for a space; free with g_free */
};

/* How lines of this font are laid out, in pixels. */
struct host_font_metrics {
    int ascent, descent;
    int advance; /* of a letter of HOST_FONT_MONO */
};

/* Opens a font of so many pixels to a line's height; NULL and `error` if the host has none. */
struct host_font *host_font_open(enum host_font_face face, bool bold, unsigned size,
                                 GError **error);

/* Closes it; accepts NULL. */
void host_font_close(struct host_font *font);

/* Its measures. */
void host_font_get_metrics(const struct host_font *font, struct host_font_metrics *ret_metrics);

/* Draws a character; false if no font of the host has it. */
bool host_font_draw(struct host_font *font, uint32_t character, struct host_glyph *ret_glyph);
