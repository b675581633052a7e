/* State shared by the A64 emitter's families. Private to this folder. */
#pragma once

#include "emu/jit/area.h"
#include "emu/jit/host/aarch64/asm_fp.h"
#include "emu/jit/host/host.h"
#include "emu/jit/regs.h"

#define EMIT_COLD_MAX 512

/* Registers with a fixed meaning in generated code. S0 and S1 are scratch within an operation (and
 * carry arguments of shared code); so is the link register inside blocks. x18 is the host's. */
#define S0      16
#define S1      17
#define CONTEXT 25 /* struct jit_context of the block's context */
#define BANK    26 /* struct tlb_bank of the same */
#define AREA    27 /* struct jit_area */
#define HART    28 /* struct riscv_hart */
/* Temporaries of blocks; on a way out of a block they are free. */
#define T0 0
#define T1 1
#define T2 2
#define T3 3
/* Vector registers: scratch, and the constant that boxes a single. */
#define V_SCRATCH 4
#define V_BOX     5

struct emitter;
struct emit_cold;

/* Emits what a block needs off its main path. */
typedef void emit_cold_fn(struct emitter *e, const struct emit_cold *cold);

/* Code that runs rarely, put behind the block. */
struct emit_cold {
    emit_cold_fn *fn;
    uint8_t *from[2];      /* branches that lead there */
    const uint8_t *resume; /* where it goes on, in the writable view */
    const struct ir_ins *ins;
    int8_t address;        /* register of the address */
    int8_t value;          /* register of the result or of what is stored, of either file */
    int8_t a, b;           /* operands that the cold code looks at */
    uint16_t exit;         /* number of the exit record */
};

struct emitter {
    struct a64_asm as;
    const uint8_t *rx; /* where as.start executes */
    const struct host_thunks *thunks;
    const struct ir_block *block;
    struct regs x, f;
    struct jit_code *code;
    uint64_t first_exit;
    const uint8_t *loop; /* where a jump to the block's own start goes */
    unsigned cold_count;
    struct emit_cold cold[EMIT_COLD_MAX];
};

/* Tables that place guest registers in host registers. */
extern const struct regs_host emit_regs_x;
/* The same for floating point. */
extern const struct regs_host emit_regs_f;

/* A field of the hart, which comes before its big tables. */
#define HART_AT(field) a64_at(HART, HART_OFFSET(field))
/* A field of the area. */
#define AREA_AT(field) a64_at(AREA, (int32_t)offsetof(struct jit_area, field))

/* Whether the processor has the atomic instructions of FEAT_LSE. */
bool emit_has_lse(void);

/* The register of an operand where number 31 means zero: the zero register, for 0. */
int emit_read(struct emitter *e, uint16_t value);

/* d = n + imm, any constant; may use S1, so n is not S1. */
void emit_add(struct emitter *e, int d, int n, int64_t imm);

/* Queues cold code; returns it to be filled in. */
struct emit_cold *emit_cold(struct emitter *e, emit_cold_fn *fn, const struct ir_ins *ins,
                            uint8_t *from);

/* Branches to where the cold code goes on. */
void emit_resume(struct emitter *e, const struct emit_cold *cold);

/* bl to shared code. */
void emit_call_thunk(struct emitter *e, const uint8_t *thunk);

/* Counts retired instructions, in blocks that count. */
void emit_count(struct emitter *e, unsigned insns);

/* Leaves with hart->pc = page + `target` (page-relative). */
void emit_leave(struct emitter *e, int64_t target, enum jit_reason reason);

/* Leaves with hart->pc = the register. */
void emit_leave_to(struct emitter *e, int reg, enum jit_reason reason);

/* A jump that can be patched, to page + `target`; it leads to its stub until then. `single`: to a
 * block whose accesses have probes of their own. Returns the exit's number. */
uint16_t emit_patchable(struct emitter *e, const struct ir_ins *ins, int64_t target, bool single);

/* Cold code that leaves to interpret the instruction. */
void emit_cold_step(struct emitter *e, const struct emit_cold *cold);

/* Probes the TLB: afterwards the byte lives at address + S1. Uses S0. Returns the miss branch. */
uint8_t *emit_probe(struct emitter *e, int address, unsigned size, enum tlb_access access);

/* Register that holds value + disp. */
int emit_address(struct emitter *e, uint16_t value, int64_t disp);

/* Address and info of a slow call, in S0 and S1. */
void emit_slow_arguments(struct emitter *e, const struct emit_cold *cold, unsigned op);

/* Makes the single in a vector register a boxed one. */
void emit_box(struct emitter *e, int reg);

/* Integer operations without memory. False: not one of this family. */
bool emit_integer(struct emitter *e, unsigned index);
/* Loads and stores. */
bool emit_memory(struct emitter *e, unsigned index);
/* Atomics and fences. */
bool emit_atomic(struct emitter *e, unsigned index);
/* Branches and exits. */
bool emit_flow(struct emitter *e, unsigned index);
/* fflags and frm. */
bool emit_fcsr(struct emitter *e, unsigned index);
/* Floating point. */
bool emit_float(struct emitter *e, unsigned index);
