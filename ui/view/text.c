#include "ui/view/text.h"

#include <string.h>

#define MONO_SIZE   15
#define PLAIN_SIZE  13
#define REPLACEMENT 0xfffd

static void glyph_free(void *opaque)
{
    struct host_glyph *glyph = opaque;
    g_free(glyph->coverage);
    g_free(glyph);
}

bool text_init(struct text *text, double scale, GError **error)
{
    *text = (struct text){ .scale = scale };
    for (unsigned i = 0; i < TEXT_STYLES; i++) {
        struct text_font *font = &text->font[i];
        bool mono = i == TEXT_MONO || i == TEXT_MONO_BOLD;
        bool bold = i == TEXT_BOLD || i == TEXT_MONO_BOLD;
        int size = text_scaled(text, mono ? MONO_SIZE : PLAIN_SIZE);
        font->font = host_font_open(mono ? HOST_FONT_MONO : HOST_FONT_SANS, bold, (unsigned)size,
                                    error);
        if (!font->font) {
            text_finish(text);
            return false;
        }
        host_font_get_metrics(font->font, &font->metrics);
        font->glyphs = g_hash_table_new_full(NULL, NULL, NULL, glyph_free);
    }
    return true;
}

void text_finish(struct text *text)
{
    for (unsigned i = 0; i < TEXT_STYLES; i++) {
        g_clear_pointer(&text->font[i].glyphs, g_hash_table_unref);
        host_font_close(g_steal_pointer(&text->font[i].font));
    }
}

int text_scaled(const struct text *text, int length)
{
    return (int)(length * text->scale + 0.5);
}

int text_height(const struct text *text, enum text_style style)
{
    const struct host_font_metrics *metrics = &text->font[style].metrics;
    return metrics->ascent + metrics->descent;
}

static const struct host_glyph *glyph_of(struct text *text, enum text_style style, uint32_t c)
{
    struct text_font *font = &text->font[style];
    struct host_glyph *glyph = g_hash_table_lookup(font->glyphs, GUINT_TO_POINTER(c));
    if (!glyph) {
        glyph = g_new0(struct host_glyph, 1);
        if (!host_font_draw(font->font, c, glyph) && c != REPLACEMENT) {
            const struct host_glyph *instead = glyph_of(text, style, REPLACEMENT);
            *glyph = *instead;
            glyph->coverage = instead->coverage
                                  ? g_memdup2(instead->coverage,
                                              (gsize)instead->width * instead->height)
                                  : NULL;
        }
        g_hash_table_insert(font->glyphs, GUINT_TO_POINTER(c), glyph);
    }
    return glyph;
}

static const char *text_end(const char *utf8, gssize length)
{
    return utf8 + (length < 0 ? strlen(utf8) : (size_t)length);
}

int text_width(struct text *text, enum text_style style, const char *utf8, gssize length)
{
    int width = 0;
    const char *end = text_end(utf8, length);
    for (const char *at = utf8; at < end; at = g_utf8_next_char(at)) {
        width += glyph_of(text, style, g_utf8_get_char(at))->advance;
    }
    return width;
}

void text_draw_char(struct text *text, struct canvas *canvas, enum text_style style, int x, int y,
                    uint32_t color, uint32_t character)
{
    const struct host_glyph *glyph = glyph_of(text, style, character);
    if (glyph->coverage) {
        const struct box box = { x + glyph->left, y + text->font[style].metrics.ascent - glyph->top,
                                 (int)glyph->width, (int)glyph->height };
        canvas_cover(canvas, box, glyph->coverage, color);
    }
}

int text_draw(struct text *text, struct canvas *canvas, enum text_style style, int x, int y,
              uint32_t color, const char *utf8, gssize length)
{
    int start = x;
    const char *end = text_end(utf8, length);
    for (const char *at = utf8; at < end; at = g_utf8_next_char(at)) {
        uint32_t c = g_utf8_get_char(at);
        text_draw_char(text, canvas, style, x, y, color, c);
        x += glyph_of(text, style, c)->advance;
    }
    return x - start;
}

/* Where the next line begins: behind the last space that still fits, or within a long word. */
static const char *line_end(struct text *text, enum text_style style, const char *line, int width)
{
    const char *space = NULL, *at = line;
    int used = 0;
    for (; *at && *at != '\n'; at = g_utf8_next_char(at)) {
        used += glyph_of(text, style, g_utf8_get_char(at))->advance;
        if (used > width && at > line) {
            return space ? space + 1 : at;
        }
        space = *at == ' ' ? at : space;
    }
    return at;
}

char **text_wrap(struct text *text, enum text_style style, const char *utf8, int width)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    while (*utf8) {
        const char *end = line_end(text, style, utf8, width);
        g_ptr_array_add(lines, g_strchomp(g_strndup(utf8, (gsize)(end - utf8))));
        utf8 = *end == '\n' ? end + 1 : end;
    }
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&lines), FALSE);
}
