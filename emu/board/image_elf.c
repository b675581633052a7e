/* ELF executables: System V ABI, chapters 4 and 5, and the RISC-V ELF psABI. Little-endian RV64
 * only; PT_LOAD segments by physical address, and the symbols of the host-target interface. */
#include "emu/board/image.h"

#include <string.h>

enum { ELF_CLASS64 = 2, ELF_LITTLE = 1, ELF_EXECUTABLE = 2, ELF_SHARED = 3, ELF_RISCV = 243 };
enum { ELF_LOAD = 1, ELF_EXECUTE = 1, ELF_SYMBOLS = 2 };

/* The file's own layout; all fields are little-endian. */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segment_table, section_table;
    uint32_t flags;
    uint16_t header_size, segment_size, segment_count, section_size, section_count, names;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, virtual_address, address, file_size, memory_size, align;
};

struct elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t align, entry_size;
};

struct elf_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

G_STATIC_ASSERT(sizeof(struct elf_header) == 64);
G_STATIC_ASSERT(sizeof(struct elf_segment) == 56);
G_STATIC_ASSERT(sizeof(struct elf_section) == 64);
G_STATIC_ASSERT(sizeof(struct elf_symbol) == 24);
G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN); /* structs are copied as they are in the file */

bool image_is_elf(const struct image *image)
{
    return image->size >= 4 && memcmp(image->data, "\177ELF", 4) == 0;
}

/* Copies `size` bytes at `offset` of the file; false if they are not all there. */
static bool elf_get(const struct image *image, uint64_t offset, void *data, size_t size)
{
    if (offset > image->size || size > image->size - offset) {
        return false;
    }
    memcpy(data, image->data + offset, size);
    return true;
}

static bool elf_check(const struct image *image, struct elf_header *header, GError **error)
{
    if (!elf_get(image, 0, header, sizeof(*header))) {
        return image_fail(image, error, "the ELF header is cut short");
    }
    if (header->ident[4] != ELF_CLASS64 || header->ident[5] != ELF_LITTLE ||
        header->machine != ELF_RISCV) {
        return image_fail(image, error, "is an ELF file for another processor, not for riscv64");
    }
    if (header->type != ELF_EXECUTABLE && header->type != ELF_SHARED) {
        return image_fail(image, error, "is an ELF file that cannot be run (an object file?)");
    }
    if (header->segment_size != sizeof(struct elf_segment) || header->segment_count == 0) {
        return image_fail(image, error, "the ELF file has no segments to load");
    }
    return true;
}

static bool elf_add(struct image *image, const struct elf_segment *segment, GError **error)
{
    if (segment->file_size > segment->memory_size ||
        segment->address + segment->memory_size < segment->address) {
        return image_fail(image, error, "an ELF segment has an impossible size");
    }
    if (segment->offset > image->size || segment->file_size > image->size - segment->offset) {
        return image_fail(image, error, "cut short: an ELF segment lies behind its end");
    }
    if (image->segment_count == IMAGE_SEGMENTS_MAX) {
        return image_fail(image, error, "more than %d ELF segments", IMAGE_SEGMENTS_MAX);
    }
    image->segment[image->segment_count++] = (struct image_segment){
        .address = segment->address,
        .file_size = segment->file_size,
        .memory_size = segment->memory_size,
        .offset = segment->offset,
    };
    return true;
}

/* An entry point given as a virtual address is moved to where its segment is loaded. */
static void elf_place_entry(struct image *image, uint64_t entry, const struct elf_segment *segment)
{
    if ((segment->flags & ELF_EXECUTE) != 0 && entry >= segment->virtual_address &&
        entry - segment->virtual_address < segment->memory_size) {
        image->entry = entry - segment->virtual_address + segment->address;
    }
}

static bool elf_load_segments(struct image *image, const struct elf_header *header, GError **error)
{
    for (unsigned i = 0; i < header->segment_count; i++) {
        struct elf_segment segment;
        if (!elf_get(image, header->segment_table + (uint64_t)i * sizeof(segment), &segment,
                     sizeof(segment))) {
            return image_fail(image, error, "cut short in the ELF program headers");
        }
        if (segment.type != ELF_LOAD || segment.memory_size == 0) {
            continue;
        }
        if (!elf_add(image, &segment, error)) {
            return false;
        }
        elf_place_entry(image, header->entry, &segment);
    }
    return image->segment_count != 0 ||
           image_fail(image, error, "the ELF file has no segments to load");
}

static bool elf_name_is(const struct image *image, const struct elf_section *names, uint32_t name,
                        const char *wanted)
{
    char text[16];
    size_t size = strlen(wanted) + 1;
    return size <= sizeof(text) && name < names->size && size <= names->size - name &&
           elf_get(image, names->offset + name, text, size) && memcmp(text, wanted, size) == 0;
}

/* Looks for tohost and fromhost; a damaged symbol table just has none. */
static void elf_find_symbols(struct image *image, const struct elf_section *symbols,
                             const struct elf_section *names)
{
    uint64_t count = MIN(symbols->size, image->size) / sizeof(struct elf_symbol);
    for (uint64_t i = 0; i < count; i++) {
        struct elf_symbol symbol;
        if (!elf_get(image, symbols->offset + i * sizeof(symbol), &symbol, sizeof(symbol))) {
            return;
        }
        if (elf_name_is(image, names, symbol.name, "tohost")) {
            image->tohost = symbol.value;
        } else if (elf_name_is(image, names, symbol.name, "fromhost")) {
            image->fromhost = symbol.value;
        }
    }
}

static void elf_scan_sections(struct image *image, const struct elf_header *header)
{
    for (unsigned i = 0; i < header->section_count; i++) {
        struct elf_section section, names;
        if (elf_get(image, header->section_table + (uint64_t)i * sizeof(section), &section,
                    sizeof(section)) &&
            section.type == ELF_SYMBOLS && section.link < header->section_count &&
            elf_get(image, header->section_table + (uint64_t)section.link * sizeof(names), &names,
                    sizeof(names))) {
            elf_find_symbols(image, &section, &names);
        }
    }
}

bool image_parse_elf(struct image *image, GError **error)
{
    struct elf_header header;
    if (!elf_check(image, &header, error)) {
        return false;
    }
    image->relocatable = false;
    image->entry = header.entry;
    image->segment_count = 0;
    if (!elf_load_segments(image, &header, error)) {
        return false;
    }
    if (header.section_size == sizeof(struct elf_section)) {
        elf_scan_sections(image, &header);
    }
    return true;
}
