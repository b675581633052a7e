/* The commands of the monitor that act on the machine as a whole, and help. */
#include "emu/control/monitor_parts.h"

#include <string.h>

#include "emu/machine_state.h"


bool monitor_hold(struct monitor_call *call)
{
    bool ran = machine_running(call->options->machine);
    machine_pause(call->options->machine);
    return ran;
}

void monitor_let(struct monitor_call *call, bool ran)
{
    if (ran) {
        machine_resume(call->options->machine);
    }
}

void monitor_list(struct monitor_call *call, const struct monitor_command *table,
                  const char *before)
{
    for (const struct monitor_command *command = table; command->name; command++) {
        g_autofree char *names = command->alias
                                     ? g_strdup_printf("%s|%s", command->name, command->alias)
                                     : g_strdup(command->name);
        g_autofree char *left = g_strdup_printf("%s%s %s", before, names, command->parameters);
        g_string_append_printf(call->out, "%-40s %s\n", left, command->help);
    }
}

static void command_help(struct monitor_call *call)
{
    const char *name = call->words[0];
    if (!name) {
        monitor_list(call, monitor_commands, "");
        return;
    }
    const struct monitor_command *command = monitor_find(monitor_commands, name);
    if (!command) {
        g_string_append_printf(call->out, "there is no command '%s'; 'help' lists them\n", name);
    } else if (command->fn == monitor_info) {
        monitor_list(call, monitor_topics, "info ");
    } else {
        const struct monitor_command one[] = { *command, { NULL, NULL, NULL, NULL, NULL } };
        monitor_list(call, one, "");
    }
}

/* A machine that stands until its disks rest is not to be touched: true after a message. */
static bool command_settling(struct monitor_call *call)
{
    bool settling = machine_settling(call->options->machine);
    if (settling) {
        g_string_append(call->out, "Error: the machine stands until its disks' requests have "
                                   "ended: wait, or say 'savevm_cancel'\n");
    }
    return settling;
}

static void command_stop(struct monitor_call *call)
{
    if (!command_settling(call)) {
        machine_pause(call->options->machine);
    }
}

static void command_cont(struct monitor_call *call)
{
    if (!command_settling(call)) {
        machine_resume(call->options->machine);
    }
}

static void command_reset(struct monitor_call *call)
{
    machine_reset(call->options->machine);
}

static void command_powerdown(struct monitor_call *call)
{
    if (!machine_press_power(call->options->machine)) {
        g_string_append(call->out,
                        "the guest listens neither to a keyboard nor to the power button: run "
                        "'poweroff' in the guest, or 'quit' here to turn it off at once\n");
    }
}

static void command_quit(struct monitor_call *call)
{
    machine_quit(call->options->machine, 0);
}

const struct monitor_command monitor_commands[] = {
    { "help", "?", "[COMMAND]", "list the commands", command_help },
    { "info", NULL, "TOPIC", "show something; 'help info' lists the topics", monitor_info },
    { "stop", "s", "", "stand the machine still", command_stop },
    { "cont", "c", "", "let it go on", command_cont },
    { "system_reset", NULL, "", "reset the machine", command_reset },
    { "system_powerdown", NULL, "", "ask the guest to turn itself off", command_powerdown },
    { "savevm", NULL, "NAME|file:PATH",
      "save the machine: with its disks in their images, or without them in a file",
      monitor_savevm },
    { "savevm_cancel", NULL, "", "give up what another monitor or the window saves",
      monitor_savevm_cancel },
    { "loadvm", NULL, "NAME|file:PATH", "go back to, or on from, where it was saved",
      monitor_loadvm },
    { "delvm", NULL, "NAME", "delete what was saved in the images of the disks", monitor_delvm },
    { "fork", NULL, "[NAME]", "a twin of the machine, which goes on by itself from here",
      monitor_fork },
    { "quit", "q", "", "end the emulator at once", command_quit },
    { "x", NULL, "/FORMAT ADDRESS", "show memory as hart 0 sees it: x/4xw $sp, x/8i $pc",
      monitor_examine },
    { "xp", NULL, "/FORMAT ADDRESS", "show physical memory", monitor_examine_physical },
    { "block_resize", NULL, "DISK SIZE", "change the length of a disk and its image",
      monitor_block_resize },
    { "block_set_io_throttle", NULL, "DISK BPS RD WR IOPS RD WR",
      "limit what a disk does in a second; 0: no limit", monitor_block_limit },
    { "screendump", NULL, "FILE [-f png|ppm] [SCREEN]", "write what a screen shows to a file",
      monitor_screendump },
    { "screen_resize", NULL, "WIDTHxHEIGHT|off [SCREEN]", "ask the guest for another size",
      monitor_screen_resize },
    { "sendkey", NULL, "KEY[-KEY...] [HOLD_MS]", "press keys: a, ret, ctrl-alt-f1",
      monitor_sendkey },
    { "mouse_move", NULL, "DX DY [WHEEL]", "move the mouse", monitor_mouse_move },
    { "mouse_position", NULL, "X Y", "point at a place, 0 to 32767 from left and top",
      monitor_mouse_position },
    { "mouse_set", NULL, "INDEX", "choose who has the buttons; 'info mice' has the numbers",
      monitor_mouse_set },
    { "mouse_button", NULL, "STATE", "buttons that are down: 1 left, 2 middle, 4 right",
      monitor_mouse_button },
    { NULL, NULL, NULL, NULL, NULL },
};
