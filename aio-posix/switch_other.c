/* Processors without a switch of their own: ucontext, with a system call for the signal mask. */
#include "aio-posix/switch.h"

#include <stdint.h>
#include <ucontext.h>

/* What a "stack pointer" points to here. */
struct begin {
    ucontext_t context;
    void (*fn)(void *opaque);
    void *opaque;
};

/* makecontext passes ints only. */
static void switch_begin(unsigned high, unsigned low)
{
    struct begin *begin = (struct begin *)(uintptr_t)((uint64_t)high << 32 | low);

    begin->fn(begin->opaque);
}

void switch_stacks(void **save_sp, void *load_sp)
{
    ucontext_t here;

    *save_sp = &here;
    swapcontext(&here, load_sp);
}

void *switch_prepare(void *top, void (*fn)(void *opaque), void *opaque)
{
    struct begin *begin = (struct begin *)((uintptr_t)top & ~(uintptr_t)63) - 1;
    const size_t size = 65536; /* below `begin`: enough to say where the stack is */

    begin->fn = fn;
    begin->opaque = opaque;
    getcontext(&begin->context);
    begin->context.uc_link = NULL;
    begin->context.uc_stack.ss_sp = (char *)begin - size;
    begin->context.uc_stack.ss_size = size;
    makecontext(&begin->context, (void (*)(void))(void *)switch_begin, 2,
                (unsigned)((uint64_t)(uintptr_t)begin >> 32), (unsigned)(uintptr_t)begin);
    return &begin->context;
}
