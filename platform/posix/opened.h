/* What handover.c needs of the files beside it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/file.h"
#include "platform/process.h"

/* Takes an open descriptor; `path` is for reports. */
struct host_file *file_of(int fd, bool writable, const char *path);

/* What is particular to a twin of this process. */
struct process_twin {
    const char *path;     /* of the program */
    const char *log_path; /* where its output goes; it has no input */
    const intptr_t *inherited;
    size_t count;
};

/* Starts a child, with NULL for `twin` as host_process_start does. */
struct host_process *process_start(const char *const *argv, const struct process_twin *twin,
                                   GError **error);
