/* The devicetree node of each kind of slot; named in the table of virt.c. */
#pragma once

#include "emu/board/virt.h"

/* The power device, a system controller, with the poweroff and reboot nodes that use it. */
virt_describe_fn virt_describe_test;

/* A device with nothing but registers and an interrupt, as its class says. */
virt_describe_fn virt_describe_class;

/* The core-local interruptor, wired to every hart. */
virt_describe_fn virt_describe_clint;

/* The interrupt controller, wired to every hart. */
virt_describe_fn virt_describe_plic;

/* The serial port. */
virt_describe_fn virt_describe_uart;

/* A virtio transport. */
virt_describe_fn virt_describe_virtio;

/* The firmware configuration device. */
virt_describe_fn virt_describe_fw_cfg;

/* The flash bank that can be written, if there is one. */
virt_describe_fn virt_describe_flash;

/* Main memory. */
virt_describe_fn virt_describe_memory;
