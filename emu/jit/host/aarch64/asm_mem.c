/* A64 loads, stores, branches, barriers, atomics: encoding. */
#include <assert.h>
#include <string.h>

#include "emu/jit/host/aarch64/asm.h"

static unsigned asm_log2(unsigned size)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    return (unsigned)__builtin_ctz(size);
}

static uint32_t asm_size(unsigned size)
{
    return asm_log2(size) << 30;
}

static uint32_t asm_tn(int t, int n)
{
    assert(t >= 0 && t < 32 && n >= 0 && n < 32);
    return (uint32_t)t | (uint32_t)n << 5;
}

static bool asm_is_scaled(unsigned size, int32_t disp)
{
    return disp >= 0 && disp % (int32_t)size == 0 && disp / (int32_t)size < 4096;
}

bool a64_reaches(unsigned size, int32_t disp)
{
    return asm_is_scaled(size, disp) || (disp >= -256 && disp < 256);
}

void a64_access(struct a64_asm *as, struct a64_access access, int t, struct a64_mem mem)
{
    uint32_t opc = !access.load ? 0 : access.sign && access.size < 8 ? 2u : 1u;
    uint32_t word = asm_size(access.size) | (access.vector ? 1u << 26 : 0) | opc << 22 |
                    asm_tn(t, mem.base);
    if (mem.index != A64_NONE) {
        assert(mem.disp == 0);
        a64_word(as, word | 0x38206800u | (uint32_t)mem.index << 16);
    } else if (asm_is_scaled(access.size, mem.disp)) {
        a64_word(as, word | 0x39000000u | (uint32_t)mem.disp / access.size << 10);
    } else {
        assert(a64_reaches(access.size, mem.disp));
        a64_word(as, word | 0x38000000u | ((uint32_t)mem.disp & 0x1ff) << 12);
    }
}

void a64_ldr(struct a64_asm *as, int t, struct a64_mem mem)
{
    a64_access(as, (struct a64_access){ 8, true, false, false }, t, mem);
}

void a64_str(struct a64_asm *as, int t, struct a64_mem mem)
{
    a64_access(as, (struct a64_access){ 8, false, false, false }, t, mem);
}

void a64_ldr_d(struct a64_asm *as, int t, struct a64_mem mem)
{
    a64_access(as, (struct a64_access){ 8, true, false, true }, t, mem);
}

void a64_str_d(struct a64_asm *as, int t, struct a64_mem mem)
{
    a64_access(as, (struct a64_access){ 8, false, false, true }, t, mem);
}

void a64_pair(struct a64_asm *as, bool load, bool vector, int t, int t2, int base, int32_t disp)
{
    assert(disp % 8 == 0 && disp >= -512 && disp <= 504);
    a64_word(as, (vector ? 0x6d000000u : 0xa9000000u) | (load ? 1u << 22 : 0) |
                     ((uint32_t)(disp / 8) & 0x7f) << 15 | (uint32_t)t2 << 10 | asm_tn(t, base));
}

static uint8_t *asm_branch(struct a64_asm *as, uint32_t word)
{
    uint8_t *place = as->at;
    a64_word(as, word);
    return place;
}

uint8_t *a64_b(struct a64_asm *as)
{
    return asm_branch(as, 0x14000000);
}

uint8_t *a64_bl(struct a64_asm *as)
{
    return asm_branch(as, 0x94000000);
}

uint8_t *a64_bcc(struct a64_asm *as, enum a64_cc cc)
{
    return asm_branch(as, 0x54000000u | (uint32_t)cc);
}

uint8_t *a64_cbz(struct a64_asm *as, bool wide, bool not_zero, int t)
{
    return asm_branch(as, 0x34000000u | (wide ? 1u << 31 : 0) | (not_zero ? 1u << 24 : 0) |
                              (uint32_t)t);
}

uint8_t *a64_literal(struct a64_asm *as, int t)
{
    return asm_branch(as, 0x18000000u | (uint32_t)t);
}

void a64_br(struct a64_asm *as, bool link, int n)
{
    a64_word(as, (link ? 0xd63f0000u : 0xd61f0000u) | (uint32_t)n << 5);
}

void a64_ret(struct a64_asm *as)
{
    a64_word(as, 0xd65f03c0);
}

uint32_t a64_encode_b(int64_t distance)
{
    assert(distance % 4 == 0 && distance / 4 >= -(1 << 25) && distance / 4 < 1 << 25);
    return 0x14000000u | ((uint32_t)(distance / 4) & 0x3ffffff);
}

void a64_bind(struct a64_asm *as, uint8_t *place, const uint8_t *target)
{
    if (as->overflow) {
        return; /* the place may lie behind the end */
    }
    int64_t distance = target - place;
    uint32_t word;
    memcpy(&word, place, sizeof word);
    if ((word & 0x7c000000) == 0x14000000) { /* b, bl: 26 bits */
        word = (word & 0x80000000) | a64_encode_b(distance);
    } else { /* 19 bits */
        assert(distance % 4 == 0 && distance >= -(1 << 20) && distance < 1 << 20);
        word = (word & ~(0x7ffffu << 5)) | ((uint32_t)(distance / 4) & 0x7ffff) << 5;
    }
    memcpy(place, &word, sizeof word);
}

void a64_bind_here(struct a64_asm *as, uint8_t *place)
{
    a64_bind(as, place, as->at);
}

void a64_align(struct a64_asm *as, unsigned alignment)
{
    while (a64_size(as) % alignment != 0 && !as->overflow) {
        a64_word(as, 0xd503201f);
    }
}

void a64_dmb(struct a64_asm *as, enum a64_barrier kind)
{
    a64_word(as, 0xd50330bfu | (uint32_t)kind << 8);
}

void a64_isb(struct a64_asm *as)
{
    a64_word(as, 0xd5033fdf);
}

void a64_atomic(struct a64_asm *as, enum a64_atomic op, unsigned size, bool acquire, bool release,
                int s, int t, int n)
{
    uint32_t code = op == A64_SWP ? 8u : (uint32_t)op;
    a64_word(as, 0x38200000u | asm_size(size) | (acquire ? 1u << 23 : 0) |
                     (release ? 1u << 22 : 0) | (uint32_t)s << 16 | code << 12 | asm_tn(t, n));
}

void a64_cas(struct a64_asm *as, unsigned size, bool acquire, bool release, int s, int t, int n)
{
    a64_word(as, 0x08a07c00u | asm_size(size) | (acquire ? 1u << 22 : 0) |
                     (release ? 1u << 15 : 0) | (uint32_t)s << 16 | asm_tn(t, n));
}

void a64_ldxr(struct a64_asm *as, unsigned size, bool acquire, int t, int n)
{
    a64_word(as, 0x085f7c00u | asm_size(size) | (acquire ? 1u << 15 : 0) | asm_tn(t, n));
}

void a64_stxr(struct a64_asm *as, unsigned size, bool release, int s, int t, int n)
{
    a64_word(as, 0x08007c00u | asm_size(size) | (release ? 1u << 15 : 0) | (uint32_t)s << 16 |
                     asm_tn(t, n));
}

void a64_ldar(struct a64_asm *as, unsigned size, int t, int n)
{
    a64_word(as, 0x08dffc00u | asm_size(size) | asm_tn(t, n));
}
