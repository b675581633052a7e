/* valgrind finds out by itself when to switch, if it knows the stacks. Costs nothing elsewhere. */
#include "aio-posix/notes.h"

#include <valgrind/valgrind.h>

void notes_new(struct stack_notes *notes, const void *bottom, size_t size)
{
    notes->number = VALGRIND_STACK_REGISTER(bottom, (const char *)bottom + size);
}

void notes_free(struct stack_notes *notes)
{
    VALGRIND_STACK_DEREGISTER(notes->number);
}
