/* AAPCS64: x19 to x30, the low halves of v8 to v15, sp. */
#include "aio-posix/switch.h"

#include <stdint.h>

__asm__(".text\n"
        ".globl tinamou_switch_stacks\n"
        "tinamou_switch_stacks:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".globl tinamou_switch_begin\n" /* a local name would lose its place in the GOT */
        "tinamou_switch_begin:\n"       /* x19: opaque, x20: fn */
        "    mov x0, x19\n"
        "    blr x20\n"
        "    brk #0\n");

void switch_begin(void) __asm__("tinamou_switch_begin");

void *switch_prepare(void *top, void (*fn)(void *opaque), void *opaque)
{
    uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15) - 20;

    for (int i = 0; i < 20; i++) {
        sp[i] = 0;
    }
    sp[0] = (uint64_t)(uintptr_t)opaque;        /* x19 */
    sp[1] = (uint64_t)(uintptr_t)fn;            /* x20 */
    sp[11] = (uint64_t)(uintptr_t)switch_begin; /* x30 */
    return sp;
}
