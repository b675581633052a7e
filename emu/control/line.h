/* A line that is typed on a terminal: editing keys, history, completion. Knows no terminal: it is
 * fed bytes and says what to show. Text is UTF-8, one column a character. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum line_result {
    LINE_MORE,     /* nothing to do but to show */
    LINE_ENTER,    /* the line is complete: line->text; line_next starts the next one */
    LINE_COMPLETE, /* Tab: line_insert what is missing, or list what there is */
    LINE_END,      /* Ctrl-D in an empty line */
};

struct line {
    const char *prompt;
    GString *text;
    size_t cursor;      /* byte offset into text */
    GPtrArray *history; /* of strings, oldest first */
    guint shown;        /* which of the history is shown; its length: the line being written */
    char *draft;        /* the line being written while another is shown */
    char partial[5];    /* the bytes of a character that is not yet whole */
    size_t partial_size;
    char sequence[8]; /* of an escape sequence, what has come so far */
    size_t sequence_size;
};

/* Makes an empty line; `prompt` must outlive it. */
void line_init(struct line *line, const char *prompt);

/* Frees what it holds. */
void line_finish(struct line *line);

/* Takes one byte from the terminal and appends what to send back to `show`. */
enum line_result line_feed(struct line *line, uint8_t byte, GString *show);

/* Puts text at the cursor. */
void line_insert(struct line *line, const char *text, GString *show);

/* Remembers the line, if it is not empty or the same again, and starts an empty one. */
void line_next(struct line *line);

/* Appends the prompt and what is typed so far. */
void line_show(const struct line *line, GString *show);
