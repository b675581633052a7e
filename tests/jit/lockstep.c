/* Comparing: states of two harts, notes of stores, memory. */
#include "tests/jit/lockstep.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/area.h"
#include "emu/jit/jit.h"
#include "emu/jit/step.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/decode.h"
#include "emu/riscv/interp.h"

#define EXITS_MAX        100000 /* a program with more does not end */
#define INSTRUCTIONS_MAX 100000
#define WINDOW_SIZE      (UINT64_C(5) << 10) /* around x5: where almost all stores go */

struct lockstep_field {
    const char *name;
    size_t offset, size;
};

#define FIELD(name) \
    { #name, offsetof(struct riscv_hart, name), sizeof(((struct riscv_hart *)0)->name) }
static const struct lockstep_field state_fields[] = {
    FIELD(priv), FIELD(frm), FIELD(fflags), FIELD(mcause), FIELD(mepc), FIELD(mtval),
    FIELD(scause), FIELD(sepc), FIELD(stval), FIELD(mscratch), FIELD(sscratch), FIELD(satp),
    FIELD(mcounteren), FIELD(scounteren), FIELD(senvcfg), FIELD(minstret_offset),
    FIELD(mcycle_offset),
};

static uint64_t state_get(const struct riscv_hart *hart, const struct lockstep_field *field)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)hart + field->offset, field->size);
    return value;
}

G_GNUC_PRINTF(2, 3)
static bool lockstep_say(struct lockstep *lockstep, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(lockstep->text, sizeof lockstep->text, format, args);
    va_end(args);
    return false;
}

/* A floating-point unit that is on may be dirty earlier in one engine. */
static uint64_t state_status(const struct riscv_hart *hart)
{
    bool on = (hart->mstatus & MSTATUS_FS) != 0;
    return on ? hart->mstatus | MSTATUS_FS : hart->mstatus;
}

/* Whether registers and CSRs are the same; else `text` says which is not. */
static bool lockstep_same_state(struct lockstep *lockstep)
{
    const struct riscv_hart *a = lockstep->interp.hart, *b = lockstep->jit.hart;
    for (unsigned i = 0; i < 32; i++) {
        if (a->x[i] != b->x[i]) {
            return lockstep_say(lockstep, "x%u is %" PRIx64 ", not %" PRIx64, i, b->x[i], a->x[i]);
        }
        if (a->f[i] != b->f[i]) {
            return lockstep_say(lockstep, "f%u is %" PRIx64 ", not %" PRIx64, i, b->f[i], a->f[i]);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(state_fields); i++) {
        const struct lockstep_field *field = &state_fields[i];
        if (state_get(a, field) != state_get(b, field)) {
            return lockstep_say(lockstep, "%s is %" PRIx64 ", not %" PRIx64, field->name,
                                state_get(b, field), state_get(a, field));
        }
    }
    if (state_status(a) != state_status(b)) {
        return lockstep_say(lockstep, "mstatus is %" PRIx64 ", not %" PRIx64, b->mstatus,
                            a->mstatus);
    }
    if (lockstep->interp.device != lockstep->jit.device) {
        return lockstep_say(lockstep, "the device has seen other accesses");
    }
    return true;
}

static bool lockstep_same_memory(struct lockstep *lockstep, uint64_t from, uint64_t size)
{
    const uint8_t *a = lockstep->interp.ram.base + from, *b = lockstep->jit.ram.base + from;
    if (memcmp(a, b, size) == 0) {
        return true;
    }
    uint64_t at = 0;
    while (a[at] == b[at]) {
        at++;
    }
    return lockstep_say(lockstep, "the byte at %" PRIx64 " is %02x, not %02x",
                        PROGRAM_RAM + from + at, b[at], a[at]);
}

/* The size of what an instruction stores, or 0. */
static unsigned store_size(enum isa_uop uop)
{
    const char *name = isa_uop_names[uop];
    if (uop == UOP_cbo_zero) {
        return 64;
    }
    if (strncmp(name, "st_", 3) == 0 || strncmp(name, "fst_", 4) == 0 ||
        strncmp(name, "amo", 3) == 0 || strncmp(name, "sc_", 3) == 0) {
        size_t length = strlen(name);
        return name[length - 1] == '8' ? 1 : name[length - 1] == '6' ? 2
               : name[length - 1] == '2'                             ? 4
                                                                     : 8;
    }
    return 0;
}

static bool store_decode(const struct bench *bench, struct isa_insn *ret_insn)
{
    uint64_t offset = bench->hart->pc - PROGRAM_RAM;
    uint32_t word;
    if (offset > PROGRAM_RAM_SIZE - 4) {
        return false;
    }
    memcpy(&word, bench->ram.base + offset, 4);
    return isa_decode(word, ret_insn);
}

/* One instruction of the interpreter; notes what it stores. */
static void lockstep_step(struct lockstep *lockstep)
{
    struct riscv_hart *h = lockstep->interp.hart;
    struct isa_insn insn;
    unsigned size = lockstep->jit.options.log_stores && store_decode(&lockstep->interp, &insn)
                        ? store_size(insn.uop)
                        : 0;
    if (size == 0) {
        bench_step(&lockstep->interp);
        return;
    }
    bool floating = strncmp(isa_uop_names[insn.uop], "fst_", 4) == 0;
    bool conditional = strncmp(isa_uop_names[insn.uop], "sc_", 3) == 0;
    bool atomic = conditional || strncmp(isa_uop_names[insn.uop], "amo", 3) == 0;
    uint64_t retired = h->instret;
    struct lockstep_store store = {
        .address = h->x[insn.rs1] + (uint64_t)(atomic || size == 64 ? 0 : (int64_t)insn.imm),
        .value = size == 64 ? 0 : floating ? h->f[insn.rs2] : h->x[insn.rs2],
        .size = size,
    };
    store.address &= size == 64 ? ~UINT64_C(63) : UINT64_MAX;
    bench_step(&lockstep->interp);
    bool failed = conditional && insn.rd != 0 && h->x[insn.rd] != 0;
    if (h->instret > retired && !failed && lockstep->stores < LOCKSTEP_STORES_MAX) {
        lockstep->store[lockstep->stores++] = store;
    }
}

static uint64_t store_low(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* Compares what the blocks have noted with what the interpreter has stored. A step of the
 * translator notes nothing; it comes last. */
static bool lockstep_same_stores(struct lockstep *lockstep)
{
    struct jit_area *area = jit_area(lockstep->jit.hart);
    const struct jit_hart *own = lockstep->jit.hart->hart.engine_state;
    unsigned count = 0;
    bool same = true;
    for (unsigned i = 0; i < JIT_STORES_MAX; i++) {
        struct jit_store *noted = &area->stores[i];
        unsigned size = (unsigned)(noted->info >> 8);
        const struct lockstep_store *made = &lockstep->store[count];
        bool stored = noted->info != 0 && (noted->info & 1) == 0;
        noted->info = 0;
        if (!stored || !same) {
            continue;
        }
        if (count >= lockstep->stores || made->address != noted->address || made->size != size ||
            store_low(made->value, size) != store_low(noted->value, size)) {
            same = lockstep_say(lockstep, "store %u: %u bytes, %" PRIx64 " at %" PRIx64
                                ", not %u bytes, %" PRIx64 " at %" PRIx64, count, size,
                                noted->value, noted->address, made->size, made->value,
                                made->address);
        }
        count++;
    }
    unsigned extra = own->steps != lockstep->steps ? 1 : 0;
    if (same && count + extra < lockstep->stores) {
        same = lockstep_say(lockstep, "%u stores, not %u", count, lockstep->stores);
    }
    lockstep->steps = own->steps;
    lockstep->stores = 0;
    return same;
}

bool lockstep_follow(struct lockstep *lockstep)
{
    const struct riscv_hart *a = lockstep->interp.hart, *b = lockstep->jit.hart;
    unsigned limit = (unsigned)(b->instret - a->instret) * 2 + 16;
    while (a->instret < b->instret && limit-- > 0) {
        lockstep_step(lockstep);
    }
    if (a->instret != b->instret) {
        return lockstep_say(lockstep, "%" PRIu64 " instructions have retired, not %" PRIu64,
                            b->instret, a->instret);
    }
    /* An exception retires nothing: the interpreter may still have to take it. */
    for (unsigned traps = 0; a->pc != b->pc || a->priv != b->priv || a->mcause != b->mcause ||
                             !lockstep_same_state(lockstep);
         traps++) {
        if (traps == 3 || a->instret != b->instret) {
            return lockstep->text[0] != 0 ||
                   lockstep_say(lockstep, "pc is %" PRIx64 ", not %" PRIx64, b->pc, a->pc);
        }
        lockstep_step(lockstep);
    }
    lockstep->text[0] = 0;
    return true;
}

static void lockstep_exit(void *opaque, struct riscv_hart *hart)
{
    struct lockstep *lockstep = opaque;
    if (lockstep->text[0] != 0 || lockstep->endless) {
        return;
    }
    bool same = lockstep_follow(lockstep) &&
                (!lockstep->jit.options.log_stores || lockstep_same_stores(lockstep)) &&
                lockstep_same_memory(lockstep, PROGRAM_X5 - PROGRAM_RAM - WINDOW_SIZE / 2,
                                     WINDOW_SIZE);
    lockstep->endless = same && (++lockstep->compared > EXITS_MAX ||
                                 hart->instret > INSTRUCTIONS_MAX);
    if (!same || lockstep->endless) {
        bench_stop(&lockstep->jit);
    } else if (lockstep->at_exit != NULL) {
        lockstep->at_exit(lockstep);
    }
}

bool lockstep_init(struct lockstep *lockstep, bool exits, const struct jit_options *options,
                   GError **error)
{
    struct jit_options jit = *options;
    memset(lockstep, 0, sizeof *lockstep);
    lockstep->exits = exits;
    if (exits) {
        jit.passes &= ~(IR_PASS_BIT(link) | IR_PASS_BIT(lookup) | IR_PASS_BIT(loop));
        jit.counting = true;
        jit.after_exit = lockstep_exit;
        jit.opaque = lockstep;
    }
    return bench_init(&lockstep->interp, &interp_engine, options, error) &&
           bench_init(&lockstep->jit, &jit_engine, &jit, error);
}

void lockstep_finish(struct lockstep *lockstep)
{
    bench_finish(&lockstep->jit);
    bench_finish(&lockstep->interp);
}

/* At the end only. */
static enum lockstep_result lockstep_run_apart(struct lockstep *lockstep,
                                               const struct program *program)
{
    bench_start(&lockstep->interp, program);
    if (!bench_run(&lockstep->interp)) {
        return LOCKSTEP_ENDLESS;
    }
    lockstep->instructions += lockstep->interp.hart->instret;
    for (unsigned tries = 0; tries < 5; tries++) { /* the host may be busy with other things */
        bench_start(&lockstep->jit, program);
        if (bench_run(&lockstep->jit)) {
            return lockstep_same_state(lockstep) ? LOCKSTEP_EQUAL : LOCKSTEP_DIFFERENT;
        }
    }
    lockstep_say(lockstep, "the translated program does not end");
    return LOCKSTEP_DIFFERENT;
}

static enum lockstep_result lockstep_run_together(struct lockstep *lockstep,
                                                  const struct program *program)
{
    const struct jit_hart *own = lockstep->jit.hart->hart.engine_state;
    bench_start(&lockstep->interp, program);
    bench_start(&lockstep->jit, program);
    lockstep->steps = own->steps;
    memset(jit_area(lockstep->jit.hart)->stores, 0, sizeof(struct jit_store) * JIT_STORES_MAX);
    bool ended = bench_run(&lockstep->jit);
    lockstep->instructions += lockstep->jit.hart->instret;
    return lockstep->text[0] != 0  ? LOCKSTEP_DIFFERENT
           : ended ? LOCKSTEP_EQUAL : LOCKSTEP_ENDLESS;
}

enum lockstep_result lockstep_run(struct lockstep *lockstep, const struct program *program)
{
    lockstep->text[0] = 0;
    lockstep->endless = false;
    lockstep->compared = 0;
    lockstep->stores = 0;
    enum lockstep_result result = lockstep->exits ? lockstep_run_together(lockstep, program)
                                                  : lockstep_run_apart(lockstep, program);
    if (result == LOCKSTEP_EQUAL && !lockstep_same_memory(lockstep, 0, PROGRAM_RAM_SIZE)) {
        result = LOCKSTEP_DIFFERENT;
    }
    return result;
}
