/* Programs in guest memory: addresses, encodings, trap handlers, page tables, data. */
#include <string.h>

#include "emu/riscv/decode.h"
#include "emu/riscv/hart.h"
#include "tests/jit/program.h"

#define C_NOP 0x0001

void program_blank(struct program_item *item)
{
    item->insn = program_insn(INSN_addi, 0, 0, 0, 0);
    item->half = C_NOP;
    item->fix = FIX_NONE;
}

bool program_is_blank(const struct program_item *item)
{
    return item->length == 2 ? item->half == C_NOP && item->fix == FIX_NONE
                             : isa_encode(&item->insn) == 0x13;
}

uint64_t program_address(const struct program *program, unsigned item)
{
    uint64_t at = PROGRAM_CODE;
    for (unsigned i = 0; i < item; i++) {
        at += program->item[i].length;
    }
    return at;
}

/* c.j, c.beqz and c.bnez, whose immediates are scattered (volume I, chapter 28). */
static uint16_t load_short_jump(uint16_t half, int32_t to)
{
    uint32_t i = (uint32_t)to;
    if ((half & 0xe003) == 0xa001) {
        return (uint16_t)(half | (i >> 11 & 1) << 12 | (i >> 4 & 1) << 11 | (i >> 8 & 3) << 9 |
                          (i >> 10 & 1) << 8 | (i >> 6 & 1) << 7 | (i >> 7 & 1) << 6 |
                          (i >> 1 & 7) << 3 | (i >> 5 & 1) << 2);
    }
    return (uint16_t)(half | (i >> 8 & 1) << 12 | (i >> 3 & 3) << 10 | (i >> 6 & 3) << 5 |
                      (i >> 1 & 3) << 3 | (i >> 5 & 1) << 2);
}

uint32_t program_word(const struct program *program, unsigned index)
{
    const struct program_item *item = &program->item[index];
    struct isa_insn insn = item->insn;
    unsigned from = item->fix == FIX_PAIR ? item->base : index;
    int32_t distance = item->fix == FIX_NONE
                           ? 0
                           : (int32_t)(program_address(program, item->target) -
                                       program_address(program, from));
    if (item->length == 2) {
        return item->fix == FIX_NONE ? item->half : load_short_jump(item->half, distance);
    }
    insn.imm = item->fix == FIX_NONE ? insn.imm : distance;
    return isa_encode(&insn);
}

static uint8_t *load_words(uint8_t *at, const struct isa_insn *insns, unsigned count)
{
    for (unsigned i = 0; i < count; i++, at += 4) {
        uint32_t word = isa_encode(&insns[i]);
        memcpy(at, &word, 4);
    }
    return at;
}

/* Where the handler's table of modes is, from its start. */
#define MODES_OFFSET 0x200

/* An environment call goes on in the mode that the table names, in turns; every exception skips
 * the instruction. Uses x6 and x7. */
static void load_handler(const struct program *program, uint8_t *ram)
{
    enum { MSTATUS = 0x300, MSCRATCH = 0x340, MEPC = 0x341, MCAUSE = 0x342 };
    const struct isa_insn insns[] = {
        program_insn(INSN_csrrs, 6, 0, 0, MCAUSE), program_insn(INSN_addi, 6, 6, 0, -8),
        program_insn(INSN_sltiu, 6, 6, 0, 4), program_insn(INSN_beq, 0, 6, 0, 48),
        program_insn(INSN_csrrs, 6, 0, 0, MSCRATCH), program_insn(INSN_andi, 7, 6, 0, 7),
        program_insn(INSN_rori, 6, 6, 0, 3), program_insn(INSN_csrrw, 0, 6, 0, MSCRATCH),
        program_insn(INSN_auipc, 6, 0, 0, 0), program_insn(INSN_sh3add, 7, 7, 6, 0),
        program_insn(INSN_ld, 7, 7, 0, MODES_OFFSET - 32), program_insn(INSN_lui, 6, 0, 0, 0x2000),
        program_insn(INSN_addi, 6, 6, 0, -2048), program_insn(INSN_csrrc, 0, 6, 0, MSTATUS),
        program_insn(INSN_csrrs, 0, 7, 0, MSTATUS),
        program_insn(INSN_csrrs, 6, 0, 0, MEPC), program_insn(INSN_lhu, 7, 6, 0, 0),
        program_insn(INSN_andi, 7, 7, 0, 3), program_insn(INSN_addi, 7, 7, 0, -3),
        program_insn(INSN_addi, 6, 6, 0, 4), program_insn(INSN_beq, 0, 7, 0, 8),
        program_insn(INSN_addi, 6, 6, 0, -2), program_insn(INSN_csrrw, 0, 6, 0, MEPC),
        program_insn(INSN_mret, 0, 0, 0, 0),
    };
    load_words(ram + (PROGRAM_HANDLER - PROGRAM_RAM), insns, sizeof insns / sizeof insns[0]);
    uint8_t lower = program->paged && program->user ? PRIV_U : PRIV_S;
    uint8_t modes[] = { lower, PRIV_M, program->paged ? lower : PRIV_U, lower,
                        lower, PRIV_M, program->paged ? lower : PRIV_U, PRIV_M };
    for (unsigned i = 0; i < 8; i++) {
        uint64_t bits = (uint64_t)modes[i] << 11;
        memcpy(ram + (PROGRAM_HANDLER - PROGRAM_RAM) + MODES_OFFSET + 8 * i, &bits, 8);
    }
}

/* An interrupt changes nothing but a count beside the code; everything else is the handler's. */
static void load_vector(uint8_t *ram)
{
    enum { MCAUSE = 0x342 };
    const struct isa_insn insns[] = {
        program_insn(INSN_csrrs, 6, 0, 0, MCAUSE), program_insn(INSN_blt, 0, 6, 0, 8),
        program_insn(INSN_jal, 0, 0, 0, (int32_t)(PROGRAM_HANDLER - PROGRAM_VECTOR) - 8),
        program_insn(INSN_auipc, 6, 0, 0, 0), program_insn(INSN_ld, 7, 6, 0, 0x100),
        program_insn(INSN_addi, 7, 7, 0, 1), program_insn(INSN_sd, 0, 6, 7, 0x100),
        program_insn(INSN_mret, 0, 0, 0, 0),
    };
    load_words(ram + (PROGRAM_VECTOR - PROGRAM_RAM), insns, sizeof insns / sizeof insns[0]);
}

/* Skips the instruction. */
static void load_handler_s(uint8_t *ram)
{
    enum { SEPC = 0x141 };
    const struct isa_insn insns[] = {
        program_insn(INSN_csrrs, 6, 0, 0, SEPC), program_insn(INSN_lhu, 7, 6, 0, 0),
        program_insn(INSN_andi, 7, 7, 0, 3), program_insn(INSN_addi, 7, 7, 0, -3),
        program_insn(INSN_addi, 6, 6, 0, 4), program_insn(INSN_beq, 0, 7, 0, 8),
        program_insn(INSN_addi, 6, 6, 0, -2), program_insn(INSN_csrrw, 0, 6, 0, SEPC),
        program_insn(INSN_sret, 0, 0, 0, 0),
    };
    load_words(ram + (PROGRAM_HANDLER_S - PROGRAM_RAM), insns, sizeof insns / sizeof insns[0]);
}

static void load_tables(const struct program *program, uint8_t *ram)
{
    uint64_t *root = (uint64_t *)(void *)(ram + (PROGRAM_TABLES - PROGRAM_RAM));
    uint64_t *middle = root + 512, *leaves = root + 1024;
    uint64_t user = program->user ? 0x10 : 0;
    root[0] = (PROGRAM_DEVICE >> 30 << 28) | 0xc7 | user; /* the low gigabyte: the device */
    root[2] = (PROGRAM_TABLES + 0x1000) >> 12 << 10 | 1;
    middle[0] = (PROGRAM_TABLES + 0x2000) >> 12 << 10 | 1;
    for (unsigned i = 0; i < PROGRAM_RAM_SIZE >> 12; i++) {
        leaves[i] = ((PROGRAM_RAM >> 12) + i) << 10 | 0xcf | user;
    }
    unsigned data = (unsigned)((PROGRAM_DATA - PROGRAM_RAM) >> 12);
    leaves[data + 9] = 0;                /* not there */
    leaves[data + 7] &= ~UINT64_C(0x84); /* read-only, not dirty */
    leaves[data + 10] &= ~UINT64_C(0x80); /* not dirty */
    leaves[data + 6] &= ~UINT64_C(0xc0); /* not accessed yet */
}

void program_load(const struct program *program, uint8_t *ram)
{
    uint64_t state = program->seed ^ 0x5eed;
    memset(ram, 0, PROGRAM_DATA - PROGRAM_RAM);
    load_handler(program, ram);
    load_handler_s(ram);
    load_vector(ram);
    load_tables(program, ram);
    uint8_t *code = ram + (PROGRAM_CODE - PROGRAM_RAM);
    for (unsigned i = 0; i < program->count; i++) {
        uint32_t word = program_word(program, i);
        memcpy(code, &word, program->item[i].length);
        code += program->item[i].length;
    }
    uint64_t *data = (uint64_t *)(void *)(ram + (PROGRAM_DATA - PROGRAM_RAM));
    for (unsigned i = 0; i < 16 * 512; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        data[i] = state;
    }
}
