/* Goal: no file given as kernel, firmware or devicetree makes the loaders crash, and what they
 * accept lies inside the file. */
#include <string.h>

#include <glib.h>

#include "emu/board/image.h"
#include "emu/board/tree.h"
#include "emu/board/virt.h"
#include "tests/fuzz/fuzz.h"

enum { KIND_ELF, KIND_IMAGE, KIND_GZIP, KIND_TREE, KIND_RAW, KIND_COUNT };

/* The beginning that makes a parser look further. */
static void fuzz_dress(uint8_t *data, size_t size, unsigned kind)
{
    static const uint8_t elf[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363";
    if (kind == KIND_ELF && size >= 64) {
        memcpy(data, elf, sizeof(elf));
        memset(data + 33, 0, 7); /* tables near the start */
        memset(data + 42, 0, 6);
        data[54] = 56;
        data[55] = data[57] = data[59] = data[61] = 0;
        data[58] = 64;
    } else if (kind == KIND_IMAGE && size >= 64) {
        memcpy(data, "MZ", 2);
        memset(data + 20, 0, 12);
        memcpy(data + 48, "RISCV\0\0\0RSC\x05", 12);
        memset(data + 61, 0, 3);
    } else if (kind == KIND_GZIP && size >= 18) {
        memcpy(data, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
    }
}

static void fuzz_image(const uint8_t *data, size_t size, unsigned kind)
{
    struct image image = { .what = g_strdup("fuzz"), .data = g_memdup2(data, size),
                           .size = size };
    fuzz_dress(image.data, size, kind);
    if (image_parse(&image, NULL)) {
        g_assert_cmpuint(image.segment_count, >, 0);
        for (unsigned i = 0; i < image.segment_count; i++) {
            const struct image_segment *segment = &image.segment[i];
            g_assert_cmpuint(segment->offset, <=, image.size);
            g_assert_cmpuint(segment->file_size, <=, image.size - segment->offset);
            g_assert_cmpuint(segment->file_size, <=, segment->memory_size);
        }
    }
    image_clear(&image);
}

/* Damages a good tree; what is still a tree takes a command line. */
static void fuzz_tree(struct fuzz_input *input)
{
    const struct virt_tree options = { .harts = 1, .ram_size = 1 << 30, .isa = "rv64ima_zicsr" };
    size_t size, new_size;
    uint8_t *tree = virt_tree_new(&options, &size, NULL);
    while (input->left != 0) {
        size_t at = fuzz_number(input, 2) % size;
        tree[at] = fuzz_byte(input);
    }
    if (tree_check(tree, size, NULL)) {
        void *copy = tree_with_chosen(tree, "console=ttyS0", 1, 2, &new_size, NULL);
        if (copy != NULL) {
            tree_new_seed(copy);
        }
        g_free(copy);
    }
    g_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    unsigned kind = fuzz_byte(&input) % KIND_COUNT;
    if (kind == KIND_TREE) {
        fuzz_tree(&input);
    } else {
        fuzz_image(input.at, input.left, kind);
    }
    return 0;
}
