/* AddressSanitizer: each stack has a fake stack of its own. */
#include "aio-posix/notes.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* The stack that was just left: its bounds become known on arrival. */
static _Thread_local struct stack_notes *left;

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
    ASAN_UNPOISON_MEMORY_REGION(notes->bottom, notes->size);
}

void notes_leave(struct stack_notes *from, struct stack_notes *to)
{
    left = from;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
}

void notes_arrived(struct stack_notes *notes)
{
    const void *bottom;
    size_t size;

    __sanitizer_finish_switch_fiber(notes->fake_stack, &bottom, &size);
    left->bottom = bottom;
    left->size = size;
}
