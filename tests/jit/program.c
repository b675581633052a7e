/*
 * Random programs: any row of the ISA table that is not a system instruction, on registers that
 * hold specials, and what blocks must survive: branches both ways (bounded by a counter), calls,
 * indirect jumps, traps of every kind, changes of mode, CSRs, a device whose reads have side
 * effects, code that changes itself, compressed instructions that push others across lines and
 * pages, data around page borders, LR/SC pairs. Reserved: x5 points to data, x6 and x7 are the
 * handlers', x31 is the loop budget. x10 and x11 carry addresses inside a sequence, which nothing
 * jumps into: no store goes astray and changes code that no fence.i follows.
 */
#include "tests/jit/program.h"

#include <string.h>

#include "emu/riscv/decode.h"
#include "emu/riscv/hart.h"
#include "tests/jit/program_maker.h"

uint64_t program_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

unsigned program_pick(uint64_t *state, unsigned limit)
{
    return (unsigned)(program_random(state) >> 33) % limit;
}

struct isa_insn program_insn(enum isa_row_id id, unsigned rd, unsigned rs1, unsigned rs2,
                             int32_t imm)
{
    return (struct isa_insn){ .id = id, .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1,
                              .rs2 = (uint8_t)rs2, .imm = imm };
}

struct program_item *program_add(struct program *program, struct isa_insn insn)
{
    struct program_item *item = &program->item[program->count++];
    *item = (struct program_item){ .insn = insn, .length = 4 };
    return item;
}

void program_finish(struct program *program)
{
    for (unsigned i = 0; i < 14; i++) { /* where branches past the end land */
        program_add(program, program_insn(INSN_addi, 0, 0, 0, 0));
    }
    program_add(program, program_insn(INSN_csrrs, 10, 0, 0, 0xc02));
    program_add(program, program_insn(INSN_lui, 6, 0, 0, (int32_t)PROGRAM_DEVICE));
    program_add(program, program_insn(INSN_sw, 0, 6, 0, 0));
    program_add(program, program_insn(INSN_jal, 0, 0, 0, 0));
}

unsigned maker_pick(struct maker *maker, unsigned limit)
{
    return program_pick(&maker->state, limit);
}

/* A destination the harness does not need. */
static uint8_t maker_target(struct maker *maker)
{
    unsigned reg = maker_pick(maker, 32);
    return (uint8_t)(reg >= 5 && reg <= 7 ? reg + 7 : reg == REG_BUDGET ? 30 : reg);
}

struct program_item *maker_item(struct maker *maker, uint8_t length)
{
    struct program_item *item = &maker->program->item[maker->program->count++];
    *item = (struct program_item){ .length = length };
    return item;
}

uint16_t maker_forward(struct maker *maker)
{
    return (uint16_t)(maker->program->count + 1 + maker_pick(maker, 8));
}

static bool uop_has_prefix(enum isa_uop uop, const char *const prefixes[])
{
    for (unsigned i = 0; prefixes[i] != NULL; i++) {
        if (strncmp(isa_uop_names[uop], prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_system(enum isa_uop uop)
{
    static const char *const prefixes[] = { "sys", "csr", "trap", "cbo", "jump", "fence_code",
                                            "pause", NULL };
    return uop_has_prefix(uop, prefixes);
}

static bool is_memory(enum isa_uop uop)
{
    static const char *const prefixes[] = { "ld_", "st_", "fld", "fst", NULL };
    return uop_has_prefix(uop, prefixes);
}

static bool is_store(enum isa_uop uop)
{
    static const char *const prefixes[] = { "st_", "fst", NULL };
    return uop_has_prefix(uop, prefixes);
}

static bool is_atomic(enum isa_uop uop)
{
    static const char *const prefixes[] = { "amo", "lr_", "sc_", NULL };
    return uop_has_prefix(uop, prefixes);
}

static bool is_reserving(enum isa_uop uop)
{
    static const char *const prefixes[] = { "lr_", "sc_", NULL };
    return uop_has_prefix(uop, prefixes);
}

int32_t maker_offset(struct maker *maker)
{
    return (int32_t)maker_pick(maker, 200) * 8 + (maker_pick(maker, 16) == 0 ? 4 : 0) +
           (maker_pick(maker, 32) == 0 ? 1 : 0);
}

static int32_t maker_immediate(struct maker *maker, enum isa_imm kind)
{
    int32_t value = (int32_t)program_random(&maker->state);
    switch (kind) {
    case ISA_IMM_U: return (int32_t)((uint32_t)value & 0xfffff000);
    case ISA_IMM_SHAMT6: return value & 63;
    case ISA_IMM_SHAMT5: return value & 31;
    case ISA_IMM_AQRL: return value & 3;
    case ISA_IMM_FENCE: return value & 0xff;
    case ISA_IMM_PREFETCH: return value % 64 * 32;
    case ISA_IMM_I: case ISA_IMM_S: break;
    case ISA_IMM_NONE: case ISA_IMM_B: case ISA_IMM_J: case ISA_IMM_CSR: return 0;
    }
    return maker_pick(maker, 3) == 0 ? value % 8 : value % 2048;
}

static uint8_t maker_mode(struct maker *maker)
{
    static const uint8_t modes[] = { 7, 7, 7, 7, 7, 7, 7, 0, 1, 2, 3, 4 };
    return modes[maker_pick(maker, sizeof modes)];
}

/* addi x31, x31, -1; bge x0, x31, out; branch back; out: */
static void add_loop(struct maker *maker, const struct isa_insn *branch)
{
    unsigned count = maker->program->count;
    unsigned back = 1 + maker_pick(maker, count < 24 ? count : 24);
    add(maker, INSN_addi, REG_BUDGET, REG_BUDGET, 0, -1);
    struct program_item *out = add(maker, INSN_bge, 0, 0, REG_BUDGET, 0);
    out->fix = FIX_TARGET;
    out->target = (uint16_t)(count + 3);
    struct program_item *loop = maker_item(maker, 4);
    loop->insn = *branch;
    loop->fix = FIX_TARGET;
    loop->target = (uint16_t)(count - back);
}

/* A row of the table, operands at random. */
static void add_row(struct maker *maker)
{
    enum isa_row_id id = (enum isa_row_id)maker_pick(maker, INSN_COUNT);
    const struct isa_row *row = &isa_rows[id];
    const struct isa_format *format = &isa_formats[row->format];
    if (is_system(row->uop) || (maker->plain && is_reserving(row->uop))) {
        return;
    }
    struct isa_insn insn = program_insn(id, 0, 0, 0, maker_immediate(maker, format->imm));
    insn.rs1 = format->rs1 != ISA_REG_NONE ? (uint8_t)maker_pick(maker, 32) : 0;
    insn.rs2 = format->rs2 != ISA_REG_NONE ? (uint8_t)maker_pick(maker, 32) : 0;
    insn.rs3 = format->rs3 != ISA_REG_NONE ? (uint8_t)maker_pick(maker, 32) : 0;
    insn.rm = format->rm ? maker_mode(maker) : 0;
    insn.rd = format->rd == ISA_REG_X   ? maker_target(maker)
              : format->rd == ISA_REG_F ? (uint8_t)maker_pick(maker, 32)
                                        : 0;
    if (format->imm == ISA_IMM_B && maker_pick(maker, 3) == 0 && maker->program->count > 2) {
        add_loop(maker, &insn);
        return;
    }
    if (is_atomic(row->uop)) {
        insn.rd = (uint8_t)(insn.rd == 0 ? 12 : insn.rd); /* whether SC has stored is visible */
        add(maker, INSN_addi, REG_AT, REG_DATA, 0, maker_offset(maker));
        insn.rs1 = REG_AT;
    } else if (is_memory(row->uop)) { /* stores stay in the data */
        insn.rs1 = maker_pick(maker, 20) == 0 && !is_store(row->uop) ? insn.rs1 : REG_DATA;
    }
    struct program_item *item = maker_item(maker, 4);
    item->insn = insn;
    if (format->imm == ISA_IMM_B) {
        item->fix = FIX_TARGET;
        item->target = maker_forward(maker);
    }
}

/* A compressed instruction: not a jump, a store to unknown places, or a write to the harness's
 * registers. */
static void add_compressed(struct maker *maker)
{
    struct isa_insn insn;
    uint16_t half;
    const struct isa_row *row;
    do {
        half = (uint16_t)program_random(&maker->state);
        row = NULL;
        if ((half & 3) != 3 && isa_decode(half, &insn)) {
            row = &isa_rows[insn.id];
        }
    } while (row == NULL || is_system(row->uop) || is_memory(row->uop) ||
             isa_formats[row->format].imm == ISA_IMM_B || (insn.rd >= 5 && insn.rd <= 7) ||
             insn.rd == REG_BUDGET);
    maker_item(maker, 2)->half = half;
}

/* c.j, c.beqz, c.bnez forward. */
static void add_short_jump(struct maker *maker)
{
    static const uint16_t halves[] = { 0xa001, 0xc001, 0xe001 };
    unsigned kind = maker_pick(maker, 3);
    struct program_item *item = maker_item(maker, 2);
    item->half = (uint16_t)(halves[kind] | (kind == 0 ? 0 : maker_pick(maker, 8) << 7));
    item->fix = FIX_TARGET;
    item->target = maker_forward(maker);
}

static void add_call(struct maker *maker)
{
    struct program_item *item = add(maker, INSN_jal, maker_target(maker), 0, 0, 0);
    item->fix = FIX_TARGET;
    item->target = maker_forward(maker);
}

/* The address of an item into a register. */
static void add_address(struct maker *maker, unsigned reg, unsigned target)
{
    uint16_t base = (uint16_t)maker->program->count;
    add(maker, INSN_auipc, reg, 0, 0, 0);
    struct program_item *item = add(maker, INSN_addi, reg, reg, 0, 0);
    item->fix = FIX_PAIR;
    item->base = base;
    item->target = (uint16_t)target;
}

/* Loads and stores off one register, near each other, in a page of any kind or across a border,
 * with ways out between them. */
static void add_neighbours(struct maker *maker)
{
    static const enum isa_row_id rows[] = { INSN_ld, INSN_sd, INSN_fld, INSN_fsd, INSN_lw, INSN_sw,
                                            INSN_lbu, INSN_sb };
    int32_t page = (int32_t)maker_pick(maker, 5) - 1; /* the one that was not accessed: -1 */
    add(maker, INSN_lui, REG_AT, 0, 0, page * 4096);
    add(maker, INSN_add, REG_AT, REG_AT, REG_DATA, 0);
    add(maker, INSN_addi, REG_AT, REG_AT, 0, maker_offset(maker) - 1024);
    for (unsigned i = 2 + maker_pick(maker, 6); i > 0; i--) {
        enum isa_row_id id = rows[maker_pick(maker, 8)];
        bool store = is_store(isa_rows[id].uop);
        int32_t offset = 8 * (int32_t)maker_pick(maker, 32);
        add(maker, id, store ? 0 : 12 + maker_pick(maker, 19), REG_AT,
            store ? maker_pick(maker, 32) : 0, offset);
        if (maker_pick(maker, 4) == 0) {
            struct program_item *item = add(maker, INSN_bltu, 0, maker_pick(maker, 32),
                                            maker_pick(maker, 32), 0);
            item->fix = FIX_TARGET;
            item->target = maker_forward(maker);
        } else if (maker_pick(maker, 4) == 0) {
            add(maker, INSN_addi, REG_AT, REG_AT, 0, 8);
        }
    }
}

/* An indirect jump, sometimes through memory, so that nothing knows its target before. */
static void add_indirect(struct maker *maker)
{
    unsigned target = maker->program->count + 6 + maker_pick(maker, 6);
    bool known = maker_pick(maker, 4) == 0;
    add_address(maker, REG_AT, target);
    if (!known) {
        add(maker, INSN_sd, 0, REG_DATA, REG_AT, 1032);
        add(maker, INSN_ld, REG_AT, REG_DATA, 0, 1032);
    }
    add(maker, INSN_jalr, maker_pick(maker, 2) == 0 ? 1 : maker_target(maker), REG_AT, 0, 0);
}

/* The word of a harmless instruction. */
static uint32_t maker_alu_word(struct maker *maker)
{
    static const enum isa_row_id rows[] = { INSN_add, INSN_sub, INSN_xor, INSN_mul, INSN_addw,
                                            INSN_sltu, INSN_andn, INSN_sh2add };
    struct isa_insn insn = program_insn(rows[maker_pick(maker, 8)], maker_target(maker),
                                        maker_pick(maker, 32), maker_pick(maker, 32), 0);
    return isa_encode(&insn);
}

/* Writes another instruction over one that comes soon, or came before in a loop. */
static void add_patch(struct maker *maker)
{
    int32_t word = (int32_t)maker_alu_word(maker);
    int32_t low = (int32_t)((uint32_t)word << 20) >> 20;
    unsigned distance = 6 + maker_pick(maker, 3);
    add(maker, INSN_lui, REG_AT, 0, 0, (int32_t)((uint32_t)(word - low) & 0xfffff000));
    add(maker, INSN_addi, REG_AT, REG_AT, 0, low);
    uint16_t base = (uint16_t)maker->program->count;
    add(maker, INSN_auipc, REG_AT2, 0, 0, 0);
    struct program_item *store = add(maker, INSN_sw, 0, REG_AT2, REG_AT, 0);
    store->fix = FIX_PAIR;
    store->base = base;
    store->target = (uint16_t)(base + distance);
    add(maker, INSN_fence_i, 0, 0, 0, 0);
    while (maker->program->count <= base + distance) {
        add(maker, INSN_xori, maker_target(maker), maker_pick(maker, 32), 0, 1);
    }
}

static void add_trap(struct maker *maker)
{
    switch (maker_pick(maker, 4)) {
    case 0: add(maker, INSN_ebreak, 0, 0, 0, 0); return;
    case 1: maker_item(maker, 2)->half = 0; return; /* illegal by definition */
    default: add(maker, INSN_ecall, 0, 0, 0, 0); return;
    }
}

/* CSRs that programs may read, and may write what they like. For mstatus see add_status_value. */
static void add_csr(struct maker *maker)
{
    static const uint16_t reads[] = { 0xc00, 0xc02, 0xb00, 0xb02, 0x001, 0x002, 0x003, 0x140,
                                      0x142, 0x143, 0x342, 0x343, 0x341, 0x141, 0xf14, 0x301,
                                      0x306, 0x180, 0xc01, 0x320 };
    static const uint16_t writes[] = { 0x001, 0x002, 0x003, 0x140, 0x142, 0x143, 0x343, 0x306,
                                       0x106, 0xb00, 0xb02, 0x10a, 0x341, 0x141 };
    static const enum isa_row_id rows[] = { INSN_csrrw, INSN_csrrs, INSN_csrrc, INSN_csrrwi,
                                            INSN_csrrsi, INSN_csrrci };
    if (maker_pick(maker, 3) != 0) {
        add(maker, INSN_csrrs, maker_target(maker), 0, 0,
            reads[maker_pick(maker, sizeof reads / sizeof reads[0])]);
        return;
    }
    unsigned source = maker_pick(maker, 32);
    add(maker, rows[maker_pick(maker, 6)], maker_target(maker), source, 0,
        writes[maker_pick(maker, sizeof writes / sizeof writes[0])]);
}

/* Sets or clears one of SUM, MXR, MPRV, FS in mstatus or sstatus. */
static void add_status(struct maker *maker)
{
    static const int32_t bits[] = { 1 << 18, 1 << 19, 1 << 17, 3 << 13, 3 << 13 };
    unsigned which = maker_pick(maker, 5);
    bool set = which >= 3 ? maker_pick(maker, 8) != 0 : maker_pick(maker, 2) != 0;
    int32_t bit = bits[which];
    add(maker, INSN_lui, REG_AT, 0, 0, bit < 1 << 12 ? 1 << 12 : bit);
    add(maker, set ? INSN_csrrs : INSN_csrrc, 0, REG_AT, 0, maker_pick(maker, 2) ? 0x300 : 0x100);
}

/* Reads sstatus or mstatus, and maybe changes it. FS may be dirty earlier in one engine than in
 * another, so it is made dirty, or off, before. */
static void add_status_value(struct maker *maker)
{
    static const enum isa_row_id rows[] = { INSN_csrrw, INSN_csrrs, INSN_csrrc, INSN_csrrsi,
                                            INSN_csrrci, INSN_csrrs };
    unsigned kind = maker_pick(maker, 6);
    bool read = kind == 5, immediate = rows[kind] == INSN_csrrsi || rows[kind] == INSN_csrrci;
    unsigned source = read ? 0 : immediate ? maker_pick(maker, 32) : REG_AT;
    add(maker, INSN_lui, REG_AT, 0, 0, 3 << 13);
    add(maker, maker_pick(maker, 8) != 0 ? INSN_csrrs : INSN_csrrc, 0, REG_AT, 0, 0x100);
    if (!read && !immediate) {
        int32_t value = (int32_t)program_random(&maker->state);
        bool on = maker_pick(maker, 8) != 0;
        add(maker, INSN_lui, REG_AT, 0, 0, (value & ~0xfff) | (on ? 3 << 13 : 0));
        add(maker, INSN_addi, REG_AT, REG_AT, 0, value % 2048);
    }
    bool machine = read && maker_pick(maker, 3) == 0;
    add(maker, rows[kind], maker_target(maker), source, 0, machine ? 0x300 : 0x100);
}

/* A register of the device, aligned or not. */
static void add_device(struct maker *maker)
{
    static const enum isa_row_id rows[] = { INSN_lb, INSN_lhu, INSN_lw, INSN_ld, INSN_sb,
                                            INSN_sh, INSN_sw, INSN_sd, INSN_flw, INSN_fsd };
    enum isa_row_id id = rows[maker_pick(maker, sizeof rows / sizeof rows[0])];
    int32_t offset = 8 + 8 * (int32_t)maker_pick(maker, 32) + (maker_pick(maker, 12) == 0 ? 1 : 0);
    bool store = is_store(isa_rows[id].uop);
    add(maker, INSN_lui, REG_AT, 0, 0, (int32_t)PROGRAM_DEVICE);
    struct program_item *item = add(maker, id, 0, REG_AT, 0, offset);
    item->insn.rd = store ? 0 : id == INSN_flw ? 3 : maker_target(maker);
    item->insn.rs2 = store ? (uint8_t)maker_pick(maker, 32) : 0;
}

static void add_cache_block(struct maker *maker)
{
    static const enum isa_row_id rows[] = { INSN_cbo_zero, INSN_cbo_zero, INSN_cbo_clean,
                                            INSN_cbo_flush, INSN_cbo_inval };
    add(maker, INSN_addi, REG_AT, REG_DATA, 0, maker_offset(maker));
    add(maker, rows[maker_pick(maker, 5)], 0, REG_AT, 0, 0);
}

/* LR and SC on one place, with up to two instructions between. */
static void add_reserved(struct maker *maker)
{
    bool wide = maker_pick(maker, 2) != 0;
    add(maker, INSN_addi, REG_AT, REG_DATA, 0, maker_offset(maker));
    add(maker, wide ? INSN_lr_d : INSN_lr_w, 12 + maker_pick(maker, 19), REG_AT, 0, 0);
    for (unsigned i = maker_pick(maker, 3); i > 0; i--) {
        static const enum isa_row_id rows[] = { INSN_add, INSN_sd, INSN_ld, INSN_ecall };
        unsigned kind = maker_pick(maker, 4);
        add(maker, rows[kind], kind == 0 || kind == 2 ? 28 : 0, kind == 3 ? 0 : REG_AT,
            kind < 2 ? maker_pick(maker, 32) : 0, 0);
    }
    add(maker, wide ? INSN_sc_d : INSN_sc_w, 12 + maker_pick(maker, 19), REG_AT,
        maker_pick(maker, 32), 0);
}

/* A return from a trap that never was, to the item behind it: to U or S without paging, else to the
 * mode that the pages are for. */
static void add_return(struct maker *maker)
{
    const struct program *program = maker->program;
    bool machine = maker_pick(maker, 2) != 0;
    bool supervisor = !program->paged ? maker_pick(maker, 2) != 0 : !program->user;
    add_address(maker, REG_AT, 0);
    struct program_item *address = &maker->program->item[program->count - 1];
    add(maker, INSN_csrrw, 0, REG_AT, 0, machine ? 0x341 : 0x141);
    if (machine) {
        add(maker, INSN_lui, REG_AT, 0, 0, 0x2000);
        add(maker, INSN_addi, REG_AT, REG_AT, 0, -2048);
        add(maker, INSN_csrrc, 0, REG_AT, 0, 0x300);
        add(maker, INSN_srli, REG_AT, REG_AT, 0, 12); /* 1 */
        add(maker, INSN_slli, REG_AT, REG_AT, 0, supervisor ? 11 : 63);
        add(maker, INSN_csrrs, 0, supervisor ? REG_AT : 0, 0, 0x300);
        add(maker, INSN_mret, 0, 0, 0, 0);
    } else {
        add(maker, INSN_addi, REG_AT, 0, 0, 0x100);
        add(maker, supervisor ? INSN_csrrs : INSN_csrrc, 0, REG_AT, 0, 0x100);
        add(maker, INSN_sret, 0, 0, 0, 0);
    }
    address->target = (uint16_t)program->count;
}

static void add_fence(struct maker *maker)
{
    switch (maker_pick(maker, 4)) {
    case 0: add(maker, INSN_sfence_vma, 0, maker_pick(maker, 2) ? REG_DATA : 0, 0, 0); return;
    case 1: add(maker, INSN_fence_i, 0, 0, 0, 0); return;
    case 2: add(maker, INSN_wfi, 0, 0, 0, 0); return;
    default: add(maker, INSN_pause, 0, 0, 0, 0); return;
    }
}

static void add_any(struct maker *maker)
{
    static const struct {
        unsigned weight;
        void (*add)(struct maker *maker);
    } kinds[] = {
        { 60, add_row }, { 14, add_compressed }, { 3, add_short_jump }, { 2, add_call },
        { 2, add_indirect }, { 3, add_trap }, { 3, add_csr }, { 2, add_saved_flags },
        { 3, add_neighbours }, { 3, add_chain },
        { 1, add_patch }, { 1, add_status }, { 1, add_status_value }, { 2, add_device },
        { 1, add_cache_block }, { 1, add_reserved }, { 1, add_return }, { 1, add_fence },
    };
    enum { PLAIN = 95, ALL = 104 }; /* the first ten are plain */
    unsigned left = maker_pick(maker, maker->plain ? PLAIN : ALL), kind = 0;
    unsigned first = maker->program->count;
    while (left >= kinds[kind].weight) {
        left -= kinds[kind++].weight;
    }
    kinds[kind].add(maker);
    for (unsigned i = first + 1; i < maker->program->count; i++) {
        maker->program->item[i].inner = true;
    }
}

/* Jumps land where a sequence begins. */
static void maker_settle_jumps(struct program *program)
{
    for (unsigned i = 0; i < program->count; i++) {
        struct program_item *item = &program->item[i];
        bool patch = item->fix == FIX_PAIR && item->insn.id == INSN_sw;
        while (item->fix != FIX_NONE && !patch && program->item[item->target].inner) {
            item->target++;
        }
    }
}

static void maker_fill(struct maker *maker)
{
    maker->limit = 8 + maker_pick(maker, 220);
    add(maker, INSN_csrrs, 10, 0, 0, 0xc02); /* counted from here on */
    while (maker->program->count < maker->limit) {
        add_any(maker);
    }
    program_finish(maker->program);
    maker_settle_jumps(maker->program);
}

void program_generate(struct program *program, uint64_t seed)
{
    struct maker maker = { .program = program, .state = seed };
    *program = (struct program){ .seed = seed };
    program->paged = maker_pick(&maker, 2) != 0;
    program->user = program->paged && maker_pick(&maker, 2) != 0;
    program->delegate = !program->user && maker_pick(&maker, 2) != 0;
    static const uint8_t modes[] = { PRIV_M, PRIV_S, PRIV_U };
    program->start = modes[maker_pick(&maker, 3)];
    if (program->paged && program->start != PRIV_M) {
        program->start = program->user ? PRIV_U : PRIV_S;
    }
    maker_fill(&maker);
}

void program_generate_plain(struct program *program, uint64_t seed)
{
    struct maker maker = { .program = program, .state = seed, .plain = true };
    *program = (struct program){ .seed = seed, .start = PRIV_M };
    maker_fill(&maker);
}
