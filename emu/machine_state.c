/* What a machine's state consists of, and which machines can have the same. */
#include "emu/machine_state.h"

#include <inttypes.h>
#include <string.h>

#include "emu/machine_parts.h"
#include "emu/state/file.h"
#include "emu/state/part.h"
#include "platform/file.h"

unsigned machine_memories(struct machine *machine, struct machine_memory *to)
{
    const struct machine_memory all[MEMORIES_MAX] = {
        { "ram", &machine->ram },
        { "mrom", &machine->mrom },
        { "flash0", &machine->flash[0] },
        { "flash1", &machine->flash[1] },
    };
    unsigned count = 0;
    for (unsigned i = 0; i < MEMORIES_MAX; i++) {
        if (all[i].memory->base != NULL) {
            to[count++] = all[i];
        }
    }
    return count;
}

int machine_compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `with_times`: a state that does not hold the disks belongs to them as they are now. */
static void describe_drives(const struct machine *machine, bool with_times, GString *text)
{
    guint count;
    g_autofree void **ids = g_hash_table_get_keys_as_array(machine->blocks, &count);
    qsort(ids, count, sizeof(*ids), machine_compare_names);
    for (guint i = 0; i < count; i++) {
        const struct block *block = g_hash_table_lookup(machine->blocks, ids[i]);
        g_string_append_printf(text, "drive %s: %" PRIu64 " bytes%s\n", (const char *)ids[i],
                               block_size(block), block_read_only(block) ? ", read only" : "");
        int64_t changed_us = with_times ? host_file_changed_us(block_path(block)) : 0;
        if (changed_us != 0 && !block_read_only(block)) {
            g_string_append_printf(text, "drive %s last written: %" PRId64 " us\n",
                                   (const char *)ids[i], changed_us);
        }
    }
}

char *machine_describe(const struct machine *machine, bool with_times)
{
    GString *text = g_string_new(NULL);
    struct machine_memory memories[MEMORIES_MAX];
    unsigned count = machine_memories((struct machine *)machine, memories);
    g_string_append_printf(text, "board: virt\nharts: %u\ninstructions: %s\naddress space: %s\n",
                           machine->hart_count, machine->hart_config.isa,
                           machine->hart_config.sv48 ? "Sv48" : "Sv39");
    g_string_append_printf(text, "firmware: %s\n", machine->sbi != NULL ? "built in" : "a guest's");
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(text, "memory %s: %zu bytes\n", memories[i].name,
                               memories[i].memory->size);
    }
    for (unsigned i = 0; i < VIRT_VIRTIO_COUNT; i++) {
        const struct virtio_device *dev =
            virtio_mmio_backend(machine->device[VIRT_VIRTIO_FIRST + i]);
        g_string_append_printf(text, "slot %u: %s\n", i, dev != NULL ? dev->class->name : "empty");
    }
    g_string_append_printf(text, "ramfb: %s\n", machine->ramfb != NULL ? "yes" : "no");
    g_string_append_printf(text, "screens: %u\n", machine->display_count);
    describe_drives(machine, with_times, text);
    return g_string_free(text, FALSE);
}

/* The value of a line "key: value" in a description; NULL if there is none. */
static char *describe_value(char **lines, const char *key)
{
    for (size_t i = 0; lines[i] != NULL; i++) {
        const char *rest = g_str_has_prefix(lines[i], key) ? lines[i] + strlen(key) : "";
        if (g_str_has_prefix(rest, ": ")) {
            return lines[i] + strlen(key) + 2;
        }
    }
    return NULL;
}

/* Whether a line says when a disk was written; not all hosts can tell. */
static bool describes_time(const char *line)
{
    return strstr(line, " last written: ") != NULL;
}

/* Names each line of `from` that `to` has otherwise. */
static void describe_differences(char **from, char **to, bool missing_only, GString *text)
{
    for (size_t i = 0; from[i] != NULL && from[i][0] != '\0'; i++) {
        const char *colon = strstr(from[i], ": ");
        g_autofree char *key =
            g_strndup(from[i], colon != NULL ? (gsize)(colon - from[i]) : strlen(from[i]));
        const char *here = colon != NULL ? describe_value(to, key) : NULL;
        if (here == NULL && describes_time(from[i])) {
            continue;
        }
        if (here == NULL || (!missing_only && strcmp(here, colon + 2) != 0)) {
            g_string_append_printf(text, "%s%s: %s there, %s here", text->len > 0 ? "; " : "", key,
                                   missing_only ? "none" : colon != NULL ? colon + 2 : "?",
                                   missing_only ? colon + 2 : here != NULL ? here : "none");
        }
    }
}

bool machine_matches(const struct machine *machine, const char *about, GError **error)
{
    g_autofree char *own = machine_describe(machine, strstr(about, " last written: ") != NULL);
    g_auto(GStrv) there = g_strsplit(about, "\n", -1);
    g_auto(GStrv) here = g_strsplit(own, "\n", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    describe_differences(there, here, false, text);
    describe_differences(here, there, true, text);
    return text->len == 0 || state_fail(error, STATE_ERROR_MACHINE,
                                        "it was saved from another machine (%s): start one with "
                                        "the options that it had", text->str);
}

/* The virtual clock, as a part: it stands. */
static void clock_collect(void *base)
{
    struct machine *machine = base;
    machine->saved_time_ns = aio_clock_now_ns(&machine->clock);
}

static bool clock_check(const void *staged, GError **error)
{
    const struct machine *machine = staged;
    return machine->saved_time_ns >= 0 ||
           state_fail(error, STATE_ERROR_DAMAGED, "its time is before it began");
}

static void clock_restore(void *base)
{
    struct machine *machine = base;
    aio_clock_set(&machine->clock, machine->saved_time_ns);
}

static void machine_add_clock_part(struct machine *machine, GPtrArray *parts)
{
    static const struct state_field fields[] = {
        STATE_FIELD(struct machine, saved_time_ns, RESET),
        { 0 },
    };
    parts_add(parts, &(struct state_part){
        .id = g_strdup("clock"),
        .kind = "clock",
        .fields = fields,
        .base = machine,
        .size = sizeof(*machine),
        .collect = clock_collect,
        .check = clock_check,
        .restore = clock_restore,
    });
}

/* In the order in which they are restored: the clock, for timers; those who drive interrupt lines;
 * those whose lines are driven. */
GPtrArray *machine_state_parts(struct machine *machine)
{
    GPtrArray *parts = parts_new();
    machine_add_clock_part(machine, parts);
    for (unsigned i = 0; i < VIRT_SLOT_COUNT; i++) {
        struct device *dev = machine->device[i];
        if (dev != NULL && i >= VIRT_VIRTIO_FIRST && i <= VIRT_VIRTIO_LAST) {
            virtio_mmio_add_parts(dev, parts);
        } else if (dev != NULL && i != VIRT_PLIC) {
            device_add_part(dev, parts);
        }
    }
    if (machine->ramfb != NULL) {
        ramfb_add_part(machine->ramfb, parts);
    }
    device_add_part(machine->device[VIRT_PLIC], parts);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        riscv_hart_add_part(machine->hart[i], parts);
    }
    if (machine->sbi != NULL) {
        sbi_add_parts(machine->sbi, parts);
    }
    if (machine->htif != NULL) {
        htif_add_part(machine->htif, parts);
    }
    return parts;
}
