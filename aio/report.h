/* A tree of named values, written as indented text or as JSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define REPORT_DEPTH_MAX 8

struct report {
    GString *out;
    bool json;
    unsigned depth;
    bool list[REPORT_DEPTH_MAX];  /* what is open at each depth is a list */
    bool empty[REPORT_DEPTH_MAX]; /* and has nothing in it yet */
};

/* Begins a report whose outermost thing is a list. */
void report_init(struct report *report, bool json);

/* Ends it; free the result with g_free. */
char *report_finish(struct report *report);

/* Opens an object; `name` is NULL inside of a list. */
void report_object(struct report *report, const char *name);

/* Opens a list of objects or strings. */
void report_list(struct report *report, const char *name);

/* Closes what was opened last. */
void report_close(struct report *report);

/* A string; NULL is none. `name` is NULL inside of a list. */
void report_string(struct report *report, const char *name, const char *value);

/* A number. */
void report_number(struct report *report, const char *name, int64_t value);

/* A duration: nanoseconds in JSON (the name gets "_ns"), readable in text. */
void report_time(struct report *report, const char *name, int64_t ns);

/* A duration in a unit that fits, for people; free with g_free. */
char *report_duration(int64_t ns);
