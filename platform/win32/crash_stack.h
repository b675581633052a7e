/* The calls that led to a crash. */
#pragma once

#include <stdint.h>

#include "platform/win32/exits.h"

/* A return address, and where it lies in which module; the module is NULL for translated code. */
typedef void crash_frame_fn(void *opaque, unsigned number, uintptr_t pc, const char *module,
                            uintptr_t offset);

/* Calls `fn` for each frame, the innermost first. On any thread while the crashed one waits. */
void crash_stack_walk(const struct exits_crash *crash, crash_frame_fn *fn, void *opaque);
