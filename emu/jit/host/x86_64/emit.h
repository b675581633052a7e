/* State shared by the x86-64 emitter's families. Private to this folder. */
#pragma once

#include "emu/jit/area.h"
#include "emu/jit/host/host.h"
#include "emu/jit/host/x86_64/asm_sse.h"
#include "emu/jit/regs.h"

#define EMIT_COLD_MAX     512
#define EMIT_SUSPECTS_MAX 1024

struct emitter;
struct emit_cold;

/* Emits what a block needs off its main path. */
typedef void emit_cold_fn(struct emitter *e, const struct emit_cold *cold);

/* Where an integer operand is: a register, memory of the hart, or an immediate. */
struct operand {
    enum { OPERAND_REG, OPERAND_MEM, OPERAND_IMM } kind;
    enum x86_reg reg;
    struct x86_mem mem;
    int64_t imm; /* 32 bits where it is used in arithmetic */
};

/* Code that runs rarely, put behind the block. */
struct emit_cold {
    emit_cold_fn *fn;
    uint8_t *from[2];      /* displacements that lead there */
    const uint8_t *resume; /* where it goes on, in the writable view */
    const struct ir_ins *ins;
    int8_t address;        /* host register of the address */
    int8_t result;         /* host register of the result, integer or floating point */
    int8_t operand;        /* host register of another operand */
    uint16_t exit;         /* number of the exit record */
    uint16_t suspect, suspects; /* the first one in the emitter's table, and how many */
    struct operand value;  /* what is stored */
};

/* A place that holds a floating-point value which has not been checked for a NaN. */
struct emit_suspect {
    uint16_t value;
    int8_t reg;   /* host register; REGS_NONE: it is in `slot` */
    int32_t slot; /* displacement from the hart */
};

struct emitter {
    struct x86_asm as;
    const uint8_t *rx; /* where as.start executes */
    const struct host_thunks *thunks;
    const struct ir_block *block;
    struct regs x, f;
    struct jit_code *code;
    uint64_t first_exit;
    const uint8_t *loop; /* where a jump to the block's own start goes */
    bool ordered[IR_OPS_MAX]; /* floating-point values that are no NaNs that signal */
    uint16_t checked_by[IR_OPS_MAX]; /* the operation that checks a value for a NaN, if another */
    unsigned suspect_count;
    struct emit_suspect suspect[EMIT_SUSPECTS_MAX];
    unsigned cold_count;
    struct emit_cold cold[EMIT_COLD_MAX];
};

/* The register that holds the hart. */
#define HART RBP

/* Tables that place guest registers in host registers. */
extern const struct regs_host emit_regs_x;
/* The same for floating point. */
extern const struct regs_host emit_regs_f;

/* The operand of a value, read now; `imm` allows immediates, `mem` slots. */
struct operand emit_operand(struct emitter *e, uint16_t value, bool imm, bool mem);

/* Copies a value, wherever it is, to a register that the caller has taken. */
void emit_copy(struct emitter *e, enum x86_reg dst, uint16_t value);

/* mov dst, operand */
void emit_mov(struct emitter *e, bool wide, enum x86_reg dst, const struct operand *src);

/* op dst, operand */
void emit_alu(struct emitter *e, enum x86_alu op, bool wide, enum x86_reg dst,
              const struct operand *src);

/* Queues cold code; returns it to be filled in, or NULL when the block is too large. */
struct emit_cold *emit_cold(struct emitter *e, emit_cold_fn *fn, const struct ir_ins *ins,
                            uint8_t *from);

/* call or jmp to shared code. */
void emit_call_thunk(struct emitter *e, const uint8_t *thunk);
/* jmp thunk */
void emit_jmp_thunk(struct emitter *e, const uint8_t *thunk);

/* Counts retired instructions, in blocks that count. */
void emit_count(struct emitter *e, unsigned insns);

/* Leaves with hart->pc = page + `target` (page-relative). */
void emit_leave(struct emitter *e, int64_t target, enum jit_reason reason);

/* Adds an exit whose jump (exit->jump) can be patched; it leads to its stub until then. Returns its
 * number. */
uint16_t emit_patchable(struct emitter *e, const struct ir_ins *ins, const struct jit_exit *exit);

/* In cold code: reads fflags, if the block had put that off. Takes rcx and rdx. */
void emit_late_flags(struct emitter *e, const struct ir_ins *ins);

/* Cold code that leaves to interpret the instruction. */
void emit_cold_step(struct emitter *e, const struct emit_cold *cold);

/* Decides which operations check for NaNs. */
void emit_plan_nans(struct emitter *e);

/* Checks the result of operation `index`, in `dst`, for a NaN, unless another one does: NULL. `fn`
 * is emit_cold_nan or ends with it. */
struct emit_cold *emit_nan_check(struct emitter *e, unsigned index, unsigned dst, emit_cold_fn *fn);

/* Cold code that makes a NaN result canonical, and those that were not checked before it. */
void emit_cold_nan(struct emitter *e, const struct emit_cold *cold);

/* Integer operations without memory. False: not one of this family. */
bool emit_integer(struct emitter *e, unsigned index);
/* Loads, stores, atomics. */
bool emit_memory(struct emitter *e, unsigned index);
/* Branches and exits. */
bool emit_flow(struct emitter *e, unsigned index);
/* fflags and frm. */
bool emit_fcsr(struct emitter *e, unsigned index);
/* Floating point. */
bool emit_float(struct emitter *e, unsigned index);
