/* The memory map of the `virt` board. Addresses, sizes and interrupt numbers as in QEMU 7.2's
 * hw/riscv/virt.c documentation, but for the power button, which is ours; not there yet: PCIe, the
 * platform bus, the AIA. */
#include "emu/board/virt.h"

#include "emu/board/virt_nodes.h"
#include "emu/dev/devices.h"

#define VIRTIO_SLOT(n) \
    { "virtio" #n, 0x10001000 + (n) * 0x1000, 0x1000, 1 + (n), NULL, virt_describe_virtio, 0 }
#define FIRST VIRT_VIRTIO_FIRST

/* name, base, size, interrupt, class, node, node at the root */
const struct virt_slot virt_slots[VIRT_SLOT_COUNT] = {
    [VIRT_MROM] = { "mrom", 0x1000, 0xf000, 0, NULL, NULL, 0 },
    [VIRT_TEST] = { "test", 0x100000, 0x1000, 0, &syscon_class, virt_describe_test, 0 },
    [VIRT_RTC] = { "rtc", 0x101000, 0x1000, 11, &goldfish_rtc_class, virt_describe_class, 0 },
    [VIRT_BUTTON] = { "power-button", 0x102000, 0x1000, 12, &ps2_button_class, virt_describe_class,
                      0 },
    [VIRT_CLINT] = { "clint", 0x2000000, 0x10000, 0, &clint_class, virt_describe_clint, 0 },
    [VIRT_PLIC] = { "plic", 0xc000000, 0x600000, 0, &plic_class, virt_describe_plic, 0 },
    [VIRT_UART] = { "serial0", 0x10000000, 0x100, 10, &uart16550_class, virt_describe_uart, 0 },
    [FIRST] = VIRTIO_SLOT(0), [FIRST + 1] = VIRTIO_SLOT(1), [FIRST + 2] = VIRTIO_SLOT(2),
    [FIRST + 3] = VIRTIO_SLOT(3), [FIRST + 4] = VIRTIO_SLOT(4), [FIRST + 5] = VIRTIO_SLOT(5),
    [FIRST + 6] = VIRTIO_SLOT(6), [FIRST + 7] = VIRTIO_SLOT(7),
    [VIRT_FW_CFG] = { "fw_cfg", 0x10100000, 0x18, 0, &fw_cfg_class, virt_describe_fw_cfg, 1 },
    [VIRT_FLASH0] = { "flash0", 0x20000000, 0x2000000, 0, NULL, NULL, 1 },
    [VIRT_FLASH1] = { "flash1", 0x22000000, 0x2000000, 0, NULL, virt_describe_flash, 1 },
    [VIRT_DRAM] = { "ram", VIRT_DRAM_BASE, 0, 0, NULL, virt_describe_memory, 1 },
};
