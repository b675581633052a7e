/* By the unwind tables that each module has; ends at translated code, which has none. */
#include "platform/win32/crash_stack.h"

#include <stdbool.h>

#include <windows.h>

#define FRAMES_MAX      64
#define LEAF_WORDS_MAX  3
#define MODULE_NAME_MAX 512

static void frame_tell(unsigned number, uintptr_t pc, crash_frame_fn *fn, void *opaque)
{
    wchar_t wide[MODULE_NAME_MAX];
    char name[MODULE_NAME_MAX * 3]; /* bytes that UTF-8 may need */
    HMODULE module;
    DWORD flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (GetModuleHandleExW(flags, (const wchar_t *)pc, &module) &&
        GetModuleFileNameW(module, wide, MODULE_NAME_MAX) > 0 &&
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, name, sizeof(name), NULL, NULL) > 0) {
        fn(opaque, number, pc, name, pc - (uintptr_t)module);
    } else {
        fn(opaque, number, pc, NULL, 0);
    }
}

static uintptr_t context_pc(const CONTEXT *context)
{
#ifdef __aarch64__
    return (uintptr_t)context->Pc;
#else
    return (uintptr_t)context->Rip;
#endif
}

static uintptr_t context_sp(const CONTEXT *context)
{
#ifdef __aarch64__
    return (uintptr_t)context->Sp;
#else
    return (uintptr_t)context->Rsp;
#endif
}

/* A function without a table changes no register that its callers keep: its return address is in
 * the link register, or near the top of the stack (the compiler's stack probe, which is where a
 * full stack shows, pushes two registers). */
static void leaf_leave(CONTEXT *context)
{
#ifdef __aarch64__
    context->Pc = context->Lr;
#else
    DWORD64 base;
    for (int word = 0; word < LEAF_WORDS_MAX; word++) {
        context->Rip = *(const DWORD64 *)context->Rsp;
        context->Rsp += sizeof(DWORD64);
        if (RtlLookupFunctionEntry(context->Rip, &base, NULL)) {
            break;
        }
    }
#endif
}

static bool on_stack(const struct exits_crash *crash, uintptr_t sp)
{
    return sp >= crash->stack_low && sp + sizeof(uintptr_t) <= crash->stack_high &&
           sp % sizeof(uintptr_t) == 0;
}

void crash_stack_walk(const struct exits_crash *crash, crash_frame_fn *fn, void *opaque)
{
    CONTEXT context = *crash->pointers->ContextRecord;
    for (unsigned frame = 0; frame < FRAMES_MAX && context_pc(&context); frame++) {
        uintptr_t sp = context_sp(&context);
        /* What follows a call may be another function, or a loop to itself. */
        uintptr_t within = context_pc(&context) - (frame > 0);
        DWORD64 base, established;
        void *handler_data;
        frame_tell(frame, context_pc(&context), fn, opaque);
        if (!on_stack(crash, sp)) {
            break;
        }
        RUNTIME_FUNCTION *function = RtlLookupFunctionEntry(within, &base, NULL);
        if (function) {
            RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, within, function, &context, &handler_data,
                             &established, NULL);
        } else if (frame == 0) {
            leaf_leave(&context);
        } else {
            break;
        }
    }
}
