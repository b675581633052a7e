/*
 * An A64 assembler: one function an encoding family, no policy.
 *
 * Errors are sticky: a full buffer sets `overflow` and later words are dropped; test it once, at
 * the end. Source: Arm Architecture Reference Manual for A-profile, chapters C4 and C6.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Register numbers are plain integers. 31 is the zero register, or SP where the manual says so. */
#define A64_ZR   31
#define A64_SP   31
#define A64_LINK 30
#define A64_NONE (-1)

/* Conditions, as encoded; flipping bit 0 inverts. */
enum a64_cc {
    CC_EQ, CC_NE, CC_HS, CC_LO, CC_MI, CC_PL, CC_VS, CC_VC, CC_HI, CC_LS, CC_GE, CC_LT, CC_GT,
    CC_LE,
};

/* Bit 1 is subtraction, bit 0 sets flags. */
enum a64_sum { A64_ADD, A64_ADDS, A64_SUB, A64_SUBS };

/* Bit 0 inverts the second operand. */
enum a64_logic {
    A64_AND, A64_BIC, A64_ORR, A64_ORN, A64_EOR, A64_EON, A64_ANDS, A64_BICS,
};

enum a64_shift { A64_LSL, A64_LSR, A64_ASR, A64_ROR };
enum a64_field { A64_SBFM, A64_BFM, A64_UBFM };
enum a64_two { A64_UDIV = 2, A64_SDIV, A64_LSLV = 8, A64_LSRV, A64_ASRV, A64_RORV };
enum a64_one { A64_RBIT = 0, A64_REV = 2, A64_CLZ = 4 };
enum a64_three { A64_MADD, A64_MSUB, A64_SMULH, A64_UMULH };
enum a64_select { A64_CSEL, A64_CSINC, A64_CSINV, A64_CSNEG };
enum a64_barrier { A64_DMB_ISHLD = 9, A64_DMB_ISHST, A64_DMB_ISH };

/* Atomic operations of FEAT_LSE; SWP is apart from the others in the encoding. */
enum a64_atomic {
    A64_LDADD, A64_LDCLR, A64_LDEOR, A64_LDSET, A64_LDSMAX, A64_LDSMIN, A64_LDUMAX, A64_LDUMIN,
    A64_SWP,
};

/* [base + disp], or [base + index]. */
struct a64_mem {
    int base;
    int index; /* A64_NONE: none */
    int32_t disp;
};

/* What a load or store moves: 1, 2, 4 or 8 bytes; `sign`: a load that extends to 64 bits;
 * `vector`: the low part of a floating-point register. */
struct a64_access {
    uint8_t size;
    bool load, sign, vector;
};

struct a64_asm {
    uint8_t *start; /* writable view */
    uint8_t *at;
    uint8_t *end;
    bool overflow;
};

/* [base + disp] */
static inline struct a64_mem a64_at(int base, int32_t disp)
{
    return (struct a64_mem){ base, A64_NONE, disp };
}

/* [base + index] */
static inline struct a64_mem a64_indexed(int base, int index)
{
    return (struct a64_mem){ base, index, 0 };
}

/* Bytes written so far. */
static inline size_t a64_size(const struct a64_asm *as)
{
    return (size_t)(as->at - as->start);
}

/* One raw word. */
void a64_word(struct a64_asm *as, uint32_t word);

/* Whether a sum takes this constant; -imm may do with the opposite operation. */
bool a64_sum_fits(uint64_t imm);
/* add, sub, adds, subs with a constant that fits; n and d may be SP. */
void a64_sum_ri(struct a64_asm *as, enum a64_sum op, bool wide, int d, int n, uint32_t imm);
/* add, sub, adds, subs: n op (m << shift) */
void a64_sum_rr(struct a64_asm *as, enum a64_sum op, bool wide, int d, int n, int m,
                unsigned shift);
/* Whether a logical operation takes this constant. */
bool a64_logic_fits(bool wide, uint64_t imm);
/* and, orr, eor, ands (not the inverted ones) with a constant that fits. */
void a64_logic_ri(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, uint64_t imm);
/* Logic: n op m */
void a64_logic_rr(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, int m);
/* Logic: n op (m shifted) */
void a64_logic_rs(struct a64_asm *as, enum a64_logic op, bool wide, int d, int n, int m,
                  enum a64_shift shift, unsigned amount);
/* mov d, m */
void a64_mov(struct a64_asm *as, int d, int m);
/* Any 64-bit constant in the fewest words. */
void a64_mov_imm(struct a64_asm *as, int d, uint64_t imm);
/* sbfm, bfm, ubfm: the raw form of shifts by constants and extensions. */
void a64_bitfield(struct a64_asm *as, enum a64_field op, bool wide, int d, int n, unsigned immr,
                  unsigned imms);
/* A shift by a constant below the width. */
void a64_shift_ri(struct a64_asm *as, enum a64_shift op, bool wide, int d, int n, unsigned count);
/* Sign or zero extension of the low 1, 2 or 4 bytes to 64 bits. */
void a64_extend(struct a64_asm *as, unsigned size, bool sign, int d, int n);
/* Divisions and shifts by a register. */
void a64_two(struct a64_asm *as, enum a64_two op, bool wide, int d, int n, int m);
/* rbit, rev, clz */
void a64_one(struct a64_asm *as, enum a64_one op, bool wide, int d, int n);
/* madd, msub: a +- n * m; smulh and umulh: wide, a unused. */
void a64_three(struct a64_asm *as, enum a64_three op, bool wide, int d, int n, int m, int a);
/* csel and its relatives: cc ? n : f(m) */
void a64_select(struct a64_asm *as, enum a64_select op, bool wide, int d, int n, int m,
                enum a64_cc cc);
/* cset */
void a64_cset(struct a64_asm *as, int d, enum a64_cc cc);
/* ccmp: compares if cc holds, else the flags become nzcv. */
void a64_ccmp(struct a64_asm *as, bool wide, int n, int m, unsigned nzcv, enum a64_cc cc);

/* Whether one instruction reaches [base + disp]. */
bool a64_reaches(unsigned size, int32_t disp);
/* A load or store that reaches. */
void a64_access(struct a64_asm *as, struct a64_access access, int t, struct a64_mem mem);
/* ldr, str of 64 bits. */
void a64_ldr(struct a64_asm *as, int t, struct a64_mem mem);
/* str of 64 bits */
void a64_str(struct a64_asm *as, int t, struct a64_mem mem);
/* ldr, str of the low 64 bits of a vector register. */
void a64_ldr_d(struct a64_asm *as, int t, struct a64_mem mem);
/* str of the low 64 bits of a vector register */
void a64_str_d(struct a64_asm *as, int t, struct a64_mem mem);
/* ldp, stp of 64-bit registers; disp a multiple of 8 in [-512, 504]. */
void a64_pair(struct a64_asm *as, bool load, bool vector, int t, int t2, int base, int32_t disp);

/* A branch to be bound; returns its place. */
uint8_t *a64_b(struct a64_asm *as);
/* b.cc */
uint8_t *a64_bcc(struct a64_asm *as, enum a64_cc cc);
/* cbz or cbnz */
uint8_t *a64_cbz(struct a64_asm *as, bool wide, bool not_zero, int t);
/* bl */
uint8_t *a64_bl(struct a64_asm *as);
/* ldr of 32 bits from a literal, to be bound. */
uint8_t *a64_literal(struct a64_asm *as, int t);
/* br, blr */
void a64_br(struct a64_asm *as, bool link, int n);
/* ret */
void a64_ret(struct a64_asm *as);
/* Points the branch at `place` to `target`, both in the writable view. */
void a64_bind(struct a64_asm *as, uint8_t *place, const uint8_t *target);
/* Binds to where the next instruction goes. */
void a64_bind_here(struct a64_asm *as, uint8_t *place);
/* The word of an unconditional branch over `distance` bytes. */
uint32_t a64_encode_b(int64_t distance);
/* Pads with nop to a multiple of `alignment`. */
void a64_align(struct a64_asm *as, unsigned alignment);

/* dmb */
void a64_dmb(struct a64_asm *as, enum a64_barrier kind);
/* isb */
void a64_isb(struct a64_asm *as);
/* FEAT_LSE: t = [n]; [n] = [n] op s, with acquire and release as asked. 4 or 8 bytes. */
void a64_atomic(struct a64_asm *as, enum a64_atomic op, unsigned size, bool acquire, bool release,
                int s, int t, int n);
/* FEAT_LSE cas: if [n] == s then [n] = t; s = what was there. */
void a64_cas(struct a64_asm *as, unsigned size, bool acquire, bool release, int s, int t, int n);
/* ldxr, ldaxr */
void a64_ldxr(struct a64_asm *as, unsigned size, bool acquire, int t, int n);
/* stxr, stlxr: s = 0 if it stored */
void a64_stxr(struct a64_asm *as, unsigned size, bool release, int s, int t, int n);
/* ldar */
void a64_ldar(struct a64_asm *as, unsigned size, int t, int n);
