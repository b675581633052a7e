/* Code written at the one address runs at the other, and can be rewritten. */
#include "platform/codemem.h"

#include <string.h>

typedef int answer_fn(void);

/* Machine code for "return 42" and "return 43"; Meson says which processor this runs on. */
struct answer {
    const char *processor;
    uint8_t code[2][8];
    int size;
};

static const struct answer answers[] = {
    { "x86_64",
      { { 0xb8, 42, 0, 0, 0, 0xc3 }, { 0xb8, 43, 0, 0, 0, 0xc3 } }, /* mov eax, imm; ret */
      6 },
    { "aarch64",
      { { 0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6 }, /* mov w0, #42; ret */
        { 0x60, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6 } },
      8 },
};

static const struct answer *answer_here(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        if (strcmp(answers[i].processor, TEST_PROCESSOR) == 0) {
            return &answers[i];
        }
    }
    return NULL;
}

static void test_run(void)
{
    const struct answer *answer = answer_here();
    struct codemem code;
    GError *error = NULL;
    if (!answer) {
        g_test_skip("no machine code for " TEST_PROCESSOR);
        return;
    }
    g_assert_true(codemem_create(&code, 100000, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(code.size, >=, 100000);
    g_assert_true(code.rw != code.rx);
    for (size_t round = 0; round < 1000; round++) {
        size_t at = round % 7 * 8000;
        const uint8_t *bytes = answer->code[round % 2];
        memcpy(code.rw + at, bytes, (size_t)answer->size);
        codemem_publish(&code, at, (size_t)answer->size);
        answer_fn *fn = (answer_fn *)(uintptr_t)(code.rx + at);
        g_assert_cmpint(fn(), ==, 42 + (int)(round % 2));
        g_assert_cmpmem(code.rx + at, answer->size, bytes, answer->size);
    }
    codemem_destroy(&code);
    codemem_destroy(&code);
    g_assert_null(code.rw);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codemem/run", test_run);
    return g_test_run();
}
