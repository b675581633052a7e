/* What is left of a process that crashes: a report for whoever has to find out why. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct crash_options {
    const char *folder; /* of the reports; it is made when there is one to write */
    const char *about;  /* begins each report: program, version, command line */
    bool alert;         /* shows a dialog besides, where the host has those */
};

/* Writes somewhere from where nothing else is allowed. */
typedef void host_crash_put_fn(void *sink, const char *text, size_t size);

/* Adds to a report with `put`, in a process that crashes: any lock may be taken, and no call but
 * that one is allowed. */
typedef void host_crash_fn(host_crash_put_fn *put, void *sink);

/* Calls `fn` once when the process crashes, for the end of the report; on standard error where
 * there is none. One function a process. */
void host_on_crash(host_crash_fn *fn);

/* From now on a fault, a failed assertion or an abort writes a report into the folder, says on
 * standard error where it is, and then ends the process as it would have. Copies the options. Once
 * per process. A sanitizer that handles faults itself goes first. */
void host_crash_reports(const struct crash_options *options);
