/*
 * Runs random instructions in user mode, one at a time, and prints a hash of everything each 256 of
 * them left behind: registers, flags, memory, cause and address of the trap that ended them. Two
 * emulators that print the same lines do the same. Built and compared by compare-insns, which
 * defines SEED, CHUNKS and SHOW (the chunk to print instruction by instruction).
 */
#include <stdint.h>

#include "rows.h" /* written by compare-insns from the ISA table */

#define UART     ((volatile uint8_t *)0x10000000)
#define POWEROFF (*(volatile uint32_t *)0x100000 = 0x5555)

#define PAGE_HALVES 2048
#define DATA_WORDS  512
#define PLACE       1024 /* of the instruction in its page, in halfwords */
#define C_EBREAK    0x9002

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The registers before and after; guest.S knows this layout. */
struct state {
    uint64_t x[32], f[32];
    uint64_t fcsr, cause, epc, tval;
};

struct state state;
extern volatile uint16_t code_page[PAGE_HALVES];
extern volatile uint64_t data_page[DATA_WORDS];

/* Runs from `pc` in user mode, with and into `state`, until the first trap (guest.S). */
void run_user(uint64_t pc);

static uint64_t seed = SEED;

static void print(const char *text)
{
    while (*text != 0) {
        while ((UART[5] & 0x20) == 0) {
        }
        UART[0] = (uint8_t)*text++;
    }
}

static void print_hex(uint64_t value, int digits)
{
    char text[18];
    for (int i = 0; i < digits; i++) {
        text[i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 15];
    }
    text[digits] = ' ';
    text[digits + 1] = 0;
    print(text);
}

static uint32_t next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) ^ (uint32_t)(seed >> 11);
}

/* Operands that mean something to some instruction. */
static uint64_t next_value(void)
{
    static const uint64_t values[] = {
        0, 1, 2, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffff80000000,
        0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
        /* singles, boxed and not: 0, 1, the least, the greatest, infinite, NaNs, 2^31 */
        0xffffffff80000000, 0xffffffff3f800000, 0xffffffff00000001, 0xffffffff00800000,
        0xffffffff7f7fffff, 0xffffffff7f800000, 0xffffffff7fc00000, 0xffffffff7f800001,
        0x7f800000, 0xffffffff4f000000,
        /* doubles, the same */
        0x3ff0000000000000, 0xbff0000000000000, 0x8000000000000001, 0x000fffffffffffff,
        0x0010000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000,
        0x7ff0000000000001, 0x41e0000000000000, 0x43e0000000000000,
    };
    switch (next_random() % 6) {
    case 0: return (uint64_t)next_random() << 32 | next_random();
    case 1: return 0xffffffff00000000 | next_random();
    case 2: /* a double between 2^-15 and 2^48 */
        return (uint64_t)(0x3f0 + next_random() % 64) << 52 |
               (uint64_t)(next_random() & 0xfffff) << 32 | next_random();
    default: return values[next_random() % COUNT(values)];
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 29;
}

/* A jump or branch to itself would never end. */
static int never_ends(uint32_t word)
{
    return ((word & 0x7f) == 0x6f && word >> 12 == 0) ||
           ((word & 0x7f) == 0x63 && (word & 0xfe000f80) == 0);
}

static uint32_t prepare(void)
{
    const struct row *row = &rows[next_random() % COUNT(rows)];
    uint32_t word = row->match | (next_random() & ~row->mask);
    for (unsigned i = 1; i < 32; i++) {
        state.x[i] = next_value();
        state.f[i] = next_value();
    }
    state.fcsr = next_random() % 5 << 5 | (next_random() & 31);
    if (row->address) {
        unsigned step = row->aligned || next_random() % 4 != 0 ? 8 : 1;
        word |= 1u << 15; /* never x0 */
        state.x[word >> 15 & 31] = (uint64_t)&data_page[DATA_WORDS / 2] + next_random() % 64 * step;
    }
    for (unsigned i = 0; i < 64; i++) {
        data_page[DATA_WORDS / 2 - 16 + i] = next_value();
    }
    return word;
}

/* What an instruction left. The values that traps of these two causes store are not agreed on. */
static uint64_t hash_state(void)
{
    uint64_t hash = 1;
    for (unsigned i = 1; i < 32; i++) {
        hash = mix(mix(hash, state.x[i]), state.f[i]);
    }
    hash = mix(mix(hash, state.f[0]), state.fcsr);
    hash = mix(mix(hash, state.cause), state.epc);
    hash = mix(hash, state.cause == 2 || state.cause == 3 ? 0 : state.tval);
    for (unsigned i = 0; i < DATA_WORDS; i++) {
        hash = mix(hash, data_page[i]);
    }
    return hash;
}

static uint64_t run_one(int show)
{
    uint32_t word = prepare();
    struct state before = state;
    if (never_ends(word)) {
        return 0;
    }
    code_page[PLACE] = (uint16_t)word;
    code_page[PLACE + 1] = (uint16_t)(word >> 16);
    __asm__ volatile("fence.i" ::: "memory");
    run_user((uint64_t)&code_page[PLACE]);
    uint64_t hash = hash_state();
    code_page[PLACE] = code_page[PLACE + 1] = C_EBREAK;
    if (show) {
        print_hex(word, 8);
        print_hex(hash, 16);
        print("fcsr ");
        print_hex(before.fcsr, 3);
        print("x ");
        print_hex(before.x[word >> 15 & 31], 16);
        print_hex(before.x[word >> 20 & 31], 16);
        print("f ");
        print_hex(before.f[word >> 15 & 31], 16);
        print_hex(before.f[word >> 20 & 31], 16);
        print_hex(before.f[word >> 27], 16);
        print("-> cause ");
        print_hex(state.cause, 1);
        print("fcsr ");
        print_hex(state.fcsr, 3);
        print("x ");
        print_hex(state.x[word >> 7 & 31], 16);
        print("f ");
        print_hex(state.f[word >> 7 & 31], 16);
        print("\n");
    }
    return hash;
}

void guest_main(void)
{
    for (unsigned i = 0; i < PAGE_HALVES; i++) {
        code_page[i] = C_EBREAK;
    }
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        uint64_t hash = 0;
        for (unsigned i = 0; i < 256; i++) {
            hash = mix(hash, run_one(chunk == SHOW));
        }
        print("chunk ");
        print_hex(chunk, 8);
        print_hex(hash, 16);
        print("\n");
    }
    print("done\n");
    POWEROFF;
    for (;;) {
    }
}
