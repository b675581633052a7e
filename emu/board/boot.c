/* Places firmware, kernel, initrd and devicetree as QEMU's hw/riscv/boot.c documents it, so that
 * images built for it find themselves where they expect. fw_dynamic: OpenSBI docs/firmware. */
#include "emu/board/boot.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "emu/mem/dma.h"
#include "platform/file.h"

#define MIB                (1024 * 1024ull)
#define KERNEL_ALIGN       (2 * MIB)
#define TREE_ALIGN         (2 * MIB)
#define TREE_LIMIT         0xc0000000ull /* 32-bit firmware reaches no further */
#define INITRD_DISTANCE    (128 * MIB)
#define PAGE               4096ull
#define TREE_FILE_SIZE_MAX (16 * MIB)

static gpa_t align_up(gpa_t address, uint64_t align)
{
    return (address + align - 1) & ~(align - 1);
}

static bool boot_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool boot_fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s", text);
    g_free(text);
    return false;
}

/* Adds a piece, if it is in RAM and on top of no other. */
static bool boot_add(struct boot *boot, const struct boot_options *options,
                     const struct boot_piece *piece, GError **error)
{
    gpa_t end = VIRT_DRAM_BASE + options->tree.ram_size;
    if (piece->address < VIRT_DRAM_BASE || piece->address > end ||
        piece->memory_size > end - piece->address) {
        return boot_fail(error, "%s does not fit: it needs 0x%" PRIx64 "-0x%" PRIx64
                         " and the machine's memory is 0x%" PRIx64 "-0x%" PRIx64
                         " (more with -m)", piece->what, piece->address,
                         piece->address + piece->memory_size, (uint64_t)VIRT_DRAM_BASE, end);
    }
    for (unsigned i = 0; i < boot->piece_count; i++) {
        const struct boot_piece *other = &boot->piece[i];
        if (piece->address < other->address + other->memory_size &&
            other->address < piece->address + piece->memory_size) {
            return boot_fail(error, "%s (0x%" PRIx64 "-0x%" PRIx64 ") would lie on top of %s (0x%"
                             PRIx64 "-0x%" PRIx64 "): give the machine more memory with -m, or "
                             "a bare-metal program -bios none", piece->what, piece->address,
                             piece->address + piece->memory_size, other->what, other->address,
                             other->address + other->memory_size);
        }
    }
    assert(boot->piece_count < BOOT_PIECES_MAX);
    boot->piece[boot->piece_count++] = *piece;
    return true;
}

/* Adds an image's segments, at `base` if it has no address of its own; tells where it ends. */
static bool boot_add_image(struct boot *boot, const struct boot_options *options,
                           struct image *image, gpa_t base, gpa_t *ret_end, GError **error)
{
    gpa_t last = 0;
    if (image->relocatable) {
        image->segment[0].address = base;
        image->entry = base;
    }
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        struct boot_piece piece = { image->what, segment->address, image->data + segment->offset,
                                    segment->file_size, segment->memory_size };
        if (!boot_add(boot, options, &piece, error)) {
            return false;
        }
        last = MAX(last, segment->address + segment->memory_size);
    }
    *ret_end = last;
    return true;
}

/* Firmware from a file, or none, or ourselves; tells where the kernel may start. */
static bool boot_firmware(struct boot *boot, const struct boot_options *options, gpa_t *ret_end,
                          GError **error)
{
    const char *bios = options->bios != NULL ? options->bios : "default";
    *ret_end = VIRT_DRAM_BASE;
    if (strcmp(bios, "none") == 0) {
        return true;
    }
    char *found = strcmp(bios, "default") == 0 ? boot_find_firmware() : g_strdup(bios);
    if (found == NULL || strcmp(found, "builtin") == 0) {
        g_free(found);
        boot->builtin = true;
        *ret_end = VIRT_DRAM_BASE + KERNEL_ALIGN; /* as if one were there: kernels expect it */
        return true;
    }
    bool ok = image_load(&boot->firmware, "firmware", found, error) &&
              boot_add_image(boot, options, &boot->firmware, VIRT_DRAM_BASE, ret_end, error);
    g_free(found);
    return ok;
}

static bool boot_load_kernel(struct boot *boot, const struct boot_options *options, GError **error)
{
    return options->kernel_data != NULL
               ? image_load_bytes(&boot->kernel, "kernel", options->kernel, options->kernel_data,
                                  options->kernel_size, error)
               : image_load(&boot->kernel, "kernel", options->kernel, error);
}

static bool boot_kernel(struct boot *boot, const struct boot_options *options, gpa_t firmware_end,
                        GError **error)
{
    gpa_t end;
    if (options->flash_entry != 0) {
        boot->kernel_by_fw_cfg = options->kernel != NULL;
        return options->kernel == NULL ||
               image_load_raw(&boot->kernel, "kernel", options->kernel, error);
    }
    return options->kernel == NULL ||
           (boot_load_kernel(boot, options, error) &&
            boot_add_image(boot, options, &boot->kernel, align_up(firmware_end, KERNEL_ALIGN),
                           &end, error));
}

/* Behind the kernel, far enough for it to unpack itself; in small machines in the upper half. */
static bool boot_initrd(struct boot *boot, const struct boot_options *options,
                        struct virt_tree *tree, GError **error)
{
    if (options->initrd == NULL) {
        return true;
    }
    if (options->kernel == NULL) {
        return boot_fail(error, "initrd '%s' needs a kernel: give one with -kernel",
                         options->initrd);
    }
    if (boot->kernel_by_fw_cfg) {
        return image_load_raw(&boot->initrd, "initrd", options->initrd, error);
    }
    gpa_t base = boot->kernel.entry, kernel_end = 0;
    for (unsigned i = 0; i < boot->kernel.segment_count; i++) {
        const struct image_segment *segment = &boot->kernel.segment[i];
        kernel_end = MAX(kernel_end, segment->address + segment->memory_size);
    }
    gpa_t start = align_up(MAX(base + MIN(options->tree.ram_size / 2, INITRD_DISTANCE),
                               kernel_end), PAGE);
    gpa_t end;
    if (!image_load_raw(&boot->initrd, "initrd", options->initrd, error) ||
        !boot_add_image(boot, options, &boot->initrd, start, &end, error)) {
        return false;
    }
    tree->initrd_start = start;
    tree->initrd_end = end;
    return true;
}

static bool boot_load_tree(struct boot *boot, const struct boot_options *options,
                           const struct virt_tree *tree, GError **error)
{
    uint8_t *blob;
    size_t size;
    if (!host_file_load(options->dtb, TREE_FILE_SIZE_MAX, &blob, &size, error)) {
        g_prefix_error(error, "devicetree: ");
        return false;
    }
    if (tree_check(blob, size, error)) {
        boot->tree = tree_with_chosen(blob, tree->bootargs, tree->initrd_start, tree->initrd_end,
                                      &boot->tree_size, error);
    }
    g_free(blob);
    if (boot->tree == NULL) {
        g_prefix_error(error, "devicetree '%s': ", options->dtb);
    }
    return boot->tree != NULL;
}

/* At the end of memory, or of what 32 bits reach. */
static bool boot_tree(struct boot *boot, const struct boot_options *options,
                      const struct virt_tree *tree, GError **error)
{
    if (options->dtb != NULL) {
        if (!boot_load_tree(boot, options, tree, error)) {
            return false;
        }
    } else {
        boot->tree = virt_tree_new(tree, &boot->tree_size, error);
        if (boot->tree == NULL) {
            return false;
        }
    }
    gpa_t limit = MIN(VIRT_DRAM_BASE + options->tree.ram_size, TREE_LIMIT);
    boot->tree_address = (limit - boot->tree_size) & ~(TREE_ALIGN - 1);
    struct boot_piece piece = { "the devicetree", boot->tree_address, boot->tree, boot->tree_size,
                                boot->tree_size };
    return boot_add(boot, options, &piece, error);
}

/* Decides where the harts start and what firmware goes on to. */
static bool boot_entry(struct boot *boot, const struct boot_options *options, GError **error)
{
    bool kernel = boot->kernel.data != NULL && !boot->kernel_by_fw_cfg;
    bool firmware = boot->firmware.data != NULL;
    if (!kernel && !firmware && options->flash_entry == 0 && !options->tree_only) {
        return boot_fail(error, "nothing to run: give a kernel with -kernel, or a firmware with "
                         "-bios%s", boot->builtin ? " (no OpenSBI is installed here; the built-in "
                         "one needs a kernel)" : "");
    }
    boot->next = kernel ? boot->kernel.entry : options->flash_entry;
    boot->entry = firmware ? boot->firmware.entry : boot->next;
    const struct image *host_target = boot->kernel.tohost != 0 ? &boot->kernel : &boot->firmware;
    boot->tohost = host_target->tohost;
    boot->fromhost = host_target->fromhost;
    return true;
}

/* The reset vector: a0 = hart, a1 = devicetree, a2 = struct fw_dynamic_info, jump to the entry. */
static void boot_write_mrom(struct boot *boot)
{
    static const uint32_t code[6] = {
        0x00000297, /* auipc t0, 0 */
        0x02828613, /* addi a2, t0, 40 */
        0xf1402573, /* csrr a0, mhartid */
        0x0202b583, /* ld a1, 32(t0) */
        0x0182b283, /* ld t0, 24(t0) */
        0x00028067, /* jr t0 */
    };
    const uint64_t data[8] = {
        boot->entry, boot->tree_address,
        0x4942534f, /* magic "OSBI" */
        2,          /* version */
        boot->next, 1 /* S-mode */, 0 /* options */, 0 /* boot hart */,
    };
    G_STATIC_ASSERT(sizeof(code) == 24 && sizeof(code) + sizeof(data) <= BOOT_MROM_SIZE);
    for (unsigned i = 0; i < G_N_ELEMENTS(code); i++) {
        uint32_t word = GUINT32_TO_LE(code[i]);
        memcpy(boot->mrom + 4 * i, &word, sizeof(word));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        uint64_t word = GUINT64_TO_LE(data[i]);
        memcpy(boot->mrom + sizeof(code) + 8 * i, &word, sizeof(word));
    }
}

bool boot_check(struct boot *boot, const struct boot_options *options, GError **error)
{
    struct virt_tree tree = options->tree;
    gpa_t firmware_end;
    *boot = (struct boot){ 0 };
    tree.bootargs = options->append;
    if (boot_firmware(boot, options, &firmware_end, error) &&
        boot_kernel(boot, options, firmware_end, error) &&
        boot_initrd(boot, options, &tree, error) && boot_tree(boot, options, &tree, error) &&
        boot_entry(boot, options, error)) {
        boot_write_mrom(boot);
        return true;
    }
    boot_clear(boot);
    return false;
}

static void boot_copy(const struct boot_piece *piece, struct bus *bus)
{
    uint8_t *host = dma_map(bus, piece->address, piece->memory_size, true);
    assert(host != NULL); /* boot_add has seen that it is RAM */
    memcpy(host, piece->data, piece->file_size);
    memset(host + piece->file_size, 0, piece->memory_size - piece->file_size);
    dma_written(bus, piece->address, piece->memory_size);
}

void boot_apply(struct boot *boot, struct bus *bus, uint8_t *mrom)
{
    tree_new_seed(boot->tree);
    for (unsigned i = 0; i < boot->piece_count; i++) {
        boot_copy(&boot->piece[i], bus);
    }
    memcpy(mrom, boot->mrom, sizeof(boot->mrom));
}

void boot_clear(struct boot *boot)
{
    image_clear(&boot->firmware);
    image_clear(&boot->kernel);
    image_clear(&boot->initrd);
    g_free(boot->tree);
    *boot = (struct boot){ 0 };
}
