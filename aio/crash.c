/*
 * The trace rings as the last words of a process that fails, or destroys what is in use.
 *
 * Runs in a signal handler, on a thread that may hold any lock: it takes none, allocates nothing,
 * and reads what other threads may be writing.
 */
#include <string.h>

#include "aio/coroutine.h"
#include "aio/loop.h"
#include "aio/registry.h"
#include "platform/clock.h"

/* Of each context: the ring holds more than anybody reads. */
#define EVENTS_PRINTED 100u
#define CONTEXTS_MAX   32u

struct line {
    host_crash_put_fn *put;
    void *sink;
    char text[200];
    size_t length;
};

static void line_text(struct line *line, const char *text)
{
    size_t size = MIN(strlen(text), sizeof(line->text) - line->length - 1); /* keeps room for \n */

    memcpy(&line->text[line->length], text, size);
    line->length += size;
}

static void line_number(struct line *line, uint64_t number, unsigned digits_min)
{
    char text[24];
    size_t at = sizeof(text) - 1;

    text[at] = '\0';
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || sizeof(text) - 1 - at < digits_min);
    line_text(line, &text[at]);
}

/* Milliseconds with their microseconds. */
static void line_time(struct line *line, int64_t ns)
{
    uint64_t us = (uint64_t)(ns < 0 ? -ns : ns) / 1000;

    line_text(line, ns < 0 ? "-" : "");
    line_number(line, us / 1000, 1);
    line_text(line, ".");
    line_number(line, us % 1000, 3);
    line_text(line, " ms");
}

static void line_print(struct line *line)
{
    line->text[line->length++] = '\n';
    line->put(line->sink, line->text, line->length);
    line->length = 0;
}

static void crash_event(struct line *line, struct aio_trace_entry *entry, int64_t now_ns)
{
    unsigned event = atomic_load_explicit(&entry->event, memory_order_relaxed);
    const char *name = atomic_load_explicit(&entry->name, memory_order_relaxed);

    line_text(line, "  ");
    line_time(line, atomic_load_explicit(&entry->time_ns, memory_order_relaxed) - now_ns);
    line_text(line, "  ");
    line_text(line, aio_event_name(event));
    if (name) {
        line_text(line, " '");
        line_text(line, name);
        line_text(line, "'");
    }
    line_text(line, ", ");
    line_time(line, atomic_load_explicit(&entry->detail_ns, memory_order_relaxed));
    line_print(line);
}

void registry_print_trace(struct aio_context *ctx, host_crash_put_fn *put, void *sink)
{
    unsigned next = atomic_load_explicit(&ctx->trace->next, memory_order_relaxed);
    const char *running = atomic_load_explicit(&ctx->running.name, memory_order_relaxed);
    int64_t now_ns = host_monotonic_ns();
    struct line line = { put, sink, .length = 0 };

    line_text(&line, "aio: context '");
    line_text(&line, ctx->name);
    line_text(&line, "' ");
    line_text(&line, aio_state_name(atomic_load_explicit(&ctx->state, memory_order_relaxed)));
    if (running) {
        line_text(&line, " in '");
        line_text(&line, running);
        line_text(&line, "'");
    }
    line_text(&line, "; its last events, the newest at the end:");
    line_print(&line);
    for (unsigned i = MIN(next, EVENTS_PRINTED); i > 0; i--) {
        crash_event(&line, &ctx->trace->entries[(next - i) % AIO_TRACE_ENTRIES], now_ns);
    }
}

void registry_crash(host_crash_put_fn *put, void *sink)
{
    struct aio_context *ctx = registry_first();
    struct line line = { put, sink, .length = 0 };

    if (coroutine_self()) {
        line_text(&line, "aio: the coroutine '");
        line_text(&line, coroutine_name(coroutine_self()));
        line_text(&line, "' was running");
        line_print(&line);
    }
    for (unsigned i = 0; ctx && i < CONTEXTS_MAX; i++, ctx = ctx->registry_next) {
        registry_print_trace(ctx, put, sink);
    }
}
