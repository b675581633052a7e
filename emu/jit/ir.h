/*
 * The translator's intermediate form: a straight line of typed operations with side exits.
 *
 * A value is the number of the operation that makes it. Guest registers are read with GET and
 * written with PUT, in program order, so that at every recovery point (an operation that may fault
 * or leave) the homes of all guest registers hold the architected state. Source: our own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IR_OPS_MAX   1024
#define IR_INSNS_MAX 128 /* guest instructions in one block */

/* OP(name, kind): kind says how a and b are used and what comes out.
 *   V0 no operands, V1 a, V2 a and b: make an integer value
 *   F0..F3: make a floating-point value from up to three; FI: integer from floating point
 *   E: an effect, no value; then R: a recovery point, S: raises FP flags, so it is kept.
 * HINT names a register whose home the value before it may use; GUARD steps the instruction unless
 * a == b; EXITC jumps to a in another context; CSRCALL reads a CSR that is more than a field. */
#define IR_OPS(OP)                                                                            \
    OP(NOP, E) OP(HINT, E) OP(CONST, V0) OP(GET, V0) OP(GETF, F0) OP(PUT, E) OP(PUTF, E)      \
    OP(PC, V0)                                                                                \
    OP(ADD, V2) OP(SUB, V2) OP(AND, V2) OP(OR, V2) OP(XOR, V2) OP(ANDN, V2) OP(ORN, V2)       \
    OP(XNOR, V2) OP(SLL, V2) OP(SRL, V2) OP(SRA, V2) OP(ROL, V2) OP(ROR, V2) OP(MUL, V2)      \
    OP(MULH, V2) OP(MULHU, V2) OP(MULHSU, V2) OP(DIV, V2) OP(DIVU, V2) OP(REM, V2)            \
    OP(REMU, V2) OP(MIN, V2) OP(MAX, V2) OP(MINU, V2) OP(MAXU, V2) OP(SLT, V2)                \
    OP(SLTU, V2) OP(SHADD, V2) OP(BSET, V2) OP(BCLR, V2) OP(BINV, V2) OP(BEXT, V2)            \
    OP(CLZ, V1) OP(CTZ, V1) OP(CPOP, V1) OP(REV8, V1) OP(ORCB, V1) OP(SEXT, V1)               \
    OP(ZEXT, V1) OP(LOAD, VR) OP(STORE, ER) OP(LOADF, FR) OP(STOREF, ER) OP(AMO, VR)          \
    OP(LR, VR) OP(SC, VR) OP(FENCE, E) OP(ZERO, ER) OP(CSRGET, V0) OP(CSRPUT, E)              \
    OP(CSRCALL, VR) OP(GUARD, ER)                                                             \
    OP(FLAGS, V0) OP(FLAGSPUT, E) OP(FCHECK, ER) OP(FBOXED, ER) OP(FMODE, ER) OP(FEXACT, ER)  \
    OP(FADD, F2S) OP(FSUB, F2S) OP(FMUL, F2R) OP(FDIV, F2R)                                   \
    OP(FSQRT, F1S) OP(FMIN, F2R) OP(FMAX, F2R) OP(FMADD, F3R) OP(FMSUB, F3R)                  \
    OP(FNMSUB, F3R) OP(FNMADD, F3R) OP(FSGNJ, F2) OP(FSGNJN, F2) OP(FSGNJX, F2)               \
    OP(FEQ, FIR) OP(FLT, FIR) OP(FLE, FIR) OP(FCVTFF, F1R) OP(FCVTIF, F1R) OP(FCVTFI, FIR)    \
    OP(FMVXF, FI) OP(FMVFX, F1) OP(BRANCH, ER) OP(EXIT, ER) OP(EXITR, ER) OP(EXITC, ER)       \
    OP(STEP, ER) OP(LEAVE, ER)

#define IR_ENUM(name, kind) IR_##name,
enum ir_op { IR_OPS(IR_ENUM) IR_OP_COUNT };

/* Conditions of BRANCH, as the manual names the instructions. */
enum ir_cond { IR_EQ, IR_NE, IR_LT, IR_GE, IR_LTU, IR_GEU };

/* Read-modify-write operations of AMO. */
enum ir_amo {
    IR_AMO_SWAP, IR_AMO_ADD, IR_AMO_XOR, IR_AMO_AND, IR_AMO_OR, IR_AMO_MIN, IR_AMO_MAX,
    IR_AMO_MINU, IR_AMO_MAXU,
};

/* Orders of atomics, as the instructions have them. */
enum ir_order { IR_RELEASE = 1, IR_ACQUIRE = 2 };

/* What a FENCE orders. FULL, which includes the others, is the one for earlier stores and later
 * loads. */
enum ir_fence {
    IR_FENCE_LOADS = 1,  /* earlier loads before all later accesses */
    IR_FENCE_STORES = 2, /* earlier stores before later stores */
    IR_FENCE_FULL = 4,
};

#define IR_CHECK 1 /* where IR_FCHECK is, if anywhere: loops over the block go back behind it */
#define IR_NONE 0 /* operation 0 is always a NOP, so that 0 means "no value" */

/* PASS(name): what makes code better and can be turned off, which leaves it right. The first three
 * work while a block is built, the next four on the whole block, the last three when it is run. */
#define IR_PASSES(PASS)                                                                       \
    PASS(fold)   /* constants and identities */                                               \
    PASS(follow) /* a block goes on at the target of a plain jump */                          \
    PASS(unroll) /* rounds of a loop over the block follow each other in it */              \
    PASS(flags)  /* fflags are read where the block is left, not where nobody looks at them */ \
    PASS(puts)   /* PUTs that nobody sees are dropped */                                      \
    PASS(values) /* values that nobody uses are dropped */                                    \
    PASS(merge)  /* one probe of the TLB for several accesses */                              \
    PASS(loop)   /* a jump to the block's own start stays inside */                           \
    PASS(link)   /* exits jump straight to the next block */                                  \
    PASS(lookup) /* indirect jumps find their target by themselves */

#define IR_PASS_ENUM(name) IR_PASS_##name,
enum ir_pass { IR_PASSES(IR_PASS_ENUM) IR_PASS_COUNT };

#define IR_PASS_BIT(name) (1u << IR_PASS_##name)
#define IR_PASSES_ALL     ((1u << IR_PASS_COUNT) - 1)

/* Their names, in the order of enum ir_pass; ends with NULL. */
extern const char *const ir_pass_names[IR_PASS_COUNT + 1];

/* One operation. Which fields count depends on `op`. */
struct ir_ins {
    uint8_t op;
    bool w32;       /* integer: computed on 32 bits and sign-extended; FP: 32-bit format */
    bool sign;      /* loads and extensions: sign-extend */
    uint8_t size;   /* loads, stores, AMO, extensions, CSRGET, CSRPUT: bytes; EXITC: instructions
                     * that it retires, 0 if it is an exception */
    uint8_t reg;    /* GET, PUT: guest register number */
    uint8_t group;  /* loads and stores: number in block->group, or 0: on its own */
    uint8_t sub;    /* enum ir_cond, enum ir_amo, SHADD's shift, static rounding mode; EXITC, LEAVE:
                     * enum riscv_bank of what follows */
    uint8_t order;  /* atomics: enum ir_order; FENCE: enum ir_fence */
    uint8_t late;   /* where the block may be left: guest register that takes fflags then, or 0 */
    bool quiet;     /* comparisons, FCVTFI: must raise no flag; FCVTIF: cannot */
    bool bounded;   /* FCVTFI: what is out of range must be a step, on any host */
    uint16_t a, b, c;
    uint16_t pc;    /* offset of the guest instruction in its page */
    uint16_t insns; /* guest instructions retired before this one in the block */
    uint16_t last;  /* the last operation that uses this value */
    uint16_t uses;
    int64_t imm;    /* CONST; displacement of memory operations; target of exits, page-relative;
                     * CSRGET, CSRPUT: offset of the register in struct riscv_hart; CSRCALL: the
                     * word of the instruction */
};

#define IR_GROUPS_MAX 9 /* number 0 is not used */

/* The value that the probe of a group finds: host minus guest address. It is no operation, but it
 * has a place and a last use like one. */
#define IR_ADDEND(group) (IR_OPS_MAX + (group))

/* Loads and stores near each other that are probed together, by the first of them. */
struct ir_group {
    uint16_t first; /* the operation that probes */
    bool write;     /* there are stores in it */
    uint16_t count;
    int32_t min, max; /* of the first byte, and behind the last one, from the first one's base */
};

/* One block under construction. */
struct ir_block {
    unsigned count;
    unsigned insns;     /* guest instructions in it */
    uint16_t start;     /* page offset of the first guest instruction */
    uint64_t lines;     /* which 64-byte lines of the page its instructions lie in */
    uint8_t context;    /* enum riscv_bank of loads and stores */
    struct ir_group group[IR_GROUPS_MAX];
    bool overflow;      /* an operation did not fit: drop the block, take fewer instructions */
    bool counting;      /* instructions are counted in hart->instret */
    unsigned passes;    /* IR_PASS_BIT of those that are on */
    uint64_t *counter;  /* counts how often the block is entered; NULL: nobody asks */
    struct ir_ins ins[IR_OPS_MAX + IR_GROUPS_MAX]; /* behind the operations: addends */
};

/* Empties a block that starts at page offset `start`. */
void ir_reset(struct ir_block *block, uint16_t start, uint8_t context);

/* Appends an operation and returns its number (its value). */
uint16_t ir_append(struct ir_block *block, struct ir_ins ins);

/* Whether an operation makes a value (integer or floating point). */
bool ir_makes_value(enum ir_op op);

/* Whether a value is a constant; which. */
bool ir_is_const(const struct ir_block *block, uint16_t value, int64_t *ret_imm);

/* Whether a value's low 32 bits cannot all be 0, as far as its operation tells. */
bool ir_is_nonzero(const struct ir_block *block, uint16_t value);

/* Whether a value cannot be negative, as far as its operation and its operands' tell. */
bool ir_is_natural(const struct ir_block *block, uint16_t value);

/* Whether the value it makes is floating point. */
bool ir_is_float(enum ir_op op);

/* Whether guest state must be exact when operation `index` runs: it may leave the block, on this
 * host. */
bool ir_is_recovery(const struct ir_block *block, unsigned index);

/* Whether it may raise floating-point flags. */
bool ir_raises_flags(enum ir_op op);

/* The pass `flags`: puts reading fflags off, at best to where the block is left. */
void ir_delay_flags(struct ir_block *block);

/* The pass `puts`: forgets PUTs that a later PUT overwrites before anybody could see them. One
 * right behind its value becomes a HINT: the value may live there until then. */
void ir_drop_dead_puts(struct ir_block *block);

/* Fills in `last` and `uses`; drops values that nobody uses if the pass `values` is on. */
void ir_count_uses(struct ir_block *block);

/* Whether a jump to page offset `target` stays in the block, at its start. */
bool ir_is_loop(const struct ir_block *block, int64_t target);

/* Finds loads and stores that can share a probe of the TLB. Before ir_drop_dead_puts: what only
 * shares a probe is no recovery point. */
void ir_merge(struct ir_block *block);

/* Whether a miss of the group's probe may fill the TLB: its first access asks for itself. */
bool ir_group_fills(const struct ir_block *block, unsigned group);

/* Appends a listing, one operation a line, to `text` (debugging, tests). */
void ir_print(const struct ir_block *block, char *text, unsigned size);
