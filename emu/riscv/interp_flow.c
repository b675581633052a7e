/*
 * Branches and jumps. Those that stay in their page are plain slot arithmetic; others look their
 * page up. Every taken one notices requests, so that no loop of guest code can miss a kick.
 */
#include "emu/riscv/interp_ops.h"

static inline struct interp_slot *flow_near(struct interp_slot *s)
{
    return (struct interp_slot *)(void *)((uint8_t *)s + s->imm);
}

/* The target is `imm` bytes of slots away. Returning it lets the engine's loop see a request. */
#define FLOW_NEAR()                                        \
    do {                                                   \
        struct interp_slot *to = flow_near(s);             \
        if (INTERP_LIKELY(!interp_requested(h, in))) {    \
            INTERP_NEXT(to);                               \
        }                                                  \
        h->instret = retired + 1;                          \
        return to;                                         \
    } while (0)

#define FLOW_BRANCH(name, condition)                                                            \
    INTERP_OP(br_##name)                                                                        \
    {                                                                                           \
        uint64_t a = h->x[s->rs1], b = h->x[s->rs2];                                            \
        if (condition) {                                                                        \
            return interp_jump(h, retired + 1, in, interp_pc(in, s) + (uint64_t)(int64_t)s->imm); \
        }                                                                                       \
        INTERP_NEXT(s + length);                                                                \
    }                                                                                           \
    INTERP_OP(near_##name)                                                                      \
    {                                                                                           \
        uint64_t a = h->x[s->rs1], b = h->x[s->rs2];                                            \
        if (condition) {                                                                        \
            FLOW_NEAR();                                                                        \
        }                                                                                       \
        INTERP_NEXT(s + length);                                                                \
    }

FLOW_BRANCH(eq, a == b)
FLOW_BRANCH(ne, a != b)
FLOW_BRANCH(lt, (int64_t)a < (int64_t)b)
FLOW_BRANCH(ge, (int64_t)a >= (int64_t)b)
FLOW_BRANCH(ltu, a < b)
FLOW_BRANCH(geu, a >= b)

INTERP_OP(near_jump)
{
    FLOW_NEAR();
}

INTERP_OP(near_call)
{
    h->x[s->rd] = interp_pc(in, s + length);
    FLOW_NEAR();
}

INTERP_OP(jump)
{
    uint64_t pc = interp_pc(in, s);
    h->x[s->rd] = pc + 2 * length;
    return interp_jump(h, retired + 1, in, pc + (uint64_t)(int64_t)s->imm);
}

INTERP_OP(jumpr)
{
    uint64_t target = (h->x[s->rs1] + (uint64_t)(int64_t)s->imm) & ~(uint64_t)1;
    h->x[s->rd] = interp_pc(in, s + length);
    return interp_jump(h, retired + 1, in, target);
}

INTERP_OP(jumpr_nolink)
{
    uint64_t target = (h->x[s->rs1] + (uint64_t)(int64_t)s->imm) & ~(uint64_t)1;
    return interp_jump(h, retired + 1, in, target);
}

struct interp_slot *interp_page_end(INTERP_ARGS)
{
    return interp_jump(h, retired, in, interp_pc(in, s));
}
