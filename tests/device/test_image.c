/* Goal: every kind of file to boot is taken apart right, and a bad one is refused with a message
 * that says what is wrong, wherever it is cut or damaged. */
#include "emu/board/image.h"

#include <string.h>

#include <glib/gstdio.h>
#include <zlib.h>

static char *folder, *path;

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static bool load(const void *data, size_t size, struct image *image, GError **error)
{
    g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
    return image_load(image, "kernel", path, error);
}

/* Loads bytes that must be refused with a message that contains `text`. */
static void refuse(const void *data, size_t size, const char *text)
{
    struct image image;
    GError *error = NULL;
    g_assert_false(load(data, size, &image, &error));
    g_assert_nonnull(error);
    if (strstr(error->message, text) == NULL || strstr(error->message, "kernel") == NULL) {
        g_error("'%s' does not say '%s'", error->message, text);
    }
    g_error_free(error);
}

enum { ELF_SIZE = 0x400, SEGMENT = 64, SECTIONS = 0x200, SYMBOLS = 0x300, NAMES = 0x380 };

/* An executable of two segments, with tohost in its symbol table. */
static void make_elf(uint8_t *elf)
{
    memset(elf, 0, ELF_SIZE);
    memcpy(elf, "\177ELF\2\1\1", 7);
    put(elf + 16, 2, 2);                  /* executable */
    put(elf + 18, 243, 2);                /* RISC-V */
    put(elf + 24, 0xffffffff80000010, 8); /* entry, virtual */
    put(elf + 32, SEGMENT, 8);
    put(elf + 40, SECTIONS, 8);
    put(elf + 54, 56, 2);
    put(elf + 56, 2, 2);
    put(elf + 58, 64, 2);
    put(elf + 60, 3, 2);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *segment = elf + SEGMENT + 56 * i;
        put(segment, 1, 4);
        put(segment + 4, i == 0 ? 5 : 6, 4);
        put(segment + 8, 0x100 + 0x80 * i, 8);
        put(segment + 16, 0xffffffff80000000 + 0x1000 * i, 8);
        put(segment + 24, 0x80000000 + 0x1000 * i, 8);
        put(segment + 32, 0x80, 8);
        put(segment + 40, i == 0 ? 0x80 : 0x500, 8);
    }
    uint8_t *symbols = elf + SECTIONS + 64, *names = elf + SECTIONS + 128;
    put(symbols + 4, 2, 4);
    put(symbols + 24, SYMBOLS, 8);
    put(symbols + 32, 3 * 24, 8);
    put(symbols + 40, 2, 4);
    put(names + 4, 3, 4);
    put(names + 24, NAMES, 8);
    put(names + 32, 32, 8);
    put(elf + SYMBOLS + 24, 1, 4);
    put(elf + SYMBOLS + 24 + 8, 0x80001000, 8);
    put(elf + SYMBOLS + 48, 8, 4);
    put(elf + SYMBOLS + 48 + 8, 0x80001040, 8);
    memcpy(elf + NAMES, "\0tohost\0fromhost", 17);
}

static void test_elf(void)
{
    uint8_t elf[ELF_SIZE];
    struct image image;
    make_elf(elf);
    g_assert_true(load(elf, sizeof(elf), &image, NULL));
    g_assert_false(image.relocatable);
    g_assert_cmpuint(image.segment_count, ==, 2);
    g_assert_cmphex(image.entry, ==, 0x80000010); /* where its segment is loaded */
    g_assert_cmphex(image.segment[1].address, ==, 0x80001000);
    g_assert_cmphex(image.segment[1].file_size, ==, 0x80);
    g_assert_cmphex(image.segment[1].memory_size, ==, 0x500);
    g_assert_cmphex(image.segment[1].offset, ==, 0x180);
    g_assert_cmphex(image.tohost, ==, 0x80001000);
    g_assert_cmphex(image.fromhost, ==, 0x80001040);
    image_clear(&image);
}

/* One field changed each time. */
static void test_bad_elf(void)
{
    static const struct { unsigned offset, size; uint64_t value; const char *says; } rows[] = {
        { 4, 1, 1, "another processor" },
        { 5, 1, 2, "another processor" },
        { 18, 2, 62, "another processor" },
        { 16, 2, 1, "cannot be run" },
        { 54, 2, 32, "no segments" },
        { 56, 2, 0, "no segments" },
        { 32, 8, UINT64_MAX - 8, "program headers" },
        { 32, 8, ELF_SIZE - 60, "program headers" },
        { SEGMENT + 8, 8, ELF_SIZE, "cut short" },
        { SEGMENT + 8, 8, UINT64_MAX, "cut short" },
        { SEGMENT + 32, 8, 0x81, "impossible size" },
        { SEGMENT + 40, 8, UINT64_MAX, "impossible size" },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint8_t elf[ELF_SIZE];
        make_elf(elf);
        put(elf + rows[i].offset, rows[i].value, rows[i].size);
        refuse(elf, sizeof(elf), rows[i].says);
    }
}

/* Cut at every length and with every byte damaged: accepted or refused, never worse. */
static void test_damage(void)
{
    uint8_t elf[ELF_SIZE];
    make_elf(elf);
    for (unsigned size = 4; size < 0x180 + 0x80; size++) {
        struct image image = { .what = g_strdup("cut"), .data = g_memdup2(elf, size),
                               .size = size };
        g_assert_false(image_parse_elf(&image, NULL));
        image_clear(&image);
    }
    for (unsigned at = 0; at < ELF_SIZE; at++) {
        struct image image = { .what = g_strdup("damaged"), .data = g_memdup2(elf, ELF_SIZE),
                               .size = ELF_SIZE };
        image.data[at] ^= 0xff;
        bool ok = image_parse_elf(&image, NULL);
        for (unsigned i = 0; ok && i < image.segment_count; i++) {
            const struct image_segment *segment = &image.segment[i];
            g_assert_cmpuint(segment->offset + segment->file_size, <=, image.size);
            g_assert_cmpuint(segment->file_size, <=, segment->memory_size);
        }
        image_clear(&image);
    }
}

enum { IMAGE_SIZE = 0x300 };

/* A kernel Image with an EFI stub of one section. */
static void make_image(uint8_t *data)
{
    memset(data, 0, IMAGE_SIZE);
    memcpy(data, "MZ", 2);
    put(data + 8, 0x200000, 8);
    put(data + 16, 0x5000, 8);
    memcpy(data + 48, "RISCV\0\0\0RSC\x05", 12);
    put(data + 60, 64, 4);
    memcpy(data + 64, "PE\0\0", 4);
    put(data + 64 + 6, 1, 2);
    put(data + 64 + 20, 16, 2);
    put(data + 64 + 24 + 16 + 16, 0x100, 4);
    put(data + 64 + 24 + 16 + 20, 0x200, 4);
}

static void test_riscv_image(void)
{
    uint8_t data[IMAGE_SIZE];
    struct image image;
    make_image(data);
    g_assert_true(load(data, sizeof(data), &image, NULL));
    g_assert_true(image.relocatable);
    g_assert_cmpuint(image.segment_count, ==, 1);
    g_assert_cmphex(image.segment[0].memory_size, ==, 0x5000);
    g_assert_cmphex(image.segment[0].file_size, ==, IMAGE_SIZE);
    image_clear(&image);
    refuse(data, IMAGE_SIZE - 1, "cut short");
    refuse(data, 80, "cut short");
    put(data + 16, UINT64_MAX, 8);
    refuse(data, sizeof(data), "damaged");
    make_image(data);
    data[64] = 'X';
    refuse(data, sizeof(data), "PE header");
    make_image(data);
    put(data + 24, 1, 8);
    refuse(data, sizeof(data), "big-endian");
}

static size_t gzip(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    z_stream stream = { .next_in = (Bytef *)data, .avail_in = (uInt)size, .next_out = out,
                        .avail_out = (uInt)room };
    g_assert_cmpint(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0), ==, Z_OK);
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static void test_gzip(void)
{
    uint8_t data[IMAGE_SIZE], packed[2 * IMAGE_SIZE];
    struct image image;
    make_image(data);
    size_t size = gzip(data, sizeof(data), packed, sizeof(packed));
    g_assert_true(load(packed, size, &image, NULL));
    g_assert_cmpuint(image.size, ==, IMAGE_SIZE);
    g_assert_cmphex(image.segment[0].memory_size, ==, 0x5000);
    image_clear(&image);
    refuse(packed, size - 1, "cut short");
    refuse(packed, 20, "cut short");
    packed[size - 8] ^= 1;
    refuse(packed, size, "damaged");
}

/* Bytes that are no file: taken apart and refused in the same words. */
static void test_bytes(void)
{
    uint8_t elf[ELF_SIZE];
    struct image image;
    GError *error = NULL;
    make_elf(elf);
    g_assert_true(image_load_bytes(&image, "kernel", "built in", elf, sizeof(elf), NULL));
    g_assert_cmpuint(image.segment_count, ==, 2);
    g_assert_cmpstr(image.what, ==, "kernel 'built in'");
    memset(elf, 0, sizeof(elf)); /* it has its own copy */
    g_assert_cmpuint(image.data[0], ==, 0x7f);
    image_clear(&image);
    g_assert_false(image_load_bytes(&image, "kernel", "built in", elf, 0, &error));
    g_assert_nonnull(strstr(error->message, "built in"));
    g_clear_error(&error);
}

static void test_foreign(void)
{
    uint8_t data[0x300] = { 0 };
    struct image image;
    memcpy(data + 0x202, "HdrS", 4);
    refuse(data, sizeof(data), "x86");
    memset(data, 0, sizeof(data));
    memcpy(data + 56, "ARM\x64", 4);
    refuse(data, sizeof(data), "arm64");
    refuse("\xfd" "7zXZ\0....", 10, "compressed");
    refuse("", 0, "empty");
    g_assert_true(load("\x6f\x00\x00\x00", 4, &image, NULL)); /* a raw program */
    g_assert_true(image.relocatable);
    image_clear(&image);
    GError *error = NULL;
    g_assert_false(image_load(&image, "kernel", folder, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_unlink(path);
    g_assert_false(image_load(&image, "kernel", path, &error));
    g_assert_nonnull(strstr(error->message, "kernel.bin"));
    g_clear_error(&error);
}

int main(void)
{
    folder = g_dir_make_tmp("tinamou-image-XXXXXX", NULL);
    path = g_build_filename(folder, "kernel.bin", NULL);
    test_elf();
    test_bad_elf();
    test_damage();
    test_riscv_image();
    test_gzip();
    test_bytes();
    test_foreign();
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    return 0;
}
