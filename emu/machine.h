/*
 * One whole machine: built from a configuration, run, paused, reset, powered off.
 *
 * The caller's thread is the machine thread: it holds the machine lock whenever it is in here and
 * releases it only to wait. Everything is checked before anything starts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "emu/block/block.h"
#include "emu/chardev/chardev.h"
#include "emu/display/input.h"
#include "emu/jit/options.h"
#include "emu/mem/bus.h"

struct clipboard;
struct display;
struct machine;
struct machine_twin;
struct riscv_hart;
struct typing;

#define MACHINE_HARTS_MAX 64

/* A disk image and how to use it (-drive). */
struct machine_drive {
    char *id;
    char *path;
    char *serial;
    char *format;         /* NULL: by what the image says */
    char *data_file;      /* where a qcow2 image keeps its data; NULL: in itself */
    uint64_t memory_size; /* with no path: a disk in memory of so many bytes, which is lost */
    bool read_only, snapshot, discard;
    enum block_cache cache;
    enum block_detect detect_zeroes;
    enum block_on_error on_read_error, on_write_error;
    struct throttle_limits limits;
    /* Of a twin, which is given what a disk holds (emu/machine_fork.h): */
    char *at_snapshot;       /* the image is shown as it was then; what is written is in memory */
    char *clone;             /* the path of a copy that is used instead of the image */
    struct host_file *pages; /* what is in memory of it; not owned */
};

/* A network (-netdev user). */
struct machine_net {
    char *id;
    char *network, *dhcp_start, *host, *dns, *hostname;
    char **hostfwd;
    char **guestfwd;
    bool restricted, no_ipv6;
};

/* A flash bank: an image of exactly 32 MiB. Bank 0 holds firmware and is never written. */
struct machine_flash {
    char *path; /* NULL: none */
    bool read_only;
};

enum machine_device_kind {
    DEVICE_BLK,
    DEVICE_NET,
    DEVICE_CONSOLE,
    DEVICE_RNG,
    DEVICE_INPUT,
    DEVICE_GPU,
    DEVICE_SOUND,
};

/* What is particular to a GPU. */
struct machine_gpu {
    unsigned outputs;    /* at most DISPLAY_OUTPUTS_MAX */
    uint32_t xres, yres; /* the size of the first one until a window asks for another */
    uint64_t memory_max; /* bytes of the host for the guest's pictures */
};

/* A port of a virtio console (-device virtconsole, virtserialport). */
struct machine_port {
    char *chardev;
    char *name;
    unsigned number;
    bool terminal;
};

/* A virtio device on a slot (-device), in command-line order. */
struct machine_device {
    enum machine_device_kind kind;
    char *id;
    char *backend; /* id of the drive, net or audiodev; NULL where there is none */
    char *serial;
    unsigned queues; /* of a DEVICE_BLK; 0: 1 */
    char *iothread;  /* the same: id of the loop that it runs on; NULL: the machine's */
    uint8_t mac[6];
    enum input_kind input;  /* what kind of DEVICE_INPUT */
    struct machine_gpu gpu; /* of DEVICE_GPU */
    GPtrArray *ports;       /* of struct machine_port: of a DEVICE_CONSOLE; else NULL */
};

/* Everything about a machine that a user can choose. Strings owned; see machine_config_clear. */
struct machine_config {
    unsigned harts;
    uint64_t ram_size;
    bool sv48, svadu, sstc;
    char *bios; /* "default", "none", "builtin" or a path; NULL means default */
    char *kernel, *initrd, *append, *dtb;
    const void *kernel_data; /* the kernel's bytes if it is no file, not owned; `kernel` names it */
    size_t kernel_size;
    char *dump_dtb;     /* write the devicetree here and do not run */
    char *engine;       /* "jit" or "interp"; NULL: the best there is */
    struct jit_options jit; /* its switches, `dump` owned; see emu/jit/options.h */
    bool no_reboot;     /* a reboot request ends the run */
    bool start_paused;  /* -S */
    GPtrArray *drives;  /* of struct machine_drive */
    GPtrArray *nets;    /* of struct machine_net */
    GPtrArray *iothreads; /* ids of loops on threads of their own */
    GPtrArray *devices; /* of struct machine_device */
    bool ramfb;         /* firmware may draw on the first screen */
    struct machine_flash flash[2];
    /* Chardevs are made by the caller, before machine_new, on machine_context(). */
    struct chardev *serial;      /* NULL: none */
    GHashTable *chardevs;        /* id -> struct chardev, for the ports of consoles */
    struct clipboard *clipboard; /* made by the caller like these; NULL: none */
    GHashTable *audios;          /* id -> struct audio, made by the caller too */
    /* Hears why the machine stopped by itself (a disk that is full); NULL: nobody. */
    void (*on_stop)(void *opaque, const char *why);
    /* The same for a disk that could not be closed as it should; the machine ends. */
    void (*on_loss)(void *opaque, const char *what);
    void *on_stop_opaque;
    const char *const *command; /* how this program was started, for twins; NULL: there are none */
    struct machine_twin *twin;  /* what the machine begins with; NULL: it boots */
};

/* Why machine_run returned. */
enum machine_end { MACHINE_POWEROFF, MACHINE_REBOOT_REFUSED, MACHINE_QUIT, MACHINE_HTIF_EXIT };

/* Sets the defaults: 1 hart, 128 MiB as on the well-known virt machine, everything empty. */
void machine_config_init(struct machine_config *config);

/* Adds an empty port to a DEVICE_CONSOLE, which owns it. */
struct machine_port *machine_port_add(struct machine_device *console);

/* Frees what the configuration owns. */
void machine_config_clear(struct machine_config *config);

/* Builds everything without running it; NULL and `error` say what is wrong, nothing is left. `ctx`
 * is the main context; the machine installs its lock on it. */
struct machine *machine_new(const struct machine_config *config, struct aio_context *ctx,
                            GError **error);

/* Checks everything that machine_new checks, files and ports included, and keeps nothing: for
 * callers who must leave no trace of their own when it fails. */
bool machine_verify(const struct machine_config *config, struct aio_context *ctx, GError **error);

/* Writes the devicetree that the machine would have to config->dump_dtb; runs nothing. */
bool machine_dump_devicetree(const struct machine_config *config, GError **error);

/* Stops the harts and frees all. */
void machine_free(struct machine *machine);

/* Runs until the guest or the user ends it; *ret_status is the process exit status asked for. */
enum machine_end machine_run(struct machine *machine, int *ret_status);

/* Asks machine_run to return. Any thread. */
void machine_quit(struct machine *machine, int status);

/* Resets as if the guest had asked for a reboot. Any thread. */
void machine_reset(struct machine *machine);

/* Stops guest time and the harts; returns when they stand. Machine thread. */
void machine_pause(struct machine *machine);

/* Lets them go on. Machine thread. */
void machine_resume(struct machine *machine);

/* Why the machine stopped by itself and waits for machine_resume; NULL: it did not. */
const char *machine_stopped_why(const struct machine *machine);

/* The disk of a drive, NULL if there is none of that id; owned by the machine. */
struct block *machine_block(const struct machine *machine, const char *id);

/* The network of that id, owned by the machine; NULL if there is none. */
struct net_backend *machine_network(const struct machine *machine, const char *id);

/* Whether the guest runs now. */
bool machine_running(const struct machine *machine);

/* Guest time: ns that the machine has run since it was made. Any thread. */
int64_t machine_now_ns(const struct machine *machine);

/* The lock that device registers, chardevs and the main context's callbacks run under. */
struct host_mutex *machine_lock(struct machine *machine);

/* Number of harts, and one of them. */
unsigned machine_hart_count(const struct machine *machine);

/* Hart `index`, owned by the machine. */
struct riscv_hart *machine_hart(struct machine *machine, unsigned index);

/* What has gone through the backends so far, for people to watch. */
struct machine_traffic {
    uint64_t disk; /* requests */
    uint64_t net;  /* frames that the guest sent: its answers to what came, too */
};

/* Counts it. Machine thread. */
void machine_get_traffic(const struct machine *machine, struct machine_traffic *ret_traffic);

/* Begins to count what the harts retire. That costs them some speed: for a moment, now and then.
 * Machine lock held, here and below. */
void machine_count_begin(struct machine *machine);

/* Ends that; the result is there soon. */
void machine_count_end(struct machine *machine);

/* Instructions a second, of all harts together, while they were last counted. */
uint64_t machine_get_rate(const struct machine *machine);

/* Number of outputs, at least 1 even if no device draws. */
unsigned machine_display_count(const struct machine *machine);

/* Output `index`, owned by the machine. */
struct display *machine_display(struct machine *machine, unsigned index);

/* Where input for the guest goes, owned by the machine. */
struct input_hub *machine_input(struct machine *machine);

/* Presses the power key of the keyboard that the guest reads, or else the board's power button;
 * false if the guest listens to neither. Machine lock held. */
bool machine_press_power(struct machine *machine);

/* The clipboard of its configuration. */
struct clipboard *machine_clipboard(const struct machine *machine);

/* Who presses keys for the monitor, owned by the machine. */
struct typing *machine_typing(struct machine *machine);

/* The address map, for reports. */
const struct bus *machine_bus(const struct machine *machine);

/* The devicetree blob as the guest gets it; owned by the machine. */
const void *machine_devicetree(const struct machine *machine, uint32_t *ret_size);
