/* The code that all blocks share: the way in, the way out, slow calls; and patching. */
#include <string.h>

#include "emu/jit/host/aarch64/emit.h"
#include "emu/jit/slow.h"

typedef uint64_t enter_fn(struct riscv_hart *hart, const uint8_t *code);

/* What enter keeps on the stack: temporaries of blocks during calls, then the caller's registers
 * (AAPCS64: x19 to x30, d8 to d15). */
#define FRAME_TEMPS 0
#define FRAME_LINK  64
#define FRAME_SAVED 80
#define FRAME_SIZE  240

/* All pinned registers from or to their homes; the link register is the base, and lost. */
static void thunk_move_file(struct a64_asm *as, const int8_t *pinned, bool vector, int32_t homes,
                            bool load)
{
    for (unsigned i = 0; i < 32; i++) {
        int32_t home = homes + 8 * (int32_t)i;
        if (pinned[i] == REGS_NONE) {
            continue;
        }
        if (i < 31 && pinned[i + 1] != REGS_NONE && home <= 504) {
            a64_pair(as, load, vector, pinned[i], pinned[i + 1], A64_LINK, home);
            i++;
        } else {
            a64_access(as, (struct a64_access){ 8, load, false, vector }, pinned[i],
                       a64_at(A64_LINK, home));
        }
    }
}

static void thunk_move_pinned(struct a64_asm *as, bool load)
{
    a64_sum_ri(as, A64_ADD, true, A64_LINK, HART, (uint32_t)HART_OFFSET(x));
    thunk_move_file(as, emit_regs_x.pinned, false, 0, load);
    thunk_move_file(as, emit_regs_f.pinned, true, HART_OFFSET(f) - HART_OFFSET(x), load);
    if (load) {
        a64_vec_box(as, V_BOX);
    }
}

static void thunk_move_saved(struct a64_asm *as, bool load)
{
    for (int i = 0; i < 12; i += 2) {
        a64_pair(as, load, false, 19 + i, 20 + i, A64_SP, FRAME_SAVED + 8 * i);
    }
    for (int i = 0; i < 8; i += 2) {
        a64_pair(as, load, true, 8 + i, 9 + i, A64_SP, FRAME_SAVED + 96 + 8 * i);
    }
}

static void thunk_move_temps(struct a64_asm *as, bool load)
{
    for (int i = 0; i < 4; i += 2) {
        a64_pair(as, load, false, T0 + i, T0 + i + 1, A64_SP, FRAME_TEMPS + 8 * i);
        a64_pair(as, load, true, i, i + 1, A64_SP, FRAME_TEMPS + 32 + 8 * i);
    }
}

/* dst = base + offset + hart->bank_data * size */
static void thunk_of_bank(struct a64_asm *as, int dst, int base, uint64_t offset, uint64_t size)
{
    a64_access(as, (struct a64_access){ 4, true, false, false }, S0, HART_AT(bank_data));
    a64_mov_imm(as, S1, size);
    a64_three(as, A64_MADD, true, dst, S0, S1, base);
    a64_mov_imm(as, S1, offset);
    a64_sum_rr(as, A64_ADD, true, dst, dst, S1, 0);
}

/* uint64_t enter(hart x0, code x1). The barrier makes code that other threads have written since
 * visible to this one. */
static void thunk_enter(struct a64_asm *as)
{
    a64_sum_ri(as, A64_SUB, true, A64_SP, A64_SP, FRAME_SIZE);
    thunk_move_saved(as, false);
    a64_mov(as, HART, 0);
    a64_mov_imm(as, S1, offsetof(struct riscv_hart, engine_area));
    a64_sum_rr(as, A64_ADD, true, AREA, HART, S1, 0);
    thunk_of_bank(as, BANK, HART, offsetof(struct riscv_hart, bank), sizeof(struct tlb_bank));
    thunk_of_bank(as, CONTEXT, AREA, offsetof(struct jit_area, context),
                  sizeof(struct jit_context));
    a64_mov(as, S0, 1);
    thunk_move_pinned(as, true);
    a64_isb(as);
    a64_br(as, false, S0);
}

/* Gives the caller's registers back and returns S0. */
static void thunk_return(struct a64_asm *as)
{
    thunk_move_saved(as, true);
    a64_sum_ri(as, A64_ADD, true, A64_SP, A64_SP, FRAME_SIZE);
    a64_mov(as, 0, S0);
    a64_ret(as);
}

/* Reason in S0. */
static void thunk_leave(struct a64_asm *as)
{
    thunk_move_pinned(as, false);
    thunk_return(as);
}

/* Calls fn(hart, S0, S1); area->result comes back in S0, and nothing else has changed. An exception
 * leaves generated code from here. */
static void thunk_call(struct a64_asm *as, const void *fn)
{
    a64_str(as, A64_LINK, a64_at(A64_SP, FRAME_LINK));
    thunk_move_temps(as, false);
    thunk_move_pinned(as, false);
    a64_mov(as, 0, HART);
    a64_mov(as, 1, S0);
    a64_mov(as, 2, S1);
    a64_mov_imm(as, S0, (uint64_t)(uintptr_t)fn);
    a64_br(as, true, S0);
    a64_logic_ri(as, A64_ANDS, false, A64_ZR, 0, 0xff);
    uint8_t *trapped = a64_bcc(as, CC_EQ);
    thunk_move_pinned(as, true);
    thunk_move_temps(as, true);
    a64_ldr(as, A64_LINK, a64_at(A64_SP, FRAME_LINK));
    a64_ldr(as, S0, AREA_AT(result));
    a64_ret(as);
    a64_bind_here(as, trapped);
    a64_mov_imm(as, S0, JIT_TRAP);
    thunk_return(as);
}

static const uint8_t *thunk_start(struct a64_asm *as, const uint8_t *rx)
{
    a64_align(as, 16);
    return rx + a64_size(as);
}

size_t host_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t size,
                        struct host_thunks *ret_thunks)
{
    struct a64_asm as = { rw, rw, rw + size, false };
    ret_thunks->enter = thunk_start(&as, rx);
    thunk_enter(&as);
    ret_thunks->leave = thunk_start(&as, rx);
    thunk_leave(&as);
    ret_thunks->load = thunk_start(&as, rx);
    thunk_call(&as, (const void *)slow_load);
    ret_thunks->store = thunk_start(&as, rx);
    thunk_call(&as, (const void *)slow_store);
    ret_thunks->group = thunk_start(&as, rx);
    thunk_call(&as, (const void *)slow_group);
    ret_thunks->fill = thunk_start(&as, rx);
    thunk_call(&as, (const void *)slow_fill);
    ret_thunks->csr = thunk_start(&as, rx);
    thunk_call(&as, (const void *)slow_csr);
    a64_align(&as, 64);
    return as.overflow ? 0 : a64_size(&as);
}

enum jit_reason host_enter(const struct host_thunks *thunks, struct riscv_hart *hart,
                           const uint8_t *code)
{
    enter_fn *enter;
    memcpy(&enter, &thunks->enter, sizeof enter);
    return (enum jit_reason)enter(hart, code);
}

/* A branch may be replaced by another one while others run it (B2.2.5 of the Arm manual). */
void host_patch_jump(uint8_t *place_rw, const uint8_t *place_rx, const uint8_t *target_rx)
{
    __atomic_store_n((uint32_t *)(void *)place_rw, a64_encode_b(target_rx - place_rx),
                     __ATOMIC_RELEASE);
    __builtin___clear_cache((char *)(uintptr_t)place_rx, (char *)(uintptr_t)place_rx + 4);
}

/* The identity is data: no instruction fetch sees it. */
void host_patch_guard(uint8_t *place_rw, uint32_t identity)
{
    __atomic_store_n((uint32_t *)(void *)place_rw, identity, __ATOMIC_RELEASE);
}
