/* Goal: the dump holds each block's guest code, IR and host code; hot blocks come with how often
 * they ran; `info jit`'s text knows what was done; the switches do what they say. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/jit/jit.h"
#include "platform/file.h"
#include "platform/process.h"
#include "tests/jit/bench.h"

#define ROUNDS 60 /* what bench_start puts in x31 */

/* A loop over x31. */
static void make_program(struct program *program)
{
    *program = (struct program){ .start = PRIV_M };
    program_add(program, program_insn(INSN_addi, 10, 0, 0, 5));
    program_add(program, program_insn(INSN_mulhu, 11, 11, 10, 0));
    program_add(program, program_insn(INSN_sd, 0, 5, 11, 8));
    program_add(program, program_insn(INSN_addi, 31, 31, 0, -1));
    struct program_item *back = program_add(program, program_insn(INSN_bne, 0, 31, 0, 0));
    back->fix = FIX_TARGET;
    back->target = 1;
    program_finish(program);
}

static void check_has(const char *text, const char *what)
{
    if (strstr(text, what) == NULL) {
        printf("no '%s' in:\n%s\n", what, text);
        assert(false);
    }
}

/* Runs the program; the machine is still there. */
static bool run(struct bench *bench, const struct jit_options *options)
{
    static struct program program;
    GError *error = NULL;
    make_program(&program);
    if (!bench_init(bench, &jit_engine, options, &error)) {
        printf("skipped: %s\n", error->message);
        return false;
    }
    bench_start(bench, &program);
    bool ended = bench_run(bench);
    assert(ended && bench->hart->x[31] == 0);
    return true;
}

static void test_dump(struct bench *bench, const char *path)
{
    struct jit_options options;
    uint8_t *text;
    size_t size;
    jit_options_init(&options);
    options.warm = options.rewarm = 0;
    options.dump = (char *)path;
    options.hot = 2;
    options.passes &= ~IR_PASS_BIT(unroll);
    if (!run(bench, &options)) {
        exit(77);
    }
    char *hot = jit_describe_hot(bench->hart), *all = jit_describe(bench->hart);
    check_has(hot, "mulhu");
    check_has(hot, "bnez"); /* each round is an entry: the first one in the block that runs on */
    char times[32];
    snprintf(times, sizeof times, ": %u times ", ROUNDS - 1);
    check_has(hot, times);
    check_has(all, "executed ");
    check_has(all, "the TLB knew 9");
    g_free(hot);
    g_free(all);
    bench_finish(bench);
    bool loaded = host_file_load(path, 1 << 20, &text, &size, NULL);
    assert(loaded);
    char *copy = g_strndup((char *)text, size);
    check_has(copy, "block 0 at 0x80002f40");
    check_has(copy, "mulhu a1,a1,a0");
    check_has(copy, "MULHU");
    check_has(copy, "host\n");
    g_free(copy);
    g_free(text);
    host_file_remove(path, NULL);
}

static void test_switches(struct bench *bench)
{
    struct jit_options options;
    jit_options_init(&options);
    options.warm = options.rewarm = 0;
    options.bisect = 1; /* the rest is steps */
    run(bench, &options);
    char *all = jit_describe(bench->hart);
    check_has(all, "translated ");
    assert(strstr(all, "executed ") == NULL && jit_describe_hot(bench->hart) == NULL);
    g_free(all);
    bench_finish(bench);
    GError *error = NULL;
    options.dump = "no/such/folder/dump";
    bool made = bench_init(bench, &jit_engine, &options, &error);
    assert(!made && error != NULL);
    check_has(error->message, "no/such/folder");
    g_error_free(error);
}

/* Its records follow each other up to the end of the file, and hold the code. */
static void check_jitdump(const uint8_t *dump, size_t size)
{
    static const uint8_t magic[] = { 0x44, 0x54, 0x69, 0x4a };
    size_t at = 40;
    unsigned loads = 0;
    assert(size > at && memcmp(dump, magic, sizeof magic) == 0);
    for (; at < size; loads++) {
        uint32_t head[2];
        uint64_t code;
        assert(size - at > 56);
        memcpy(head, dump + at, sizeof head);
        memcpy(&code, dump + at + 40, sizeof code);
        const char *name = (const char *)dump + at + 56;
        assert(head[0] == 0 && strncmp(name, "guest_80002f", 12) == 0 && code > 0);
        assert(head[1] == 56 + strlen(name) + 1 + code && head[1] <= size - at);
        at += head[1];
    }
    assert(loads >= 2);
}

static void test_jitdump(struct bench *bench)
{
    struct jit_options options;
    GError *error = NULL;
    static struct program program;
    uint8_t *dump;
    size_t size;
    jit_options_init(&options);
    options.warm = options.rewarm = 0;
    options.perf = JIT_PERF_DUMP;
    if (!bench_init(bench, &jit_engine, &options, &error)) {
        check_has(error->message, "/tmp/jit-"); /* a host without perf */
        g_error_free(error);
        return;
    }
    make_program(&program);
    bench_start(bench, &program);
    bool ended = bench_run(bench);
    assert(ended);
    bench_finish(bench);
    g_autofree char *path = g_strdup_printf("/tmp/jit-%" PRIu64 ".dump", host_process_id());
    bool loaded = host_file_load(path, 1 << 20, &dump, &size, &error);
    assert(loaded);
    check_jitdump(dump, size);
    g_free(dump);
    host_file_remove(path, NULL);
}

int main(void)
{
    static struct bench bench;
    char *path = g_strdup_printf("%s/blocks-%u.txt", g_get_tmp_dir(), g_random_int());
    test_dump(&bench, path);
    test_switches(&bench);
    test_jitdump(&bench);
    g_free(path);
    return 0;
}
