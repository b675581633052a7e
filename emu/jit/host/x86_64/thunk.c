/* The code that all blocks share: the way in, the way out, slow calls; and patching. */
#include <string.h>

#include "emu/jit/host/x86_64/emit.h"
#include "emu/jit/slow.h"
#include "emu/riscv/fpu.h"

/* Generated code follows the System V convention on every host; the compiler translates at the
 * two borders. */
#define GENERATED __attribute__((sysv_abi))

typedef GENERATED uint64_t enter_fn(struct riscv_hart *hart, const uint8_t *code);

static GENERATED bool thunk_load(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    return slow_load(hart, address, info);
}

static GENERATED bool thunk_store(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    return slow_store(hart, address, info);
}

static GENERATED bool thunk_group(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    return slow_group(hart, address, info);
}

static GENERATED bool thunk_csr(struct riscv_hart *hart, uint64_t word, uint32_t info)
{
    return slow_csr(hart, word, info);
}

/* x86 does not raise "invalid" for inf * 0 + a quiet NaN, and RISC-V does. The factors: `a` and
 * argument[0]. */
static GENERATED bool thunk_product(struct riscv_hart *hart, uint64_t a, uint32_t single)
{
    uint64_t b = jit_area(hart)->argument[0];
    unsigned sign = single != 0 ? 31 : 63;
    uint64_t magnitude = (UINT64_C(1) << sign) - 1;
    uint64_t infinity = single != 0 ? 0x7f800000 : UINT64_C(0x7ff0000000000000);
    a &= magnitude;
    b &= magnitude;
    if ((a == 0 && b == infinity) || (a == infinity && b == 0)) {
        hart->fflags |= FPU_NV;
    }
    return true;
}

static GENERATED bool thunk_fill(struct riscv_hart *hart, uint64_t address, uint32_t info)
{
    return slow_fill(hart, address, info);
}

static void thunk_move_pinned(struct x86_asm *as, bool store)
{
    for (unsigned i = 1; i < 32; i++) {
        struct x86_mem home = x86_at(HART, HART_OFFSET(x) + 8 * (int32_t)i);
        int reg = emit_regs_x.pinned[i];
        if (reg != REGS_NONE && store) {
            x86_store(as, 8, home, reg);
        } else if (reg != REGS_NONE) {
            x86_mov_rm(as, true, reg, home);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        struct x86_mem home = x86_at(HART, HART_OFFSET(f) + 8 * (int32_t)i);
        int reg = emit_regs_f.pinned[i];
        if (reg != REGS_NONE && store) {
            x86_vstore(as, true, home, (unsigned)reg);
        } else if (reg != REGS_NONE) {
            x86_vload(as, true, (unsigned)reg, home);
        }
    }
}

/* Values of the block wait in the floating-point temporaries, and no call preserves those. The
 * integer ones are free at every call. */
static void thunk_move_temps(struct x86_asm *as, bool store)
{
    for (unsigned i = 0; emit_regs_f.temps[i] != REGS_NONE; i++) {
        struct x86_mem place = x86_at(HART, AREA_OFFSET(temps_f) + 8 * (int32_t)i);
        unsigned reg = (unsigned)emit_regs_f.temps[i];
        if (store) {
            x86_vstore(as, true, place, reg);
        } else {
            x86_vload(as, true, reg, place);
        }
    }
}

static const uint8_t saved[] = { RBX, RBP, R12, R13, R14, R15 };

/* uint64_t enter(hart rdi, code rsi): leaves the stack 16-byte aligned for calls from blocks. */
static void thunk_enter(struct x86_asm *as)
{
    for (unsigned i = 0; i < sizeof saved; i++) {
        x86_push(as, saved[i]);
    }
    x86_alu_ri(as, X86_SUB, true, RSP, 8);
    x86_mov_rr(as, true, RBP, RDI);
    x86_mov_rr(as, true, RAX, RSI);
    thunk_move_pinned(as, false);
    x86_jmp_r(as, RAX);
}

/* Reason in RAX. */
static void thunk_leave(struct x86_asm *as)
{
    thunk_move_pinned(as, true);
    x86_alu_ri(as, X86_ADD, true, RSP, 8);
    for (unsigned i = sizeof saved; i-- > 0;) {
        x86_pop(as, saved[i]);
    }
    x86_ret(as);
}

/* Calls `fn`(hart, RAX, RCX) with RDX in argument[0]; the result comes back in RAX. An exception
 * leaves generated code from here. */
static void thunk_call(struct x86_asm *as, const void *fn)
{
    x86_store(as, 8, x86_at(HART, AREA_OFFSET(argument[0])), RDX);
    thunk_move_pinned(as, true);
    thunk_move_temps(as, true);
    x86_alu_ri(as, X86_SUB, true, RSP, 8);
    x86_mov_rr(as, true, RDI, HART);
    x86_mov_rr(as, true, RSI, RAX);
    x86_mov_rr(as, false, RDX, RCX);
    x86_mov_ri(as, RAX, (uint64_t)(uintptr_t)fn, true);
    x86_call_r(as, RAX);
    x86_alu_ri(as, X86_ADD, true, RSP, 8);
    x86_extend(as, 1, false, RAX, RAX);
    x86_test_rr(as, false, RAX, RAX);
    uint8_t *trapped = x86_jcc(as, CC_E);
    thunk_move_pinned(as, false);
    thunk_move_temps(as, false);
    x86_mov_rm(as, true, RAX, x86_at(HART, AREA_OFFSET(result)));
    x86_ret(as);
    x86_bind_here(as, trapped);
    x86_alu_ri(as, X86_ADD, true, RSP, 16); /* the return address, and enter's padding */
    for (unsigned i = sizeof saved; i-- > 0;) {
        x86_pop(as, saved[i]);
    }
    x86_mov_ri(as, RAX, JIT_TRAP, true);
    x86_ret(as);
}

static const uint8_t *thunk_start(struct x86_asm *as, const uint8_t *rx)
{
    x86_align(as, 16);
    return rx + x86_size(as);
}

size_t host_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t size,
                        struct host_thunks *ret_thunks)
{
    struct x86_asm as = { rw, rw, rw + size, false };
    ret_thunks->enter = thunk_start(&as, rx);
    thunk_enter(&as);
    ret_thunks->leave = thunk_start(&as, rx);
    thunk_leave(&as);
    ret_thunks->load = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_load);
    ret_thunks->store = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_store);
    ret_thunks->group = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_group);
    ret_thunks->fill = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_fill);
    ret_thunks->csr = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_csr);
    ret_thunks->product = thunk_start(&as, rx);
    thunk_call(&as, (const void *)thunk_product);
    x86_align(&as, 64);
    return as.overflow ? 0 : x86_size(&as);
}

enum jit_reason host_enter(const struct host_thunks *thunks, struct riscv_hart *hart,
                           const uint8_t *code)
{
    enter_fn *enter;
    memcpy(&enter, &thunks->enter, sizeof enter);
    return (enum jit_reason)enter(hart, code);
}

void host_patch_jump(uint8_t *place_rw, const uint8_t *place_rx, const uint8_t *target_rx)
{
    int32_t displacement = (int32_t)(target_rx - (place_rx + 4));
    __atomic_store_n((int32_t *)(void *)place_rw, displacement, __ATOMIC_RELEASE);
}

void host_patch_guard(uint8_t *place_rw, uint32_t identity)
{
    __atomic_store_n((uint32_t *)(void *)place_rw, identity, __ATOMIC_RELEASE);
}
