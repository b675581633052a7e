#include "emu/display/picture.h"

#include <assert.h>
#include <string.h>

#include <zlib.h>

#include "platform/file.h"

#define PNG_LEVEL 3 /* the machine stands while it packs: quick before small */

enum { COLOUR_RGB = 2, FILTER_SUB = 1, BYTES_PER_PIXEL = 3 };

static void put32(uint8_t *at, uint32_t value)
{
    uint32_t big = GUINT32_TO_BE(value);
    memcpy(at, &big, sizeof(big));
}

static void row_copy(uint8_t *to, const uint32_t *from, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        to[3 * x] = (uint8_t)(from[x] >> 16);
        to[3 * x + 1] = (uint8_t)(from[x] >> 8);
        to[3 * x + 2] = (uint8_t)from[x];
    }
}

static void png_chunk(GByteArray *out, const char *type, const uint8_t *data, uint32_t size)
{
    uint8_t word[4];
    guint checked = out->len + 4;
    put32(word, size);
    g_byte_array_append(out, word, 4);
    g_byte_array_append(out, (const uint8_t *)type, 4);
    g_byte_array_append(out, data, size);
    put32(word, (uint32_t)crc32_z(0, out->data + checked, size + 4));
    g_byte_array_append(out, word, 4);
}

/* Rows with a filter in front: each byte but those of the first pixel as the difference to the
 * same colour of the pixel before. */
static GByteArray *png_rows(const struct display_image *image)
{
    guint row_size = image->width * BYTES_PER_PIXEL;
    GByteArray *rows = g_byte_array_sized_new((row_size + 1) * image->height);
    g_byte_array_set_size(rows, (row_size + 1) * image->height);
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = rows->data + (size_t)(row_size + 1) * y;
        row[0] = FILTER_SUB;
        row_copy(row + 1, image->pixels + (size_t)image->width * y, image->width);
        for (guint i = row_size; i > BYTES_PER_PIXEL; i--) {
            row[i] = (uint8_t)(row[i] - row[i - BYTES_PER_PIXEL]);
        }
    }
    return rows;
}

static GByteArray *png_encode(const struct display_image *image)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t header[13] = { [8] = 8, [9] = COLOUR_RGB };
    GByteArray *out = g_byte_array_new(), *rows = png_rows(image);
    uLongf packed_size = compressBound(rows->len);
    uint8_t *packed = g_malloc(packed_size);
    int status = compress2(packed, &packed_size, rows->data, rows->len, PNG_LEVEL);
    assert(status == Z_OK);
    put32(header, image->width);
    put32(header + 4, image->height);
    g_byte_array_append(out, signature, sizeof(signature));
    png_chunk(out, "IHDR", header, sizeof(header));
    png_chunk(out, "IDAT", packed, (uint32_t)packed_size);
    png_chunk(out, "IEND", header, 0);
    g_free(packed);
    g_byte_array_unref(rows);
    return out;
}

static GByteArray *ppm_encode(const struct display_image *image)
{
    char header[64];
    int size = g_snprintf(header, sizeof(header), "P6\n%u %u\n255\n", image->width, image->height);
    guint row_size = image->width * BYTES_PER_PIXEL;
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const uint8_t *)header, (guint)size);
    g_byte_array_set_size(out, (guint)size + row_size * image->height);
    for (uint32_t y = 0; y < image->height; y++) {
        row_copy(out->data + size + (size_t)row_size * y, image->pixels + (size_t)image->width * y,
                 image->width);
    }
    return out;
}

GByteArray *picture_encode(const struct display_image *image, enum picture_format format)
{
    assert(image->width > 0 && image->width <= DISPLAY_SIDE_MAX);
    assert(image->height > 0 && image->height <= DISPLAY_SIDE_MAX);
    return format == PICTURE_PNG ? png_encode(image) : ppm_encode(image);
}

bool picture_save(const struct display_image *image, enum picture_format format, const char *path,
                  GError **error)
{
    GByteArray *bytes = picture_encode(image, format);
    bool saved = host_file_save(path, bytes->data, bytes->len, error);
    g_byte_array_unref(bytes);
    return saved;
}

enum picture_format picture_format_of(const char *path)
{
    size_t length = strlen(path);
    bool png = length >= 4 && g_ascii_strcasecmp(path + length - 4, ".png") == 0;
    return png ? PICTURE_PNG : PICTURE_PPM;
}
