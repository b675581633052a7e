#include "ui/demo.h"

#include "ui/options.h"
#include "ui/usage.h"

#define DISK_ID    "demo-disk"
#define DISK_SIZE  (1024 * 1024)
#define DISK_NAME  "tinamou-demo" /* by this serial number the guest knows that it may write */
#define GUEST_NAME "the built-in demo"

static void demo_add_disk(struct plan *plan)
{
    struct machine_drive *drive = g_new0(struct machine_drive, 1);
    drive->id = g_strdup(DISK_ID);
    drive->memory_size = DISK_SIZE;
    g_ptr_array_add(plan->config.drives, drive);
    struct machine_device *device = plan_add_device(plan->config.devices, DEVICE_BLK);
    device->id = plan_anonymous(plan, "disk");
    device->backend = g_strdup(DISK_ID);
    device->serial = g_strdup(DISK_NAME);
}

bool demo_plan(struct plan *plan, const char *const *arguments, bool silent, GError **error)
{
    static const char *const machine[] = {
        "-M", "virt", "-smp", "2", "-m", "256M", "-bios", "none",
        "-netdev", "user,id=demo-net",
        "-device", "virtio-net-device,netdev=demo-net",
        "-device", "virtio-rng-device",
        "-device", "virtio-gpu-device",
        "-device", "virtio-keyboard-device",
        "-device", "virtio-tablet-device", NULL,
    };
    static const char *const heard[] = { "-device", "virtio-sound-device", NULL };
    static const char *const unheard[] = {
        "-audiodev", "none,id=demo-sound",
        "-device", "virtio-sound-device,audiodev=demo-sound", NULL,
    };
    if (!options_parse(plan, machine, error) ||
        !options_parse(plan, silent ? unheard : heard, error)) {
        return false;
    }
    demo_add_disk(plan);
    if (!options_parse(plan, arguments, error)) {
        return false;
    }
    if (plan->config.kernel || plan->config.initrd) {
        return usage_error(error, "demo: it has a program of its own: to run another, say 'tinamou "
                                  "run FILE'");
    }
    plan->config.kernel = g_strdup(GUEST_NAME);
    plan->config.kernel_data = demo_image;
    plan->config.kernel_size = demo_image_size;
    return true;
}
