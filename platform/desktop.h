/* What a program needs that a desktop started, without a terminal. */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* If this process has no standard error (a window program on win32), what it prints from now on to
 * standard output and standard error goes to the end of the file `path`, whose folder is made.
 * *ret_redirected says whether that is so. False and `error` if the file cannot be written. */
bool host_streams_redirect(const char *path, bool *ret_redirected, GError **error);

/* Tells the person in front of the host, and returns when it was read: a dialog on win32, a line on
 * standard error elsewhere. UTF-8; works at any time. */
void host_alert(const char *title, const char *text);

/* Whether there seems to be a display that a window can be opened on. Asks nobody. */
bool host_desktop_present(void);
