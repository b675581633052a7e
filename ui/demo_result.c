/* What the guest tells on its serial port, line by line: see demo/report.h. */
#include "ui/demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/version.h"

static const char *const state_names[] = { "ok", "none", "bad" };

/* "tick NAME STATE US us  NOTE" */
static void result_take_tick(struct demo_result *result, const char *text)
{
    struct demo_tick tick = { .state = DEMO_BAD };
    char state[8];
    int note = 0;
    if (sscanf(text, "%15s %7s %" SCNu64 " us %n", tick.name, state, &tick.us, &note) != 3) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (strcmp(state, state_names[i]) == 0) {
            tick.state = (enum demo_state)i;
        }
    }
    g_strlcpy(tick.note, text + note, sizeof(tick.note));
    unsigned at = 0; /* one that was run again replaces what it told before */
    while (at < result->tick_count && strcmp(result->tick[at].name, tick.name) != 0) {
        at++;
    }
    if (at < DEMO_TICKS_MAX) {
        result->tick[at] = tick;
        result->tick_count = MAX(result->tick_count, at + 1);
    }
}

void demo_result_take(struct demo_result *result, const char *line)
{
    unsigned hart;
    uint64_t mips;
    if (g_str_has_prefix(line, "tick ")) {
        result_take_tick(result, line + strlen("tick "));
    } else if (sscanf(line, "hart %u %" SCNu64 " MIPS", &hart, &mips) == 2) {
        if (hart < DEMO_HARTS_MAX) {
            result->mips[hart] = mips;
            result->hart_count = MAX(result->hart_count, hart + 1);
        }
    } else if (g_str_has_prefix(line, "frame ")) {
        result->framed = true;
    } else if (g_str_has_prefix(line, "end ")) {
        result->ended = true;
    }
}

bool demo_result_good(const struct demo_result *result)
{
    bool good = result->ended && result->tick_count > 0 && result->hart_count > 0;
    for (unsigned i = 0; i < result->tick_count; i++) {
        good = good && result->tick[i].state == DEMO_OK;
    }
    return good;
}

/* A JSON string (RFC 8259, 7). What is no ASCII is replaced: the guest writes none. */
static void json_string(GString *json, const char *text)
{
    g_string_append_c(json, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_printf(json, "\\%c", *text);
        } else {
            g_string_append_c(json, *text >= ' ' && *text < 127 ? *text : '?');
        }
    }
    g_string_append_c(json, '"');
}

/* Locale-free: a decimal comma would not be JSON. */
static void json_time(GString *json, const char *name, double ms)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(json, ",\"%s\":%s", name,
                           ms < 0 ? "null"
                                  : g_ascii_formatd(digits, sizeof(digits), "%.1f", ms));
}

static void json_ticks(GString *json, const struct demo_result *result)
{
    g_string_append(json, ",\"ticks\":{");
    for (unsigned i = 0; i < result->tick_count; i++) {
        const struct demo_tick *tick = &result->tick[i];
        g_string_append(json, i > 0 ? "," : "");
        json_string(json, tick->name);
        g_string_append_printf(json, ":{\"state\":\"%s\",\"us\":%" PRIu64 ",\"note\":",
                               state_names[tick->state], tick->us);
        json_string(json, tick->note);
        g_string_append_c(json, '}');
    }
    g_string_append_c(json, '}');
}

char *demo_result_json(const struct demo_result *result, double first_frame_ms, double total_ms,
                       const char *problem)
{
    GString *json = g_string_new("{\"version\":");
    json_string(json, version_text(false));
    bool good = !problem && demo_result_good(result);
    g_string_append_printf(json, ",\"ok\":%s", good ? "true" : "false");
    if (problem) {
        g_string_append(json, ",\"problem\":");
        json_string(json, problem);
    }
    json_time(json, "first_frame_ms", first_frame_ms);
    json_time(json, "total_ms", total_ms);
    json_ticks(json, result);
    g_string_append(json, ",\"mips\":[");
    for (unsigned i = 0; i < result->hart_count; i++) {
        g_string_append_printf(json, "%s%" PRIu64, i > 0 ? "," : "", result->mips[i]);
    }
    g_string_append(json, "]}");
    return g_string_free(json, FALSE);
}
