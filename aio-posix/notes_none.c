/* Nobody listens. */
#include "aio-posix/notes.h"

void notes_new(struct stack_notes *notes, const void *bottom, size_t size)
{
    notes->bottom = bottom;
    notes->size = size;
}

void notes_of_thread(struct stack_notes *notes)
{
    (void)notes;
}

void notes_free(struct stack_notes *notes)
{
    (void)notes;
}

void notes_leave(struct stack_notes *from, struct stack_notes *to)
{
    (void)from;
    (void)to;
}

void notes_arrived(struct stack_notes *notes)
{
    (void)notes;
}
