/* Goal: a picture is in its file pixel for pixel, or the file is not there. */
#include <string.h>

#include <glib.h>
#include <zlib.h>

#include "emu/display/picture.h"
#include "tests/fake/file.h"

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static struct display_image image_make(uint32_t width, uint32_t height)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(width);
    struct display_image image = { width, height, g_new(uint32_t, (size_t)width * height) };
    for (size_t i = 0; i < (size_t)width * height; i++) {
        image.pixels[i] = i % 3 == 0 ? 0x123456 : g_rand_int(random) & 0xffffff;
    }
    return image;
}

static void expect_bytes(const uint8_t *found, size_t size, const char *wanted, size_t wanted_size)
{
    g_assert_cmpuint(size, ==, wanted_size);
    g_assert_true(memcmp(found, wanted, size) == 0);
}

static void expect_rgb(const struct display_image *image, size_t index, const uint8_t *rgb)
{
    g_assert_cmphex(image->pixels[index], ==,
                    (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2]);
}

/* Takes the next chunk, whose sum must be right. */
static const uint8_t *chunk_next(const uint8_t **at, const char *type, uint32_t *ret_size)
{
    const uint8_t *chunk = *at, *data = chunk + 8;
    *ret_size = get32(chunk);
    expect_bytes(chunk + 4, 4, type, 4);
    g_assert_cmphex(get32(data + *ret_size), ==, crc32(0, chunk + 4, *ret_size + 4));
    *at = data + *ret_size + 4;
    return data;
}

/* Undoes the filter "Sub" and compares. */
static void expect_rows(const struct display_image *image, uint8_t *rows)
{
    uint32_t row_size = image->width * 3;
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = rows + (size_t)(row_size + 1) * y;
        g_assert_cmpuint(row[0], ==, 1);
        for (uint32_t i = 3; i < row_size; i++) {
            row[1 + i] = (uint8_t)(row[1 + i] + row[1 + i - 3]);
        }
        for (uint32_t x = 0; x < image->width; x++) {
            expect_rgb(image, (size_t)image->width * y + x, row + 1 + 3 * x);
        }
    }
}

static void check_png(uint32_t width, uint32_t height)
{
    struct display_image image = image_make(width, height);
    GByteArray *bytes = picture_encode(&image, PICTURE_PNG);
    const uint8_t *at = bytes->data + 8;
    uint32_t size;
    expect_bytes(bytes->data, 8, "\x89PNG\r\n\x1a\n", 8);
    const uint8_t *header = chunk_next(&at, "IHDR", &size);
    expect_bytes(header + 8, size - 8, "\x08\x02\0\0\0", 5);
    g_assert_cmpuint(get32(header), ==, width);
    g_assert_cmpuint(get32(header + 4), ==, height);
    const uint8_t *packed = chunk_next(&at, "IDAT", &size);
    uLongf rows_size = (uLongf)(width * 3 + 1) * height;
    uint8_t *rows = g_malloc(rows_size);
    g_assert_cmpint(uncompress(rows, &rows_size, packed, size), ==, Z_OK);
    g_assert_cmpuint(rows_size, ==, (width * 3 + 1) * height);
    expect_rows(&image, rows);
    chunk_next(&at, "IEND", &size);
    g_assert_true(at == bytes->data + bytes->len);
    g_free(rows);
    g_byte_array_unref(bytes);
    g_free(image.pixels);
}

static void test_png(void)
{
    check_png(1, 1);
    check_png(2, 5);
    check_png(641, 77);
    check_png(DISPLAY_SIDE_MAX, 1);
}

static void test_ppm(void)
{
    struct display_image image = image_make(7, 3);
    GByteArray *bytes = picture_encode(&image, PICTURE_PPM);
    const char header[] = "P6\n7 3\n255\n";
    size_t at = sizeof(header) - 1;
    expect_bytes(bytes->data, at, header, at);
    g_assert_cmpuint(bytes->len, ==, at + 7 * 3 * 3);
    for (size_t i = 0; i < 7 * 3; i++) {
        expect_rgb(&image, i, bytes->data + at + 3 * i);
    }
    g_byte_array_unref(bytes);
    g_free(image.pixels);
}

/* A full disk: an error that says so, no part of the new file, and the old one as it was. */
static void test_full_disk(void)
{
    g_autoptr(GError) error = NULL;
    struct display_image image = image_make(64, 64);
    size_t size;
    fake_file_reset();
    fake_file_put("old.png", "old", 3);
    fake_file_fail(FAKE_FILE_WRITE, 1, FILE_ERROR_NO_SPACE);
    g_assert_false(picture_save(&image, PICTURE_PNG, "old.png", &error));
    g_assert_nonnull(strstr(error->message, "no space left"));
    g_assert_nonnull(strstr(error->message, "old.png"));
    g_autofree uint8_t *kept = fake_file_get("old.png", &size);
    expect_bytes(kept, size, "old", 3);
    g_clear_error(&error);
    fake_file_fail(FAKE_FILE_OPEN, 1, FILE_ERROR_IO);
    g_assert_false(picture_save(&image, PICTURE_PPM, "new.ppm", &error));
    g_assert_nonnull(error);
    g_assert_null(fake_file_get("new.ppm", &size));
    g_clear_error(&error);
    g_assert_true(picture_save(&image, PICTURE_PNG, "old.png", &error));
    g_autofree uint8_t *saved = fake_file_get("old.png", &size);
    expect_bytes(saved, 4, "\x89PNG", 4);
    g_free(image.pixels);
}

static void test_names(void)
{
    g_assert_cmpint(picture_format_of("a.png"), ==, PICTURE_PNG);
    g_assert_cmpint(picture_format_of("/b/A.PNG"), ==, PICTURE_PNG);
    g_assert_cmpint(picture_format_of("png"), ==, PICTURE_PPM);
    g_assert_cmpint(picture_format_of("a.ppm"), ==, PICTURE_PPM);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/picture/png", test_png);
    g_test_add_func("/picture/ppm", test_ppm);
    g_test_add_func("/picture/full-disk", test_full_disk);
    g_test_add_func("/picture/names", test_names);
    return g_test_run();
}
