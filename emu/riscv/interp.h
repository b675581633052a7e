/* The interpreter: an engine that runs pre-decoded instructions, one small function a micro-op. */
#pragma once

#include "emu/cpu/hart.h"

/* For hart_init. The hart must be a struct riscv_hart. */
extern const struct engine interp_engine;
