/* Disks: what they are and how they do, and how long they are. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <string.h>

const struct machine_device *monitor_device_of(const struct machine_config *config,
                                               enum machine_device_kind kind, const char *backend)
{
    for (guint i = 0; i < config->devices->len; i++) {
        const struct machine_device *device = config->devices->pdata[i];
        if (device->kind == kind && strcmp(device->backend, backend) == 0) {
            return device;
        }
    }
    return NULL;
}

void monitor_info_block(struct monitor_call *call)
{
    const struct machine_config *config = call->options->config;
    for (guint i = 0; i < config->drives->len; i++) {
        const struct machine_drive *drive = config->drives->pdata[i];
        const struct machine_device *device = monitor_device_of(config, DEVICE_BLK, drive->id);
        const struct block *block = machine_block(call->options->machine, drive->id);
        g_string_append_printf(call->out, "%s: %s (%s%s%s)\n", drive->id, block_path(block),
                               block_format(block), drive->read_only ? ", read-only" : "",
                               drive->snapshot ? ", snapshot" : "");
        g_string_append_printf(call->out, "    Attached to: %s\n", device ? device->id : "nothing");
        g_string_append_printf(call->out, "    Size: %" PRIu64 " bytes, requests: %" PRIu64 "\n",
                               block_size(block), block_submitted(block));
        if (block_stopped(block) > 0) {
            g_string_append_printf(call->out, "    I/O status: %u requests failed and wait\n",
                                   block_stopped(block));
        }
    }
}

/* "10G", "512k"; a bare number counts MiB, as people know it from QEMU's monitor. */
static bool size_parse(const char *text, uint64_t *ret_size)
{
    static const char units[] = "bkmgtpe";
    char *end;
    uint64_t number = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, g_ascii_tolower(*end)) : &units[2];
    if (end == text || unit == NULL || (*end && end[1])) {
        return false;
    }
    unsigned shift = 10 * (unsigned)(unit - units);
    *ret_size = number << shift;
    return number > 0 && *ret_size >> shift == number && *ret_size <= INT64_MAX;
}

void monitor_block_resize(struct monitor_call *call)
{
    g_autoptr(GError) error = NULL;
    const char *id = call->words[0];
    const char *text = id ? call->words[1] : NULL;
    struct block *block = id ? machine_block(call->options->machine, id) : NULL;
    uint64_t size;
    if (!text) {
        g_string_append(call->out, "block_resize DISK SIZE: 'info block' lists the disks\n");
    } else if (!block) {
        g_string_append_printf(call->out, "there is no disk '%s'; 'info block' lists them\n", id);
    } else if (!size_parse(text, &size) || size % 512 != 0) {
        g_string_append_printf(call->out, "'%s' is no size: say 10G, or 20480 for as many MiB\n",
                               text);
    } else if (!block_resize(block, size, &error)) {
        g_string_append_printf(call->out, "%s\n", error->message);
    }
}

/* QEMU's order: bytes, then requests; of all, of reads, of writes. */
void monitor_block_limit(struct monitor_call *call)
{
    struct throttle_limits limits = { 0 };
    const char *id = call->words[0];
    struct block *block = id ? machine_block(call->options->machine, id) : NULL;
    if (!id || g_strv_length((char **)call->words) != 1 + 2 * THROTTLE_KINDS) {
        g_string_append(call->out, "block_set_io_throttle DISK BPS BPS_RD BPS_WR IOPS IOPS_RD "
                                   "IOPS_WR: six numbers, 0 for no limit\n");
        return;
    }
    if (!block) {
        g_string_append_printf(call->out, "there is no disk '%s'; 'info block' lists them\n", id);
        return;
    }
    for (unsigned i = 0; i < 2 * THROTTLE_KINDS; i++) {
        uint64_t *limit =
            i < THROTTLE_KINDS ? &limits.bytes[i] : &limits.requests[i % THROTTLE_KINDS];
        const char *text = call->words[1 + i];
        if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, limit, NULL)) {
            g_string_append_printf(call->out, "'%s' is no number\n", text);
            return;
        }
    }
    block_set_limits(block, &limits);
}
