/* Stacks as fibers: the system knows their guard pages, exception chains and sizes. */
#include "aio/stack.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

#include <glib.h>

#define COMMIT_SIZE 65536

struct co_stack {
    void *fiber;
    co_stack_fn *fn;
    void *opaque;
};

static _Thread_local struct co_stack own;

/* GetCurrentFiber reads the thread's block at a fixed place, which compilers take for a mistake. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
struct co_stack *co_stack_of_thread(void)
{
    if (!own.fiber) {
        own.fiber = IsThreadAFiber() ? GetCurrentFiber() : ConvertThreadToFiber(NULL);
    }
    if (!own.fiber) {
        fprintf(stderr, "aio: cannot make a thread a fiber: error %lu\n", GetLastError());
        abort();
    }
    return &own;
}
#pragma GCC diagnostic pop

static void CALLBACK stack_begin(void *opaque)
{
    struct co_stack *stack = opaque;

    stack->fn(stack->opaque);
    abort(); /* a stack's function never returns */
}

struct co_stack *co_stack_new(co_stack_fn *fn, void *opaque)
{
    struct co_stack *stack = g_new0(struct co_stack, 1);

    stack->fn = fn;
    stack->opaque = opaque;
    stack->fiber = CreateFiberEx(COMMIT_SIZE, CO_STACK_SIZE, 0, stack_begin, stack);
    if (!stack->fiber) {
        fprintf(stderr, "aio: no memory for a coroutine's stack: error %lu\n", GetLastError());
        abort();
    }
    return stack;
}

void co_stack_free(struct co_stack *stack)
{
    DeleteFiber(stack->fiber);
    g_free(stack);
}

void co_stack_switch(struct co_stack *from, struct co_stack *to)
{
    (void)from;
    SwitchToFiber(to->fiber);
}
