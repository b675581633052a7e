/* The window of a machine. All calls on the process's first thread, but window_wake. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/session/session.h"

struct window;

struct window_options {
    const char *name;    /* the machine's, NULL: none */
    const char *version; /* of this program, with its name */
    bool full_screen;
    bool guided; /* a person started this: failures are shown, not only returned */
    /* Whether a file can be started as a machine; false and `error`: why not. */
    bool (*can_start)(const char *path, GError **error);
};

/* Whether window_open may succeed: this program knows how, and there seems to be a display. */
bool window_possible(void);

/* Opens the window; NULL and `error` when this host shows none now. */
struct window *window_open(const struct window_options *options, GError **error);

/* Shows the session until its machine has ended and, if it failed, the user has read why. */
void window_run(struct window *window, struct session *session);

/* Closes it; accepts NULL. */
void window_close(struct window *window);

/* The display is gone, and the process about to end: window_wake does nothing from here on. */
void window_lost(void);

/* A session_wake_fn: there is something to see. After window_open, on any thread. */
void window_wake(void *unused);
