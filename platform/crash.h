/* What is left of a process that crashes: a report for whoever has to find out why. */
#pragma once

#include <stdbool.h>

struct crash_options {
    const char *folder; /* of the reports; it is made when there is one to write */
    const char *about;  /* begins each report: program, version, command line */
    bool alert;         /* shows a dialog besides, where the host has those */
};

/* From now on a fault, a failed assertion or an abort writes a report into the folder, says on
 * standard error where it is, and then ends the process as it would have. Copies the options. Once
 * per process. A sanitizer that handles faults itself goes first. */
void host_crash_reports(const struct crash_options *options);
