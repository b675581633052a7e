/* This process and its children. All strings are UTF-8 on every host. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "platform/handle.h"

struct host_process;

/* Called on a thread of the platform's own, one at a time, where everything is allowed. */
typedef void host_quit_fn(void *opaque);

/* Prepares the process: standard streams that are closed lead nowhere, writing to a closed pipe is
 * an error and no end, no dialogs for missing drives, a console that shows UTF-8. First thing in
 * main. */
void host_process_prepare(void);

/* The program's arguments as UTF-8, NULL-terminated; free with g_strfreev. `argv` is main's. */
char **host_arguments(int argc, char **argv);

/* Folder of the running executable; free with g_free. */
char *host_program_folder(void);

/* Name, version and processor of the host for reports; free with g_free. */
char *host_description(void);

/* Calls `fn` when the user or the system asks the process to end: Ctrl-C, SIGTERM, SIGHUP, a closed
 * console. A second request at least half a second later ends the process by force, its terminal
 * restored. NULL restores the default. */
void host_on_quit(host_quit_fn *fn, void *opaque);

/* Calls `fn` when the user asks for a report of what the process is doing: SIGQUIT, Ctrl-Break.
 * NULL restores the default. */
void host_on_report(host_quit_fn *fn, void *opaque);

/* Starts `argv` (looked up in PATH) with standard streams inherited; NULL and `error` on
 * failure. */
struct host_process *host_process_start(const char *const *argv, GError **error);

/* Waitable: signalled once the process has ended. */
struct host_handle host_process_handle(struct host_process *process);

/* Waits for the end, returns the exit status (128 + signal on posix) and frees it. */
int host_process_wait(struct host_process *process);

/* Frees it without waiting: the child lives on by itself, and nothing is left of it at its end. */
void host_process_leave(struct host_process *process);

/* The number that the host knows this process by. */
uint64_t host_process_id(void);

/* CPU time (user and system) this process has used, in ns. */
int64_t host_process_cpu_ns(void);
