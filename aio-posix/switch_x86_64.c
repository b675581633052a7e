/* System V ABI for x86-64: rbx, rbp, r12 to r15, and the control words, which nobody changes. */
#include "aio-posix/switch.h"

#include <stdint.h>

__asm__(".text\n"
        ".globl tinamou_switch_stacks\n"
        "tinamou_switch_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    popq %rcx\n" /* not ret: where it goes is no return the processor could foresee */
        "    jmpq *%rcx\n"
        ".globl tinamou_switch_begin\n"
        "tinamou_switch_begin:\n" /* r12: opaque, r13: fn; the stack is aligned as for a call */
        "    movq %r12, %rdi\n"
        "    callq *%r13\n"
        "    ud2\n");

void switch_begin(void) __asm__("tinamou_switch_begin");

void *switch_prepare(void *top, void (*fn)(void *opaque), void *opaque)
{
    uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15) - 2;

    *--sp = (uint64_t)(uintptr_t)switch_begin; /* where ret goes */
    *--sp = 0;                                 /* rbp: the end of the chain of frames */
    *--sp = 0;                                 /* rbx */
    *--sp = (uint64_t)(uintptr_t)opaque;       /* r12 */
    *--sp = (uint64_t)(uintptr_t)fn;           /* r13 */
    *--sp = 0;                                 /* r14 */
    *--sp = 0;                                 /* r15 */
    return sp;
}
