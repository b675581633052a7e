/* ThreadSanitizer: each stack is a fiber. */
#include "aio-posix/notes.h"

#include <sanitizer/tsan_interface.h>

void notes_new(struct stack_notes *notes, const void *bottom, size_t size)
{
    notes->bottom = bottom;
    notes->size = size;
    notes->fiber = __tsan_create_fiber(0);
}

void notes_of_thread(struct stack_notes *notes)
{
    notes->fiber = __tsan_get_current_fiber();
}

void notes_free(struct stack_notes *notes)
{
    __tsan_destroy_fiber(notes->fiber);
}

void notes_leave(struct stack_notes *from, struct stack_notes *to)
{
    (void)from;
    __tsan_switch_to_fiber(to->fiber, 0);
}

void notes_arrived(struct stack_notes *notes)
{
    (void)notes;
}
