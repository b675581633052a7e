/*
 * A fuzz target: one function that reads any bytes as a program of small steps. It is linked with
 * fuzz_main.c, which feeds it random programs that a seed repeats, or with libFuzzer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Runs one input; libFuzzer knows it by this name. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* The next byte, 0 behind the end. */
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

/* The next `bytes` bytes as a number. */
static inline uint64_t fuzz_number(struct fuzz_input *input, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)fuzz_byte(input) << (8 * i);
    }
    return value;
}
