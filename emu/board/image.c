/* Files to boot: the RISC-V Image header (Linux Documentation/arch/riscv/boot-image-header.rst),
 * the PE header behind it (PE/COFF specification, 4), gzip (RFC 1952), and raw bytes. */
#include "emu/board/image.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "platform/file.h"

enum { GZIP_CHUNK = 1 << 20, IMAGE_HEADER_SIZE = 64, PE_HEADER_SIZE = 24, PE_SECTION_SIZE = 40 };

static uint16_t get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static uint32_t get32(const uint8_t *from)
{
    return get16(from) | (uint32_t)get16(from + 2) << 16;
}

static uint64_t get64(const uint8_t *from)
{
    return get32(from) | (uint64_t)get32(from + 4) << 32;
}

bool image_fail(const struct image *image, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", image->what, text);
    g_free(text);
    return false;
}

void image_clear(struct image *image)
{
    g_free(image->what);
    g_free(image->data);
    *image = (struct image){ 0 };
}

static bool image_read(struct image *image, const char *role, const char *path, GError **error)
{
    *image = (struct image){ .what = g_strdup_printf("%s '%s'", role, path) };
    if (!host_file_load(path, IMAGE_SIZE_MAX, &image->data, &image->size, error)) {
        g_prefix_error(error, "%s: ", role);
        return false;
    }
    return image->size != 0 || image_fail(image, error, "the file is empty");
}

/* One relative segment with all the data. */
static void image_set_flat(struct image *image, uint64_t memory_size)
{
    image->relocatable = true;
    image->entry = 0;
    image->segment_count = 1;
    image->segment[0] = (struct image_segment){
        .file_size = image->size,
        .memory_size = MAX(memory_size, image->size),
    };
}

static bool image_is_gzip(const struct image *image)
{
    return image->size >= 18 && image->data[0] == 0x1f && image->data[1] == 0x8b;
}

/* Inflates into `out`; the zlib status of the end. */
static int image_inflate(z_stream *stream, GByteArray *out)
{
    int status = Z_OK;
    while (status == Z_OK && out->len < IMAGE_SIZE_MAX - GZIP_CHUNK) {
        guint old = out->len;
        g_byte_array_set_size(out, old + GZIP_CHUNK);
        stream->next_out = out->data + old;
        stream->avail_out = GZIP_CHUNK;
        status = inflate(stream, Z_NO_FLUSH);
        g_byte_array_set_size(out, old + GZIP_CHUNK - stream->avail_out);
    }
    return status;
}

static bool image_gunzip(struct image *image, GError **error)
{
    z_stream stream = { .next_in = image->data, .avail_in = (uInt)image->size };
    if (image->size > UINT32_MAX / 2 || inflateInit2(&stream, 15 + 16) != Z_OK) {
        return image_fail(image, error, "cannot unpack a gzip file of this size");
    }
    GByteArray *out = g_byte_array_new();
    int status = image_inflate(&stream, out);
    inflateEnd(&stream);
    if (status != Z_STREAM_END) {
        g_byte_array_unref(out);
        return image_fail(image, error, status == Z_BUF_ERROR ? "the gzip data is cut short"
                                        : status == Z_OK      ? "unpacks to too much"
                                                              : "the gzip data is damaged");
    }
    g_free(image->data);
    image->size = out->len;
    image->data = g_byte_array_free(out, FALSE);
    return image->size != 0 || image_fail(image, error, "unpacks to nothing");
}

/* The PE sections that an EFI-capable Image lists must be in the file, or it was cut short. */
static bool image_check_sections(const struct image *image, GError **error)
{
    uint64_t pe = get32(image->data + 0x3c);
    if (memcmp(image->data, "MZ", 2) != 0) {
        return true; /* no EFI stub: nothing says how long the file is */
    }
    if (pe + PE_HEADER_SIZE > image->size) {
        return image_fail(image, error, "cut short in its PE header");
    }
    if (memcmp(image->data + pe, "PE\0\0", 4) != 0) {
        return image_fail(image, error, "its PE header is damaged");
    }
    unsigned count = get16(image->data + pe + 6);
    uint64_t table = pe + PE_HEADER_SIZE + get16(image->data + pe + 20);
    for (unsigned i = 0; i < count; i++) {
        uint64_t row = table + (uint64_t)i * PE_SECTION_SIZE;
        if (row + PE_SECTION_SIZE > image->size) {
            return image_fail(image, error, "the section table is cut short");
        }
        uint64_t end = (uint64_t)get32(image->data + row + 16) + get32(image->data + row + 20);
        if (end > image->size) {
            return image_fail(image, error, "cut short: %zu of %" PRIu64 " bytes are there",
                              image->size, end);
        }
    }
    return true;
}

static bool image_is_riscv(const struct image *image)
{
    return image->size >= IMAGE_HEADER_SIZE && memcmp(image->data + 56, "RSC\x05", 4) == 0;
}

static bool image_parse_riscv(struct image *image, GError **error)
{
    uint64_t memory_size = get64(image->data + 16);
    if ((get64(image->data + 24) & 1) != 0) {
        return image_fail(image, error, "is a big-endian Image");
    }
    if (memory_size > IMAGE_SIZE_MAX) {
        return image_fail(image, error, "its header asks for %" PRIu64
                          " bytes of memory: it is damaged", memory_size);
    }
    if (!image_check_sections(image, error)) {
        return false;
    }
    image_set_flat(image, memory_size);
    return true;
}

/* Kernels for other machines that people pass by mistake; raw programs are not among these. */
static bool image_check_foreign(const struct image *image, GError **error)
{
    if (image->size >= 0x206 && memcmp(image->data + 0x202, "HdrS", 4) == 0) {
        return image_fail(image, error, "is a kernel for x86, not for riscv64");
    }
    if (image->size >= 64 && memcmp(image->data + 56, "ARM\x64", 4) == 0) {
        return image_fail(image, error, "is a kernel for arm64, not for riscv64");
    }
    if (image->size >= 6 && (memcmp(image->data, "\x28\xb5\x2f\xfd", 4) == 0 ||
                             memcmp(image->data, "\xfd" "7zXZ", 5) == 0 ||
                             memcmp(image->data, "BZh", 3) == 0)) {
        return image_fail(image, error, "is compressed: unpack it first (gzip works as it is)");
    }
    return true;
}

bool image_parse(struct image *image, GError **error)
{
    if (image_is_gzip(image) && !image_gunzip(image, error)) {
        return false;
    }
    if (image_is_elf(image)) {
        return image_parse_elf(image, error);
    }
    if (image_is_riscv(image)) {
        return image_parse_riscv(image, error);
    }
    image_set_flat(image, 0);
    return image_check_foreign(image, error);
}

bool image_load(struct image *image, const char *role, const char *path, GError **error)
{
    if (image_read(image, role, path, error) && image_parse(image, error)) {
        return true;
    }
    image_clear(image);
    return false;
}

bool image_load_bytes(struct image *image, const char *role, const char *name, const void *data,
                      size_t size, GError **error)
{
    *image = (struct image){ .what = g_strdup_printf("%s '%s'", role, name), .size = size };
    image->data = g_memdup2(data, size);
    if ((size != 0 || image_fail(image, error, "there are no bytes")) &&
        image_parse(image, error)) {
        return true;
    }
    image_clear(image);
    return false;
}

bool image_load_raw(struct image *image, const char *role, const char *path, GError **error)
{
    if (image_read(image, role, path, error)) {
        image_set_flat(image, 0);
        return true;
    }
    image_clear(image);
    return false;
}
