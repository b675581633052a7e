/*
 * An x86-64 assembler: one function a machine instruction family, no policy.
 *
 * Errors are sticky: a full buffer sets `overflow` and later bytes are dropped; test it once, at
 * the end. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x86_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    X86_NONE = -1,
    X86_NONE_BASE = -2, /* as a base with an index: no base at all */
};

/* The eight group-1 operations, by their /digit. */
enum x86_alu { X86_ADD, X86_OR, X86_ADC, X86_SBB, X86_AND, X86_SUB, X86_XOR, X86_CMP };

/* The group-2 shifts, by their /digit. */
enum x86_shift { X86_ROL, X86_ROR, X86_SHL = 4, X86_SHR = 5, X86_SAR = 7 };

/* Conditions as encoded in Jcc, SETcc and CMOVcc. */
enum x86_cc {
    CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE,
    CC_LE, CC_G,
};

/* [base + index * scale + disp]; index X86_NONE for none; base X86_NONE: disp relative to rip,
 * counted from the end of the instruction. */
struct x86_mem {
    enum x86_reg base;
    enum x86_reg index;
    uint8_t scale; /* 0..3: 1, 2, 4, 8 */
    int32_t disp;
};

struct x86_asm {
    uint8_t *start; /* writable view */
    uint8_t *at;
    uint8_t *end;
    bool overflow;
};

/* [base + disp] */
static inline struct x86_mem x86_at(enum x86_reg base, int32_t disp)
{
    return (struct x86_mem){ base, X86_NONE, 0, disp };
}

/* [base + index + disp] */
static inline struct x86_mem x86_indexed(enum x86_reg base, enum x86_reg index, int32_t disp)
{
    return (struct x86_mem){ base, index, 0, disp };
}

/* Bytes written so far. */
static inline size_t x86_size(const struct x86_asm *as)
{
    return (size_t)(as->at - as->start);
}

/* One raw byte, for tests and padding. */
void x86_byte(struct x86_asm *as, unsigned byte);

/* ModRM, SIB and displacement of a memory operand: the tail of an instruction. */
void x86_modrm(struct x86_asm *as, int reg, struct x86_mem mem);

/* op reg, reg */
void x86_alu_rr(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst,
                enum x86_reg src);
/* op reg, imm32 (sign-extended when wide) */
void x86_alu_ri(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst, int32_t imm);
/* op reg, [mem] */
void x86_alu_rm(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst,
                struct x86_mem src);
/* op [mem], reg */
void x86_alu_mr(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst,
                enum x86_reg src);
/* op [mem], imm32 */
void x86_alu_mi(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst, int32_t imm);
/* cmp dword [mem], imm32, always with four bytes of immediate, so that it can be patched */
void x86_cmp_m32i(struct x86_asm *as, struct x86_mem dst, uint32_t imm);
/* cmp byte [mem], imm8 */
void x86_cmp_m8i(struct x86_asm *as, struct x86_mem dst, int8_t imm);
/* test reg, reg */
void x86_test_rr(struct x86_asm *as, bool wide, enum x86_reg a, enum x86_reg b);
/* mov reg, reg */
void x86_mov_rr(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src);
/* Any 64-bit constant in the shortest form; flags survive unless it is 0 and `flags_dead`. */
void x86_mov_ri(struct x86_asm *as, enum x86_reg dst, uint64_t imm, bool flags_dead);
/* mov reg, [mem] */
void x86_mov_rm(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src);
/* A load of 1, 2, 4 or 8 bytes, zero- or sign-extended to 64 bits. */
void x86_load(struct x86_asm *as, unsigned size, bool sign, enum x86_reg dst, struct x86_mem src);
/* A store of the low 1, 2, 4 or 8 bytes. */
void x86_store(struct x86_asm *as, unsigned size, struct x86_mem dst, enum x86_reg src);
/* mov [mem], imm32 (sign-extended when 8 bytes) */
void x86_store_imm(struct x86_asm *as, unsigned size, struct x86_mem dst, int32_t imm);
/* Sign or zero extension of the low 1, 2 or 4 bytes to 64 bits. */
void x86_extend(struct x86_asm *as, unsigned size, bool sign, enum x86_reg dst, enum x86_reg src);
/* lea reg, [mem] */
void x86_lea(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src);
/* shift reg, imm8 */
void x86_shift_ri(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst,
                  unsigned count);
/* shift reg, cl */
void x86_shift_rc(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst);
/* BMI2 shlx, shrx, sarx: dst = src shifted by count. */
void x86_shiftx(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst,
                enum x86_reg src, enum x86_reg count);
/* BMI2 rorx */
void x86_rorx(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src, unsigned count);
/* BMI1 andn: dst = ~a & b */
void x86_andn(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg a, enum x86_reg b);
/* imul reg, reg */
void x86_imul_rr(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src);
/* imul reg, [mem] */
void x86_imul_rm(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src);
/* One-operand group 3 on a register: 2 not, 3 neg, 4 mul, 5 imul, 6 div, 7 idiv. */
void x86_group3(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg reg);
/* cdq or cqo */
void x86_sign_rdx(struct x86_asm *as, bool wide);
/* lzcnt, tzcnt, popcnt by their opcode byte (0xbd, 0xbc, 0xb8). */
void x86_count(struct x86_asm *as, unsigned opcode, bool wide, enum x86_reg dst,
               enum x86_reg src);
/* bswap reg */
void x86_bswap(struct x86_asm *as, bool wide, enum x86_reg reg);
/* bt, bts, btr, btc reg, reg by their /digit (4..7). */
void x86_bit_rr(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg dst,
                enum x86_reg bit);
/* The same with an immediate bit number. */
void x86_bit_ri(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg dst, unsigned bit);
/* setcc reg8 */
void x86_setcc(struct x86_asm *as, enum x86_cc cc, enum x86_reg dst);
/* cmovcc reg, reg */
void x86_cmov(struct x86_asm *as, enum x86_cc cc, bool wide, enum x86_reg dst, enum x86_reg src);
/* push or pop a register. */
void x86_push(struct x86_asm *as, enum x86_reg reg);
/* pop reg */
void x86_pop(struct x86_asm *as, enum x86_reg reg);
/* ret */
void x86_ret(struct x86_asm *as);
/* jmp reg */
void x86_jmp_r(struct x86_asm *as, enum x86_reg reg);
/* jmp [mem] */
void x86_jmp_m(struct x86_asm *as, struct x86_mem target);
/* call reg */
void x86_call_r(struct x86_asm *as, enum x86_reg reg);
/* call [mem] */
void x86_call_m(struct x86_asm *as, struct x86_mem target);
/* jmp rel32, to be bound; returns the place of its displacement. */
uint8_t *x86_jmp(struct x86_asm *as);
/* The same, with the displacement 4-byte aligned, so that it can be patched while others run. */
uint8_t *x86_jmp_aligned(struct x86_asm *as);
/* jcc rel32, to be bound. */
uint8_t *x86_jcc(struct x86_asm *as, enum x86_cc cc);
/* call rel32, to be bound. */
uint8_t *x86_call(struct x86_asm *as);
/* lea reg, [rip + rel32], to be bound. */
uint8_t *x86_lea_rip(struct x86_asm *as, enum x86_reg dst);
/* Points the displacement at `place` to `target`, both in the writable view. */
void x86_bind(const struct x86_asm *as, uint8_t *place, const uint8_t *target);
/* Binds to where the next instruction goes. */
void x86_bind_here(const struct x86_asm *as, uint8_t *place);
/* Pads with int3 to a multiple of `alignment`. */
void x86_align(struct x86_asm *as, unsigned alignment);
/* mfence equivalent: lock or dword [rsp-64], 0 */
void x86_full_fence(struct x86_asm *as);
/* lock xadd / lock cmpxchg / xchg [mem], reg by opcode (0x0fc1, 0x0fb1, 0x87). */
void x86_locked(struct x86_asm *as, unsigned opcode, bool wide, struct x86_mem dst,
                enum x86_reg src);
/* lock op [mem], reg for add, or, and, xor. */
void x86_locked_alu(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst,
                    enum x86_reg src);
