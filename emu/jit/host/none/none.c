/* Processors without an emitter: attaching fails with this reason, so nothing else is reached. */
#include <assert.h>

#include "emu/jit/host/host.h"

const uint16_t host_elf_machine = 0;

bool host_supported(GError **error)
{
    g_set_error_literal(error, g_quark_from_static_string("jit-error"), 0,
                        "there is no translator for this processor; guest code can be "
                        "interpreted with -accel interp");
    return false;
}

const bool host_reads_flags_late = false;

bool host_stays(const struct ir_ins *ins)
{
    (void)ins;
    return false;
}

size_t host_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t size,
                        struct host_thunks *ret_thunks)
{
    (void)rw, (void)rx, (void)size, (void)ret_thunks;
    return 0;
}

bool host_emit_block(const struct ir_block *block, const struct host_thunks *thunks, uint8_t *rw,
                     const uint8_t *rx, size_t size, uint64_t first_exit,
                     struct jit_code *ret_code)
{
    (void)block, (void)thunks, (void)rw, (void)rx, (void)size, (void)first_exit, (void)ret_code;
    return false;
}

enum jit_reason host_enter(const struct host_thunks *thunks, struct riscv_hart *hart,
                           const uint8_t *code)
{
    (void)thunks, (void)hart, (void)code;
    assert(!"code that was never made");
    return JIT_STEP;
}

void host_patch_jump(uint8_t *place_rw, const uint8_t *place_rx, const uint8_t *target_rx)
{
    (void)place_rw, (void)place_rx, (void)target_rx;
}

void host_patch_guard(uint8_t *place_rw, uint32_t identity)
{
    (void)place_rw, (void)identity;
}

void host_sync_flags(struct riscv_hart *hart)
{
    (void)hart;
}

void host_fp_begin(struct riscv_hart *hart)
{
    (void)hart;
}

void host_fp_end(struct riscv_hart *hart)
{
    (void)hart;
}
