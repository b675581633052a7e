/* A64 scalar floating point and the few vector instructions the emitter uses: see asm.h. `wide`
 * is double precision. Instructions on singles clear the upper half of the register. */
#pragma once

#include "emu/jit/host/aarch64/asm.h"

enum a64_fp2 { A64_FMUL, A64_FDIV, A64_FADD, A64_FSUB, A64_FMAX, A64_FMIN };
/* FCVT_S and FCVT_D convert to single and double; `wide` is the source. */
enum a64_fp1 {
    A64_FMOV, A64_FABS, A64_FNEG, A64_FSQRT, A64_FCVT_S, A64_FCVT_D, A64_FRINTN = 8, A64_FRINTP,
    A64_FRINTM, A64_FRINTZ, A64_FRINTX = 14, A64_FRINTI,
};
/* a + n*m, a - n*m, -a - n*m, -a + n*m */
enum a64_fp3 { A64_FMADD, A64_FMSUB, A64_FNMADD, A64_FNMSUB };
/* Conversions and moves between register files, as rmode and opcode of the encoding. */
enum a64_fpx {
    A64_FCVTNS = 0, A64_SCVTF = 2, A64_UCVTF, A64_FMOV_X = 6, A64_FMOV_F,
    A64_FCVTPS = 8, A64_FCVTMS = 16, A64_FCVTZS = 24,
};
/* On the low 8 bytes. BSL: d = d ? n : m, bit by bit; CMTST: bytes where n & m is not 0. */
enum a64_vec { A64_VAND, A64_VORR, A64_VEOR, A64_VBSL, A64_VCMTST };

/* Two operands. */
void a64_fp2(struct a64_asm *as, enum a64_fp2 op, bool wide, int d, int n, int m);
/* One operand. */
void a64_fp1(struct a64_asm *as, enum a64_fp1 op, bool wide, int d, int n);
/* Three operands, one rounding. */
void a64_fp3(struct a64_asm *as, enum a64_fp3 op, bool wide, int d, int n, int m, int a);
/* fcmp; `signaling`: fcmpe */
void a64_fcmp(struct a64_asm *as, bool wide, bool signaling, int n, int m);
/* Between files; `x64`: the integer has 64 bits. `is_unsigned`: the unsigned variant of FCVT. */
void a64_fpx(struct a64_asm *as, enum a64_fpx op, bool x64, bool wide, bool is_unsigned, int d,
             int n);
/* Vector logic on 8 bytes. */
void a64_vec(struct a64_asm *as, enum a64_vec op, int d, int n, int m);
/* cnt v.8b, then addv: the bits of the low 8 bytes, counted. */
void a64_vec_popcount(struct a64_asm *as, int d, int n);
/* movi: the upper four of the low eight bytes ones, the lower four zeros. */
void a64_vec_box(struct a64_asm *as, int d);
/* mrs and msr of FPSR */
void a64_fpsr(struct a64_asm *as, bool read, int t);
