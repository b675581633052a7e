/* Stacks to run on, and the switch between them: what each host does its own way. */
#pragma once

/* Bytes a coroutine may use; a page below it faults. */
#define CO_STACK_SIZE (1024u * 1024u)

struct co_stack;

/* What runs on a stack; never returns. */
typedef void co_stack_fn(void *opaque);

/* Makes a stack on which the first switch calls `fn`. Ends the process if there is no memory. */
struct co_stack *co_stack_new(co_stack_fn *fn, void *opaque);

/* Frees a stack that nobody is on. */
void co_stack_free(struct co_stack *stack);

/* The calling thread's own stack, for switching away and back; the thread's, lives as long. */
struct co_stack *co_stack_of_thread(void);

/* Stops here, on `from`, and goes on where `to` stopped. Returns when somebody switches back. */
void co_stack_switch(struct co_stack *from, struct co_stack *to);
