/* Saving and loading. */
#include "emu/control/monitor_parts.h"

#include <string.h>

#include "emu/machine_state.h"

/* The path in "file:PATH"; NULL after a message. */
static const char *state_path(struct monitor_call *call, const char *command)
{
    const char *name = call->words[0];
    if (name && g_str_has_prefix(name, "file:") && name[strlen("file:")] && !call->words[1]) {
        return name + strlen("file:");
    }
    g_string_append_printf(call->out, "say '%s file:PATH'; a path with spaces in double quotes\n",
                           command);
    return NULL;
}

static void say_error(struct monitor_call *call, GError *error)
{
    g_string_append_printf(call->out, "Error: %s\n", error->message);
    g_error_free(error);
}

void monitor_savevm(struct monitor_call *call)
{
    GError *error = NULL;
    const char *path = state_path(call, "savevm");
    if (path && !machine_save(call->options->machine, path, &error)) {
        say_error(call, error);
    }
}

void monitor_savevm_cancel(struct monitor_call *call)
{
    uint64_t done, total;
    if (!machine_save_progress(call->options->machine, &done, &total)) {
        g_string_append(call->out, "nothing is being saved\n");
    }
    machine_save_cancel(call->options->machine);
}

void monitor_loadvm(struct monitor_call *call)
{
    GError *error = NULL;
    const char *path = state_path(call, "loadvm");
    if (path && !machine_load(call->options->machine, path, &error)) {
        say_error(call, error);
    }
}
