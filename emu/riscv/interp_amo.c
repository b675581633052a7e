/*
 * Atomic memory operations, and LR/SC. Manual volume I, chapter 13.
 *
 * AMOs are the host's atomics on guest memory, sequentially consistent whatever aq and rl say,
 * which is stronger than asked. Reservations are in reserve.c; every SC and every trap return ends
 * them.
 */
#include "emu/riscv/interp_ops.h"
#include "emu/riscv/mem.h"
#include "emu/riscv/reserve.h"

/* Host address of the operand, or NULL when the exception is taken. */
static inline uint8_t *amo_operand(struct riscv_hart *h, struct interp *in, uint64_t address,
                                   unsigned size)
{
    bool aligned = (address & (size - 1)) == 0;
    uint8_t *host = aligned ? tlb_probe(in->tlb, TLB_WRITE, address, size) : NULL;
    if (host != NULL) {
        return host;
    }
    host = riscv_amo_address(h, address, size, &in->gpa, true);
    if (host != NULL && riscv_page_monitored(h, host)) {
        riscv_store_begin(h, host);
        in->monitored = true;
    }
    return host;
}

/* The operation is done. */
static inline void amo_done(struct riscv_hart *h, struct interp *in)
{
    if (in->monitored) {
        in->monitored = false;
        riscv_store_end(h);
    }
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
        amo_done(h, in);                                                                   \
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

#define AMO_RESERVED(bits, size)                                                           \
    INTERP_OP(lr_##bits)                                                                   \
    {                                                                                      \
        interp_sync(INTERP_PASS);                                                          \
        if (!riscv_load_reserved(h, h->x[s->rs1], size)) {                                 \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        h->x[s->rd] = h->reserved_value;                                                   \
        return interp_resume(INTERP_PASS, length);                                         \
    }                                                                                      \
    INTERP_OP(sc_##bits)                                                                   \
    {                                                                                      \
        interp_sync(INTERP_PASS);                                                          \
        enum riscv_conditional done =                                                      \
            riscv_store_conditional(h, h->x[s->rs1], size, h->x[s->rs2]);                  \
        if (done == SC_TRAPPED) {                                                          \
            return interp_enter(h, in);                                                    \
        }                                                                                  \
        h->x[s->rd] = done == SC_FAILED;                                                   \
        return interp_resume(INTERP_PASS, length);                                         \
    }

AMO_RESERVED(32, 4)
AMO_RESERVED(64, 8)
