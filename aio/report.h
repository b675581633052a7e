/* A tree of named values, written as indented text for people or as JSON for programs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define REPORT_DEPTH_MAX 8

/* In text an object is a block of lines or one line, and a list without entries is left out. */
struct report {
    GString *out;
    bool json;
    unsigned depth;
    struct {
        bool list;          /* what is open here is a list */
        bool row;           /* or an object on one line */
        bool empty;         /* it has nothing in it yet */
        const char *unsaid; /* text: its name, which is written with its first entry */
    } open[REPORT_DEPTH_MAX];
};

/* Begins a report whose outermost thing is a list. */
void report_init(struct report *report, bool json);

/* Ends it; free the result with g_free. */
char *report_finish(struct report *report);

/* Opens an object of a list whose first value, a string, is its title in text. */
void report_object(struct report *report);

/* Opens an object that is one line in text; `name` is NULL inside of a list. */
void report_row(struct report *report, const char *name);

/* Opens a list of rows. */
void report_list(struct report *report, const char *name);

/* Closes what was opened last. */
void report_close(struct report *report);

/* A string; NULL is none. The first one of a row in a list stands without its name in text. */
void report_string(struct report *report, const char *name, const char *value);

/* A number. */
void report_number(struct report *report, const char *name, int64_t value);

/* A number of which 0 is not worth a word to people. */
void report_count(struct report *report, const char *name, int64_t value);

/* A duration: nanoseconds in JSON (the name gets "_ns"), readable in text. */
void report_time(struct report *report, const char *name, int64_t ns);

/* A duration in a unit that fits, for people; free with g_free. */
char *report_duration(int64_t ns);
