/*
 * The contract between a device and the machine.
 *
 * A device is data first: a constant `struct device_class` lists its registers, its state and its
 * devicetree name; bus, snapshots, trace, monitor, devicetree and fuzzer read that one
 * description. Code is only what the hardware does when a register is touched. Calls come with
 * the machine lock held unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/timer.h"
#include "emu/dev/irq.h"
#include "emu/mem/bus.h"
#include "emu/mem/dma.h"
#include "emu/state/part.h"

struct device;

enum reg_access { REG_R = 1, REG_W = 2, REG_RW = 3 };

/* One guest-visible register, or `count` equal ones `stride` bytes apart. The bus turns away every
 * access that no row allows. */
struct device_reg {
    const char *name;
    uint32_t offset;
    uint8_t size;     /* smallest access width the hardware accepts, in bytes */
    uint8_t size_max; /* largest; 0 means the same as `size` */
    uint8_t access;
    uint32_t count;   /* 0 means 1 */
    uint32_t stride;  /* 0 means `size` */
};

/* For a register list of the form LIST(REG): the offsets as an enum, and 32-bit register rows. */
#define REG_OFFSET(name, offset, access) name = (offset),
#define REG_ROW32(name, offset, access)  { #name, (offset), 4, 0, REG_##access, 0, 0 },

struct device_class {
    const char *name;
    const char *compatible; /* devicetree match string; NULL: the board writes the node itself */
    uint32_t instance_size;
    uint32_t mmio_size;
    const struct device_reg *regs;    /* ends with a null name */
    const struct state_field *state; /* ends with a null name */

    /* Optional: prepares what is not state (timers, queues), before the first reset. False and
     * `error` when the host refuses. */
    bool (*init)(struct device *dev, GError **error);

    /* Optional: gives back what init took. */
    void (*finish)(struct device *dev);

    /* Called only for an access that `regs` allows. */
    uint64_t (*read)(struct device *dev, uint32_t offset, unsigned size);
    void (*write)(struct device *dev, uint32_t offset, unsigned size, uint64_t value);

    /* Optional: sets fields whose reset value is not 0; called after reset zeroed the others. */
    void (*reset)(struct device *dev);

    /* Brings timers and interrupt lines into step with the fields, after a reset or a restore. */
    void (*sync)(struct device *dev);

    /* Optional: as in struct state_part. `restore` comes before `sync`. */
    void (*collect)(struct device *dev);
    bool (*check)(const struct device *staged, GError **error);
    void (*restore)(struct device *dev);
};

/* What a device may ask of the machine: time, timers on a loop, lines, guest memory. */
struct device_services {
    struct aio_context *ctx;         /* the device's loop */
    struct aio_clock *virtual_clock; /* stops with the machine */
    struct aio_clock *wall_clock;
    const struct bus *bus;           /* for DMA only */
    /* What the callbacks of `ctx` hold if that is an IOThread's, and the transport takes around
     * each call for the device; NULL: the machine lock is enough. */
    struct host_mutex *loop_lock;
};

/* The first member of every device; the board fills it in. */
struct device {
    const struct device_class *class;
    const char *id; /* unique in the machine: "serial0", "virtio3" */
    struct device_services services;
    struct irq_line irq;
};

/* Allocates a zeroed instance, wires, initialises and resets it; NULL and `error` on failure. */
struct device *device_new(const struct device_class *class, const char *id,
                          const struct device_services *services, struct irq_line irq,
                          GError **error);

/* Ends and frees a device; accepts NULL. */
void device_free(struct device *dev);

/* Reads; false if the class allows no such access. */
bool device_read(struct device *dev, uint32_t offset, unsigned size, uint64_t *ret_value);

/* Writes; false if the class allows no such access. */
bool device_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value);

/* Zeroes every field that is not kept, calls `reset`, then `sync`. */
void device_reset(struct device *dev);

/* Adds the device to what is saved of its machine. */
void device_add_part(struct device *dev, GPtrArray *parts);

/* Puts the device on the bus at `base`. */
bool device_map(struct device *dev, struct bus *bus, gpa_t base, GError **error);

/* For the default case of a register switch: `regs` and the switch disagree. */
noreturn void device_unreachable(const struct device *dev, uint32_t offset);

/* `old` with its low 32 bits replaced. */
static inline uint64_t put_low32(uint64_t old, uint64_t value)
{
    return (old >> 32 << 32) | (uint32_t)value;
}

/* `old` with its high 32 bits replaced. */
static inline uint64_t put_high32(uint64_t old, uint64_t value)
{
    return (uint32_t)old | (value << 32);
}
