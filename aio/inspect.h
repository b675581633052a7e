/*
 * What is it waiting for? The state of every context of the process, and a watchdog that says what
 * is wrong with it.
 *
 * All of it works from any thread while a loop hangs in a callback: only locks that are never held
 * over a callback are taken.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* The report of all contexts for people; free with g_free. Any thread. */
char *aio_inspect_text(void);

/* The same as one JSON array of objects; free with g_free. Any thread. */
char *aio_inspect_json(void);

/* Gets one finding, a line or a few; on the watchdog's thread. */
typedef void aio_finding_fn(void *opaque, const char *text);

/* Starts the watchdog. It looks four times a second and tells, once each: a request that nobody can
 * complete but somebody waits for, a synchronous wait without progress, a callback that holds its
 * loop, a loop that was notified and does not run. When the user asks (SIGQUIT, Ctrl-Break) it
 * tells the whole report. Once per process at a time; false and `error` if there is no thread. */
bool aio_watchdog_start(aio_finding_fn *fn, void *opaque, GError **error);

/* Stops it; no finding comes after. */
void aio_watchdog_stop(void);
