/* Loads and stores, integer and floating point. A TLB hit is handled here, the rest in mem.c. */
#include <string.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mem.h"

static inline uint64_t mem_address(const struct riscv_hart *h, const struct interp_slot *s)
{
    return h->x[s->rs1] + (uint64_t)(int64_t)s->imm;
}

/* A single in a register is NaN-boxed. */
static inline uint64_t mem_box(uint32_t value)
{
    return value | UINT64_C(0xffffffff00000000);
}

static inline bool mem_float_off(const struct riscv_hart *h)
{
    return (h->mstatus & MSTATUS_FS) == 0;
}

/* `result` is the register to write, as a function of `value`, which has type `type`. */
#define MEM_LOAD(name, type, result, off, after)                                           \
    static INTERP_COLD struct interp_slot *name##_slow(INTERP_ARGS, unsigned length)       \
    {                                                                                      \
        uint64_t loaded;                                                                   \
        interp_sync(INTERP_PASS);                                                          \
        if (!riscv_load_slow(h, mem_address(h, s), sizeof(type), &loaded)) {               \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        type value = (type)loaded;                                                         \
        result;                                                                            \
        after;                                                                             \
        h->instret = retired + 1;                                                          \
        return s + length;                                                                 \
    }                                                                                      \
    INTERP_OP(name)                                                                        \
    {                                                                                      \
        if (off) {                                                                         \
            return interp_raise_illegal(INTERP_PASS);                                      \
        }                                                                                  \
        uint64_t address = mem_address(h, s);                                              \
        const struct tlb_entry *entry = tlb_entry_of(in->tlb, TLB_READ, address);          \
        if (INTERP_LIKELY(tlb_hits(entry, address, sizeof(type)))) {                       \
            type value;                                                                    \
            memcpy(&value, tlb_host(entry, address), sizeof value);                        \
            result;                                                                        \
            after;                                                                         \
            INTERP_NEXT(s + length);                                                       \
        }                                                                                  \
        return name##_slow(INTERP_PASS, length);                                           \
    }

#define MEM_LOAD_X(name, type) \
    MEM_LOAD(name, type, h->x[s->rd] = (uint64_t)(int64_t)value, false, (void)0)

MEM_LOAD_X(ld_s8, int8_t)
MEM_LOAD_X(ld_s16, int16_t)
MEM_LOAD_X(ld_s32, int32_t)
MEM_LOAD_X(ld_u8, uint8_t)
MEM_LOAD_X(ld_u16, uint16_t)
MEM_LOAD_X(ld_u32, uint32_t)
MEM_LOAD_X(ld_u64, uint64_t)
MEM_LOAD(fld_32, uint32_t, h->f[s->rd] = mem_box(value), mem_float_off(h), h->mstatus |= MSTATUS_FS)
MEM_LOAD(fld_64, uint64_t, h->f[s->rd] = value, mem_float_off(h), h->mstatus |= MSTATUS_FS)

#define MEM_STORE(name, type, source, off)                                                  \
    static INTERP_COLD struct interp_slot *name##_slow(INTERP_ARGS, unsigned length)        \
    {                                                                                       \
        interp_sync(INTERP_PASS);                                                           \
        if (!riscv_store_slow(h, mem_address(h, s), sizeof(type), (source))) {              \
            return interp_enter(h, in);                                                     \
        }                                                                                   \
        h->instret = retired + 1;                                                           \
        return s + length;                                                                  \
    }                                                                                       \
    INTERP_OP(name)                                                                         \
    {                                                                                       \
        if (off) {                                                                          \
            return interp_raise_illegal(INTERP_PASS);                                       \
        }                                                                                   \
        uint64_t address = mem_address(h, s);                                               \
        const struct tlb_entry *entry = tlb_entry_of(in->tlb, TLB_WRITE, address);          \
        if (INTERP_LIKELY(tlb_hits(entry, address, sizeof(type)))) {                        \
            type value = (type)(source);                                                    \
            memcpy(tlb_host(entry, address), &value, sizeof value);                         \
            INTERP_NEXT(s + length);                                                        \
        }                                                                                   \
        return name##_slow(INTERP_PASS, length);                                            \
    }

MEM_STORE(st_8, uint8_t, h->x[s->rs2], false)
MEM_STORE(st_16, uint16_t, h->x[s->rs2], false)
MEM_STORE(st_32, uint32_t, h->x[s->rs2], false)
MEM_STORE(st_64, uint64_t, h->x[s->rs2], false)
MEM_STORE(fst_32, uint32_t, h->f[s->rs2], mem_float_off(h))
MEM_STORE(fst_64, uint64_t, h->f[s->rs2], mem_float_off(h))
