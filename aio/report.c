#include "aio/report.h"

#include <assert.h>

/* Goes to the place of the next value and writes its name. */
static void report_place(struct report *report, const char *name)
{
    unsigned depth = report->depth;

    if (report->json) {
        g_string_append(report->out, report->empty[depth] ? "" : ",");
        if (name) {
            g_string_append_printf(report->out, "\"%s\":", name);
        }
    } else {
        for (unsigned i = 1; i < depth; i++) {
            g_string_append(report->out, "  ");
        }
        g_string_append(report->out, report->list[depth] ? "-" : "");
        g_string_append_printf(report->out, name ? "%s:" : "%s", name ? name : "");
    }
    report->empty[depth] = false;
}

static void report_open(struct report *report, const char *name, bool list)
{
    if (report->depth > 0 || report->json) {
        report_place(report, name);
    }
    if (report->json) {
        g_string_append_c(report->out, list ? '[' : '{');
    } else if (report->depth > 0) {
        g_string_append_c(report->out, '\n');
    }
    report->depth++;
    assert(report->depth < REPORT_DEPTH_MAX);
    report->list[report->depth] = list;
    report->empty[report->depth] = true;
}

void report_init(struct report *report, bool json)
{
    *report = (struct report){ .out = g_string_new(""), .json = json };
    report->empty[0] = true;
    report_open(report, NULL, true);
}

char *report_finish(struct report *report)
{
    report_close(report);
    assert(report->depth == 0);
    return g_string_free(report->out, FALSE);
}

void report_object(struct report *report, const char *name)
{
    report_open(report, name, false);
}

void report_list(struct report *report, const char *name)
{
    report_open(report, name, true);
}

void report_close(struct report *report)
{
    assert(report->depth > 0);
    if (report->json) {
        g_string_append_c(report->out, report->list[report->depth] ? ']' : '}');
    }
    report->depth--;
}

static void json_string(GString *out, const char *value)
{
    g_string_append_c(out, '"');
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if (c == '"' || c == '\\') {
            g_string_append_c(out, '\\');
        }
        if (c < 0x20) {
            g_string_append_printf(out, "\\u%04x", c);
        } else {
            g_string_append_c(out, (char)c);
        }
    }
    g_string_append_c(out, '"');
}

void report_string(struct report *report, const char *name, const char *value)
{
    if (!value && !report->json) {
        return;
    }
    report_place(report, name);
    if (!report->json) {
        g_string_append_printf(report->out, " %s\n", value);
    } else if (value) {
        json_string(report->out, value);
    } else {
        g_string_append(report->out, "null");
    }
}

void report_number(struct report *report, const char *name, int64_t value)
{
    report_place(report, name);
    g_string_append_printf(report->out,
                           report->json ? "%" G_GINT64_FORMAT : " %" G_GINT64_FORMAT "\n", value);
}

char *report_duration(int64_t ns)
{
    const char *sign = ns < 0 ? "-" : "";
    double value = ns < 0 ? -(double)ns : (double)ns;

    if (value < 1e3) {
        return g_strdup_printf("%s%.0f ns", sign, value);
    }
    if (value < 1e6) {
        return g_strdup_printf("%s%.1f us", sign, value / 1e3);
    }
    if (value < 1e9) {
        return g_strdup_printf("%s%.1f ms", sign, value / 1e6);
    }
    return g_strdup_printf("%s%.2f s", sign, value / 1e9);
}

void report_time(struct report *report, const char *name, int64_t ns)
{
    if (report->json) {
        g_autofree char *full = g_strdup_printf("%s_ns", name);

        report_number(report, full, ns);
    } else {
        g_autofree char *text = report_duration(ns);

        report_string(report, name, text);
    }
}
