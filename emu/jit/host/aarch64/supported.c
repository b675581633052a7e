/* Which processors the emitter's code runs on: every one, with FEAT_LSE where it is there. */
#include "emu/jit/host/aarch64/emit.h"

/* The compiler's run-time library finds this out for its own atomic functions. */
extern const bool __aarch64_have_lse_atomics __attribute__((weak));

bool emit_has_lse(void)
{
#ifdef __ARM_FEATURE_ATOMICS
    return true;
#else
    return &__aarch64_have_lse_atomics != NULL && __aarch64_have_lse_atomics;
#endif
}

const uint16_t host_elf_machine = 183;

bool host_supported(GError **error)
{
    (void)error;
    return true;
}
