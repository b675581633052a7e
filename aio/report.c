#include "aio/report.h"

#include <assert.h>

/* Writes a name for people. */
static void text_name(GString *out, const char *name)
{
    for (; *name; name++) {
        g_string_append_c(out, *name == '_' ? ' ' : *name);
    }
}

static void text_indent(struct report *report, unsigned depth)
{
    for (unsigned i = 1; i < depth; i++) {
        g_string_append(report->out, "  ");
    }
}

/* Says the names of lists that turn out to have an entry. */
static void text_unsaid(struct report *report)
{
    for (unsigned i = 1; i <= report->depth; i++) {
        if (report->open[i].unsaid) {
            text_indent(report, i - 1);
            text_name(report->out, report->open[i].unsaid);
            g_string_append(report->out, ":\n");
            report->open[i].unsaid = NULL;
        }
    }
}

static void json_place(struct report *report, const char *name)
{
    g_string_append(report->out, report->open[report->depth].empty ? "" : ",");
    if (name) {
        g_string_append_printf(report->out, "\"%s\":", name);
    }
    report->open[report->depth].empty = false;
}

static void report_open(struct report *report, const char *name, bool list, bool row)
{
    if (report->json) {
        if (report->depth > 0) {
            json_place(report, name);
        }
        g_string_append_c(report->out, list ? '[' : '{');
    }
    report->depth++;
    assert(report->depth < REPORT_DEPTH_MAX);
    report->open[report->depth].list = list;
    report->open[report->depth].row = row;
    report->open[report->depth].empty = true;
    report->open[report->depth].unsaid = report->json ? NULL : name;
}

void report_init(struct report *report, bool json)
{
    *report = (struct report){ .out = g_string_new(""), .json = json };
    report_open(report, NULL, true, false);
}

char *report_finish(struct report *report)
{
    report_close(report);
    assert(report->depth == 0);
    return g_string_free(report->out, FALSE);
}

void report_object(struct report *report)
{
    assert(report->open[report->depth].list);
    report_open(report, NULL, false, false);
}

void report_row(struct report *report, const char *name)
{
    if (!report->json) {
        text_unsaid(report);
        text_indent(report, report->depth);
        if (name) {
            text_name(report->out, name);
            g_string_append(report->out, ": ");
        }
    }
    report_open(report, report->json ? name : NULL, false, true);
}

void report_list(struct report *report, const char *name)
{
    report_open(report, name, true, false);
}

void report_close(struct report *report)
{
    assert(report->depth > 0);
    if (report->json) {
        g_string_append_c(report->out, report->open[report->depth].list ? ']' : '}');
    } else if (report->open[report->depth].row) {
        g_string_append_c(report->out, '\n');
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

/* One value as text: on a line of its own, or one more in a row. */
static void text_value(struct report *report, const char *name, const char *value)
{
    bool first = report->open[report->depth].empty;
    bool row = report->open[report->depth].row;

    report->open[report->depth].empty = false;
    if (row) {
        bool title = first && report->open[report->depth - 1].list;

        g_string_append(report->out, first ? "" : ", ");
        if (!title) {
            text_name(report->out, name);
            g_string_append_c(report->out, ' ');
        }
        g_string_append(report->out, value);
    } else {
        text_indent(report, report->depth - (first ? 1 : 0));
        if (!first) {
            text_name(report->out, name);
            g_string_append(report->out, ": ");
        }
        g_string_append_printf(report->out, "%s\n", value);
    }
}

void report_string(struct report *report, const char *name, const char *value)
{
    if (report->json) {
        json_place(report, name);
        if (value) {
            json_string(report->out, value);
        } else {
            g_string_append(report->out, "null");
        }
    } else if (value) {
        text_value(report, name, value);
    }
}

void report_number(struct report *report, const char *name, int64_t value)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);

    if (report->json) {
        json_place(report, name);
        g_string_append(report->out, text);
    } else {
        text_value(report, name, text);
    }
}

void report_count(struct report *report, const char *name, int64_t value)
{
    if (report->json || value != 0) {
        report_number(report, name, value);
    }
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
