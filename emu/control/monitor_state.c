/* Saving and loading: by a name in the images of the disks, or without the disks in a file. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <string.h>

#include "emu/machine_state.h"

/* The only argument, a name or "file:PATH"; NULL after a message. */
static const char *state_name(struct monitor_call *call, const char *command)
{
    const char *name = call->words[0];
    if (name && name[0] && strcmp(name, STATE_FILE_PREFIX) != 0 && !call->words[1]) {
        return name;
    }
    g_string_append_printf(call->out,
                           "say '%s NAME', or '%s file:PATH'; with spaces in double quotes\n",
                           command, command);
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
    struct machine_save_times times;
    const char *name = state_name(call, "savevm");
    if (!name) {
        return;
    }
    if (!machine_save_named(call->options->machine, name, &times, &error)) {
        say_error(call, error);
        return;
    }
    call->done = true;
    g_string_append_printf(call->out,
                           "saved in %.2f s; the machine stood for %.1f ms, at the end for %.1f "
                           "ms\n",
                           (double)times.took_ns / 1e9, (double)times.stood_ns / 1e6,
                           (double)times.stood_after_ns / 1e6);
}

void monitor_savevm_cancel(struct monitor_call *call)
{
    uint64_t done, total;
    struct machine *machine = call->options->machine;
    if (!machine_save_progress(machine, &done, &total) && !machine_settling(machine)) {
        g_string_append(call->out, "nothing is being saved\n");
    }
    machine_save_cancel(machine);
}

void monitor_loadvm(struct monitor_call *call)
{
    GError *error = NULL;
    const char *name = state_name(call, "loadvm");
    if (name && !machine_load_named(call->options->machine, name, &error)) {
        say_error(call, error);
    }
}

void monitor_delvm(struct monitor_call *call)
{
    GError *error = NULL;
    const char *name = state_name(call, "delvm");
    if (name && machine_name_path(name)) {
        g_string_append(call->out, "a file is yours to delete\n");
    } else if (name && !machine_snapshot_delete(call->options->machine, name, &error)) {
        say_error(call, error);
    }
}

/* A line as scripts read it: id, tag, size, date, guest time, and no instruction count. */
static void list_line(struct monitor_call *call, const struct node_snapshot *snapshot)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_local(snapshot->date_s);
    g_autofree char *when = date ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
    int64_t ms = snapshot->clock_ns / 1000000;
    g_string_append_printf(call->out,
                           "%-9s %-16s %6.1f MiB %19s %02" PRId64 ":%02d:%02d.%03d\n", "--",
                           snapshot->name, (double)snapshot->state_size / (1 << 20), when,
                           ms / 3600000, (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                           (int)(ms % 1000));
}

void monitor_info_snapshots(struct monitor_call *call)
{
    GError *error = NULL;
    struct node_snapshot *list;
    unsigned count, shown = 0;
    if (!machine_snapshot_list(call->options->machine, &list, &count, &error)) {
        say_error(call, error);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (list[i].state_size > 0 && shown++ == 0) {
            g_string_append_printf(call->out, "List of snapshots present on all disks:\n"
                                              "%-9s %-16s %10s %19s %12s\n",
                                   "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK");
        }
        if (list[i].state_size > 0) {
            list_line(call, &list[i]);
        }
    }
    if (shown == 0) {
        g_string_append(call->out, "There is no snapshot available.\n");
    }
    node_snapshots_free(list, count);
}
