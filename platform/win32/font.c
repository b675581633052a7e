/* GDI draws a character into a bitmap in memory, and looks for it in linked fonts by itself. */
#include "platform/font.h"

#include <string.h>
#include <windows.h>

struct host_font {
    HDC dc;
    HFONT font;
    HBITMAP bitmap;
    HGDIOBJ old_font, old_bitmap;
    uint32_t *pixels; /* side * side */
    int side;
    TEXTMETRICW metrics;
};

static bool font_prepare(struct host_font *font)
{
    BITMAPINFO info = {
        .bmiHeader = {
            .biSize = sizeof(info.bmiHeader),
            .biWidth = font->side,
            .biHeight = -font->side,
            .biPlanes = 1,
            .biBitCount = 32,
            .biCompression = BI_RGB,
        },
    };
    font->dc = CreateCompatibleDC(NULL);
    font->bitmap = font->dc ? CreateDIBSection(font->dc, &info, DIB_RGB_COLORS,
                                               (void **)&font->pixels, NULL, 0)
                            : NULL;
    if (!font->bitmap || !font->font) {
        return false;
    }
    font->old_bitmap = SelectObject(font->dc, font->bitmap);
    font->old_font = SelectObject(font->dc, font->font);
    SetTextColor(font->dc, RGB(255, 255, 255));
    SetBkMode(font->dc, TRANSPARENT);
    SetTextAlign(font->dc, TA_BASELINE | TA_LEFT);
    return GetTextMetricsW(font->dc, &font->metrics);
}

struct host_font *host_font_open(enum host_font_face face, bool bold, unsigned size,
                                 GError **error)
{
    struct host_font *font = g_new0(struct host_font, 1);
    bool mono = face == HOST_FONT_MONO;
    size = MIN(size, HOST_FONT_SIZE_MAX);
    font->side = (int)size * 4;
    font->font = CreateFontW(-(int)size, 0, 0, 0, bold ? FW_BOLD : FW_NORMAL, FALSE, FALSE, FALSE,
                             DEFAULT_CHARSET, OUT_TT_PRECIS, CLIP_DEFAULT_PRECIS,
                             ANTIALIASED_QUALITY,
                             mono ? FIXED_PITCH | FF_MODERN : VARIABLE_PITCH | FF_SWISS,
                             mono ? L"Consolas" : L"Segoe UI");
    if (!font_prepare(font)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "Windows has no memory left for a font: close other programs and try again");
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
    if (font->old_font) {
        SelectObject(font->dc, font->old_font);
        SelectObject(font->dc, font->old_bitmap);
    }
    if (font->font) {
        DeleteObject(font->font);
    }
    if (font->bitmap) {
        DeleteObject(font->bitmap);
    }
    if (font->dc) {
        DeleteDC(font->dc);
    }
    g_free(font);
}

void host_font_get_metrics(const struct host_font *font, struct host_font_metrics *ret_metrics)
{
    SIZE size = { 0 };
    GetTextExtentPoint32W(font->dc, L"M", 1, &size);
    *ret_metrics = (struct host_font_metrics){
        .ascent = font->metrics.tmAscent,
        .descent = font->metrics.tmDescent,
        .advance = size.cx,
    };
}

/* The part of the bitmap that is not black. */
static RECT ink_of(const struct host_font *font)
{
    RECT ink = { font->side, font->side, 0, 0 };
    for (int y = 0; y < font->side; y++) {
        for (int x = 0; x < font->side; x++) {
            if ((font->pixels[y * font->side + x] & 0xff) != 0) {
                ink.left = MIN(ink.left, x);
                ink.right = MAX(ink.right, x + 1);
                ink.top = MIN(ink.top, y);
                ink.bottom = MAX(ink.bottom, y + 1);
            }
        }
    }
    return ink;
}

bool host_font_draw(struct host_font *font, uint32_t character, struct host_glyph *ret_glyph)
{
    WCHAR text[2] = { (WCHAR)character, 0 };
    int length = 1, origin = font->side / 4, baseline = font->side / 2;
    if (character >= 0x10000) {
        text[0] = (WCHAR)(0xd800 + ((character - 0x10000) >> 10));
        text[1] = (WCHAR)(0xdc00 + (character & 0x3ff));
        length = 2;
    }
    SIZE size;
    memset(font->pixels, 0, sizeof(*font->pixels) * (size_t)(font->side * font->side));
    if (!GetTextExtentPoint32W(font->dc, text, length, &size) ||
        !ExtTextOutW(font->dc, origin, baseline, 0, NULL, text, (UINT)length, NULL)) {
        return false;
    }
    GdiFlush();
    RECT ink = ink_of(font);
    *ret_glyph = (struct host_glyph){ .advance = size.cx };
    if (ink.left < ink.right) {
        ret_glyph->left = ink.left - origin;
        ret_glyph->top = baseline - ink.top;
        ret_glyph->width = (unsigned)(ink.right - ink.left);
        ret_glyph->height = (unsigned)(ink.bottom - ink.top);
        ret_glyph->coverage = g_malloc((size_t)ret_glyph->width * ret_glyph->height);
        for (unsigned y = 0; y < ret_glyph->height; y++) {
            for (unsigned x = 0; x < ret_glyph->width; x++) {
                unsigned at = (unsigned)((ink.top + (int)y) * font->side + ink.left + (int)x);
                ret_glyph->coverage[y * ret_glyph->width + x] = (uint8_t)font->pixels[at];
            }
        }
    }
    return true;
}
