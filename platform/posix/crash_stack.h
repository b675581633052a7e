/* Room for the crash handlers of threads whose own stack may be what is broken. */
#pragma once

/* At the beginning of a thread: faults in it are handled on a stack of their own. NULL if it has
 * one already (a sanitizer's) or there is no memory. */
void *crash_stack_begin(void);

/* At its end, with what crash_stack_begin has returned. */
void crash_stack_end(void *stack);
