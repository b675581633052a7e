/* Options for devices on the virtio slots: -device and -object. */
#include "ui/option_fns.h"

#include <stdio.h>
#include <string.h>

#include "emu/display/display.h"
#include "emu/virtio/virtio.h"
#include "ui/keys.h"
#include "ui/mac.h"
#include "ui/usage.h"

#define GPU_XRES 1024
#define GPU_YRES 768

struct device_keys {
    char *id, *drive, *serial, *netdev, *mac, *rng, *chardev, *name, *bus, *audiodev, *iothread;
    uint64_t number, queues;
    uint64_t xres, yres, max_outputs, max_hostmem;
};

#define NUMBER_UNSAID UINT64_MAX

static const char *const only_off[] = { "off", NULL };

#define DEVICE(field) offsetof(struct device_keys, field)
#define ID_ROW                                                                                     \
    {                                                                                              \
        "id", KEY_STRING, DEVICE(id), "the device's name", NULL, 0                                 \
    }
#define END_ROW                                                                                    \
    {                                                                                              \
        NULL, KEY_FIXED, 0, NULL, NULL, 0                                                          \
    }

static const struct key_row blk_rows[] = {
    ID_ROW,
    { "drive", KEY_STRING, DEVICE(drive), "id of a -drive", NULL, 0 },
    { "serial", KEY_STRING, DEVICE(serial), "serial number, at most 20 characters", NULL, 0 },
    { "iothread", KEY_STRING, DEVICE(iothread), "id of an -object iothread that it runs on", NULL,
      0 },
    { "num-queues", KEY_NUMBER, DEVICE(queues), "queues, 1 to 16", NULL, VIRTIO_BLK_QUEUES_MAX },
    END_ROW,
};

static const struct key_row net_rows[] = {
    ID_ROW,
    { "netdev", KEY_STRING, DEVICE(netdev), "id of a -netdev", NULL, 0 },
    { "mac", KEY_STRING, DEVICE(mac), "the card's address", NULL, 0 },
    { "mrg_rxbuf", KEY_FIXED, 0, "large frames in one buffer", only_off, 0 },
    END_ROW,
};

static const struct key_row rng_rows[] = {
    ID_ROW,
    { "rng", KEY_STRING, DEVICE(rng), "id of an -object rng-random", NULL, 0 },
    END_ROW,
};

static const struct key_row input_rows[] = {
    ID_ROW,
    { "serial", KEY_STRING, DEVICE(serial), "tells it from others of its kind", NULL, 0 },
    END_ROW,
};

static const struct key_row sound_rows[] = {
    ID_ROW,
    { "audiodev", KEY_STRING, DEVICE(audiodev), "id of an -audiodev; else the host's device", NULL,
      0 },
    END_ROW,
};

static const char *const only_on[] = { "on", NULL };

static const struct key_row gpu_rows[] = {
    ID_ROW,
    { "xres", KEY_NUMBER, DEVICE(xres), "pixels of a row at the start", NULL, DISPLAY_SIDE_MAX },
    { "yres", KEY_NUMBER, DEVICE(yres), "rows at the start", NULL, DISPLAY_SIDE_MAX },
    { "max_outputs", KEY_NUMBER, DEVICE(max_outputs), "screens, 1 unless said", NULL,
      DISPLAY_OUTPUTS_MAX },
    { "max_hostmem", KEY_SIZE, DEVICE(max_hostmem), "memory for the guest's pictures", NULL, 0 },
    { "edid", KEY_FIXED, 0, "screens describe themselves", only_on, 0 },
    END_ROW,
};

static const struct key_row id_rows[] = { ID_ROW, END_ROW };

static const struct key_row port_rows[] = {
    ID_ROW,
    { "chardev", KEY_STRING, DEVICE(chardev), "id of a -chardev", NULL, 0 },
    { "name", KEY_STRING, DEVICE(name), "what the guest knows it by", NULL, 0 },
    { "nr", KEY_NUMBER, DEVICE(number), "its number", NULL, VIRTIO_CONSOLE_PORTS - 1 },
    { "bus", KEY_STRING, DEVICE(bus), "ID.0 of a virtio-serial-device", NULL, 0 },
    END_ROW,
};

typedef bool device_take_fn(struct plan *plan, struct device_keys *keys, GError **error);

static device_take_fn blk_take, net_take, rng_take, serial_take, console_take, port_take;
static device_take_fn gpu_take, ramfb_take, sound_take;
static device_take_fn keyboard_take, tablet_take, mouse_take, touchscreen_take;

static const struct device_name {
    const char *name;
    const struct key_row *rows;
    device_take_fn *take;
    const char *help;
    const char *bus; /* NULL: virtio-mmio */
} device_names[] = {
    { "virtio-blk-device", blk_rows, blk_take, "a disk" },
    { "virtio-net-device", net_rows, net_take, "a network card" },
    { "virtio-rng-device", rng_rows, rng_take, "a source of random numbers" },
    { "virtio-gpu-device", gpu_rows, gpu_take, "a screen" },
    { "ramfb", id_rows, ramfb_take, "a screen for firmware, in memory", "fw_cfg" },
    { "virtio-keyboard-device", input_rows, keyboard_take, "a keyboard" },
    { "virtio-tablet-device", input_rows, tablet_take, "a pointer that needs no grab" },
    { "virtio-mouse-device", input_rows, mouse_take, "a pointer that is moved" },
    { "virtio-multitouch-device", input_rows, touchscreen_take, "a touchscreen" },
    { "virtio-sound-device", sound_rows, sound_take, "a sound card" },
    { "virtio-serial-device", id_rows, serial_take, "carries ports" },
    { "virtconsole", port_rows, console_take, "a port that is a console: hvc0" },
    { "virtserialport", port_rows, port_take, "a port for programs, by its name" },
};

static struct machine_device *device_add(struct plan *plan, enum machine_device_kind kind,
                                         struct device_keys *keys, const char *what)
{
    struct machine_device *device = plan_add_device(plan->config.devices, kind);
    device->id = keys->id ? g_steal_pointer(&keys->id) : plan_anonymous(plan, what);
    return device;
}

static bool blk_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    if (!keys->drive) {
        return usage_error(error, "-device virtio-blk-device: which disk? Say drive=ID, with a "
                                  "-drive that has id=ID and if=none");
    }
    struct machine_device *device = device_add(plan, DEVICE_BLK, keys, "disk");
    device->backend = g_steal_pointer(&keys->drive);
    device->serial = g_steal_pointer(&keys->serial);
    device->queues = (unsigned)keys->queues;
    device->iothread = g_steal_pointer(&keys->iothread);
    return true;
}

static bool net_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    uint8_t mac[6] = { 0 };
    if (!keys->netdev) {
        return usage_error(error, "-device virtio-net-device: which network? Say netdev=ID, with "
                                  "a -netdev user,id=ID");
    }
    if (keys->mac && !mac_parse("-device virtio-net-device", keys->mac, mac, error)) {
        return false;
    }
    struct machine_device *device = device_add(plan, DEVICE_NET, keys, "nic");
    device->backend = g_steal_pointer(&keys->netdev);
    memcpy(device->mac, mac, sizeof(mac));
    return true;
}

/* Until the check, `backend` holds the -object that was named. */
static bool rng_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    struct machine_device *device = device_add(plan, DEVICE_RNG, keys, "rng");
    device->backend = g_steal_pointer(&keys->rng);
    return true;
}

static bool ramfb_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)keys;
    if (plan->config.ramfb) {
        return usage_error(error, "-device ramfb: the machine has one already");
    }
    plan->config.ramfb = true;
    return true;
}

static bool gpu_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    struct machine_device *device = device_add(plan, DEVICE_GPU, keys, "gpu");
    device->gpu = (struct machine_gpu){
        .outputs = keys->max_outputs ? (unsigned)keys->max_outputs : 1,
        .xres = keys->xres ? (uint32_t)keys->xres : GPU_XRES,
        .yres = keys->yres ? (uint32_t)keys->yres : GPU_YRES,
        .memory_max = keys->max_hostmem ? keys->max_hostmem : VIRTIO_GPU_MEMORY_DEFAULT,
    };
    return true;
}

static bool input_add(struct plan *plan, enum input_kind kind, struct device_keys *keys)
{
    struct machine_device *device = device_add(plan, DEVICE_INPUT, keys, "input");
    device->input = kind;
    device->serial = g_steal_pointer(&keys->serial);
    return true;
}

static bool keyboard_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    return input_add(plan, INPUT_KEYBOARD, keys);
}

static bool tablet_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    return input_add(plan, INPUT_TABLET, keys);
}

static bool mouse_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    return input_add(plan, INPUT_MOUSE, keys);
}

static bool touchscreen_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    return input_add(plan, INPUT_TOUCHSCREEN, keys);
}

static bool sound_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    device_add(plan, DEVICE_SOUND, keys, "sound")->backend = g_steal_pointer(&keys->audiodev);
    return true;
}

static bool serial_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    (void)error;
    device_add(plan, DEVICE_CONSOLE, keys, "console");
    return true;
}

/* The virtio-serial-device that a port is for: the one named by bus=, or the last. */
static struct machine_device *port_device(const struct plan *plan, const char *bus)
{
    for (guint i = plan->config.devices->len; i > 0; i--) {
        struct machine_device *device = plan->config.devices->pdata[i - 1];
        g_autofree char *name = g_strconcat(device->id, ".0", NULL);
        if (device->kind == DEVICE_CONSOLE && (!bus || strcmp(bus, name) == 0)) {
            return device;
        }
    }
    return NULL;
}

static bool port_taken(const struct machine_device *device, uint64_t number)
{
    for (guint i = 0; device->ports && i < device->ports->len; i++) {
        if (((const struct machine_port *)device->ports->pdata[i])->number == number) {
            return true;
        }
    }
    return false;
}

/* Port 0 is for a console: guests that know one port only take it for that. */
static bool port_number(const char *what, const struct machine_device *device, bool terminal,
                        uint64_t *number, GError **error)
{
    if (*number == 0 && !terminal) {
        return usage_error(error, "-device %s: port 0 is for a virtconsole: say nr=1 or more",
                           what);
    }
    if (*number != NUMBER_UNSAID) {
        return !port_taken(device, *number) ||
               usage_error(error, "-device %s: port %d is taken: leave nr= out", what,
                           (int)*number);
    }
    for (*number = terminal ? 0 : 1; *number < VIRTIO_CONSOLE_PORTS; ++*number) {
        if (!port_taken(device, *number)) {
            return true;
        }
    }
    return usage_error(error,
                       "-device %s: a virtio-serial-device has %d ports, and they are taken: add "
                       "another one before it",
                       what, VIRTIO_CONSOLE_PORTS);
}

static bool port_add(struct plan *plan, const char *what, bool terminal, struct device_keys *keys,
                     GError **error)
{
    struct machine_device *device = port_device(plan, keys->bus);
    if (!keys->chardev) {
        return usage_error(error, "-device %s: what is behind it? Say chardev=ID", what);
    }
    if (!device && keys->bus) {
        return usage_error(error,
                           "-device %s: there is no bus '%s': write bus=ID.0 for a '-device "
                           "virtio-serial-device,id=ID' before it",
                           what, keys->bus);
    }
    if (!device) {
        return usage_error(error, "-device %s: it needs a '-device virtio-serial-device' before it",
                           what);
    }
    if (!port_number(what, device, terminal, &keys->number, error)) {
        return false;
    }
    struct machine_port *port = machine_port_add(device);
    port->chardev = g_steal_pointer(&keys->chardev);
    port->name = g_steal_pointer(&keys->name);
    port->number = (unsigned)keys->number;
    port->terminal = terminal;
    return true;
}

static bool console_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    return port_add(plan, "virtconsole", true, keys, error);
}

static bool port_take(struct plan *plan, struct device_keys *keys, GError **error)
{
    return port_add(plan, "virtserialport", false, keys, error);
}

static const struct device_name *device_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(device_names); i++) {
        if (strcmp(device_names[i].name, name) == 0) {
            return &device_names[i];
        }
    }
    return NULL;
}

static bool device_unknown(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(device_names) + 1] = { NULL };
    for (size_t i = 0; i < G_N_ELEMENTS(device_names); i++) {
        names[i] = device_names[i].name;
    }
    if (g_str_has_suffix(name, "-pci")) {
        g_autofree char *mmio = g_strndup(name, strlen(name) - strlen("-pci"));
        g_autofree char *instead = g_strconcat(mmio, "-device", NULL);
        if (device_find(instead)) {
            return usage_error(error,
                               "-device: this machine has no PCI bus: instead of '%s' say '%s'",
                               name, instead);
        }
    }
    return usage_unknown(error, name, names, "'-device help' lists what there is",
                         "-device: unknown device '%s'", name);
}

static void devices_answer(struct plan *plan)
{
    plan_answer(plan, "Devices (NAME,help lists the properties of one):\n");
    for (size_t i = 0; i < G_N_ELEMENTS(device_names); i++) {
        const struct device_name *device = &device_names[i];
        plan_answer(plan, "name \"%s\", bus %s, desc \"%s\"\n", device->name,
                    device->bus ? device->bus : "virtio-mmio", device->help);
    }
}

/* The list behind the name, or "" if there is none. */
static const char *after_comma(const char *value)
{
    const char *comma = strchr(value, ',');
    return comma ? comma + 1 : "";
}

bool option_device(struct plan *plan, const char *value, GError **error)
{
    g_autofree char *name = g_strndup(value, strcspn(value, ","));
    const char *rest = after_comma(value);
    if (strcmp(name, "help") == 0) {
        devices_answer(plan);
        return true;
    }
    const struct device_name *device = device_find(name);
    if (!device) {
        return device_unknown(name, error);
    }
    if (strcmp(rest, "help") == 0) {
        g_autofree char *text = keys_help(device->rows);
        plan_answer(plan, "%s: %s\n%s", name, device->help, text);
        return true;
    }
    struct device_keys keys = { .number = NUMBER_UNSAID };
    g_autofree char *place = g_strconcat("-device ", name, NULL);
    bool taken = (!*rest || keys_parse(place, rest, NULL, device->rows, &keys, error)) &&
                 device->take(plan, &keys, error);
    keys_clear(device->rows, &keys);
    return taken;
}

struct object_keys {
    char *type, *id, *filename;
};

#define OBJECT(field) offsetof(struct object_keys, field)

static const struct key_row object_rows[] = {
    { "qom-type", KEY_STRING, OBJECT(type), "rng-random, rng-builtin or iothread", NULL, 0 },
    { "id", KEY_STRING, OBJECT(id), "its name for -device", NULL, 0 },
    { "filename", KEY_STRING, OBJECT(filename), "/dev/urandom or /dev/random", NULL, 0 },
    END_ROW,
};

/* All kinds of rng mean the host's generator, which is there on every host. */
static bool object_take(struct plan *plan, const struct object_keys *keys, GError **error)
{
    static const char *const types[] = { "rng-random", "rng-builtin", "iothread", NULL };
    static const char *const files[] = { "/dev/urandom", "/dev/random", "/dev/hwrng", NULL };
    bool iothread = g_strcmp0(keys->type, "iothread") == 0;
    if (!keys->type || !g_strv_contains(types, keys->type)) {
        const char *type = keys->type ? keys->type : "";
        return usage_unknown(error, type, types, "there are rng-random, rng-builtin and iothread",
                             "-object: unknown kind '%s'", type);
    }
    if (!keys->id) {
        return usage_error(error, "-object %s: it needs id=NAME, which -device refers to",
                           keys->type);
    }
    if (keys->filename && (iothread || !g_strv_contains(files, keys->filename))) {
        return usage_error(error, "-object %s: filename=%s is not supported: leave it out",
                           keys->type, keys->filename);
    }
    g_ptr_array_add(iothread ? plan->config.iothreads : plan->rngs, g_strdup(keys->id));
    return true;
}

bool option_object(struct plan *plan, const char *value, GError **error)
{
    struct object_keys keys = { 0 };
    bool taken = keys_parse("-object", value, "qom-type", object_rows, &keys, error) &&
                 object_take(plan, &keys, error);
    keys_clear(object_rows, &keys);
    return taken;
}
