/* Stacks from mmap with a guard page below, and the notes that sanitizers and valgrind want. */
#include "aio/stack.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

#include "aio-posix/notes.h"
#include "aio-posix/switch.h"

struct co_stack {
    void *sp; /* where it stopped */
    uint8_t *base;
    size_t size; /* with the guard page; 0 for a thread's own */
    struct stack_notes notes;
    co_stack_fn *fn;
    void *opaque;
};

static _Thread_local struct co_stack own;

struct co_stack *co_stack_of_thread(void)
{
    notes_of_thread(&own.notes);
    return &own;
}

/* The first thing on a new stack. */
static void stack_begin(void *opaque)
{
    struct co_stack *stack = opaque;

    notes_arrived(&stack->notes);
    stack->fn(stack->opaque);
    abort(); /* a stack's function never returns */
}

struct co_stack *co_stack_new(co_stack_fn *fn, void *opaque)
{
    struct co_stack *stack = g_new0(struct co_stack, 1);
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);

    stack->size = CO_STACK_SIZE + guard;
    stack->base = mmap(NULL, stack->size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack->base == MAP_FAILED || mprotect(stack->base, guard, PROT_NONE) < 0) {
        fprintf(stderr, "aio: no memory for a coroutine's stack\n");
        abort();
    }
    stack->fn = fn;
    stack->opaque = opaque;
    notes_new(&stack->notes, stack->base + guard, CO_STACK_SIZE);
    stack->sp = switch_prepare(stack->base + stack->size, stack_begin, stack);
    return stack;
}

void co_stack_free(struct co_stack *stack)
{
    assert(stack->size > 0);
    notes_free(&stack->notes);
    munmap(stack->base, stack->size);
    g_free(stack);
}

void co_stack_switch(struct co_stack *from, struct co_stack *to)
{
    notes_leave(&from->notes, &to->notes);
    switch_stacks(&from->sp, to->sp);
    notes_arrived(&from->notes);
}
