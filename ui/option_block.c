/* Options for disks: -drive and -snapshot. */
#include "ui/option_fns.h"

#include <string.h>

#include "emu/block/manage.h"
#include "ui/keys.h"
#include "ui/usage.h"

enum drive_interface { IF_VIRTIO, IF_NONE, IF_PFLASH };
enum drive_media { MEDIA_DISK, MEDIA_CDROM };
enum drive_discard { DISCARD_IGNORE, DISCARD_OFF, DISCARD_UNMAP, DISCARD_ON };

struct drive_keys {
    char *file, *id, *format, *serial, *data_file;
    unsigned interface, cache, media, discard, detect_zeroes, on_read_error, on_write_error;
    uint64_t unit, index;
    uint64_t bytes[THROTTLE_KINDS], requests[THROTTLE_KINDS];
    bool read_only, snapshot;
};

static const char *const interfaces[] = { "virtio", "none", "pflash", NULL };
static const char *const caches[] = { "writeback",  "none",   "writethrough",
                                      "directsync", "unsafe", NULL };
static const char *const medias[] = { "disk", "cdrom", NULL };
static const char *const ios[] = { "threads", "native", "io_uring", NULL };
static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
static const char *const detects[] = { "off", "on", "unmap", NULL };
static const char *const on_errors[] = { "report", "ignore", "stop", "enospc", NULL };

#define FLASH_BANKS  2
#define INDEX_MAX    31
#define INDEX_UNSAID UINT64_MAX
#define DRIVE(field) offsetof(struct drive_keys, field)

/* How much a second; QEMU knows two names for each. */
#define LIMIT(name, old_name, field, help)                                                         \
    { "throttling." name, KEY_NUMBER, DRIVE(field), help, NULL, LIMIT_MAX },                       \
    {                                                                                              \
        old_name, KEY_NUMBER, DRIVE(field), "the same", NULL, LIMIT_MAX                            \
    }
#define LIMIT_MAX 1000000000000000ull

static const struct key_row drive_rows[] = {
    { "file", KEY_STRING, DRIVE(file), "the image", NULL, 0 },
    { "if", KEY_CHOICE, DRIVE(interface), "how it is attached; none: by -device", interfaces, 0 },
    { "unit", KEY_NUMBER, DRIVE(unit), "which flash bank, 0 or 1", NULL, 1 },
    { "index", KEY_NUMBER, DRIVE(index), "as unit; disks keep their order", NULL, INDEX_MAX },
    { "id", KEY_STRING, DRIVE(id), "its name for -device", NULL, 0 },
    { "format", KEY_STRING, DRIVE(format), "raw or qcow2; guessed if not said", NULL, 0 },
    { "data-file.filename", KEY_STRING, DRIVE(data_file), "where a qcow2 image keeps its data",
      NULL, 0 },
    { "readonly", KEY_SWITCH, DRIVE(read_only), "the guest cannot write", NULL, 0 },
    { "read-only", KEY_SWITCH, DRIVE(read_only), "the same", NULL, 0 },
    { "snapshot", KEY_SWITCH, DRIVE(snapshot), "forget at the end what was written", NULL, 0 },
    { "cache", KEY_CHOICE, DRIVE(cache), "when a write is on the disk", caches, 0 },
    { "media", KEY_CHOICE, DRIVE(media), "cdrom: read-only", medias, 0 },
    { "serial", KEY_STRING, DRIVE(serial), "the serial number that the guest sees", NULL, 0 },
    { "aio", KEY_FIXED, 0, "a wish; the best there is is taken", ios, 0 },
    { "discard", KEY_CHOICE, DRIVE(discard), "unmap: the host gets room back", discards, 0 },
    { "detect-zeroes", KEY_CHOICE, DRIVE(detect_zeroes), "writes of zeros alone take no room",
      detects, 0 },
    { "werror", KEY_CHOICE, DRIVE(on_write_error), "what a write that fails does", on_errors, 0 },
    { "rerror", KEY_CHOICE, DRIVE(on_read_error), "what a read that fails does", on_errors, 0 },
    LIMIT("bps-total", "bps", bytes[THROTTLE_TOTAL], "bytes a second"),
    LIMIT("bps-read", "bps_rd", bytes[THROTTLE_READ], "of reads alone"),
    LIMIT("bps-write", "bps_wr", bytes[THROTTLE_WRITE], "of writes alone"),
    LIMIT("iops-total", "iops", requests[THROTTLE_TOTAL], "requests a second"),
    LIMIT("iops-read", "iops_rd", requests[THROTTLE_READ], "of reads alone"),
    LIMIT("iops-write", "iops_wr", requests[THROTTLE_WRITE], "of writes alone"),
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static bool drive_check(struct plan *plan, const struct drive_keys *keys, GError **error)
{
    if (!keys->file || !*keys->file) {
        return usage_error(error, "-drive: which image? Say file=FILE");
    }
    if (keys->format && !block_driver_find(keys->format)) {
        return usage_error(error,
                           "-drive: there is no image format '%s': convert '%s' with 'tinamou img "
                           "convert -O qcow2' and say format=qcow2",
                           keys->format, keys->file);
    }
    if (keys->on_read_error == ON_ERROR_ENOSPC) {
        return usage_error(error, "-drive: rerror=enospc: reads need no space; say rerror=report, "
                                  "ignore or stop");
    }
    if (keys->interface == IF_NONE && !keys->id) {
        return usage_error(
            error, "-drive: '%s' with if=none needs id=NAME, which -device refers to", keys->file);
    }
    if (!keys->format && keys->interface != IF_PFLASH) {
        plan_warn(plan,
                  "-drive: the format of '%s' is guessed: say format=raw or another to be "
                  "sure",
                  keys->file);
    }
    return true;
}

/* Puts an image into a flash bank: the one that is named, else the first that is free. */
static bool drive_add_flash(struct plan *plan, const struct drive_keys *keys, GError **error)
{
    struct machine_flash *bank = plan->config.flash;
    if (keys->unit < FLASH_BANKS) {
        bank += keys->unit;
    } else if (bank->path != NULL) {
        bank++;
    }
    if (bank->path != NULL) {
        return usage_error(error, "-drive: flash bank %u already holds '%s'",
                           (unsigned)(bank - plan->config.flash), bank->path);
    }
    bank->path = g_strdup(keys->file);
    bank->read_only = keys->read_only;
    return true;
}

static void drive_add(struct plan *plan, const struct drive_keys *keys)
{
    struct machine_drive *drive = g_new0(struct machine_drive, 1);
    drive->id = keys->id ? g_strdup(keys->id) : plan_anonymous(plan, "block");
    drive->path = g_strdup(keys->file);
    drive->serial = g_strdup(keys->serial);
    drive->read_only = keys->read_only || keys->media == MEDIA_CDROM;
    drive->snapshot = keys->snapshot;
    drive->format = g_strdup(keys->format);
    drive->data_file = g_strdup(keys->data_file);
    drive->discard = keys->discard >= DISCARD_UNMAP;
    drive->cache = keys->cache; /* these have the order of their names above */
    drive->detect_zeroes = keys->detect_zeroes;
    drive->on_read_error = keys->on_read_error;
    drive->on_write_error = keys->on_write_error;
    memcpy(drive->limits.bytes, keys->bytes, sizeof(keys->bytes));
    memcpy(drive->limits.requests, keys->requests, sizeof(keys->requests));
    g_ptr_array_add(plan->config.drives, drive);
    if (keys->interface == IF_VIRTIO) {
        struct machine_device *device = plan_add_device(plan->tail, DEVICE_BLK);
        device->id = plan_anonymous(plan, "disk");
        device->backend = g_strdup(drive->id);
    }
}

bool option_drive(struct plan *plan, const char *value, GError **error)
{
    struct drive_keys keys = { .unit = FLASH_BANKS,
                               .index = INDEX_UNSAID,
                               .on_write_error = ON_ERROR_ENOSPC };
    bool taken = keys_parse("-drive", value, NULL, drive_rows, &keys, error) &&
                 drive_check(plan, &keys, error);
    if (taken && keys.interface == IF_PFLASH && keys.index != INDEX_UNSAID) {
        keys.unit = keys.index;
        taken = keys.unit < FLASH_BANKS ||
                usage_error(error, "-drive: there are flash banks 0 and 1, and no index=%u",
                            (unsigned)keys.index);
    }
    if (taken && keys.interface == IF_PFLASH) {
        taken = drive_add_flash(plan, &keys, error);
    } else if (taken) {
        drive_add(plan, &keys);
    }
    keys_clear(drive_rows, &keys);
    return taken;
}

bool option_pflash(struct plan *plan, const char *value, GError **error)
{
    const struct drive_keys keys = { .file = (char *)value, .unit = FLASH_BANKS };
    return drive_add_flash(plan, &keys, error);
}

bool option_snapshot(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->snapshot = true;
    return true;
}
