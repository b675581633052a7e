#include "ui/options.h"

#include <string.h>

#include "ui/option_fns.h"
#include "ui/usage.h"

/* A row for what is known elsewhere and does not exist here (yet). */
#define ABSENT(name, parameter, instead)                                                           \
    {                                                                                              \
        name, NULL, parameter, NULL, NULL, instead                                                 \
    }

const struct option options[] = {
    { "machine", "M", "TYPE[,KEY=VALUE...]", "the board: virt; 'help' lists", option_machine,
      NULL },
    { "cpu", NULL, "MODEL[,EXT=on|off...]", "the processor: rv64, max; 'help' lists", option_cpu,
      NULL },
    { "accel", NULL, "NAME[,KEY=VALUE...]", "how guest code is run; 'help' lists", option_accel,
      NULL },
    { "smp", NULL, "N", "harts, 1 to 64", option_smp, NULL },
    { "m", NULL, "SIZE", "memory: 2G, 512M, or a number of MiB", option_memory, NULL },
    { "bios", NULL, "FILE", "firmware: a file, default, builtin or none", option_bios, NULL },
    { "kernel", NULL, "FILE", "kernel: Image, Image.gz or ELF", option_kernel, NULL },
    { "initrd", NULL, "FILE", "the kernel's first file system", option_initrd, NULL },
    { "append", NULL, "TEXT", "the kernel's command line", option_append, NULL },
    { "dtb", NULL, "FILE", "devicetree instead of the machine's own", option_dtb, NULL },
    { "drive", NULL, "file=FILE,...",
      "a disk: if=virtio|none|pflash, format=raw, id=, readonly=, cache=", option_drive, NULL },
    { "pflash", NULL, "FILE", "an image for the next free flash bank", option_pflash, NULL },
    { "snapshot", NULL, NULL, "forget at the end what was written to disks", option_snapshot,
      NULL },
    { "netdev", NULL, "user,id=ID,...", "a network; 'help' lists", option_netdev, NULL },
    { "nic", NULL, "user|none,...", "a network and its card in one", option_nic, NULL },
    { "net", NULL, "none", "no network", option_net, NULL },
    { "device", NULL, "NAME,KEY=VALUE...", "a virtio device; 'help' lists, 'NAME,help' explains",
      option_device, NULL },
    { "object", NULL, "TYPE,id=ID", "what devices refer to: rng-random, iothread", option_object,
      NULL },
    { "serial", NULL, "DEV",
      "the serial port: stdio, mon:stdio, null, none, file:, tcp:, unix:, chardev:", option_serial,
      NULL },
    { "monitor", NULL, "DEV", "where the monitor is, as for -serial", option_monitor, NULL },
    { "chardev", NULL, "KIND,id=ID,...", "a byte stream to use elsewhere; 'help' lists",
      option_chardev, NULL },
    { "audiodev", NULL, "none|sdl|wav,id=ID", "where the sound of a sound card goes",
      option_audiodev, NULL },
    { "mon", NULL, "CHARDEV", "a monitor on a chardev", option_mon, NULL },
    { "nographic", NULL, NULL, "serial port and monitor on this terminal (Ctrl-a h helps)",
      option_nographic, NULL },
    { "display", NULL, "sdl|none", "a window, or none", option_display, NULL },
    { "full-screen", NULL, NULL, "the window is as large as the screen", option_full_screen, NULL },
    { "vga", NULL, "none", "no graphics card", option_vga, NULL },
    { "parallel", NULL, "none", "no parallel port", option_parallel, NULL },
    { "S", NULL, NULL, "start paused; 'cont' in the monitor goes on", option_paused, NULL },
    { "loadvm", NULL, "NAME|file:PATH", "go on from where the machine was saved", option_loadvm,
      NULL },
    { "resume", NULL, "FILE", "save to FILE when asked to end, and go on from it next time",
      option_resume, NULL },
    { "no-reboot", NULL, NULL, "end when the guest reboots", option_no_reboot, NULL },
    { "rtc", NULL, "base=utc", "the guest's clock shows UTC", option_rtc, NULL },
    { "name", NULL, "TEXT", "the machine's name", option_name, NULL },
    { "pidfile", NULL, "FILE", "write the process id to FILE", option_pidfile, NULL },
    { "global", NULL, "DRIVER.KEY=VALUE", "a property of all devices of a kind", option_global,
      NULL },
    { "nodefaults", NULL, NULL, "no serial port and monitor unless asked for", option_no_defaults,
      NULL },
    { "no-user-config", NULL, NULL, "read no configuration (there is none)", option_no_user_config,
      NULL },
    { "version", NULL, NULL, "print the version", option_version, NULL },
    { "help", "h", NULL, "print this", option_help, NULL },

    ABSENT("qmp", "DEV", "use -monitor"),
    ABSENT("qmp-pretty", "DEV", "use -monitor"),
    ABSENT("s", NULL, "there is no debugger stub yet"),
    ABSENT("gdb", "DEV", "there is no debugger stub yet"),
    ABSENT("vnc", "DISPLAY", "use -nographic"),
    ABSENT("spice", "OPTIONS", "use -nographic"),
    ABSENT("virtfs", "OPTIONS", "put files on a disk image with -drive"),
    ABSENT("fsdev", "OPTIONS", "put files on a disk image with -drive"),
    ABSENT("daemonize", NULL, "start it in the background with your shell's '&'"),
    ABSENT("uuid", "UUID", "leave it out: nothing in this machine shows it"),
    ABSENT("boot", "OPTIONS", "say what to start with -kernel"),
    ABSENT("incoming", "URI", "there is no migration yet"),
    ABSENT("icount", "OPTIONS", "leave it out: guest time is real time"),
    ABSENT("blockdev", "OPTIONS", "use -drive"),
    ABSENT("fw_cfg", "OPTIONS", "leave it out"),
    ABSENT("enable-kvm", NULL, "leave it out: riscv code is always translated"),
    ABSENT("usb", NULL, "leave it out: this machine has no USB"),
    ABSENT("usbdevice", "NAME", "leave it out: this machine has no USB"),
    ABSENT("hda", "FILE", "use -drive file=FILE,format=raw,if=virtio"),
    ABSENT("hdb", "FILE", "use -drive file=FILE,format=raw,if=virtio"),
    ABSENT("cdrom", "FILE", "use -drive file=FILE,format=raw,if=virtio,readonly=on"),
    ABSENT("sd", "FILE", "use -drive file=FILE,format=raw,if=virtio"),
    ABSENT("d", "ITEMS", "ask with 'info' in the monitor"),
    ABSENT("D", "FILE", "ask with 'info' in the monitor"),
    ABSENT("trace", "EVENTS", "ask with 'info' in the monitor"),
    ABSENT("L", "FOLDER", "name the firmware with -bios FILE"),
    ABSENT("k", "LAYOUT", "leave it out: there is no keyboard but the terminal's"),
    ABSENT("no-shutdown", NULL, "leave it out"),
    ABSENT("semihosting", NULL, "a program can report through 'tohost'"),
    ABSENT("semihosting-config", "OPTIONS", "a program can report through 'tohost'"),
    ABSENT("numa", "OPTIONS", "leave it out: memory is one node"),
    ABSENT("overcommit", "OPTIONS", "leave it out"),
    ABSENT("sandbox", "OPTIONS", "leave it out"),
    ABSENT("msg", "OPTIONS", "leave it out"),
    ABSENT("add-fd", "OPTIONS", "name the file instead"),
    ABSENT("runas", "USER", "start it as that user"),
    ABSENT("chroot", "FOLDER", "start it in there"),
    ABSENT("readconfig", "FILE", "write the options on the command line"),
    ABSENT("watchdog-action", "ACTION", "leave it out: there is no watchdog"),
    ABSENT("action", "OPTIONS", "use -no-reboot"),
    { NULL, NULL, NULL, NULL, NULL, NULL },
};

static const struct option *option_find(const char *name)
{
    for (const struct option *option = options; option->name; option++) {
        if (strcmp(option->name, name) == 0 ||
            (option->alias && strcmp(option->alias, name) == 0)) {
            return option;
        }
    }
    return NULL;
}

/* The names that can be suggested, with one dash in front. */
static GPtrArray *option_names(void)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const struct option *option = options; option->name; option++) {
        if (option->help) {
            g_ptr_array_add(names, g_strconcat("-", option->name, NULL));
        }
    }
    g_ptr_array_add(names, NULL);
    return names;
}

static bool option_unknown(const char *argument, GError **error)
{
    const char *name = argument + strspn(argument, "-");
    g_autofree char *word = g_strconcat("-", name, NULL);
    g_autoptr(GPtrArray) names = option_names();
    return usage_unknown(error, word, (const char *const *)names->pdata,
                         "'--help' lists the options", "unknown option '%s'", argument);
}

/* The one at `arguments[0]`; *ret_taken says how many arguments it is. */
static bool option_take(struct plan *plan, const char *const *arguments, size_t *ret_taken,
                        GError **error)
{
    const char *argument = arguments[0];
    if (argument[0] != '-' || argument[1] == '\0') {
        return usage_error(error,
                           "unexpected argument '%s': to start a kernel say '-kernel %s', to "
                           "attach a disk '-drive file=%s,format=raw,if=virtio'",
                           argument, argument, argument);
    }
    const char *name = argument + (argument[1] == '-' ? 2 : 1);
    const struct option *option = option_find(name);
    if (!option) {
        return option_unknown(argument, error);
    }
    if (!option->help) {
        return usage_error(error, "option '-%s' is not supported: %s", option->name,
                           option->instead);
    }
    if (option->parameter && !arguments[1]) {
        return usage_error(error, "option '-%s' needs a value: -%s %s", option->name, option->name,
                           option->parameter);
    }
    *ret_taken = option->parameter ? 2 : 1;
    return option->fn(plan, option->parameter ? arguments[1] : NULL, error);
}

bool options_parse(struct plan *plan, const char *const *arguments, GError **error)
{
    while (*arguments) {
        size_t taken = 0;
        if (!option_take(plan, arguments, &taken, error)) {
            return false;
        }
        arguments += taken;
    }
    return true;
}

char *options_help(void)
{
    GString *text = g_string_new("Options (one dash or two):\n");
    for (const struct option *option = options; option->name; option++) {
        if (!option->help) {
            continue;
        }
        g_autofree char *names = option->alias
                                     ? g_strdup_printf("-%s, -%s", option->alias, option->name)
                                     : g_strconcat("-", option->name, NULL);
        g_autofree char *left =
            g_strdup_printf("%s %s", names, option->parameter ? option->parameter : "");
        g_string_append_printf(text, "  %-32s %s\n", left, option->help);
    }
    return g_string_free(text, FALSE);
}
