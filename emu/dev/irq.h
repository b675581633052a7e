/* A level-triggered interrupt line from a device to whatever it is wired to. */
#pragma once

#include <stdbool.h>

/* Called when somebody drives the line; any thread, so the receiver guards itself. */
typedef void irq_handler_fn(void *opaque, unsigned number, bool level);

struct irq_line {
    irq_handler_fn *fn; /* NULL: not wired, nothing happens */
    void *opaque;
    unsigned number;
};

/* Drives the line: it stays where it was last set. Any thread. */
static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->fn != 0) {
        line->fn(line->opaque, line->number, level);
    }
}
