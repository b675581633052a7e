/*
 * Prints instruction words and how the disassembler shows them, for objdump.py and the golden list:
 *
 *   isa_text random SEED COUNT   COUNT random words of each row, and random compressed words
 *   isa_text check FILE          each line of FILE: a word in hex and the text it must have
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/riscv/decode.h"
#include "emu/riscv/disasm.h"

/* Where the instructions stand, for branch targets. */
#define TEXT_PC 0

static void print_word(uint32_t word)
{
    char text[DISASM_TEXT_SIZE];
    unsigned length = isa_disassemble(word, TEXT_PC, text);
    printf("%0*" PRIx32 " %s\n", (int)length * 2, length == 2 ? word & 0xffff : word, text);
}

/* Fields that are ignored, and FP immediates of fences, are kept at what assemblers write. */
static uint32_t tame_word(const struct isa_row *row, uint32_t word)
{
    if (isa_formats[row->format].rm && (word >> 12 & 7) > 4) {
        word |= 7u << 12;
    }
    switch ((unsigned)row->format) {
    case FORMAT_FN: return (word & 0x0ff0007f) | 0x01100000;
    case FORMAT_FI: return row->match;
    default: return word;
    }
}

static void print_random(uint32_t seed, unsigned count)
{
    GRand *rand = g_rand_new_with_seed(seed);
    for (unsigned id = 0; id < INSN_COUNT; id++) {
        const struct isa_row *row = &isa_rows[id];
        for (unsigned i = 0; i < count; i++) {
            print_word(tame_word(row, row->match | (g_rand_int(rand) & ~row->mask)));
        }
    }
    for (unsigned i = 0; i < 40 * count; i++) {
        uint32_t half = g_rand_int(rand) & 0xffff, word;
        if ((half & 3) != 3 && isa_expand((uint16_t)half, &word)) {
            print_word(half);
        }
    }
    g_rand_free(rand);
}

static int check_file(const char *path)
{
    char line[200];
    unsigned lines = 0, bad = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        return 2;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char text[DISASM_TEXT_SIZE], *want;
        uint32_t word = (uint32_t)strtoul(line, &want, 16);
        want = g_strstrip(want);
        isa_disassemble(word, TEXT_PC, text);
        lines++;
        if (strcmp(text, want) != 0) {
            printf("%s:%u: %08" PRIx32 " is '%s', want '%s'\n", path, lines, word, text, want);
            bad++;
        }
    }
    fclose(file);
    printf("%u lines, %u differ\n", lines, bad);
    return bad == 0 && lines > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "random") == 0) {
        print_random((uint32_t)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check_file(argv[2]);
    }
    fprintf(stderr, "usage: isa_text random SEED COUNT | isa_text check FILE\n");
    return 2;
}
