/*
 * What a process hands to a twin: another run of the same program that it starts. The twin has
 * open, under the same numbers, what the first one had.
 *
 * Where a host has no such thing, everything here fails with HOST_ERROR_UNSUPPORTED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "platform/file.h"
#include "platform/handle.h"
#include "platform/process.h"

/* A file that has no name and lies in memory; for reading and writing. */
struct host_file *host_file_anonymous(const char *name, GError **error);

/* A file that this process was given; `os` is host_file_os in the process that handed it over. Not
 * handed on. `writable`: it was open for writing. */
struct host_file *host_file_inherited(intptr_t os, bool writable, GError **error);

/* A path that opens the same file once more, whatever names it has by now; free with g_free. */
char *host_file_inherited_path(intptr_t os);

/* A file without a name in `folder` with the contents of `file`, which share their room with it
 * until one of the two is written: HOST_ERROR_UNSUPPORTED if the file system knows no such copies,
 * or `folder` lies on another. */
struct host_file *host_file_clone(struct host_file *file, const char *folder, GError **error);

/* A connection to the twin: both ends read and write, and each is told when all copies of the other
 * are closed. `there` is handed over, then closed here. */
bool host_channel_open(struct host_handle *ret_here, struct host_handle *ret_there, GError **error);

/* The end that was handed over. */
bool host_channel_inherited(intptr_t os, struct host_handle *ret_handle, GError **error);

/* Starts this program once more, whatever its file is called by now, as `argv` says: apart from our
 * terminal, without input, its output in a file at `log_path`, and `count` more of `inherited`. */
struct host_process *host_process_start_twin(const char *const *argv, const char *log_path,
                                             const intptr_t *inherited, size_t count,
                                             GError **error);
