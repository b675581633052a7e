/*
 * Random programs: any row of the ISA table that is not a system instruction, on registers that
 * hold specials, with short branches both ways (bounded by a counter), data accesses around page
 * borders, and a handler that skips what traps. Reserved: x5 stack of data, x6 x7 the handler's,
 * x31 the loop budget.
 */
#include "tests/jit/program.h"

#include <string.h>

#include "emu/riscv/decode.h"

#define REG_DATA   5
#define REG_BUDGET 31

uint64_t program_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned pick(uint64_t *state, unsigned limit)
{
    return (unsigned)(program_random(state) >> 33) % limit;
}

/* A destination the harness does not need. */
static uint8_t pick_target(uint64_t *state)
{
    unsigned reg = pick(state, 32);
    return (uint8_t)(reg >= 5 && reg <= 7 ? reg + 5 : reg == REG_BUDGET ? 30 : reg);
}

static bool is_system(enum isa_uop uop)
{
    const char *name = isa_uop_names[uop];
    return strncmp(name, "sys", 3) == 0 || strncmp(name, "csr", 3) == 0 ||
           strncmp(name, "trap", 4) == 0 || strncmp(name, "cbo", 3) == 0 ||
           strncmp(name, "jump", 4) == 0 || uop == UOP_fence_code;
}

static bool is_memory(const struct isa_row *row)
{
    const char *name = isa_uop_names[row->uop];
    return strncmp(name, "ld_", 3) == 0 || strncmp(name, "st_", 3) == 0 ||
           strncmp(name, "fld", 3) == 0 || strncmp(name, "fst", 3) == 0;
}

static bool is_atomic(const struct isa_row *row)
{
    const char *name = isa_uop_names[row->uop];
    return strncmp(name, "amo", 3) == 0 || strncmp(name, "lr_", 3) == 0 ||
           strncmp(name, "sc_", 3) == 0;
}

static void add(struct program *program, const struct isa_insn *insn)
{
    program->word[program->count++] = isa_encode(insn);
}

static struct isa_insn insn_of(enum isa_row_id id, unsigned rd, unsigned rs1, unsigned rs2,
                               int32_t imm)
{
    return (struct isa_insn){ .id = id, .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1,
                              .rs2 = (uint8_t)rs2, .imm = imm };
}

/* addi x31, x31, -1; beqz x31, past; branch back; past: */
static void add_loop(struct program *program, uint64_t *state, const struct isa_insn *branch)
{
    int32_t back = -4 * (int32_t)(1 + pick(state, program->count < 24 ? program->count : 24));
    struct isa_insn step = insn_of(INSN_addi, REG_BUDGET, REG_BUDGET, 0, -1);
    struct isa_insn out = insn_of(INSN_bge, 0, 0, REG_BUDGET, 8);
    struct isa_insn loop = *branch;
    loop.imm = back - 8;
    add(program, &step);
    add(program, &out);
    add(program, &loop);
}

static int32_t pick_immediate(uint64_t *state, enum isa_imm kind)
{
    int32_t value = (int32_t)program_random(state);
    switch (kind) {
    case ISA_IMM_NONE: return 0;
    case ISA_IMM_U: return (int32_t)((uint32_t)value & 0xfffff000);
    case ISA_IMM_SHAMT6: return value & 63;
    case ISA_IMM_SHAMT5: return value & 31;
    case ISA_IMM_AQRL: return value & 3;
    case ISA_IMM_FENCE: return value & 0xff;
    case ISA_IMM_PREFETCH: return value % 64 * 32;
    case ISA_IMM_B: return 4 * (int32_t)(1 + pick(state, 8));
    case ISA_IMM_I: case ISA_IMM_S: case ISA_IMM_J: case ISA_IMM_CSR: break;
    }
    return pick(state, 3) == 0 ? value % 8 : value % 2048;
}

static uint8_t pick_mode(uint64_t *state)
{
    static const uint8_t modes[] = { 7, 7, 7, 7, 7, 7, 7, 0, 1, 2, 3, 4 };
    return modes[pick(state, sizeof modes)];
}

static void add_atomic(struct program *program, uint64_t *state, struct isa_insn *insn)
{
    /* x10 = data + aligned offset, mostly */
    int32_t offset = (int32_t)pick(state, 200) * 8 + (pick(state, 16) == 0 ? 4 : 0) +
                     (pick(state, 32) == 0 ? 1 : 0);
    struct isa_insn address = insn_of(INSN_addi, 10, REG_DATA, 0, offset);
    add(program, &address);
    insn->rs1 = 10;
    insn->rd = pick_target(state);
    add(program, insn);
}

static void add_random(struct program *program, uint64_t *state)
{
    unsigned id = pick(state, INSN_COUNT);
    const struct isa_row *row = &isa_rows[id];
    const struct isa_format *format = &isa_formats[row->format];
    if (is_system(row->uop)) {
        return;
    }
    struct isa_insn insn = insn_of((enum isa_row_id)id, 0, 0, 0,
                                   pick_immediate(state, format->imm));
    insn.rs1 = format->rs1 != ISA_REG_NONE ? (uint8_t)pick(state, 32) : 0;
    insn.rs2 = format->rs2 != ISA_REG_NONE ? (uint8_t)pick(state, 32) : 0;
    insn.rs3 = format->rs3 != ISA_REG_NONE ? (uint8_t)pick(state, 32) : 0;
    insn.rm = format->rm ? pick_mode(state) : 0;
    insn.rd = format->rd == ISA_REG_X   ? pick_target(state)
              : format->rd == ISA_REG_F ? (uint8_t)pick(state, 32)
                                        : 0;
    if (is_memory(row)) {
        insn.rs1 = pick(state, 20) == 0 ? insn.rs1 : REG_DATA;
        if (insn.rs1 != REG_DATA && strncmp(isa_uop_names[row->uop], "st", 2) == 0) {
            return; /* stores stay in the data */
        }
        if (insn.rs1 != REG_DATA && strncmp(isa_uop_names[row->uop], "fst", 3) == 0) {
            return;
        }
        add(program, &insn);
    } else if (is_atomic(row)) {
        add_atomic(program, state, &insn);
    } else if (format->imm == ISA_IMM_B && pick(state, 3) == 0 && program->count > 2) {
        add_loop(program, state, &insn);
    } else {
        add(program, &insn);
    }
}

/* A pair of compressed instructions, not jumps, stores to unknown places, or writes to the
 * harness's registers. */
static void add_compressed(struct program *program, uint64_t *state)
{
    uint32_t pair = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct isa_insn insn;
        uint16_t half;
        const struct isa_row *row;
        do {
            half = (uint16_t)program_random(state);
            row = &isa_rows[0];
            if ((half & 3) != 3 && isa_decode(half, &insn)) {
                row = &isa_rows[insn.id];
            }
        } while ((half & 3) == 3 || row == &isa_rows[0] || is_system(row->uop) ||
                 is_memory(row) || isa_formats[row->format].imm == ISA_IMM_B ||
                 (insn.rd >= 5 && insn.rd <= 7) || insn.rd == REG_BUDGET);
        pair |= (uint32_t)half << 16 * i;
    }
    program->word[program->count++] = pair;
}

void program_generate(struct program *program, uint64_t seed)
{
    uint64_t state = seed;
    unsigned length = 8 + pick(&state, 200);
    *program = (struct program){ .seed = seed };
    program->paged = pick(&state, 2) != 0;
    program->user = program->paged && pick(&state, 2) != 0;
    struct isa_insn count = insn_of(INSN_csrrs, 10, 0, 0, 0xc02); /* counted from here on */
    add(program, &count);
    while (program->count < length) {
        if (pick(&state, 6) == 0) {
            add_compressed(program, &state);
        } else {
            add_random(program, &state);
        }
    }
    for (unsigned i = 0; i < 10; i++) { /* where branches past the end land */
        struct isa_insn nop = insn_of(INSN_addi, 0, 0, 0, 0);
        add(program, &nop);
    }
    /* The end: a store to the stop address traps in user mode too, and the handler stops there. */
    struct isa_insn end[] = { insn_of(INSN_csrrs, 10, 0, 0, 0xc02),
                               insn_of(INSN_lui, 6, 0, 0, (int32_t)PROGRAM_STOP),
                              insn_of(INSN_sw, 0, 6, 0, 0), insn_of(INSN_jal, 0, 0, 0, 0) };
    for (unsigned i = 0; i < 4; i++) {
        add(program, &end[i]);
    }
}

/* csrr x6, mepc; lhu x7, 0(x6); andi x7, x7, 3; addi x7, x7, -3; addi x6, x6, 4; beqz x7, 8;
 * addi x6, x6, -2; csrw mepc, x6; mret */
static const uint32_t handler[] = { 0x34102373, 0x00035383, 0x0033f393, 0xffd38393, 0x00430313,
                                    0x00038463, 0xffe30313, 0x34131073, 0x30200073 };

static void load_tables(const struct program *program, uint8_t *ram)
{
    uint64_t *root = (uint64_t *)(void *)(ram + (PROGRAM_TABLES - PROGRAM_RAM));
    uint64_t *middle = root + 512, *leaves = root + 1024;
    uint64_t user = program->user ? 0x10 : 0;
    root[0] = (PROGRAM_STOP >> 30 << 28) | 0xc7 | user; /* the low gigabyte: where STOP is */
    root[2] = (PROGRAM_TABLES + 0x1000) >> 12 << 10 | 1;
    middle[0] = (PROGRAM_TABLES + 0x2000) >> 12 << 10 | 1;
    for (unsigned i = 0; i < 256; i++) {
        leaves[i] = ((PROGRAM_RAM >> 12) + i) << 10 | 0xcf | user;
    }
    unsigned data = (unsigned)((PROGRAM_DATA - PROGRAM_RAM) >> 12);
    leaves[data + 9] = 0;                /* not there */
    leaves[data + 7] &= ~UINT64_C(0x84); /* read-only */
}

void program_load(const struct program *program, uint8_t *ram)
{
    uint64_t state = program->seed ^ 0x5eed;
    memset(ram, 0, PROGRAM_RAM_SIZE);
    memcpy(ram + (PROGRAM_HANDLER - PROGRAM_RAM), handler, sizeof handler);
    memcpy(ram + (PROGRAM_CODE - PROGRAM_RAM), program->word, 4 * program->count);
    load_tables(program, ram);
    uint64_t *data = (uint64_t *)(void *)(ram + (PROGRAM_DATA - PROGRAM_RAM));
    for (unsigned i = 0; i < 16 * 512; i++) {
        data[i] = program_random(&state);
    }
}
