/*
 * A machine as a window sees it: on a thread of its own, asked by commands of the monitor, seen by
 * what it publishes. Neither side waits for the other, but at the end.
 *
 * The window's side is one thread; the machine's side is the machine thread, lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/chardev/vc.h"
#include "emu/control/monitor.h"
#include "emu/display/clipboard.h"
#include "emu/display/display.h"
#include "emu/machine.h"

struct session;

#define SESSION_CONSOLES_MAX 8

enum session_state {
    SESSION_STARTING, /* there is no machine yet */
    SESSION_RUNNING,
    SESSION_PAUSED,
    SESSION_ENDED, /* nothing of it may be touched any more: session_let_go */
};

/* What the machine does now. */
struct session_status {
    enum session_state state;
    unsigned harts;
    unsigned busy_percent; /* of one processor of the host */
    uint64_t rate;         /* instructions a second, of all harts together */
    bool disk, net;        /* something went through since the last sample */
};

/* Called on any thread when something has changed; must be quick. */
typedef void session_wake_fn(void *opaque);

/* What the user said of the machine's state when he closed the window. */
enum session_close { CLOSE_UNSAID, CLOSE_SAVE, CLOSE_LOSE };

/* Ends the machine. */
typedef void session_quit_fn(void *opaque, enum session_close close);

/* Makes one without a machine. `quit` is called on the window's side for session_quit. */
struct session *session_new(session_wake_fn *wake, session_quit_fn *quit, void *opaque);

/* Frees it; the machine is gone. Accepts NULL. */
void session_free(struct session *session);

/* Adds a terminal; `name` is for people and is copied. Before anything runs. */
struct vc *session_add_console(struct session *session, const char *name);

/* How many terminals there are. */
unsigned session_console_count(const struct session *session);

/* Terminal `index`. */
struct vc *session_console(struct session *session, unsigned index);

/* What it is called. */
const char *session_console_name(const struct session *session, unsigned index);

/* There will be no machine: why, as a user reads it. Machine's side, before session_detach. */
void session_fail(struct session *session, const char *why);

/* Why there is no machine; NULL if there is nothing to say. Window's side, once it has ended. */
const char *session_failure(const struct session *session);

/* The machine can be saved when its window is closed, and go on with the next start. Machine's
 * side, before session_attach. */
void session_set_keeps(struct session *session, bool keeps);

/* Whether it can. Window's side. */
bool session_keeps(struct session *session);

enum session_answer { SESSION_YES, SESSION_NO, SESSION_CLOSED };

/* Has the user decide something before the machine runs; waits for that in the loop `ctx`.
 * SESSION_CLOSED: the window is being closed. Machine's side, before session_attach. */
enum session_answer session_ask(struct session *session, struct aio_context *ctx,
                                const char *question);

/* What is to be decided, once; NULL: nothing. Free with g_free. Window's side. */
char *session_question(struct session *session);

/* Decides it. Window's side. */
void session_answer(struct session *session, bool yes);

/* The machine exists and is about to run; `options` outlives session_detach. Machine's side. */
void session_attach(struct session *session, const struct monitor_options *options,
                    struct aio_context *ctx);

/* The machine has ended, or never was. If it was attached, this waits until the window has let go
 * of it. Machine's side. */
void session_detach(struct session *session);

/* What it does now. Any thread. */
void session_get_status(struct session *session, struct session_status *ret_status);

/* The machine, for its outputs and its input: NULL unless it runs or is paused. Window's side. */
struct machine *session_machine(struct session *session);

/* The clipboard that the machine shares with the host; NULL as session_machine. Window's side. */
struct clipboard *session_clipboard(struct session *session);

/* Something for the user to read. */
struct session_message {
    bool done;  /* what was asked for; else what the monitor said instead */
    char *text; /* owned */
};

/* Runs a command of the monitor soon. What it answers, if anything, comes by session_message; if it
 * has nothing to say, `done` comes, unless that is NULL.
 * False when there is no machine. Window's side. */
bool session_command(struct session *session, const char *line, const char *done);

/* Asks the machine to end, or not to start. Window's side. */
void session_quit(struct session *session, enum session_close close);

/* Has the window show a text as it shows an answer. Machine's side. */
void session_say(struct session *session, const char *text);

/* The oldest message not yet taken; false if there is none. Free its text with g_free. Window's
 * side. */
bool session_message(struct session *session, struct session_message *ret_message);

/* The window has forgotten everything of the machine. Window's side, after SESSION_ENDED. */
void session_let_go(struct session *session);
