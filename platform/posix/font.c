/* fontconfig knows which fonts there are, FreeType draws them. */
#include "platform/font.h"

#include <string.h>

#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include FT_FREETYPE_H

#define FALLBACKS_MAX 8 /* fonts that are open for what the first does not have */

struct host_font {
    FT_Library library;
    FT_Face face[1 + FALLBACKS_MAX];
    unsigned face_count;
    FcPattern *pattern;
    FcFontSet *sorted; /* NULL: not asked yet */
    unsigned size;
};

static unsigned open_count; /* of fonts: with the last one fontconfig's own memory goes */

static const char *const families[] = {
    [HOST_FONT_MONO] = "monospace",
    [HOST_FONT_SANS] = "sans-serif",
};

/* Opens the file that a pattern names. */
static bool font_add(struct host_font *font, FcPattern *found)
{
    FcChar8 *path;
    int index = 0;
    FT_Face face;
    FcPatternGetInteger(found, FC_INDEX, 0, &index);
    if (font->face_count == G_N_ELEMENTS(font->face) ||
        FcPatternGetString(found, FC_FILE, 0, &path) != FcResultMatch ||
        FT_New_Face(font->library, (const char *)path, index, &face) != 0) {
        return false;
    }
    if (!FT_IS_SCALABLE(face) || FT_Set_Pixel_Sizes(face, 0, font->size) != 0) {
        FT_Done_Face(face);
        return false;
    }
    font->face[font->face_count++] = face;
    return true;
}

static FcPattern *pattern_new(enum host_font_face face, bool bold)
{
    FcPattern *pattern = FcPatternCreate();
    FcPatternAddString(pattern, FC_FAMILY, (const FcChar8 *)families[face]);
    FcPatternAddInteger(pattern, FC_WEIGHT, bold ? FC_WEIGHT_BOLD : FC_WEIGHT_REGULAR);
    FcPatternAddBool(pattern, FC_SCALABLE, FcTrue);
    FcConfigSubstitute(NULL, pattern, FcMatchPattern);
    FcDefaultSubstitute(pattern);
    return pattern;
}

struct host_font *host_font_open(enum host_font_face face, bool bold, unsigned size,
                                 GError **error)
{
    struct host_font *font = g_new0(struct host_font, 1);
    FcResult result;
    bool opened = false;
    font->size = MIN(size, HOST_FONT_SIZE_MAX);
    open_count++;
    if (FT_Init_FreeType(&font->library) == 0 && FcInit()) {
        font->pattern = pattern_new(face, bold);
        FcPattern *found = FcFontMatch(NULL, font->pattern, &result);
        opened = found && font_add(font, found);
        g_clear_pointer(&found, FcPatternDestroy);
    }
    if (!opened) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "this system has no %s font: install one, for example DejaVu "
                    "(fonts-dejavu-core)",
                    families[face]);
        host_font_close(font);
        return NULL;
    }
    return font;
}

void host_font_close(struct host_font *font)
{
    if (!font) {
        return;
    }
    for (unsigned i = 0; i < font->face_count; i++) {
        FT_Done_Face(font->face[i]);
    }
    g_clear_pointer(&font->sorted, FcFontSetDestroy);
    g_clear_pointer(&font->pattern, FcPatternDestroy);
    if (font->library) {
        FT_Done_FreeType(font->library);
    }
    if (--open_count == 0) {
        FcFini();
    }
    g_free(font);
}

void host_font_get_metrics(const struct host_font *font, struct host_font_metrics *ret_metrics)
{
    const FT_Size_Metrics *metrics = &font->face[0]->size->metrics;
    *ret_metrics = (struct host_font_metrics){
        .ascent = (int)(metrics->ascender + 63) >> 6,
        .descent = (int)(-metrics->descender + 63) >> 6,
        .advance = (int)(metrics->max_advance + 32) >> 6,
    };
    if (FT_Load_Char(font->face[0], 'M', FT_LOAD_DEFAULT) == 0) {
        ret_metrics->advance = (int)(font->face[0]->glyph->advance.x + 32) >> 6;
    }
}

/* The open font that has the character, or one of the host's that is opened for it. */
static FT_Face font_with(struct host_font *font, uint32_t character)
{
    FcResult result;
    for (unsigned i = 0; i < font->face_count; i++) {
        if (FT_Get_Char_Index(font->face[i], character) != 0) {
            return font->face[i];
        }
    }
    if (!font->sorted) {
        font->sorted = FcFontSort(NULL, font->pattern, FcTrue, NULL, &result);
    }
    for (int i = 0; font->sorted && i < font->sorted->nfont; i++) {
        FcPattern *found = font->sorted->fonts[i];
        FcCharSet *has;
        if (FcPatternGetCharSet(found, FC_CHARSET, 0, &has) == FcResultMatch &&
            FcCharSetHasChar(has, character) && font_add(font, found)) {
            return font->face[font->face_count - 1];
        }
    }
    return NULL;
}

bool host_font_draw(struct host_font *font, uint32_t character, struct host_glyph *ret_glyph)
{
    FT_Face face = font_with(font, character);
    if (!face ||
        FT_Load_Char(face, character, FT_LOAD_RENDER | FT_LOAD_TARGET_LIGHT) != 0 ||
        face->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_GRAY) {
        return false;
    }
    const FT_Bitmap *bitmap = &face->glyph->bitmap;
    *ret_glyph = (struct host_glyph){
        .left = face->glyph->bitmap_left,
        .top = face->glyph->bitmap_top,
        .advance = (int)(face->glyph->advance.x + 32) >> 6,
        .width = bitmap->width,
        .height = bitmap->rows,
    };
    if (bitmap->width > 0 && bitmap->rows > 0) {
        ret_glyph->coverage = g_malloc((size_t)bitmap->width * bitmap->rows);
        for (unsigned y = 0; y < bitmap->rows; y++) {
            memcpy(ret_glyph->coverage + (size_t)y * bitmap->width,
                   bitmap->buffer + (ptrdiff_t)y * bitmap->pitch, bitmap->width);
        }
    }
    return true;
}
