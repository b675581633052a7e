/*
 * A guest's virtio driver for tests: a bus with a little RAM and ROM, one device behind the MMIO
 * transport, and rings that the test builds by hand, well-formed or not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aio/context.h"
#include "emu/dev/device.h"
#include "emu/mem/bus.h"
#include "emu/virtio/virtio.h"

#define DRIVER_RAM   0x80000000u
#define DRIVER_SIZE  0x400000u
#define DRIVER_ROM   0x20000000u
#define DRIVER_MMIO  0x10001000u
#define DRIVER_OTHER 0x10002000u /* an empty virtio slot */

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

/* A queue as the driver sees it. */
struct driver_queue {
    uint16_t size;
    gpa_t desc, avail, used;
    uint16_t avail_next, used_seen, desc_next;
};

struct driver {
    struct aio_context *ctx;
    struct host_mutex lock;
    struct bus *bus;
    uint8_t *ram, *rom;
    size_t ram_size;
    struct device_services services;
    struct device *mmio, *other;
    struct virtio_device *dev;
    bool irq_level;
    unsigned irq_rises;
    gpa_t heap; /* next free address of RAM */
    struct driver_queue queue[VIRTIO_QUEUES_MAX];
};

/* A stretch of a request. */
struct driver_segment {
    gpa_t address;
    uint32_t size;
    bool write;
};

/* Makes bus, RAM, loop and services: what a device's constructor needs. */
void driver_init(struct driver *d);

/* The same with another size of RAM. */
void driver_init_sized(struct driver *d, size_t ram_size);

/* Puts the device on the bus; it is owned from now on. */
void driver_plug(struct driver *d, struct virtio_device *dev);

/* Frees everything, the device first. */
void driver_finish(struct driver *d);

/* Unplugs: frees the transport and its device now, so that what is behind can be freed next. */
void driver_unplug(struct driver *d);

/* Reads a 32-bit register. */
uint32_t driver_get(struct driver *d, uint32_t offset);

/* Writes a 32-bit register. */
void driver_put(struct driver *d, uint32_t offset, uint32_t value);

/* Resets, accepts what is offered of `features` (and VERSION_1), sets up all queues with
 * `queue_size` entries, and starts. */
void driver_start(struct driver *d, uint64_t features, uint16_t queue_size);

/* The steps of driver_start: up to FEATURES_OK; true if the device agreed. */
bool driver_negotiate(struct driver *d, uint64_t features);

/* The same: places the rings of one queue in RAM and makes it ready. */
void driver_setup_queue(struct driver *d, unsigned index, uint16_t size);

/* The same: tells the device where the rings are. */
void driver_set_rings(struct driver *d, unsigned index, const struct driver_queue *q);

/* A piece of RAM, zeroed. */
gpa_t driver_alloc(struct driver *d, size_t size, size_t align);

/* The host address of guest RAM. */
uint8_t *driver_at(struct driver *d, gpa_t address);

/* Writes one descriptor of a table. */
void driver_write_desc(struct driver *d, gpa_t table, unsigned index, gpa_t address, uint32_t size,
                       uint16_t flags, uint16_t next);

/* Builds a chain and makes it available; returns its head. Does not notify. */
uint16_t driver_add(struct driver *d, unsigned index, const struct driver_segment *segments,
                    unsigned count);

/* The same through an indirect table. */
uint16_t driver_add_indirect(struct driver *d, unsigned index,
                             const struct driver_segment *segments, unsigned count);

/* Puts a head into the avail ring and shows it. */
void driver_make_available(struct driver *d, unsigned index, uint16_t head);

/* Sets the avail index, whatever it was. */
void driver_set_avail_index(struct driver *d, unsigned index, uint16_t value);

/* Rings the doorbell. */
void driver_kick(struct driver *d, unsigned index);

/* The used index that the device has shown. */
uint16_t driver_used_index(struct driver *d, unsigned index);

/* Takes the next used element; false if there is none. */
bool driver_take_used(struct driver *d, unsigned index, uint16_t *ret_head, uint32_t *ret_size);

/* Runs the loop until there is one, and takes it. */
void driver_wait_used(struct driver *d, unsigned index, uint16_t *ret_head, uint32_t *ret_size);

/* Runs the loop without waiting until nothing is due. */
void driver_poll(struct driver *d);

/* One pass of the loop that waits. */
void driver_poll_wait(struct driver *d);
