/* What AddressSanitizer, ThreadSanitizer and valgrind must be told about stacks. */
#pragma once

#include <stddef.h>

struct stack_notes {
    const void *bottom;
    size_t size;
    void *fake_stack; /* ASan's */
    void *fiber;      /* TSan's */
    unsigned number;  /* valgrind's */
};

#ifdef STACK_NOTES

/* A new stack. */
void notes_new(struct stack_notes *notes, const void *bottom, size_t size);

/* The calling thread's own. */
void notes_of_thread(struct stack_notes *notes);

/* A stack that is freed. */
void notes_free(struct stack_notes *notes);

/* Right before leaving one stack for another. */
void notes_leave(struct stack_notes *from, struct stack_notes *to);

/* Right after arriving on a stack. */
void notes_arrived(struct stack_notes *notes);

#else

/* Nobody listens to switches; valgrind, at most, to what is a stack. */
void notes_new(struct stack_notes *notes, const void *bottom, size_t size);

/* A stack that is freed. */
void notes_free(struct stack_notes *notes);

/* The stack that the thread came with: nothing to note without a sanitizer. */
static inline void notes_of_thread(struct stack_notes *notes)
{
    (void)notes;
}

/* Before a switch. */
static inline void notes_leave(struct stack_notes *from, struct stack_notes *to)
{
    (void)from;
    (void)to;
}

/* After a switch, on the new stack. */
static inline void notes_arrived(struct stack_notes *notes)
{
    (void)notes;
}

#endif
