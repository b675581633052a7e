/* Goal: docs/devices.md says what the classes say. devices_md --write FILE writes it. */
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "emu/board/virt.h"
#include "emu/dev/devices.h"
#include "emu/virtio/virtio.h"

static const struct device_class *const classes[] = {
    &uart16550_class, &clint_class, &plic_class, &goldfish_rtc_class, &syscon_class,
    &fw_cfg_class, &pflash_class, &ps2_button_class, &virtio_mmio_class,
};

static void write_map(GString *text)
{
    g_string_append(text, "## The map of the `virt` board\n\n"
                          "| slot | address | size | interrupt | device |\n"
                          "|---|---|---|---|---|\n");
    for (unsigned i = 0; i < VIRT_SLOT_COUNT; i++) {
        const struct virt_slot *slot = &virt_slots[i];
        bool transport = i >= VIRT_VIRTIO_FIRST && i <= VIRT_VIRTIO_LAST;
        const char *device = slot->class != NULL ? slot->class->name
                             : transport         ? virtio_mmio_class.name
                             : i == VIRT_FLASH1  ? pflash_class.name
                                                 : "memory";
        g_string_append_printf(text, "| %s | 0x%08x | ", slot->name, (unsigned)slot->base);
        if (slot->size != 0) {
            g_string_append_printf(text, "0x%x | ", (unsigned)slot->size);
        } else {
            g_string_append(text, "`-m` | ");
        }
        if (slot->irq != 0) {
            g_string_append_printf(text, "%u", slot->irq);
        }
        g_string_append_printf(text, " | %s |\n", device);
    }
}

static void write_register(GString *text, const struct device_reg *reg)
{
    static const char *const access[] = { "", "R", "W", "RW" };
    unsigned extent = reg->size_max != 0 ? reg->size_max : reg->size;
    unsigned stride = reg->stride != 0 ? reg->stride : extent;
    g_string_append_printf(text, "| 0x%x", reg->offset);
    if (reg->count > 1) {
        g_string_append_printf(text, " + 0x%x n, n < %u", stride, reg->count);
    }
    g_string_append_printf(text, " | %s | %u", reg->name, reg->size);
    if (extent > reg->size) {
        g_string_append_printf(text, " to %u", extent);
    }
    g_string_append_printf(text, " | %s |\n", access[reg->access]);
}

static void write_class(GString *text, const struct device_class *class)
{
    g_string_append_printf(text, "\n## %s\n\n", class->name);
    if (class->compatible != NULL) {
        g_string_append_printf(text, "In the devicetree: `%s`. ", class->compatible);
    }
    g_string_append_printf(text, "A window of 0x%x bytes.\n\n", class->mmio_size);
    g_string_append(text, "| offset | register | width in bytes | access |\n|---|---|---|---|\n");
    for (const struct device_reg *reg = class->regs; reg->name != NULL; reg++) {
        write_register(text, reg);
    }
    if (class->state[0].name == NULL) {
        g_string_append(text, "\nNo state.\n");
        return;
    }
    g_string_append(text, "\nState (*: kept by a reset):");
    for (const struct state_field *field = class->state; field->name != NULL; field++) {
        g_string_append_printf(text, "%s %s%s", field == class->state ? "" : ",", field->name,
                               field->policy == FIELD_KEPT ? "*" : "");
    }
    g_string_append(text, ".\n");
}

static const struct virtio_class *const virtio_classes[] = {
    &virtio_blk_class, &virtio_net_class, &virtio_console_class, &virtio_rng_class,
    &virtio_gpu_class, &virtio_input_class, &virtio_snd_class,
};

static void write_virtio(GString *text)
{
    g_string_append(text, "\n## Devices in virtio slots\n\n"
                          "VIRTIO 1.2, without its legacy interface.\n\n"
                          "| device | id | queues | entries | configuration in bytes |\n"
                          "|---|---|---|---|---|\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(virtio_classes); i++) {
        const struct virtio_class *class = virtio_classes[i];
        g_string_append_printf(text, "| %s | %u | %u | %u | %u |\n", class->name, class->id,
                               class->queue_count, class->queue_size, class->config_size);
    }
}

static GString *write_all(void)
{
    GString *text = g_string_new(
        "# Devices\n\nWritten from the classes in `emu/dev/` and `emu/virtio/` by "
        "`tests/device/devices_md.c`; a test compares.\nAn access that no row allows, by offset, "
        "width or direction, is a bus error: the guest takes an access fault.\n\n");
    write_map(text);
    for (unsigned i = 0; i < G_N_ELEMENTS(classes); i++) {
        write_class(text, classes[i]);
    }
    write_virtio(text);
    return text;
}

int main(int argc, char **argv)
{
    GString *text = write_all();
    GError *error = NULL;
    char *there = NULL;
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        g_assert_true(g_file_set_contents(argv[2], text->str, (gssize)text->len, NULL));
    } else {
        g_assert_cmpint(argc, ==, 2);
        g_assert_true(g_file_get_contents(argv[1], &there, NULL, &error));
        if (strcmp(there, text->str) != 0) {
            fprintf(stderr, "docs/devices.md is old: %s --write %s\n", argv[0], argv[1]);
            return 1;
        }
    }
    g_free(there);
    g_string_free(text, TRUE);
    return 0;
}
