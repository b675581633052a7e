/* Every device a board may place, and how each is made. One file and one entry a device. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/chardev/chardev.h"
#include "emu/dev/device.h"
#include "platform/file.h"

/* Goldfish real-time clock: wall time and one alarm. */
extern const struct device_class goldfish_rtc_class;

/* 16550A UART. */
extern const struct device_class uart16550_class;

/* SiFive test device: poweroff, reboot, exit codes. */
extern const struct device_class syscon_class;

/* ACLINT in the CLINT layout: MSIP, mtimecmp, mtime. */
extern const struct device_class clint_class;

/* Platform-level interrupt controller 1.0.0. */
extern const struct device_class plic_class;

/* Firmware configuration: selector, data, DMA. */
extern const struct device_class fw_cfg_class;

/* Power button: a PS/2 keyboard with one key. */
extern const struct device_class ps2_button_class;

/* NOR flash with the Intel command set. */
extern const struct device_class pflash_class;

#define PFLASH_SIZE (32u << 20)

/* Gives a flash its array (PFLASH_SIZE bytes, which outlive it) and the file that changes are
 * written through to; NULL: none. Before the machine runs. */
void pflash_connect(struct device *pflash, uint8_t *data, struct host_file *file);

/* Connects a UART to what stands behind it; NULL disconnects. */
void uart16550_connect(struct device *uart, struct chardev *chardev);

/* How the guest asked for the end: exit status, and whether it wants to start again. */
typedef void syscon_exit_fn(void *opaque, bool reboot, int status);

/* Sends bytes past the registers, behind what the guest has sent; returns how many there was room
 * for (built-in SBI's console). */
size_t uart16550_send(struct device *uart, const uint8_t *data, size_t size);

/* Takes received bytes past the registers, at most `size`; returns how many. */
size_t uart16550_take(struct device *uart, uint8_t *data, size_t size);

/* Whether all that the guest has sent is with the chardev. */
bool uart16550_flushed(struct device *uart);

/* Presses the power button and lets it go; false if the guest does not listen to it. */
bool ps2_button_press(struct device *button);

/* Who is told about a poweroff or reboot request. */
void syscon_connect(struct device *syscon, syscon_exit_fn *fn, void *opaque);

/* Wires hart `index` of the CLINT: MSIP and MTIP lines. Before the machine runs. */
void clint_connect(struct device *clint, unsigned hart, struct irq_line msip,
                   struct irq_line mtip);

/* How many ticks per second mtime counts; before the machine runs. */
void clint_set_timebase(struct device *clint, uint64_t timebase_hz);

/* What a guest added to mtime by writing it, in ticks; lives as long as the CLINT. Any thread. */
const _Atomic uint64_t *clint_mtime_delta(struct device *clint);

/* Calls `fn` after every write to mtime, with the machine lock held. Before the machine runs. */
void clint_on_time_set(struct device *clint, void (*fn)(void *opaque), void *opaque);

/* Wires context `context` (2 * hart: M external, 2 * hart + 1: S external). Before it runs. */
void plic_connect(struct device *plic, unsigned context, struct irq_line line);

/* The line that drives interrupt source `source` (1..127). */
struct irq_line plic_source(struct device *plic, unsigned source);

/* Adds a named file; copies the data. Before the machine runs. */
bool fw_cfg_add_file(struct device *fw_cfg, const char *name, const void *data, uint32_t size,
                     GError **error);

/* Sets a 16-bit-selector item that is no file (signature and id are there by themselves). */
bool fw_cfg_add_item(struct device *fw_cfg, uint16_t key, const void *data, uint32_t size,
                     GError **error);

/* The guest has written some or all of a file; `data` is all of it. Machine lock held. */
typedef void fw_cfg_written_fn(void *opaque, const uint8_t *data);

/* Adds a file of zeros that the guest may write by DMA; a reset makes it zeros again. Returns its
 * bytes, which live as long as the fw_cfg; NULL and `error` if there is no room. Before the machine
 * runs. */
uint8_t *fw_cfg_add_writable(struct device *fw_cfg, const char *name, uint32_t size,
                         fw_cfg_written_fn *written, void *opaque, GError **error);
