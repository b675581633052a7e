/* VEX-encoded instructions: BMI1, BMI2, AVX scalar, FMA3. */
#include "emu/jit/host/x86_64/asm_sse.h"

enum { PP_NONE, PP_66, PP_F3, PP_F2 };
enum { MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };

struct vex {
    uint8_t map, pp, opcode;
    bool wide;
    int reg, vvvv;
};

static void vex_prefix(struct x86_asm *as, const struct vex *vex, int index, int base)
{
    unsigned inverted = (vex->reg < 8 ? 0x80u : 0) | (index < 8 ? 0x40u : 0) |
                        (base < 8 ? 0x20u : 0);
    unsigned tail = (unsigned)(~vex->vvvv & 15) << 3 | vex->pp;
    if (vex->map == MAP_0F && !vex->wide && (inverted & 0x60) == 0x60) {
        x86_byte(as, 0xc5);
        x86_byte(as, (inverted & 0x80) | tail);
    } else {
        x86_byte(as, 0xc4);
        x86_byte(as, inverted | vex->map);
        x86_byte(as, (vex->wide ? 0x80u : 0) | tail);
    }
    x86_byte(as, vex->opcode);
}

static void vex_rr(struct x86_asm *as, struct vex vex, int rm)
{
    vex_prefix(as, &vex, 0, rm);
    x86_byte(as, 0xc0u | (unsigned)(vex.reg & 7) << 3 | (unsigned)(rm & 7));
}

static void vex_rm(struct x86_asm *as, struct vex vex, struct x86_mem mem)
{
    int index = mem.index == X86_NONE ? 0 : (int)mem.index;
    vex_prefix(as, &vex, index, mem.base == X86_NONE ? 0 : (int)mem.base);
    x86_modrm(as, vex.reg, mem);
}

void x86_shiftx(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst,
                enum x86_reg src, enum x86_reg count)
{
    uint8_t pp = op == X86_SHL ? PP_66 : op == X86_SHR ? PP_F2 : PP_F3;
    vex_rr(as, (struct vex){ MAP_0F38, pp, 0xf7, wide, dst, count }, src);
}

void x86_rorx(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src, unsigned count)
{
    vex_rr(as, (struct vex){ MAP_0F3A, PP_F2, 0xf0, wide, dst, 0 }, src);
    x86_byte(as, count);
}

void x86_andn(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg a, enum x86_reg b)
{
    vex_rr(as, (struct vex){ MAP_0F38, PP_NONE, 0xf2, wide, dst, a }, b);
}

void x86_vscalar(struct x86_asm *as, unsigned opcode, bool f64, unsigned dst, unsigned a,
                 unsigned b)
{
    vex_rr(as, (struct vex){ MAP_0F, f64 ? PP_F2 : PP_F3, (uint8_t)opcode, false, (int)dst,
                             (int)a }, (int)b);
}

void x86_vfma(struct x86_asm *as, unsigned opcode, bool f64, unsigned dst, unsigned a, unsigned b)
{
    vex_rr(as, (struct vex){ MAP_0F38, PP_66, (uint8_t)opcode, f64, (int)dst, (int)a }, (int)b);
}

void x86_vcompare(struct x86_asm *as, unsigned opcode, bool f64, unsigned a, unsigned b)
{
    vex_rr(as, (struct vex){ MAP_0F, f64 ? PP_66 : PP_NONE, (uint8_t)opcode, false, (int)a, 0 },
           (int)b);
}

void x86_vmov_xr(struct x86_asm *as, bool wide, unsigned dst, enum x86_reg src)
{
    vex_rr(as, (struct vex){ MAP_0F, PP_66, 0x6e, wide, (int)dst, 0 }, src);
}

void x86_vmov_rx(struct x86_asm *as, bool wide, enum x86_reg dst, unsigned src)
{
    vex_rr(as, (struct vex){ MAP_0F, PP_66, 0x7e, wide, (int)src, 0 }, dst);
}

void x86_vmov_xx(struct x86_asm *as, unsigned dst, unsigned src)
{
    vex_rr(as, (struct vex){ MAP_0F, PP_NONE, 0x28, false, (int)dst, 0 }, (int)src);
}

void x86_vload(struct x86_asm *as, bool f64, unsigned dst, struct x86_mem src)
{
    vex_rm(as, (struct vex){ MAP_0F, f64 ? PP_F2 : PP_F3, 0x10, false, (int)dst, 0 }, src);
}

void x86_vstore(struct x86_asm *as, bool f64, struct x86_mem dst, unsigned src)
{
    vex_rm(as, (struct vex){ MAP_0F, f64 ? PP_F2 : PP_F3, 0x11, false, (int)src, 0 }, dst);
}

void x86_vstore_u(struct x86_asm *as, struct x86_mem dst, unsigned src)
{
    vex_rm(as, (struct vex){ MAP_0F, PP_NONE, 0x11, false, (int)src, 0 }, dst);
}

void x86_vlogic(struct x86_asm *as, unsigned opcode, unsigned dst, unsigned a, unsigned b)
{
    vex_rr(as, (struct vex){ MAP_0F, PP_NONE, (uint8_t)opcode, false, (int)dst, (int)a }, (int)b);
}

void x86_vlogic_m(struct x86_asm *as, unsigned opcode, unsigned dst, unsigned a, struct x86_mem b)
{
    vex_rm(as, (struct vex){ MAP_0F, PP_NONE, (uint8_t)opcode, false, (int)dst, (int)a }, b);
}

void x86_vcvt_ff(struct x86_asm *as, bool from_f64, unsigned dst, unsigned a, unsigned src)
{
    vex_rr(as, (struct vex){ MAP_0F, from_f64 ? PP_F2 : PP_F3, 0x5a, false, (int)dst, (int)a },
           (int)src);
}

void x86_vcvt_if(struct x86_asm *as, bool f64, bool wide, unsigned dst, unsigned a,
                 enum x86_reg src)
{
    vex_rr(as, (struct vex){ MAP_0F, f64 ? PP_F2 : PP_F3, 0x2a, wide, (int)dst, (int)a }, src);
}

void x86_vcvt_fi(struct x86_asm *as, unsigned opcode, bool f64, bool wide, enum x86_reg dst,
                 unsigned src)
{
    vex_rr(as, (struct vex){ MAP_0F, f64 ? PP_F2 : PP_F3, (uint8_t)opcode, wide, dst, 0 },
           (int)src);
}

void x86_vround(struct x86_asm *as, bool f64, unsigned dst, unsigned src, unsigned imm)
{
    vex_rr(as, (struct vex){ MAP_0F3A, PP_66, f64 ? 0x0b : 0x0a, false, (int)dst, (int)src },
           (int)src);
    x86_byte(as, imm);
}

void x86_mxcsr(struct x86_asm *as, unsigned digit, struct x86_mem mem)
{
    vex_rm(as, (struct vex){ MAP_0F, PP_NONE, 0xae, false, (int)digit, 0 }, mem);
}
