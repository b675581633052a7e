/* x86-64 instruction encoding: prefixes, REX, ModRM, SIB, displacement. */
#include "emu/jit/host/x86_64/asm.h"

#include <string.h>

void x86_byte(struct x86_asm *as, unsigned byte)
{
    if (as->at >= as->end) {
        as->overflow = true;
        return;
    }
    *as->at++ = (uint8_t)byte;
}

static void asm_u32(struct x86_asm *as, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        x86_byte(as, value >> (8 * i) & 0xff);
    }
}

/* Opcode of one, two (0x0fxx) or three (0xf30fxx) bytes; a prefix goes before REX. */
static void asm_opcode(struct x86_asm *as, unsigned opcode, unsigned rex)
{
    if (opcode > 0xffff) {
        x86_byte(as, opcode >> 16 & 0xff);
    }
    if (rex != 0) {
        x86_byte(as, rex);
    }
    if (opcode > 0xff) {
        x86_byte(as, opcode >> 8 & 0xff);
    }
    x86_byte(as, opcode & 0xff);
}

static unsigned asm_rex(bool wide, int reg, int index, int base, bool force)
{
    unsigned rex = (wide ? 8u : 0) | (reg >= 8 ? 4u : 0) | (index >= 8 ? 2u : 0) |
                   (base >= 8 ? 1u : 0);
    return rex != 0 || force ? rex | 0x40 : 0;
}

/* Register form. `force` makes byte registers 4..7 mean spl..dil. */
static void asm_rr(struct x86_asm *as, unsigned opcode, bool wide, int reg, int rm, bool force)
{
    asm_opcode(as, opcode, asm_rex(wide, reg, 0, rm, force));
    x86_byte(as, 0xc0u | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}

void x86_modrm(struct x86_asm *as, int reg, struct x86_mem mem)
{
    unsigned reg_bits = (unsigned)(reg & 7) << 3;
    if (mem.base == X86_NONE) {
        x86_byte(as, reg_bits | 5);
        asm_u32(as, (uint32_t)mem.disp);
        return;
    }
    if (mem.base == X86_NONE_BASE) {
        x86_byte(as, reg_bits | 4);
        x86_byte(as, (unsigned)mem.scale << 6 | (unsigned)(mem.index & 7) << 3 | 5);
        asm_u32(as, (uint32_t)mem.disp);
        return;
    }
    bool sib = mem.index != X86_NONE || (mem.base & 7) == RSP;
    unsigned mod = mem.disp == 0 && (mem.base & 7) != RBP ? 0u
                   : mem.disp >= -128 && mem.disp <= 127 ? 1u : 2u;
    x86_byte(as, mod << 6 | reg_bits | (sib ? 4u : (unsigned)(mem.base & 7)));
    if (sib) {
        unsigned index = mem.index == X86_NONE ? 4u : (unsigned)(mem.index & 7);
        x86_byte(as, (unsigned)mem.scale << 6 | index << 3 | (unsigned)(mem.base & 7));
    }
    if (mod == 1) {
        x86_byte(as, (unsigned)mem.disp & 0xff);
    } else if (mod == 2) {
        asm_u32(as, (uint32_t)mem.disp);
    }
}

static void asm_rm(struct x86_asm *as, unsigned opcode, bool wide, int reg, struct x86_mem mem,
                   bool force)
{
    int index = mem.index == X86_NONE ? 0 : (int)mem.index;
    int base = mem.base < 0 ? 0 : (int)mem.base;
    asm_opcode(as, opcode, asm_rex(wide, reg, index, base, force));
    x86_modrm(as, reg, mem);
}

static bool asm_is_imm8(int32_t imm)
{
    return imm >= -128 && imm <= 127;
}

void x86_alu_rr(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst,
                enum x86_reg src)
{
    asm_rr(as, (unsigned)op << 3 | 3, wide, dst, src, false);
}

void x86_alu_ri(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst, int32_t imm)
{
    asm_rr(as, asm_is_imm8(imm) ? 0x83 : 0x81, wide, (int)op, dst, false);
    if (asm_is_imm8(imm)) {
        x86_byte(as, (unsigned)imm & 0xff);
    } else {
        asm_u32(as, (uint32_t)imm);
    }
}

void x86_alu_rm(struct x86_asm *as, enum x86_alu op, bool wide, enum x86_reg dst,
                struct x86_mem src)
{
    asm_rm(as, (unsigned)op << 3 | 3, wide, dst, src, false);
}

void x86_alu_mr(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst,
                enum x86_reg src)
{
    asm_rm(as, (unsigned)op << 3 | 1, wide, src, dst, false);
}

void x86_alu_mi(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst, int32_t imm)
{
    asm_rm(as, asm_is_imm8(imm) ? 0x83 : 0x81, wide, (int)op, dst, false);
    if (asm_is_imm8(imm)) {
        x86_byte(as, (unsigned)imm & 0xff);
    } else {
        asm_u32(as, (uint32_t)imm);
    }
}

void x86_cmp_m32i(struct x86_asm *as, struct x86_mem dst, uint32_t imm)
{
    asm_rm(as, 0x81, false, X86_CMP, dst, false);
    asm_u32(as, imm);
}

void x86_cmp_m8i(struct x86_asm *as, struct x86_mem dst, int8_t imm)
{
    asm_rm(as, 0x80, false, X86_CMP, dst, false);
    x86_byte(as, (unsigned)imm & 0xff);
}

void x86_test_rr(struct x86_asm *as, bool wide, enum x86_reg a, enum x86_reg b)
{
    asm_rr(as, 0x85, wide, b, a, false);
}

void x86_mov_rr(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src)
{
    asm_rr(as, 0x8b, wide, dst, src, false);
}

void x86_mov_ri(struct x86_asm *as, enum x86_reg dst, uint64_t imm, bool flags_dead)
{
    if (imm == 0 && flags_dead) {
        asm_rr(as, 0x33, false, dst, dst, false);
    } else if (imm <= UINT32_MAX) {
        asm_opcode(as, 0xb8u | (unsigned)(dst & 7), asm_rex(false, 0, 0, dst, false));
        asm_u32(as, (uint32_t)imm);
    } else if ((int64_t)imm == (int32_t)imm) {
        asm_rr(as, 0xc7, true, 0, dst, false);
        asm_u32(as, (uint32_t)imm);
    } else {
        asm_opcode(as, 0xb8u | (unsigned)(dst & 7), asm_rex(true, 0, 0, dst, false));
        asm_u32(as, (uint32_t)imm);
        asm_u32(as, (uint32_t)(imm >> 32));
    }
}

void x86_mov_rm(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src)
{
    asm_rm(as, 0x8b, wide, dst, src, false);
}

void x86_load(struct x86_asm *as, unsigned size, bool sign, enum x86_reg dst, struct x86_mem src)
{
    switch (size) {
    case 1: asm_rm(as, sign ? 0x0fbe : 0x0fb6, sign, dst, src, false); break;
    case 2: asm_rm(as, sign ? 0x0fbf : 0x0fb7, sign, dst, src, false); break;
    case 4: asm_rm(as, sign ? 0x63 : 0x8b, sign, dst, src, false); break;
    default: asm_rm(as, 0x8b, true, dst, src, false); break;
    }
}

void x86_store(struct x86_asm *as, unsigned size, struct x86_mem dst, enum x86_reg src)
{
    if (size == 2) {
        x86_byte(as, 0x66);
    }
    asm_rm(as, size == 1 ? 0x88 : 0x89, size == 8, src, dst, size == 1);
}

void x86_store_imm(struct x86_asm *as, unsigned size, struct x86_mem dst, int32_t imm)
{
    if (size == 2) {
        x86_byte(as, 0x66);
    }
    asm_rm(as, size == 1 ? 0xc6 : 0xc7, size == 8, 0, dst, false);
    for (unsigned i = 0; i < (size == 8 ? 4 : size); i++) {
        x86_byte(as, (uint32_t)imm >> (8 * i) & 0xff);
    }
}

void x86_extend(struct x86_asm *as, unsigned size, bool sign, enum x86_reg dst, enum x86_reg src)
{
    switch (size) {
    case 1: asm_rr(as, sign ? 0x0fbe : 0x0fb6, sign, dst, src, true); break;
    case 2: asm_rr(as, sign ? 0x0fbf : 0x0fb7, sign, dst, src, false); break;
    default: asm_rr(as, sign ? 0x63 : 0x8b, sign, dst, src, false); break;
    }
}

void x86_lea(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src)
{
    asm_rm(as, 0x8d, wide, dst, src, false);
}

void x86_shift_ri(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst,
                  unsigned count)
{
    asm_rr(as, 0xc1, wide, (int)op, dst, false);
    x86_byte(as, count);
}

void x86_shift_rc(struct x86_asm *as, enum x86_shift op, bool wide, enum x86_reg dst)
{
    asm_rr(as, 0xd3, wide, (int)op, dst, false);
}

void x86_imul_rr(struct x86_asm *as, bool wide, enum x86_reg dst, enum x86_reg src)
{
    asm_rr(as, 0x0faf, wide, dst, src, false);
}

void x86_imul_rm(struct x86_asm *as, bool wide, enum x86_reg dst, struct x86_mem src)
{
    asm_rm(as, 0x0faf, wide, dst, src, false);
}

void x86_group3(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg reg)
{
    asm_rr(as, 0xf7, wide, (int)digit, reg, false);
}

void x86_sign_rdx(struct x86_asm *as, bool wide)
{
    asm_opcode(as, 0x99, wide ? 0x48 : 0);
}

void x86_count(struct x86_asm *as, unsigned opcode, bool wide, enum x86_reg dst, enum x86_reg src)
{
    asm_rr(as, 0xf30f00u | opcode, wide, dst, src, false);
}

void x86_bswap(struct x86_asm *as, bool wide, enum x86_reg reg)
{
    asm_opcode(as, 0x0fc8u | (unsigned)(reg & 7), asm_rex(wide, 0, 0, reg, false));
}

void x86_bit_rr(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg dst, enum x86_reg bit)
{
    asm_rr(as, 0x0f83u | digit << 3, wide, bit, dst, false);
}

void x86_bit_ri(struct x86_asm *as, unsigned digit, bool wide, enum x86_reg dst, unsigned bit)
{
    asm_rr(as, 0x0fba, wide, (int)digit, dst, false);
    x86_byte(as, bit);
}

void x86_setcc(struct x86_asm *as, enum x86_cc cc, enum x86_reg dst)
{
    asm_rr(as, 0x0f90u | (unsigned)cc, false, 0, dst, true);
}

void x86_cmov(struct x86_asm *as, enum x86_cc cc, bool wide, enum x86_reg dst, enum x86_reg src)
{
    asm_rr(as, 0x0f40u | (unsigned)cc, wide, dst, src, false);
}

void x86_push(struct x86_asm *as, enum x86_reg reg)
{
    asm_opcode(as, 0x50u | (unsigned)(reg & 7), asm_rex(false, 0, 0, reg, false));
}

void x86_pop(struct x86_asm *as, enum x86_reg reg)
{
    asm_opcode(as, 0x58u | (unsigned)(reg & 7), asm_rex(false, 0, 0, reg, false));
}

void x86_ret(struct x86_asm *as)
{
    x86_byte(as, 0xc3);
}

void x86_jmp_r(struct x86_asm *as, enum x86_reg reg)
{
    asm_rr(as, 0xff, false, 4, reg, false);
}

void x86_jmp_m(struct x86_asm *as, struct x86_mem target)
{
    asm_rm(as, 0xff, false, 4, target, false);
}

void x86_call_r(struct x86_asm *as, enum x86_reg reg)
{
    asm_rr(as, 0xff, false, 2, reg, false);
}

void x86_call_m(struct x86_asm *as, struct x86_mem target)
{
    asm_rm(as, 0xff, false, 2, target, false);
}

static uint8_t *asm_rel32(struct x86_asm *as)
{
    asm_u32(as, 0);
    return as->at - 4;
}

uint8_t *x86_jmp(struct x86_asm *as)
{
    x86_byte(as, 0xe9);
    return asm_rel32(as);
}

uint8_t *x86_jmp_aligned(struct x86_asm *as)
{
    while (((uintptr_t)as->at & 3) != 3 && !as->overflow) {
        x86_byte(as, 0x90);
    }
    return x86_jmp(as);
}

uint8_t *x86_jcc(struct x86_asm *as, enum x86_cc cc)
{
    x86_byte(as, 0x0f);
    x86_byte(as, 0x80u | (unsigned)cc);
    return asm_rel32(as);
}

uint8_t *x86_call(struct x86_asm *as)
{
    x86_byte(as, 0xe8);
    return asm_rel32(as);
}

uint8_t *x86_lea_rip(struct x86_asm *as, enum x86_reg dst)
{
    x86_lea(as, true, dst, (struct x86_mem){ X86_NONE, X86_NONE, 0, 0 });
    return as->at - 4;
}

void x86_bind(const struct x86_asm *as, uint8_t *place, const uint8_t *target)
{
    if (!as->overflow) {
        int32_t displacement = (int32_t)(target - (place + 4));
        memcpy(place, &displacement, sizeof displacement);
    }
}

void x86_bind_here(const struct x86_asm *as, uint8_t *place)
{
    x86_bind(as, place, as->at);
}

void x86_align(struct x86_asm *as, unsigned alignment)
{
    while (((uintptr_t)as->at & (alignment - 1)) != 0 && !as->overflow) {
        x86_byte(as, 0xcc);
    }
}

void x86_full_fence(struct x86_asm *as)
{
    x86_byte(as, 0xf0);
    x86_alu_mi(as, X86_OR, false, x86_at(RSP, -64), 0);
}

void x86_locked(struct x86_asm *as, unsigned opcode, bool wide, struct x86_mem dst,
                enum x86_reg src)
{
    x86_byte(as, 0xf0);
    asm_rm(as, opcode, wide, src, dst, false);
}

void x86_locked_alu(struct x86_asm *as, enum x86_alu op, bool wide, struct x86_mem dst,
                    enum x86_reg src)
{
    x86_byte(as, 0xf0);
    x86_alu_mr(as, op, wide, dst, src);
}
