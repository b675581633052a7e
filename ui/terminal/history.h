/* The lines that have left the screen at its top: the newest TERMINAL_HISTORY_MAX of them. */
#pragma once

#include <stdint.h>

#include "ui/terminal/terminal.h"

struct history_line {
    unsigned count; /* empty cells at the end are not kept */
    struct terminal_cell cells[];
};

/* A ring; all zero is an empty one. */
struct history {
    struct history_line **lines;
    unsigned start, count;
};

/* Makes an empty one. */
void history_init(struct history *history);

/* Frees its lines. */
void history_finish(struct history *history);

/* Appends a line of `count` cells; the oldest may go. */
void history_push(struct history *history, const struct terminal_cell *cells, unsigned count);

/* Takes the newest line out; NULL if there is none. Free with g_free. */
struct history_line *history_pop(struct history *history);

/* A line, 0 the oldest. */
const struct history_line *history_at(const struct history *history, unsigned index);
