/* What each option does to the plan, by family of options. See struct option. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/plan.h"

/* -machine: the board and its properties. */
bool option_machine(struct plan *plan, const char *value, GError **error);
/* -cpu: the processor and what it can do. */
bool option_cpu(struct plan *plan, const char *value, GError **error);
/* -accel: how guest code is run. */
bool option_accel(struct plan *plan, const char *value, GError **error);
/* -smp: how many harts. */
bool option_smp(struct plan *plan, const char *value, GError **error);
/* -m: how much memory. */
bool option_memory(struct plan *plan, const char *value, GError **error);
/* -bios: the firmware. */
bool option_bios(struct plan *plan, const char *value, GError **error);
/* -kernel: what the firmware starts. */
bool option_kernel(struct plan *plan, const char *value, GError **error);
/* -initrd: the kernel's first file system. */
bool option_initrd(struct plan *plan, const char *value, GError **error);
/* -append: the kernel's command line. */
bool option_append(struct plan *plan, const char *value, GError **error);
/* -dtb: a devicetree instead of the machine's own. */
bool option_dtb(struct plan *plan, const char *value, GError **error);
/* -rtc: the date that the guest sees. */
bool option_rtc(struct plan *plan, const char *value, GError **error);
/* -global: a property of all devices of a kind. */
bool option_global(struct plan *plan, const char *value, GError **error);

/* -drive: a disk. */
bool option_drive(struct plan *plan, const char *value, GError **error);
/* -pflash: firmware, then its variables. */
bool option_pflash(struct plan *plan, const char *value, GError **error);
/* -snapshot: writes to disks are forgotten. */
bool option_snapshot(struct plan *plan, const char *value, GError **error);
/* -netdev: a network. */
bool option_netdev(struct plan *plan, const char *value, GError **error);
/* -nic: a network with its card. */
bool option_nic(struct plan *plan, const char *value, GError **error);
/* -net: only to turn the network off. */
bool option_net(struct plan *plan, const char *value, GError **error);
/* -object: where randomness comes from. */
bool option_object(struct plan *plan, const char *value, GError **error);
/* -device: a virtio device. */
bool option_device(struct plan *plan, const char *value, GError **error);

/* -serial: what is behind the serial port. */
bool option_serial(struct plan *plan, const char *value, GError **error);
/* -monitor: where the monitor is. */
bool option_monitor(struct plan *plan, const char *value, GError **error);
/* -chardev: a byte stream for others to use. */
bool option_chardev(struct plan *plan, const char *value, GError **error);
/* -mon: a monitor on a chardev. */
bool option_mon(struct plan *plan, const char *value, GError **error);
/* -audiodev: where sound goes. */
bool option_audiodev(struct plan *plan, const char *value, GError **error);
/* -display: a window or none. */
bool option_display(struct plan *plan, const char *value, GError **error);
/* -full-screen: the window is as large as the screen. */
bool option_full_screen(struct plan *plan, const char *value, GError **error);
/* -vga: a graphics card; there is none. */
bool option_vga(struct plan *plan, const char *value, GError **error);
/* -parallel: a parallel port; there is none. */
bool option_parallel(struct plan *plan, const char *value, GError **error);
/* -nographic: serial port and monitor on this terminal. */
bool option_nographic(struct plan *plan, const char *value, GError **error);

/* -name: of the machine. */
bool option_name(struct plan *plan, const char *value, GError **error);
/* -pidfile: where to write the process id. */
bool option_pidfile(struct plan *plan, const char *value, GError **error);
/* -S: start paused. */
bool option_paused(struct plan *plan, const char *value, GError **error);
/* -loadvm: where to go on from. */
bool option_loadvm(struct plan *plan, const char *value, GError **error);
/* -resume: the end is a pause. */
bool option_resume(struct plan *plan, const char *value, GError **error);
/* -no-reboot: a reboot ends the run. */
bool option_no_reboot(struct plan *plan, const char *value, GError **error);
/* -nodefaults: no monitor and no serial port that was not asked for. */
bool option_no_defaults(struct plan *plan, const char *value, GError **error);
/* -no-user-config: there is none to read. */
bool option_no_user_config(struct plan *plan, const char *value, GError **error);
/* -help. */
bool option_help(struct plan *plan, const char *value, GError **error);
/* -version. */
bool option_version(struct plan *plan, const char *value, GError **error);
