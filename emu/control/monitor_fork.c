/* Twins of the machine. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>

#include "emu/machine_fork.h"

/* What was made, and what it has to say, a line each. */
static void say_forked(struct monitor_call *call, const struct machine_forked *forked)
{
    g_auto(GStrv) lines = g_strsplit(forked->told, "\n", -1);
    g_string_append_printf(call->out,
                           "%s: process %" PRIu64 ", runs after %" PRId64 " ms; this machine stood "
                           "for %" PRId64 " ms\n",
                           forked->name, forked->process, forked->ready_ns / 1000000,
                           forked->stood_ns / 1000000);
    for (size_t i = 0; lines[i] && lines[i][0]; i++) {
        g_string_append_printf(call->out, "    %s\n", lines[i]);
    }
}

void monitor_fork(struct monitor_call *call)
{
    const struct monitor_options *options = call->options;
    struct machine_forked forked;
    GError *error = NULL;
    if (call->words[0] && (call->words[1] || !call->words[0][0])) {
        g_string_append(call->out, "say 'fork', or 'fork NAME'; with spaces in double quotes\n");
    } else if (!machine_fork(options->machine, options->config, call->words[0], options->name,
                             &forked, &error)) {
        g_string_append_printf(call->out, "Error: %s\n", error->message);
        g_error_free(error);
    } else {
        call->done = true;
        say_forked(call, &forked);
        machine_forked_clear(&forked);
    }
}

void monitor_info_forks(struct monitor_call *call)
{
    if (machine_fork_list(call->options->machine, call->out) == 0) {
        g_string_append(call->out, "there are no twins of this machine\n");
    }
}
