#include "demo/ticks.h"

#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/screen.h"

struct tick ticks[] = {
    { .name = "integer", .fn = tick_integer }, { .name = "atomics", .fn = tick_atomics },
    { .name = "float", .fn = tick_float },     { .name = "paging", .fn = tick_paging },
    { .name = "timer", .fn = tick_timer },     { .name = "ipi", .fn = tick_ipi },
    { .name = "plic", .fn = tick_plic },       { .name = "rtc", .fn = tick_rtc },
    { .name = "rng", .fn = tick_rng },         { .name = "block", .fn = tick_block },
    { .name = "net", .fn = tick_net },         { .name = "display", .fn = tick_display },
    { .name = "input", .fn = tick_input },     { .name = "sound", .fn = tick_sound },
    { .name = NULL },
};

enum tick_state tick_say(struct tick *tick, enum tick_state state, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    text_format_list(tick->note, sizeof(tick->note), format, values);
    va_end(values);
    return state;
}

void tick_run(struct tick *tick)
{
    static const char *const words[] = { "waiting", "ok", "none", "bad" };
    uint64_t start = time_now();
    tick->state = tick->fn(tick);
    tick->us = time_us(start, time_now());
    print("tick %-8s %-4s %6lu us  %s\n", tick->name, words[tick->state], tick->us, tick->note);
    screen_tick(tick);
}

bool ticks_bad(void)
{
    bool bad = false;
    for (struct tick *tick = ticks; tick->name; tick++) {
        bad |= tick->state == TICK_BAD;
    }
    return bad;
}
