/* Integer arithmetic. Manual volume I, chapters 2, 4, 12 (M) and 28 (B). */
#include "emu/riscv/interp_ops.h"

#define ALU_RESULT(name, rs2_or_imm, value)                           \
    INTERP_OP(name)                                                   \
    {                                                                 \
        uint64_t a __attribute__((unused)) = h->x[s->rs1];            \
        uint64_t b __attribute__((unused)) = (rs2_or_imm);            \
        h->x[s->rd] = (value);                                        \
        INTERP_NEXT(s + length);                                      \
    }

/* Results are functions of `a`, the first operand, and `b`, the second or the immediate. */
#define ALU(name, value)   ALU_RESULT(alu_##name, h->x[s->rs2], value)
#define ALUI(name, value)  ALU_RESULT(alui_##name, (uint64_t)(int64_t)s->imm, value)
#define ALUW(name, value)  ALU_RESULT(aluw_##name, h->x[s->rs2], alu_sext32(value))
#define ALUWI(name, value) ALU_RESULT(aluwi_##name, (uint64_t)(int64_t)s->imm, alu_sext32(value))
#define MULDIV(name, value) ALU_RESULT(muldiv_##name, h->x[s->rs2], value)
#define BIT(name, value)   ALU_RESULT(bit_##name, 0, value)

static inline uint64_t alu_sext32(uint64_t value)
{
    return (uint64_t)(int64_t)(int32_t)value;
}

static inline uint64_t alu_ror(uint64_t a, uint64_t b)
{
    return a >> (b & 63) | a << (-b & 63);
}

static inline uint32_t alu_ror32(uint64_t a, uint64_t b)
{
    return (uint32_t)a >> (b & 31) | (uint32_t)a << (-b & 31);
}

static inline uint64_t alu_sra(uint64_t a, uint64_t b)
{
    return (uint64_t)((int64_t)a >> (b & 63));
}

static inline uint64_t alu_min(uint64_t a, uint64_t b)
{
    return (int64_t)a < (int64_t)b ? a : b;
}

static inline uint64_t alu_max(uint64_t a, uint64_t b)
{
    return (int64_t)a > (int64_t)b ? a : b;
}

#define ALU_BIT(b) ((uint64_t)1 << ((b) & 63))

ALU(add, a + b)
ALU(sub, a - b)
ALU(sll, a << (b & 63))
ALU(srl, a >> (b & 63))
ALU(sra, alu_sra(a, b))
ALU(slt, (int64_t)a < (int64_t)b)
ALU(sltu, a < b)
ALU(xor, a ^ b)
ALU(or, a | b)
ALU(and, a & b)

ALUI(add, a + b)
ALUI(sll, a << (b & 63))
ALUI(srl, a >> (b & 63))
ALUI(sra, alu_sra(a, b))
ALUI(slt, (int64_t)a < (int64_t)b)
ALUI(sltu, a < b)
ALUI(xor, a ^ b)
ALUI(or, a | b)
ALUI(and, a & b)

ALUW(add, a + b)
ALUW(sub, a - b)
ALUW(sll, a << (b & 31))
ALUW(srl, (uint32_t)a >> (b & 31))
ALUW(sra, (uint64_t)((int32_t)a >> (b & 31)))

ALUWI(add, a + b)
ALUWI(sll, a << (b & 31))
ALUWI(srl, (uint32_t)a >> (b & 31))
ALUWI(sra, (uint64_t)((int32_t)a >> (b & 31)))

/* Zba: address generation */
ALU(sh1add, (a << 1) + b)
ALU(sh2add, (a << 2) + b)
ALU(sh3add, (a << 3) + b)
ALU(adduw, (uint64_t)(uint32_t)a + b)
ALU(sh1adduw, ((uint64_t)(uint32_t)a << 1) + b)
ALU(sh2adduw, ((uint64_t)(uint32_t)a << 2) + b)
ALU(sh3adduw, ((uint64_t)(uint32_t)a << 3) + b)
ALUI(slluw, (uint64_t)(uint32_t)a << (b & 63))

/* Zbb: basic bit manipulation */
ALU(andn, a & ~b)
ALU(orn, a | ~b)
ALU(xnor, ~(a ^ b))
ALU(min, alu_min(a, b))
ALU(max, alu_max(a, b))
ALU(minu, a < b ? a : b)
ALU(maxu, a > b ? a : b)
ALU(rol, alu_ror(a, -b))
ALU(ror, alu_ror(a, b))
ALUI(ror, alu_ror(a, b))
ALUW(rol, alu_ror32(a, -b))
ALUW(ror, alu_ror32(a, b))
ALUWI(ror, alu_ror32(a, b))

/* Zbs: single bits */
ALU(bclr, a & ~ALU_BIT(b))
ALU(bext, a >> (b & 63) & 1)
ALU(binv, a ^ ALU_BIT(b))
ALU(bset, a | ALU_BIT(b))
ALUI(bclr, a & ~ALU_BIT(b))
ALUI(bext, a >> (b & 63) & 1)
ALUI(binv, a ^ ALU_BIT(b))
ALUI(bset, a | ALU_BIT(b))

/* 0xff in every byte that is not 0: the carry out of each byte's low seven bits, or its top bit. */
static inline uint64_t bit_orc(uint64_t a)
{
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7f;
    uint64_t top = (((a & low7) + low7) | a) & ~low7;
    return (top >> 7) * 0xff;
}

BIT(clz, a == 0 ? 64 : (uint64_t)__builtin_clzll(a))
BIT(ctz, a == 0 ? 64 : (uint64_t)__builtin_ctzll(a))
BIT(cpop, (uint64_t)__builtin_popcountll(a))
BIT(clzw, (uint32_t)a == 0 ? 32 : (uint64_t)__builtin_clz((uint32_t)a))
BIT(ctzw, (uint32_t)a == 0 ? 32 : (uint64_t)__builtin_ctz((uint32_t)a))
BIT(cpopw, (uint64_t)__builtin_popcount((uint32_t)a))
BIT(sextb, (uint64_t)(int64_t)(int8_t)a)
BIT(sexth, (uint64_t)(int64_t)(int16_t)a)
BIT(zexth, (uint16_t)a)
BIT(rev8, __builtin_bswap64(a))
BIT(orcb, bit_orc(a))

/* Division by zero and overflow have results, not traps (chapter 12.2). */
static inline uint64_t muldiv_signed_div(uint64_t a, uint64_t b)
{
    if (b == 0) {
        return UINT64_MAX;
    }
    return b == UINT64_MAX ? -a : (uint64_t)((int64_t)a / (int64_t)b);
}

static inline uint64_t muldiv_signed_rem(uint64_t a, uint64_t b)
{
    if (b == 0) {
        return a;
    }
    return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

static inline uint32_t muldiv_signed_div32(uint32_t a, uint32_t b)
{
    if (b == 0) {
        return UINT32_MAX;
    }
    return b == UINT32_MAX ? -a : (uint32_t)((int32_t)a / (int32_t)b);
}

static inline uint32_t muldiv_signed_rem32(uint32_t a, uint32_t b)
{
    if (b == 0) {
        return a;
    }
    return b == UINT32_MAX ? 0 : (uint32_t)((int32_t)a % (int32_t)b);
}

static inline uint64_t muldiv_high_unsigned(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

MULDIV(mul, a * b)
MULDIV(mulhu, muldiv_high_unsigned(a, b))
MULDIV(mulh, (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64))
MULDIV(mulhsu, muldiv_high_unsigned(a, b) - ((int64_t)a < 0 ? b : 0))
MULDIV(div, muldiv_signed_div(a, b))
MULDIV(divu, b == 0 ? UINT64_MAX : a / b)
MULDIV(rem, muldiv_signed_rem(a, b))
MULDIV(remu, b == 0 ? a : a % b)
MULDIV(mulw, alu_sext32(a * b))
MULDIV(divw, alu_sext32(muldiv_signed_div32((uint32_t)a, (uint32_t)b)))
MULDIV(divuw, alu_sext32((uint32_t)b == 0 ? UINT32_MAX : (uint32_t)a / (uint32_t)b))
MULDIV(remw, alu_sext32(muldiv_signed_rem32((uint32_t)a, (uint32_t)b)))
MULDIV(remuw, alu_sext32((uint32_t)b == 0 ? a : (uint32_t)a % (uint32_t)b))

INTERP_OP(li)
{
    h->x[s->rd] = (uint64_t)(int64_t)s->imm;
    INTERP_NEXT(s + length);
}

INTERP_OP(lipc)
{
    h->x[s->rd] = interp_pc(in, s) + (uint64_t)(int64_t)s->imm;
    INTERP_NEXT(s + length);
}

INTERP_OP(move)
{
    h->x[s->rd] = h->x[s->rs1];
    INTERP_NEXT(s + length);
}

INTERP_OP(nop)
{
    INTERP_NEXT(s + length);
}

/* A hint to a spinning hart; nothing here can use the time better. */
INTERP_OP(pause)
{
    hart_relax(&h->hart);
    INTERP_NEXT(s + length);
}
