/* `tinamou run FILE`: looks at what the file is and fills in the options for it. */
#include "ui/verbs.h"

#include <stdint.h>
#include <string.h>

#include <glib.h>

#include "platform/file.h"
#include "ui/usage.h"

#define HEADER_SIZE 4096

enum file_kind { KIND_PROGRAM, KIND_KERNEL, KIND_QCOW2, KIND_DISK };

static uint64_t little_endian(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

/* ELF-64: a program for the bare machine is linked to the start of its memory. */
static bool elf_is_bare(const uint8_t *header, size_t size)
{
    uint64_t table = little_endian(header + 32, 8);
    unsigned count = (unsigned)little_endian(header + 56, 2);
    unsigned step = (unsigned)little_endian(header + 54, 2);
    for (unsigned i = 0; i < count && step >= 56; i++) {
        uint64_t at = table + (uint64_t)i * step;
        if (at > size || size - at < 56) {
            break;
        }
        bool loads = little_endian(header + at, 4) == 1; /* PT_LOAD */
        uint64_t physical = little_endian(header + at + 24, 8);
        if (loads && physical >> 20 == 0x80000000 >> 20) {
            return true;
        }
    }
    return false;
}

static enum file_kind kind_of(const uint8_t *header, size_t size)
{
    if (size >= 64 && memcmp(header, "\177ELF", 4) == 0) {
        return elf_is_bare(header, size) ? KIND_PROGRAM : KIND_KERNEL;
    }
    bool gzip = size >= 2 && memcmp(header, "\x1f\x8b", 2) == 0;
    bool image = size >= 64 && memcmp(header + 0x38, "RSC\5", 4) == 0;
    bool zboot = size >= 8 && memcmp(header, "MZ", 2) == 0 && memcmp(header + 4, "zimg", 4) == 0;
    if (gzip || image || zboot) {
        return KIND_KERNEL;
    }
    return size >= 4 && memcmp(header, "QFI\xfb", 4) == 0 ? KIND_QCOW2 : KIND_DISK;
}

static bool file_look(const char *path, enum file_kind *ret_kind, GError **error)
{
    uint8_t header[HEADER_SIZE];
    struct host_file *file = host_file_open(path, HOST_FILE_READ, error);
    if (!file) {
        return false;
    }
    int64_t got = host_file_read(file, header, sizeof(header), 0);
    host_file_close(file);
    if (got < 0) {
        return usage_error(error, "cannot read '%s'", path);
    }
    if (got == 0) {
        return usage_error(error, "'%s' is empty", path);
    }
    *ret_kind = kind_of(header, (size_t)got);
    return true;
}

/* What starts an operating system from a disk: U-Boot, as Debian's u-boot-qemu installs it. */
static const char *boot_loader(void)
{
    static const char *const places[] = {
        "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf",
        "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin",
        NULL,
    };
    for (size_t i = 0; places[i]; i++) {
        enum host_file_type type;
        if (host_file_type(places[i], &type, NULL) && type == HOST_FILE_REGULAR) {
            return places[i];
        }
    }
    return NULL;
}

static bool disk_options(GPtrArray *options, const char *path, const char *format, GError **error)
{
    const char *loader = boot_loader();
    if (!loader) {
        return usage_error(error,
                           "'%s' seems to be a disk, and there is no boot loader to start it: "
                           "install u-boot-qemu, or name a kernel with -kernel and the disk with "
                           "-drive",
                           path);
    }
    g_auto(GStrv) parts = g_strsplit(path, ",", -1); /* a comma in a value is written twice */
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_ptr_array_add(options, g_strdup("-kernel"));
    g_ptr_array_add(options, g_strdup(loader));
    g_ptr_array_add(options, g_strdup("-drive"));
    g_ptr_array_add(options, g_strdup_printf("file=%s,format=%s,if=virtio", escaped, format));
    return true;
}

static bool kind_options(GPtrArray *options, enum file_kind kind, const char *path, GError **error)
{
    switch (kind) {
    case KIND_PROGRAM:
        g_ptr_array_add(options, g_strdup("-bios"));
        g_ptr_array_add(options, g_strdup("none"));
        g_ptr_array_add(options, g_strdup("-kernel"));
        g_ptr_array_add(options, g_strdup(path));
        return true;
    case KIND_KERNEL:
        g_ptr_array_add(options, g_strdup("-kernel"));
        g_ptr_array_add(options, g_strdup(path));
        return true;
    case KIND_DISK: return disk_options(options, path, "raw", error);
    case KIND_QCOW2: return disk_options(options, path, "qcow2", error);
    }
    g_assert_not_reached();
}

/* More memory than the well-known machine's 128 MiB: today's systems do not start in that. */
static bool run_options(GPtrArray *options, const char *const *arguments, GError **error)
{
    enum file_kind kind;
    if (!arguments[1] || arguments[1][0] == '-') {
        return usage_error(error, "run: which file? Say 'tinamou run FILE [OPTION...]'");
    }
    if (!file_look(arguments[1], &kind, error)) {
        return false;
    }
    g_autofree char *name = g_path_get_basename(arguments[1]);
    g_ptr_array_add(options, g_strdup("-m"));
    g_ptr_array_add(options, g_strdup("1G"));
    g_ptr_array_add(options, g_strdup("-name"));
    g_ptr_array_add(options, g_strdelimit(g_steal_pointer(&name), ",", ' ')); /* ends a name */
    if (!kind_options(options, kind, arguments[1], error)) {
        return false;
    }
    for (size_t i = 2; arguments[i]; i++) {
        g_ptr_array_add(options, g_strdup(arguments[i]));
    }
    g_ptr_array_add(options, NULL);
    return true;
}

bool verb_run_can(const char *path, GError **error)
{
    g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);
    enum file_kind kind;
    return file_look(path, &kind, error) && kind_options(options, kind, path, error);
}

int verb_run(const char *const *arguments)
{
    g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    if (!run_options(options, arguments, &error)) {
        return verb_fail(error);
    }
    return verb_machine((const char *const *)options->pdata, FACE_PERSON);
}
