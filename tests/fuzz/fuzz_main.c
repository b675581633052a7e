/* Goal: a target survives random inputs: --runs N or --seconds N of them, from --seed N; or files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 4096
#define RUNS      3000

static uint64_t fuzz_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64: the same on every host */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Input number `run`: mostly short, some long, with runs of equal and of small bytes. */
static size_t fuzz_make(uint8_t *data, uint64_t seed, uint64_t run)
{
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u ^ (run + 1) * 0xbf58476d1ce4e5b9u;
    state |= state == 0;
    size_t size = fuzz_random(&state) % (fuzz_random(&state) % 8 == 0 ? INPUT_MAX : 600) + 1;
    for (size_t i = 0; i < size; i++) {
        uint64_t value = fuzz_random(&state);
        uint8_t byte = (uint8_t)(value >> 8);
        data[i] = value % 4 == 0 ? byte & 15 : byte;
    }
    return size;
}

static void fuzz_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *data = NULL;
    size_t size;
    if (!host_file_load(path, 1u << 20, &data, &size, &error)) {
        g_error("%s", error->message);
    }
    LLVMFuzzerTestOneInput(data, size);
    printf("%s: survived\n", path);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, runs = RUNS, first = 0;
    int64_t end_ns = INT64_MAX;
    uint8_t data[INPUT_MAX];
    for (int i = 1; i < argc; i++) {
        uint64_t value = i + 1 < argc ? g_ascii_strtoull(argv[i + 1], NULL, 10) : 0;
        if (strcmp(argv[i], "--seed") == 0) {
            seed = value, i++;
        } else if (strcmp(argv[i], "--runs") == 0) {
            runs = value, i++;
        } else if (strcmp(argv[i], "--first") == 0) {
            first = value, i++;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            end_ns = host_monotonic_ns() + (int64_t)value * 1000000000, runs = UINT64_MAX, i++;
        } else {
            fuzz_file(argv[i]);
            runs = 0;
        }
    }
    uint64_t run = 0;
    for (; run < runs && host_monotonic_ns() < end_ns; run++) {
        if (run % 500 == 0) { /* the last line tells how to repeat a crash */
            printf("\r--seed %" G_GUINT64_FORMAT " --first %" G_GUINT64_FORMAT, seed, first + run);
            fflush(stdout);
        }
        size_t size = fuzz_make(data, seed, first + run);
        uint8_t *exact = g_memdup2(data, size); /* so that a sanitizer sees the end of it */
        LLVMFuzzerTestOneInput(exact, size);
        g_free(exact);
    }
    printf("\n%" G_GUINT64_FORMAT " runs\n", run);
    return 0;
}
