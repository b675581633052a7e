/*
 * The monitor: commands for people (and scripts that type) about a running machine, on a chardev.
 *
 * All calls on the machine thread with the machine lock held.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/chardev/chardev.h"
#include "emu/machine.h"

struct monitor;

struct monitor_options {
    struct machine *machine;
    const struct machine_config *config; /* what the machine was made of; outlives the monitor */
    const char *name;                    /* the machine's, NULL: none */
    const char *version;                 /* one line, for the greeting */
    const char *prompt;
    bool shared; /* on a mux: greets when it is switched to */
};

/* Makes a monitor and connects it; the chardev stays the caller's. */
struct monitor *monitor_new(const struct monitor_options *options, struct chardev *chardev);

/* Disconnects and frees; accepts NULL. */
void monitor_free(struct monitor *monitor);

/* Runs one command line and returns what it prints; free with g_free. *ret_done: that is nothing,
 * or says how it was done. */
char *monitor_execute(const struct monitor_options *options, const char *command, bool *ret_done);
