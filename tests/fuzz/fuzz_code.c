/*
 * Goal: no guest code, whatever it is, makes an engine fail, read outside, or miss a kick.
 *
 * Two harts run random instructions of every row, random words and their own leavings, in every
 * privilege mode, with random page tables, CSRs and register contents, in the same memory. The
 * sanitizers, the assertions and the test's time limit are what fails it.
 *
 *   fuzz_code [--engine interp|jit] [--seconds N] [--seed S]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "emu/jit/jit.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/interp.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"
#include "platform/clock.h"
#include "tests/isa/fake_machine.h"

#define HARTS     2
#define CODE_SIZE UINT64_C(0x6000) /* a few pages, so that code meets itself */
#define CODE_BASE FAKE_RAM_BASE
#define ROOT_BASE (FAKE_RAM_BASE + 0x100000)
#define DATA_BASE (FAKE_RAM_BASE + 0x200000)

struct fuzz {
    struct fake_machine m;
    struct riscv_hart *hart[HARTS];
    GRand *rand;
    uint16_t csr[4096];
    unsigned csr_count;
    uint64_t rounds, instructions;
};

static uint32_t fuzz_below(struct fuzz *f, uint32_t limit)
{
    return (uint32_t)g_rand_int_range(f->rand, 0, (gint32)limit);
}

static uint64_t fuzz_u64(struct fuzz *f)
{
    return (uint64_t)g_rand_int(f->rand) << 32 | g_rand_int(f->rand);
}

/* A number that is likely to mean something: an address near an edge, an odd operand, anything. */
static uint64_t fuzz_value(struct fuzz *f)
{
    static const uint64_t bases[] = { CODE_BASE, DATA_BASE, ROOT_BASE, FAKE_SCRATCH, 0,
                                      FAKE_RAM_BASE + FAKE_RAM_SIZE, UINT64_C(1) << 63,
                                      UINT64_MAX, UINT64_C(0x7ff0000000000000) };
    uint64_t base = bases[fuzz_below(f, G_N_ELEMENTS(bases))];
    switch (fuzz_below(f, 8)) {
    case 0: return fuzz_u64(f);
    case 1: return (uint64_t)(int64_t)(int32_t)g_rand_int(f->rand);
    case 2: return base - fuzz_below(f, 64);
    case 3: return base + fuzz_below(f, 0x4000);
    default: return base + (fuzz_below(f, 0x400) << 3);
    }
}

/* A word of a random row, its operands biased towards what does not end the run at once. */
static uint32_t fuzz_valid(struct fuzz *f)
{
    const struct isa_row *row = &isa_rows[fuzz_below(f, INSN_COUNT)];
    const struct isa_format *format = &isa_formats[row->format];
    uint32_t word = row->match | (g_rand_int(f->rand) & ~row->mask);
    if (format->rm && fuzz_below(f, 8) != 0) {
        word |= 7u << 12;
    }
    if (format->imm == ISA_IMM_CSR && fuzz_below(f, 8) != 0) {
        word = (word & 0xfffff) | (uint32_t)f->csr[fuzz_below(f, f->csr_count)] << 20;
    }
    if (format->imm == ISA_IMM_B && fuzz_below(f, 8) != 0) {
        word &= 0x01fff0ff; /* a short way forward */
    }
    if (format->imm == ISA_IMM_J && fuzz_below(f, 8) != 0) {
        word &= 0x03f00fff;
    }
    return word;
}

static void fuzz_fill_code(struct fuzz *f)
{
    uint8_t *code = fake_machine_ram(&f->m, CODE_BASE);
    for (uint64_t at = 0; at < CODE_SIZE;) {
        uint32_t word = fuzz_below(f, 10) == 0 ? g_rand_int(f->rand) : fuzz_valid(f);
        unsigned length = 4;
        if (fuzz_below(f, 3) == 0) {
            word &= 0xffff;
            length = 2;
        }
        memcpy(code + at, &word, length);
        at += length;
    }
}

/* Sv39: gigapages that map RAM and the device to themselves, with random rights; some tables. */
static void fuzz_fill_tables(struct fuzz *f)
{
    uint64_t *root = (uint64_t *)(void *)fake_machine_ram(&f->m, ROOT_BASE);
    uint64_t *table = root + 512, *leaves = root + 1024;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t flags = fuzz_below(f, 4) == 0 ? fuzz_below(f, 256) : 0xcf | fuzz_below(f, 2) << 4;
        root[i] = (uint64_t)(i % 4) << 28 | flags;
        table[i] = ((CODE_BASE >> 12 << 10) + ((uint64_t)i << 19)) | flags;
        leaves[i] = ((CODE_BASE >> 12) + i % 16) << 10 | flags;
    }
    root[0] = fuzz_below(f, 8) == 0 ? fuzz_u64(f) : 0xdf;
    if (fuzz_below(f, 2) == 0) {
        root[2] = (ROOT_BASE + 0x1000) >> 12 << 10 | 1;
    }
    if (fuzz_below(f, 2) == 0) {
        table[0] = (ROOT_BASE + 0x2000) >> 12 << 10 | 1;
    }
}

static void fuzz_set_csr(struct riscv_hart *h, unsigned number, uint64_t value)
{
    uint64_t old;
    riscv_csr(h, number, CSR_WRITE, value, &old);
}

static void fuzz_set_hart(struct fuzz *f, struct riscv_hart *h)
{
    static const uint8_t modes[] = { PRIV_U, PRIV_S, PRIV_M };
    riscv_hart_reset(h);
    for (unsigned i = 1; i < 32; i++) {
        h->x[i] = fuzz_value(f);
        h->f[i] = fuzz_below(f, 2) == 0 ? fuzz_u64(f) : fuzz_value(f);
    }
    fuzz_set_csr(h, 0x3b0, UINT64_MAX >> 10); /* pmpaddr0, pmpcfg0: everything, most times */
    fuzz_set_csr(h, 0x3a0, fuzz_below(f, 4) == 0 ? fuzz_u64(f) : 0x1f);
    fuzz_set_csr(h, 0x300, fuzz_u64(f) | MSTATUS_FS);
    fuzz_set_csr(h, 0x302, fuzz_below(f, 2) == 0 ? UINT64_MAX : fuzz_u64(f));
    fuzz_set_csr(h, 0x303, fuzz_u64(f));
    fuzz_set_csr(h, 0x304, fuzz_u64(f));
    fuzz_set_csr(h, 0x30a, fuzz_below(f, 2) == 0 ? UINT64_MAX : fuzz_u64(f));
    fuzz_set_csr(h, 0x305, CODE_BASE + fuzz_below(f, CODE_SIZE));
    fuzz_set_csr(h, 0x105, CODE_BASE + fuzz_below(f, CODE_SIZE));
    if (fuzz_below(f, 2) == 0) {
        fuzz_set_csr(h, 0x180, UINT64_C(8) << 60 | ROOT_BASE >> 12);
    }
    h->priv = modes[fuzz_below(f, 3)];
    h->pc = CODE_BASE + (fuzz_below(f, CODE_SIZE) & ~1u);
    riscv_update_banks(h);
}

static void fuzz_check_hart(const struct riscv_hart *h)
{
    g_assert_cmphex(h->x[0], ==, 0);
    g_assert_cmphex(h->pc % 2, ==, 0);
    g_assert_true(h->priv == PRIV_U || h->priv == PRIV_S || h->priv == PRIV_M);
    g_assert_cmpuint(h->frm, <, 8);
    g_assert_cmpuint(h->fflags, <, 32);
}

static void fuzz_round(struct fuzz *f)
{
    if (fuzz_below(f, 4) != 0) {
        fuzz_fill_code(f);
    }
    fuzz_fill_tables(f);
    for (unsigned i = 0; i < HARTS; i++) {
        fuzz_set_hart(f, f->hart[i]);
        hart_resume(&f->hart[i]->hart);
    }
    for (unsigned i = fuzz_below(f, 4); i > 0; i--) {
        unsigned n = fuzz_below(f, HARTS);
        riscv_hart_set_irq(f->hart[n], fuzz_below(f, 2) == 0 ? IRQ_MEIP : IRQ_SEIP,
                           fuzz_below(f, 2) == 0);
        g_usleep(fuzz_below(f, 150));
    }
    for (unsigned i = 0; i < HARTS; i++) {
        hart_pause(&f->hart[i]->hart);
        hart_wait_parked(&f->hart[i]->hart);
        fuzz_check_hart(f->hart[i]);
        f->instructions += f->hart[i]->instret;
        f->hart[i]->instret = 0;
    }
    f->rounds++;
}

/* False: this host cannot have the engine. */
static bool fuzz_init(struct fuzz *f, const struct engine *engine, uint32_t seed)
{
    GError *error = NULL;
    memset(f, 0, sizeof *f);
    f->rand = g_rand_new_with_seed(seed);
    for (unsigned number = 0; number < 4096; number++) {
        if (riscv_csr_name(number) != NULL) {
            f->csr[f->csr_count++] = (uint16_t)number;
        }
    }
    fake_machine_init(&f->m);
    aio_clock_start(&f->m.clock);
    for (unsigned i = 0; i < HARTS; i++) {
        f->hart[i] = riscv_hart_new(&f->m.config, engine, i, &error);
        if (f->hart[i] == NULL) {
            printf("no such engine here: %s\n", error->message);
            return false;
        }
        g_assert_true(hart_start(&f->hart[i]->hart, &error));
        hart_wait_parked(&f->hart[i]->hart);
    }
    return true;
}

static void fuzz_finish(struct fuzz *f)
{
    for (unsigned i = 0; i < HARTS; i++) {
        hart_quit(&f->hart[i]->hart);
    }
    for (unsigned i = 0; i < HARTS; i++) {
        riscv_hart_free(f->hart[i]);
    }
    aio_clock_stop(&f->m.clock);
    fake_machine_finish(&f->m);
    g_rand_free(f->rand);
}

int main(int argc, char **argv)
{
    static struct fuzz fuzz;
    static gchar *engine = NULL;
    gint seconds = 3, seed = 0;
    GError *error = NULL;
    const GOptionEntry entries[] = {
        { "engine", 0, 0, G_OPTION_ARG_STRING, &engine, "interp (the default) or jit", "E" },
        { "seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "how long", "N" },
        { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "0: another one each time", "S" },
        { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    g_option_context_free(context);
    seed = seed != 0 ? seed : (gint)(g_random_int() >> 1);
    printf("seed %d\n", seed);
    fflush(stdout);
    bool jit = g_strcmp0(engine, "jit") == 0;
    if (!fuzz_init(&fuzz, jit ? &jit_engine : &interp_engine, (uint32_t)seed)) {
        return 77;
    }
    int64_t end = host_monotonic_ns() + (int64_t)seconds * 1000000000;
    while (host_monotonic_ns() < end) {
        fuzz_round(&fuzz);
    }
    printf("%" PRIu64 " rounds, %" PRIu64 " instructions\n", fuzz.rounds, fuzz.instructions);
    g_assert_cmpuint(fuzz.instructions, >, fuzz.rounds);
    fuzz_finish(&fuzz);
    return 0;
}
