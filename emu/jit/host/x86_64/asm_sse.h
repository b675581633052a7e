/* The scalar floating-point half of the x86-64 assembler: AVX and FMA3 forms, VEX-encoded. */
#pragma once

#include "emu/jit/host/x86_64/asm.h"

/* vaddss family by opcode: 0x58 add, 0x59 mul, 0x5c sub, 0x5d min, 0x5e div, 0x5f max, 0x51 sqrt.
 * dst = a op b; bits above the scalar come from `a`. */
void x86_vscalar(struct x86_asm *as, unsigned opcode, bool f64, unsigned dst, unsigned a,
                 unsigned b);
/* FMA3 by opcode: 0xb9 vfmadd231, 0xbb vfmsub231, 0xbd vfnmadd231, 0xbf vfnmsub231; the 213 forms
 * are 0x10 less. */
void x86_vfma(struct x86_asm *as, unsigned opcode, bool f64, unsigned dst, unsigned a, unsigned b);
/* vucomiss (0x2e) or vcomiss (0x2f) */
void x86_vcompare(struct x86_asm *as, unsigned opcode, bool f64, unsigned a, unsigned b);
/* vmovq/vmovd xmm <- reg */
void x86_vmov_xr(struct x86_asm *as, bool wide, unsigned dst, enum x86_reg src);
/* vmovq/vmovd reg <- xmm */
void x86_vmov_rx(struct x86_asm *as, bool wide, enum x86_reg dst, unsigned src);
/* vmovaps xmm, xmm */
void x86_vmov_xx(struct x86_asm *as, unsigned dst, unsigned src);
/* vmovss/vmovsd xmm, [mem]; clears the rest of the register */
void x86_vload(struct x86_asm *as, bool f64, unsigned dst, struct x86_mem src);
/* vmovss/vmovsd [mem], xmm */
void x86_vstore(struct x86_asm *as, bool f64, struct x86_mem dst, unsigned src);
/* vmovups [mem], xmm: all 16 bytes */
void x86_vstore_u(struct x86_asm *as, struct x86_mem dst, unsigned src);
/* Packed logic by opcode on whole registers: 0x54 vandps, 0x55 vandnps, 0x56 vorps, 0x57 vxorps. */
void x86_vlogic(struct x86_asm *as, unsigned opcode, unsigned dst, unsigned a, unsigned b);
/* The same with a memory operand. */
void x86_vlogic_m(struct x86_asm *as, unsigned opcode, unsigned dst, unsigned a,
                  struct x86_mem b);
/* vcvtss2sd (f64 false) or vcvtsd2ss (f64 true) */
void x86_vcvt_ff(struct x86_asm *as, bool from_f64, unsigned dst, unsigned a, unsigned src);
/* vcvtsi2ss/sd from a 32- or 64-bit register */
void x86_vcvt_if(struct x86_asm *as, bool f64, bool wide, unsigned dst, unsigned a,
                 enum x86_reg src);
/* vcvtss2si/sd2si (0x2d) or truncating (0x2c) */
void x86_vcvt_fi(struct x86_asm *as, unsigned opcode, bool f64, bool wide, enum x86_reg dst,
                 unsigned src);
/* vroundss/sd with the rounding control in `imm`; raises inexact */
void x86_vround(struct x86_asm *as, bool f64, unsigned dst, unsigned src, unsigned imm);
/* ldmxcsr / stmxcsr [mem] by digit 2 / 3 */
void x86_mxcsr(struct x86_asm *as, unsigned digit, struct x86_mem mem);
