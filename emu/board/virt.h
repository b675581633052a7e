/*
 * The `virt` board: one table of slots says what answers where, on which interrupt, and how the
 * devicetree describes it. The map is the one that firmware and kernels for the well-known riscv
 * `virt` machine expect.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/board/tree.h"
#include "emu/dev/device.h"
#include "emu/riscv/hart.h"

#define VIRT_TIMEBASE_HZ  10000000
#define VIRT_VIRTIO_COUNT 8
#define VIRT_DRAM_BASE    0x80000000ull

enum virt_slot_id {
    VIRT_MROM, VIRT_TEST, VIRT_RTC, VIRT_BUTTON, VIRT_CLINT, VIRT_PLIC, VIRT_UART,
    VIRT_VIRTIO_FIRST,
    VIRT_VIRTIO_LAST = VIRT_VIRTIO_FIRST + VIRT_VIRTIO_COUNT - 1,
    VIRT_FW_CFG, VIRT_FLASH0, VIRT_FLASH1, VIRT_DRAM,
    VIRT_SLOT_COUNT,
};

struct virt_tree;
struct virt_slot;

/* Writes the slot's node into the open /soc node (or the root, if `at_root`). */
typedef void virt_describe_fn(struct tree *tree, const struct virt_tree *options,
                              const struct virt_slot *slot);

struct virt_slot {
    const char *name; /* id of the device in reports */
    gpa_t base;
    uint64_t size;
    unsigned irq;                     /* PLIC source; 0: none */
    const struct device_class *class; /* NULL: memory, or made by its transport (virtio) */
    virt_describe_fn *describe;       /* NULL: not in the tree */
    bool at_root;                     /* its node is not under /soc */
};

/* The table, indexed by enum virt_slot_id. */
extern const struct virt_slot virt_slots[VIRT_SLOT_COUNT];

/* What the devicetree says besides the table. */
struct virt_tree {
    unsigned harts;
    uint64_t ram_size;
    const char *isa;      /* "rv64imafdc_zicsr_..." */
    bool sv48;
    bool flash;           /* there are flash banks */
    const char *bootargs; /* NULL: none */
    gpa_t initrd_start, initrd_end; /* an end of 0: none */
};

/* Writes the machine's devicetree; free with g_free. */
void *virt_tree_new(const struct virt_tree *options, size_t *ret_size, GError **error);
