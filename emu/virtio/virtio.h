/*
 * Virtio devices without their transport. Source: Virtual I/O Device (VIRTIO) Version 1.2;
 * modern devices only. A device knows queues, features and its configuration space.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/block.h"
#include "emu/chardev/chardev.h"
#include "emu/dev/device.h"
#include "emu/net/net.h"
#include "emu/virtio/queue.h"

struct virtio_device;

#define VIRTIO_QUEUES_MAX 8

struct virtio_class {
    const char *name;      /* "virtio-blk" */
    uint16_t id;           /* section 5 */
    uint16_t queue_count;
    uint16_t queue_size;   /* maximum, a power of two */
    uint32_t instance_size;
    uint32_t config_size;
    const struct device_field *state; /* ends with a null name */
    bool (*init)(struct virtio_device *dev, GError **error);
    void (*finish)(struct virtio_device *dev);
    uint64_t (*features)(struct virtio_device *dev); /* device-specific bits offered */
    void (*reset)(struct virtio_device *dev);
    /* The driver has written DRIVER_OK. Optional. */
    void (*start)(struct virtio_device *dev);
    /* The driver rang queue `index`; on the device's loop with the machine lock held. */
    void (*notify)(struct virtio_device *dev, unsigned index);
    /* Reads the configuration space into `config` (config_size bytes). Optional. */
    void (*get_config)(struct virtio_device *dev, uint8_t *config);
    /* The driver wrote `size` bytes at `offset`. Optional. */
    void (*set_config)(struct virtio_device *dev, uint32_t offset, unsigned size, uint64_t value);
    /* Whether requests are in flight that will complete later. Optional. */
    bool (*busy)(struct virtio_device *dev);
};

/* What the transport does for its device. Calls from the device's loop. */
struct virtio_transport_ops {
    void (*interrupt)(void *opaque, bool config_changed);
};

/* The first member of every virtio device. */
struct virtio_device {
    const struct virtio_class *class;
    char *id;
    struct device_services services;
    const struct virtio_transport_ops *transport;
    void *transport_opaque;
    uint64_t driver_features; /* negotiated */
    uint32_t config_generation;
    bool broken; /* the driver did something forbidden: NEEDS_RESET until it resets */
    struct virtqueue queue[VIRTIO_QUEUES_MAX];
};

/* Tells the driver that buffers were used, unless it does not want to know. */
void virtio_notify_queue(struct virtio_device *dev, struct virtqueue *queue);

/* Tells the driver that the configuration space changed. */
void virtio_notify_config(struct virtio_device *dev);

/* Marks the device broken because the driver broke a rule; `why` is traced once. */
void virtio_set_broken(struct virtio_device *dev, const char *why);

/* Ends and frees a device; accepts NULL. */
void virtio_free(struct virtio_device *dev);

/* A disk; owns nothing of `block`. `serial` is at most 20 bytes, or NULL. */
struct virtio_device *virtio_blk_new(const char *id, const struct device_services *services,
                                     struct block *block, const char *serial, GError **error);

/* A network card; `mac` is 6 bytes. */
struct virtio_device *virtio_net_new(const char *id, const struct device_services *services,
                                     struct net_backend *net, const uint8_t *mac, GError **error);

/* A console with one port. */
struct virtio_device *virtio_console_new(const char *id, const struct device_services *services,
                                         struct chardev *chardev, GError **error);

/* An entropy source. */
struct virtio_device *virtio_rng_new(const char *id, const struct device_services *services,
                                     GError **error);

/* The MMIO transport (section 4.2): a device for the bus; `backend` may be NULL (empty slot). The
 * transport frees its backend. */
struct device *virtio_mmio_new(const char *id, const struct device_services *services,
                               struct irq_line irq, struct virtio_device *backend, GError **error);

/* Maps the transport and its doorbells. */
bool virtio_mmio_map(struct device *mmio, struct bus *bus, gpa_t base, GError **error);
