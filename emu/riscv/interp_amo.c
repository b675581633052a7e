/*
 * Atomic memory operations, and LR/SC. Manual volume I, chapter 13.
 *
 * AMOs are the host's atomics on guest memory, sequentially consistent whatever aq and rl say,
 * which is stronger than asked. LR remembers the place, its size and the value; SC succeeds if it
 * is to the same place and a compare-and-swap from that value does: other harts' stores, AMOs and
 * SCs in between are seen unless they put the same value back. Constrained LR/SC loops cannot tell
 * the difference. Every SC and every trap return ends the reservation.
 */
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mem.h"

/* Host address of the operand, or NULL when the exception is taken. */
static inline uint8_t *amo_operand(struct riscv_hart *h, struct interp *in, uint64_t address,
                                   unsigned size)
{
    bool aligned = (address & (size - 1)) == 0;
    uint8_t *host = aligned ? tlb_probe(in->tlb, TLB_WRITE, address, size) : NULL;
    return host != NULL ? host : riscv_amo_address(h, address, size, &in->gpa, true);
}

/* `operation` is on `p`, with operand `v`. */
#define AMO(name, type, signed_type, operation)                                            \
    INTERP_OP(amo_##name)                                                                  \
    {                                                                                      \
        interp_sync(INTERP_PASS);                                                          \
        type *p = (type *)(void *)amo_operand(h, in, h->x[s->rs1], sizeof(type));          \
        if (p == NULL) {                                                                   \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        type v = (type)h->x[s->rs2];                                                       \
        type old = operation;                                                              \
        h->x[s->rd] = (uint64_t)(int64_t)(signed_type)old;                                 \
        INTERP_NEXT(s + length);                                                           \
    }

/* Stores `v` if `better` holds of it and the old value `o`; returns the old value. */
#define AMO_CHOOSE(name, type, signed_type, better)                                        \
    static inline type amo_choose_##name(type *p, type v)                                  \
    {                                                                                      \
        type o = __atomic_load_n(p, __ATOMIC_RELAXED);                                     \
        while (!__atomic_compare_exchange_n(p, &o, (better) ? v : o, true,                 \
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {         \
        }                                                                                  \
        return o;                                                                          \
    }                                                                                      \
    AMO(name, type, signed_type, amo_choose_##name(p, v))

#define AMO_SIZE(bits, type, signed_type)                                                  \
    AMO(swap##bits, type, signed_type, __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))        \
    AMO(add##bits, type, signed_type, __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))          \
    AMO(xor##bits, type, signed_type, __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST))          \
    AMO(and##bits, type, signed_type, __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))          \
    AMO(or##bits, type, signed_type, __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))            \
    AMO_CHOOSE(min##bits, type, signed_type, (signed_type)v < (signed_type)o)              \
    AMO_CHOOSE(max##bits, type, signed_type, (signed_type)v > (signed_type)o)              \
    AMO_CHOOSE(minu##bits, type, signed_type, v < o)                                       \
    AMO_CHOOSE(maxu##bits, type, signed_type, v > o)

AMO_SIZE(32, uint32_t, int32_t)
AMO_SIZE(64, uint64_t, int64_t)

#define AMO_RESERVED(bits, type, signed_type)                                              \
    INTERP_OP(lr_##bits)                                                                   \
    {                                                                                      \
        interp_sync(INTERP_PASS);                                                          \
        void *p = riscv_amo_address(h, h->x[s->rs1], sizeof(type), &in->gpa, false);       \
        if (p == NULL) {                                                                   \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        type value = __atomic_load_n((type *)p, __ATOMIC_SEQ_CST);                         \
        h->reserved = (uintptr_t)p + sizeof(type) / 8;                                     \
        h->reserved_value = value;                                                         \
        h->x[s->rd] = (uint64_t)(int64_t)(signed_type)value;                               \
        INTERP_NEXT(s + length);                                                           \
    }                                                                                      \
    INTERP_OP(sc_##bits)                                                                   \
    {                                                                                      \
        interp_sync(INTERP_PASS);                                                          \
        void *p = riscv_amo_address(h, h->x[s->rs1], sizeof(type), &in->gpa, true);        \
        if (p == NULL) {                                                                   \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        type expected = (type)h->reserved_value;                                           \
        bool done = h->reserved == (uintptr_t)p + sizeof(type) / 8 &&                      \
                    __atomic_compare_exchange_n((type *)p, &expected, (type)h->x[s->rs2],  \
                                                false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        h->reserved = 0;                                                                   \
        h->x[s->rd] = !done;                                                               \
        INTERP_NEXT(s + length);                                                           \
    }

AMO_RESERVED(32, uint32_t, int32_t)
AMO_RESERVED(64, uint64_t, int64_t)
