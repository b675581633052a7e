#include "ui/terminal/history.h"

#include <assert.h>
#include <string.h>

void history_init(struct history *history)
{
    *history = (struct history){ .lines = g_new0(struct history_line *, TERMINAL_HISTORY_MAX) };
}

void history_finish(struct history *history)
{
    for (unsigned i = 0; i < TERMINAL_HISTORY_MAX; i++) {
        g_free(history->lines[i]);
    }
    g_free(history->lines);
}

static struct history_line **history_slot(const struct history *history, unsigned index)
{
    return &history->lines[(history->start + index) % TERMINAL_HISTORY_MAX];
}

void history_push(struct history *history, const struct terminal_cell *cells, unsigned count)
{
    struct history_line *line = g_malloc0(sizeof(*line) + count * sizeof(*cells));
    line->count = count;
    if (count > 0) {
        memcpy(line->cells, cells, count * sizeof(*cells));
    }
    if (history->count == TERMINAL_HISTORY_MAX) {
        g_clear_pointer(history_slot(history, 0), g_free);
        history->start = (history->start + 1) % TERMINAL_HISTORY_MAX;
        history->count--;
    }
    *history_slot(history, history->count++) = line;
}

struct history_line *history_pop(struct history *history)
{
    if (history->count == 0) {
        return NULL;
    }
    return g_steal_pointer(history_slot(history, --history->count));
}

const struct history_line *history_at(const struct history *history, unsigned index)
{
    assert(index < history->count);
    return *history_slot(history, index);
}
