/* Which processors the emitter's code runs on: x86-64-v3, as all since 2013 (Intel), 2015 (AMD). */
#include "emu/jit/host/host.h"

const uint16_t host_elf_machine = 62;

bool host_supported(GError **error)
{
    const char *missing = NULL;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx")) {
        missing = "AVX";
    } else if (!__builtin_cpu_supports("fma")) {
        missing = "FMA3";
    } else if (!__builtin_cpu_supports("bmi")) {
        missing = "BMI1";
    } else if (!__builtin_cpu_supports("bmi2")) {
        missing = "BMI2";
    } else if (!__builtin_cpu_supports("popcnt")) {
        missing = "POPCNT";
    }
    if (missing == NULL) {
        return true;
    }
    g_set_error(error, g_quark_from_static_string("jit-error"), 0,
                "this processor has no %s, which translated code uses; guest code can be "
                "interpreted with -accel interp", missing);
    return false;
}
