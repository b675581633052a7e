/*
 * Inside the interpreter: what the files of micro-op functions share. For interp*.c alone.
 *
 * A page of guest code is an array of slots, one for each halfword, that are decoded when they are
 * first run. A micro-op's function does its work and jumps to the function of the next slot; the
 * guest's pc is not kept but follows from the slot's address. Whatever is not the plain case
 * (a trap, a TLB miss, a system instruction) returns instead: the next slot, or NULL when the
 * engine must return. Where the compiler does not make jumps of calls in tail position (sanitizers,
 * no optimisation), every function returns the next slot and a loop calls it.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "emu/cpu/hart.h"
#include "emu/cpu/tlb.h"
#include "emu/riscv/hart.h"
#include "emu/riscv/isa.h"

struct interp;
struct interp_slot;

/* The arguments of every micro-op function: `retired` is the number of instructions before this. */
#define INTERP_ARGS                                                                              \
    struct riscv_hart *h __attribute__((unused)), struct interp_slot *s __attribute__((unused)), \
        uint64_t retired __attribute__((unused)), struct interp *in __attribute__((unused))
#define INTERP_PASS h, s, retired, in

typedef struct interp_slot *interp_fn(INTERP_ARGS);

/* One decoded instruction. */
struct interp_slot {
    interp_fn *fn;
    int32_t imm; /* of near branches: bytes to the target slot; if illegal: the word */
    uint8_t rd;  /* INTERP_SINK for x0 */
    uint8_t rs1, rs2;
    uint8_t rs3_rm; /* rs3 << 3 | rm */
};
static_assert(sizeof(struct interp_slot) == 16, "pc is computed from the address of a slot");

/* Where results for x0 go. */
#define INTERP_SINK 32

#define INTERP_PAGE_SIZE  4096u
#define INTERP_PAGE_MASK  (~(uint64_t)(INTERP_PAGE_SIZE - 1))
#define INTERP_PAGE_SLOTS (INTERP_PAGE_SIZE / 2)
#define INTERP_LINE_SLOTS (INTERP_PAGE_SLOTS / 64)
#define INTERP_FETCH_BITS 9
#define INTERP_FETCHES    (1u << INTERP_FETCH_BITS)
#define INTERP_HASH_BITS  10
#define INTERP_PAGES      1024u /* decoded pages a hart of this engine keeps */
#define INTERP_NO_PAGE    UINT64_MAX

/* The decoded form of one page of guest memory. The last instruction of a page may end in the next
 * one, which is another page in every address space: it has slots of its own. */
struct interp_page {
    struct interp_slot slot[INTERP_PAGE_SLOTS + 1]; /* the last one leads to the next page */
    struct interp_slot straddle[3];
    uint32_t straddle_word; /* what straddle[0] was decoded from */
    bool recent;            /* looked up since the search for a victim last came by */
    uint64_t epoch;         /* interp.epoch when the copy was last compared with memory */
    uint64_t lines;         /* of 64 bytes, that slots have been decoded from: a bit each */
    uint64_t changed;       /* those found to differ, since interp_until_jump last told */
    const uint8_t *host;    /* the page in guest memory; NULL: not in use */
    struct interp_page *next; /* with the same hash */
    uint16_t copy[INTERP_PAGE_SLOTS]; /* what decoded slots were decoded from */
};

/* The fetch side of the TLB: code of the page at guest virtual address `tag`. */
struct interp_fetch {
    uint64_t tag; /* or INTERP_NO_PAGE */
    struct interp_slot *slot;
};

/* What the interpreter keeps for a hart. */
struct interp {
    uint64_t bias; /* pc minus address of slot / 8, of the page that runs now */
    const struct tlb_bank *tlb;  /* of loads and stores now */
    struct interp_fetch *fetch;  /* of fetches now */
    gpa_t gpa;                   /* results of calls from micro-op functions: a local variable */
    bool once;                   /* come back at the first jump, as if there were a request */
    bool monitored;              /* between riscv_store_begin and riscv_store_end */
    unsigned fp_flags;           /* whose address is known keeps the compiler from jumping on */
    uint64_t epoch;              /* counts fence.i */
    bool filled[BANK_COUNT];     /* whether cache[bank] is not empty */
    unsigned pages;              /* in the pool */
    unsigned pages_used, victim; /* the pool is filled first; then, who was not used for a round */
    struct interp_page *pool;
    struct interp_page *hash[1u << INTERP_HASH_BITS];
    struct interp_page *step;    /* for single instructions, which are not kept */
    struct interp_fetch cache[BANK_COUNT][INTERP_FETCHES];
};

#define INTERP_INLINE inline __attribute__((always_inline))
#define INTERP_COLD   __attribute__((noinline, cold))
#define INTERP_LIKELY(condition) __builtin_expect((condition), 1)

#if INTERP_TAIL_CALLS
/* Goes on at slot `to`, with `count` instructions retired. */
#define INTERP_GO(to, count) return (to)->fn(h, (to), (count), in)
#else
#define INTERP_GO(to, count)  \
    do {                      \
        h->instret = (count); \
        return (to);          \
    } while (0)
#endif

/* Goes on at slot `to` when this instruction is done. */
#define INTERP_NEXT(to) INTERP_GO((to), retired + 1)

/* Defines the functions of a micro-op, interp_NAME_2 and interp_NAME_4, from the body that follows.
 * `length` is the instruction's length in slots. */
#define INTERP_OP(name)                                                                       \
    static INTERP_INLINE struct interp_slot *name##_body(INTERP_ARGS, unsigned length);       \
    struct interp_slot *interp_##name##_2(INTERP_ARGS) { return name##_body(INTERP_PASS, 1); } \
    struct interp_slot *interp_##name##_4(INTERP_ARGS) { return name##_body(INTERP_PASS, 2); } \
    static INTERP_INLINE struct interp_slot *name##_body(                                     \
        INTERP_ARGS, unsigned length __attribute__((unused)))

/* Every micro-op has both functions, or the program does not link. */
#define INTERP_DECLARE(uop) interp_fn interp_##uop##_2, interp_##uop##_4;
ISA_UOPS(INTERP_DECLARE)

/* Forms that the decoder chooses where operands allow: branches and jumps inside the page, without
 * link; moves; CSR reads that write nothing. */
#define INTERP_VARIANTS(X)                                                              \
    X(near_eq) X(near_ne) X(near_lt) X(near_ge) X(near_ltu) X(near_geu)                 \
    X(near_jump) X(near_call) X(jumpr_nolink) X(move) X(csr_read)
INTERP_VARIANTS(INTERP_DECLARE)

/* What a slot does before its instruction is decoded: decodes it. */
interp_fn interp_undecoded;

/* The slots after the last one of a page: go on in the next page. */
interp_fn interp_page_end;

/* The last slot of a page, when its instruction ends in the next page. */
interp_fn interp_straddle;

/* An instruction that is illegal whatever the state; imm is its word. */
interp_fn interp_illegal;

/* Decodes `word` into `slot`. `offset` is its place in its page in bytes; `near` allows forms that
 * stay in the page. */
void interp_decode(struct interp_slot *slot, uint32_t word, unsigned offset, bool near);

/* The decoded form of the page of guest memory at `host`; never evicts `keep`. */
struct interp_page *interp_page_get(struct interp *in, const uint8_t *host,
                                    const struct interp_page *keep);

/* Makes every slot of a page undecoded. */
void interp_page_reset(struct interp_page *page);

/* The page that a slot lies in. */
struct interp_page *interp_page_of(struct interp *in, const struct interp_slot *slot);

/* Host address of the page that a fetch of two bytes at `address` goes to; NULL: the exception is
 * taken. Remembers it if it can; never evicts `keep`. */
const uint8_t *interp_fetch_page(struct riscv_hart *h, struct interp *in, uint64_t address,
                                 const struct interp_page *keep);

/* The slot for the one instruction at h->pc, in a page at `host` whose bytes do not all have the
 * same rights; NULL: an exception is taken. */
struct interp_slot *interp_step(struct riscv_hart *h, struct interp *in, const uint8_t *host);

/* The slot for one instruction at `pc` whose word is known. */
struct interp_slot *interp_step_word(struct interp *in, uint64_t pc, uint32_t word);

/* The instruction word that a slot was decoded from. */
uint32_t interp_word(struct interp *in, const struct interp_slot *slot);

/* Forgets all fetch translations. */
void interp_forget_fetches(struct interp *in);

/* The slot for h->pc, after taking whatever exceptions fetching it takes; NULL if the engine must
 * return. All state is in *h. */
struct interp_slot *interp_enter(struct riscv_hart *h, struct interp *in);

/* The guest address of a slot of the page that runs now. */
static inline uint64_t interp_pc(const struct interp *in, const struct interp_slot *s)
{
    return in->bias + ((uintptr_t)s >> 3);
}

/* Makes `slot` the place of guest address `pc`. */
static inline void interp_set_bias(struct interp *in, const struct interp_slot *slot, uint64_t pc)
{
    in->bias = pc - ((uintptr_t)slot >> 3);
}

/* Writes the state that functions outside the interpreter look at. */
static inline void interp_sync(INTERP_ARGS)
{
    h->pc = interp_pc(in, s);
    h->instret = retired;
}

/* The engine must return, or the piece that it was to run ends. */
static inline bool interp_requested(const struct riscv_hart *h, const struct interp *in)
{
    return in->once || hart_requested(&h->hart);
}

/* Goes on at guest address `pc`, anywhere. */
static INTERP_INLINE struct interp_slot *interp_jump(struct riscv_hart *h, uint64_t count,
                                                     struct interp *in, uint64_t pc)
{
    const struct interp_fetch *fetch = &in->fetch[(pc / INTERP_PAGE_SIZE) % INTERP_FETCHES];
    if (INTERP_LIKELY(fetch->tag == (pc & INTERP_PAGE_MASK) && !interp_requested(h, in))) {
        struct interp_slot *to = fetch->slot + pc % INTERP_PAGE_SIZE / 2;
        interp_set_bias(in, fetch->slot, fetch->tag);
        INTERP_GO(to, count);
    }
    h->pc = pc;
    h->instret = count;
    return interp_enter(h, in);
}

/* Takes an exception at this instruction and returns where to go on. */
struct interp_slot *interp_raise(INTERP_ARGS, enum riscv_cause cause, uint64_t tval);

/* This instruction is illegal in the present state. */
struct interp_slot *interp_raise_illegal(INTERP_ARGS);

/* Goes on after an instruction of `length` slots that may have changed anything. */
struct interp_slot *interp_resume(INTERP_ARGS, unsigned length);
