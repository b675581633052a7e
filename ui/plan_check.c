/* What all options together must be: defaults, references, and what excludes what. */
#include "ui/plan.h"

#include <string.h>

#include "ui/mac.h"
#include "ui/option_fns.h"
#include "ui/usage.h"

#define SLOTS 8 /* virtio slots of the board */

typedef const char *id_of_fn(const void *item);

static const char *drive_id(const void *item)
{
    return ((const struct machine_drive *)item)->id;
}

static const char *net_id(const void *item)
{
    return ((const struct machine_net *)item)->id;
}

static const char *chardev_id(const void *item)
{
    return ((const struct plan_chardev *)item)->id;
}

static const char *audio_id_of(const void *item)
{
    return ((const struct plan_audio *)item)->id;
}

static const char *device_id(const void *item)
{
    return ((const struct machine_device *)item)->id;
}

static const char *string_id(const void *item)
{
    return item;
}

static guint id_count(const GPtrArray *items, id_of_fn *id_of, const char *id)
{
    guint count = 0;
    for (guint i = 0; i < items->len; i++) {
        count += strcmp(id_of(items->pdata[i]), id) == 0;
    }
    return count;
}

static bool ids_unique(const GPtrArray *items, id_of_fn *id_of, const char *option, GError **error)
{
    for (guint i = 0; i < items->len; i++) {
        const char *id = id_of(items->pdata[i]);
        if (id_count(items, id_of, id) > 1) {
            return usage_error(error, "%s: there are two with the id '%s': each needs its own",
                               option, id);
        }
    }
    return true;
}

static bool reference_unknown(const GPtrArray *items, id_of_fn *id_of, const char *where,
                              const char *kind, const char *id, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < items->len; i++) {
        const char *name = id_of(items->pdata[i]);
        if (*name != '#') {
            g_ptr_array_add(names, (char *)name);
        }
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *hint = g_strdup_printf("make it with %s ...,id=%s", kind, id);
    return usage_unknown(error, id, (const char *const *)names->pdata, hint,
                         "%s: there is no %s with the id '%s'", where, kind, id);
}

/* What a device of each kind refers to. */
struct reference {
    const char *where, *kind;
    const GPtrArray *items;
    id_of_fn *id_of;
};

static struct reference reference_of(const struct plan *plan, enum machine_device_kind kind)
{
    switch (kind) {
    case DEVICE_BLK:
        return (struct reference){ "-device virtio-blk-device", "-drive", plan->config.drives,
                                   drive_id };
    case DEVICE_NET:
        return (struct reference){ "-device virtio-net-device", "-netdev", plan->config.nets,
                                   net_id };
    case DEVICE_SOUND:
        return (struct reference){ "-device virtio-sound-device", "-audiodev", plan->audios,
                                   audio_id_of };
    case DEVICE_RNG:
        return (struct reference){ "-device virtio-rng-device", "-object", plan->rngs, string_id };
    case DEVICE_CONSOLE:
    case DEVICE_INPUT:
    case DEVICE_GPU: break;
    }
    g_assert_not_reached(); /* nothing, or ports, is behind it */
}

static bool stream_known(const struct plan *plan, const char *option, const char *id,
                         GError **error)
{
    return !id || plan_find_chardev(plan, id) ||
           reference_unknown(plan->chardevs, chardev_id, option, "-chardev", id, error);
}

static bool device_check(struct plan *plan, struct machine_device *device, GError **error)
{
    for (guint i = 0; device->ports && i < device->ports->len; i++) {
        const struct machine_port *port = device->ports->pdata[i];
        if (!stream_known(plan, port->terminal ? "-device virtconsole" : "-device virtserialport",
                          port->chardev, error)) {
            return false;
        }
    }
    if (device->iothread && id_count(plan->config.iothreads, string_id, device->iothread) == 0) {
        return reference_unknown(plan->config.iothreads, string_id, "-device virtio-blk-device",
                                 "-object iothread", device->iothread, error);
    }
    if (!device->backend && device->kind == DEVICE_SOUND) {
        device->backend = plan_anonymous(plan, "audio");
        plan_add_audio(plan, g_strdup(device->backend), PLAN_AUDIO_DEFAULT);
    }
    if (device->backend) {
        struct reference to = reference_of(plan, device->kind);
        if (id_count(to.items, to.id_of, device->backend) == 0) {
            return reference_unknown(to.items, to.id_of, to.where, to.kind, device->backend, error);
        }
    }
    if (device->kind == DEVICE_RNG) {
        g_clear_pointer(&device->backend, g_free);
    }
    return true;
}

/* A disk or a network has one device, and a network that has none reaches nobody. */
static bool backend_used_once(const struct plan *plan, enum machine_device_kind kind,
                              const char *id, GError **error)
{
    guint count = 0;
    for (guint i = 0; i < plan->config.devices->len; i++) {
        const struct machine_device *device = plan->config.devices->pdata[i];
        count += device->kind == kind && strcmp(device->backend, id) == 0;
    }
    if (count > 1) {
        struct reference to = reference_of(plan, kind);
        return usage_error(error, "%s: the %s '%s' has a device already", to.where, to.kind, id);
    }
    return true;
}

static bool backends_check(struct plan *plan, GError **error)
{
    struct machine_config *config = &plan->config;
    for (guint i = 0; i < config->drives->len; i++) {
        struct machine_drive *drive = config->drives->pdata[i];
        drive->snapshot |= plan->snapshot;
        if (!backend_used_once(plan, DEVICE_BLK, drive->id, error)) {
            return false;
        }
    }
    for (guint i = 0; i < config->nets->len; i++) {
        if (!backend_used_once(plan, DEVICE_NET, net_id(config->nets->pdata[i]), error)) {
            return false;
        }
    }
    for (guint i = 0; i < plan->audios->len; i++) {
        if (!backend_used_once(plan, DEVICE_SOUND, audio_id_of(plan->audios->pdata[i]), error)) {
            return false;
        }
    }
    return true;
}

static bool mac_taken(const struct plan *plan, const uint8_t mac[6])
{
    for (guint i = 0; i < plan->config.devices->len; i++) {
        const struct machine_device *device = plan->config.devices->pdata[i];
        if (device->kind == DEVICE_NET && memcmp(device->mac, mac, 6) == 0) {
            return true;
        }
    }
    return false;
}

static void macs_fill(struct plan *plan)
{
    static const uint8_t none[6] = { 0 };
    unsigned next = 0;
    for (guint i = 0; i < plan->config.devices->len; i++) {
        struct machine_device *device = plan->config.devices->pdata[i];
        while (device->kind == DEVICE_NET && memcmp(device->mac, none, 6) == 0) {
            uint8_t mac[6];
            mac_default(next++, mac);
            if (!mac_taken(plan, mac)) {
                memcpy(device->mac, mac, sizeof(mac));
            }
        }
    }
}

static bool devices_check(struct plan *plan, GError **error)
{
    struct machine_config *config = &plan->config;
    while (plan->tail->len > 0) {
        g_ptr_array_add(config->devices, g_ptr_array_steal_index(plan->tail, 0));
    }
    if (config->devices->len > SLOTS) {
        return usage_error(error,
                           "-device: the machine has %d virtio slots, and %u devices were asked "
                           "for",
                           SLOTS, config->devices->len);
    }
    for (guint i = 0; i < config->devices->len; i++) {
        if (!device_check(plan, config->devices->pdata[i], error)) {
            return false;
        }
    }
    macs_fill(plan);
    return ids_unique(config->drives, drive_id, "-drive", error) &&
           ids_unique(config->nets, net_id, "-netdev", error) &&
           ids_unique(plan->rngs, string_id, "-object", error) &&
           ids_unique(config->iothreads, string_id, "-object iothread", error) &&
           ids_unique(plan->audios, audio_id_of, "-audiodev", error) &&
           ids_unique(config->devices, device_id, "-device", error) && backends_check(plan, error);
}

/* A terminal in the window each, unless something else was said. */
static void streams_default_window(struct plan *plan)
{
    if (!plan->serial && !plan->serial_none) {
        plan->serial = plan_anonymous(plan, "vc");
        plan_add_chardev(plan, g_strdup(plan->serial))->kind = PLAN_VC;
    }
    if (!plan->monitor_said) {
        char *id = plan_anonymous(plan, "vc");
        plan_add_chardev(plan, g_strdup(id))->kind = PLAN_VC;
        g_ptr_array_add(plan->monitors, id);
    }
}

/* Serial port and monitor share the terminal unless something else was said. */
static void streams_default(struct plan *plan)
{
    if (plan->display == PLAN_DISPLAY_SDL && !plan->no_defaults) {
        streams_default_window(plan);
        return;
    }
    bool terminal = plan->nographic || plan->display == PLAN_DISPLAY_DEFAULT;
    bool serial_unsaid = !plan->serial && !plan->serial_none;
    if (plan->no_defaults || !serial_unsaid || !terminal || plan->config.dump_dtb) {
        return;
    }
    plan->serial = plan_anonymous(plan, "stdio");
    struct plan_chardev *stdio = plan_add_chardev(plan, g_strdup(plan->serial));
    stdio->kind = PLAN_STDIO;
    stdio->mux = !plan->monitor_said;
    if (!plan->monitor_said) {
        g_ptr_array_add(plan->monitors, g_strdup(plan->serial));
    }
}

/* How many front ends a chardev would have. */
static guint chardev_users(const struct plan *plan, const char *id)
{
    guint count = id_count(plan->monitors, string_id, id);
    count += plan->serial && strcmp(plan->serial, id) == 0;
    for (guint i = 0; i < plan->config.devices->len; i++) {
        const struct machine_device *device = plan->config.devices->pdata[i];
        for (guint j = 0; device->ports && j < device->ports->len; j++) {
            const struct machine_port *port = device->ports->pdata[j];
            count += strcmp(port->chardev, id) == 0;
        }
    }
    return count;
}

static bool chardevs_check(const struct plan *plan, GError **error)
{
    guint stdios = 0, agents = 0;
    for (guint i = 0; i < plan->chardevs->len; i++) {
        const struct plan_chardev *chardev = plan->chardevs->pdata[i];
        stdios += chardev->kind == PLAN_STDIO;
        if (chardev->kind == PLAN_VC && plan->display != PLAN_DISPLAY_SDL) {
            return usage_error(error,
                               "the chardev '%s' is a terminal in the window, and there is "
                               "no window: say '-display sdl'",
                               chardev->id);
        }
        if (stdios > 1) {
            return usage_error(error, "standard input and output were asked for twice: share them "
                                      "with '-serial mon:stdio', or mux=on in one -chardev");
        }
        agents += chardev->kind == PLAN_VDAGENT;
        if (agents > 1) {
            return usage_error(error, "-chardev vdagent: there is one clipboard, and it has an "
                                      "agent already");
        }
        if (!chardev->mux && chardev_users(plan, chardev->id) > 1) {
            return usage_error(error, "the chardev '%s' is used more than once: add mux=on to it",
                               chardev->id);
        }
    }
    return true;
}

static bool streams_check(struct plan *plan, GError **error)
{
    streams_default(plan);
    if (!stream_known(plan, "-serial", plan->serial, error)) {
        return false;
    }
    for (guint i = 0; i < plan->monitors->len; i++) {
        if (!stream_known(plan, "-mon", plan->monitors->pdata[i], error)) {
            return false;
        }
    }
    return chardevs_check(plan, error);
}

static bool boot_check_files(const struct plan *plan, GError **error)
{
    const struct machine_config *config = &plan->config;
    if (!config->kernel && (config->initrd || config->append)) {
        return usage_error(error, "-%s is for a kernel: say which one with '-kernel FILE'",
                           config->initrd ? "initrd" : "append");
    }
    return true;
}

static bool plan_has(const struct plan *plan, enum machine_device_kind kind, enum input_kind input)
{
    for (guint i = 0; i < plan->config.devices->len; i++) {
        const struct machine_device *device = plan->config.devices->pdata[i];
        if (device->kind == kind && (kind != DEVICE_INPUT || device->input == input)) {
            return true;
        }
    }
    return false;
}

/* Whether one more device finds a slot. */
static bool plan_has_room(const struct plan *plan)
{
    return plan->config.devices->len + plan->tail->len < SLOTS;
}

/* A port for an agent in the guest, through which text is copied and pasted. */
static bool plan_add_agent(struct plan *plan, GError **error)
{
    static const char id[] = "vdagent";
    if (!plan_has_room(plan) || plan_has(plan, DEVICE_CONSOLE, INPUT_KINDS) ||
        plan_find_chardev(plan, id)) {
        return true; /* the user has plans of their own */
    }
    plan_add_chardev(plan, g_strdup(id))->kind = PLAN_VDAGENT;
    return option_device(plan, "virtio-serial-device", error) &&
           option_device(plan, "virtserialport,chardev=vdagent,name=com.redhat.spice.0", error);
}

/* What a window is good for: a picture, keys, a pointer, sound and the clipboard, as far as there
 * are slots. */
static bool plan_add_desktop(struct plan *plan, GError **error)
{
    static const struct {
        enum machine_device_kind kind;
        enum input_kind input;
        const char *name;
    } devices[] = {
        { DEVICE_GPU, INPUT_KINDS, "virtio-gpu-device" },
        { DEVICE_INPUT, INPUT_KEYBOARD, "virtio-keyboard-device" },
        { DEVICE_INPUT, INPUT_TABLET, "virtio-tablet-device" },
        { DEVICE_SOUND, INPUT_KINDS, "virtio-sound-device" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        if (plan_has_room(plan) && !plan_has(plan, devices[i].kind, devices[i].input) &&
            !option_device(plan, devices[i].name, error)) {
            return false;
        }
    }
    return plan_add_agent(plan, error);
}

bool plan_choose_display(struct plan *plan, bool window_possible, GError **error)
{
    if (plan->display == PLAN_DISPLAY_DEFAULT && window_possible && !plan->config.dump_dtb) {
        plan->display = PLAN_DISPLAY_SDL;
    }
    bool desktop = plan->display == PLAN_DISPLAY_SDL && plan->guided && !plan->no_defaults;
    return !desktop || plan_add_desktop(plan, error);
}

bool plan_check(struct plan *plan, GError **error)
{
    if (plan->no_machine) {
        return usage_error(error, "-machine none has nothing to run: say '-machine virt'");
    }
    return boot_check_files(plan, error) && devices_check(plan, error) &&
           streams_check(plan, error);
}
