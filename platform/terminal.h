/*
 * The process's own standard input and output as a byte stream.
 *
 * Input may be a terminal, a pipe or a file on every host; reading never blocks. Raw mode is
 * undone on every way out of the process: return, exit, a signal, a console control event.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "platform/handle.h"

enum terminal_result { TERMINAL_AGAIN = -1, TERMINAL_END = -2 };

struct terminal_size {
    unsigned columns;
    unsigned rows;
};

/* Whether standard input is a terminal (on win32: a console). */
bool terminal_is_interactive(void);

/* Starts delivering standard input; raw if it is a terminal: no echo, no line editing, Ctrl-C is a
 * byte. Output is UTF-8 with escape sequences. May be called once per process. */
bool terminal_open(GError **error);

/* Whether Ctrl-C (and Ctrl-Z, Ctrl-\ where the host has them) act on this process instead of being
 * bytes. After terminal_open; does nothing without a terminal. */
void terminal_set_signals(bool on);

/* Restores the terminal's mode. Safe to call at any time, also twice. */
void terminal_close(void);

/* Waitable: readable while terminal_read would return something other than AGAIN. */
struct host_handle terminal_input(void);

/* Bytes read, TERMINAL_AGAIN when there are none now, TERMINAL_END when there will be no more. */
int64_t terminal_read(void *data, size_t size);

/* Writes all bytes to standard output; may block. False when output is gone. */
bool terminal_write(const void *data, size_t size);

/* The size of the terminal on standard output; false if it is not one. */
bool terminal_get_size(struct terminal_size *ret_size);
