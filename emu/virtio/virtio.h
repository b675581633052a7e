/*
 * Virtio devices without their transport. Source: Virtual I/O Device (VIRTIO) Version 1.2;
 * modern devices only. A device knows queues, features and its configuration space.
 *
 * Everything here is called with the machine lock held, except virtio_ring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/audio/audio.h"
#include "emu/block/block.h"
#include "emu/chardev/chardev.h"
#include "emu/dev/device.h"
#include "emu/display/display.h"
#include "emu/display/input.h"
#include "emu/net/net.h"
#include "emu/virtio/queue.h"

struct virtio_device;

#define VIRTIO_QUEUES_MAX 18

/* Feature bits that belong to no device (section 6). */
enum { VIRTIO_F_INDIRECT_DESC = 28, VIRTIO_F_EVENT_IDX = 29, VIRTIO_F_VERSION_1 = 32 };

/* Device status (section 2.1). */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

struct virtio_class {
    const char *name; /* "virtio-blk" */
    uint16_t id;      /* section 5 */
    uint16_t queue_count; /* maximum */
    uint16_t queue_size; /* maximum, a power of two */
    uint32_t instance_size;
    uint32_t config_size;
    const struct state_field *state; /* ends with a null name */
    /* Gives back what the device's constructor took. Optional. */
    void (*finish)(struct virtio_device *dev);
    /* Device-specific bits offered. Optional. */
    uint64_t (*features)(struct virtio_device *dev);
    /* As in struct state_part, for the fields of `state`; `restore` finds the queues as they were.
     * Optional. */
    void (*collect)(struct virtio_device *dev);
    bool (*check)(const struct virtio_device *staged, GError **error);
    void (*restore)(struct virtio_device *dev);
    /* Back to the state before any driver. Optional. */
    void (*reset)(struct virtio_device *dev);
    /* The driver has written DRIVER_OK; afterwards each queue is notified once. Optional. */
    void (*start)(struct virtio_device *dev);
    /* The driver rang queue `index`, which is ready; on the device's loop. */
    void (*notify)(struct virtio_device *dev, unsigned index);
    /* Queue `index` is taken away by a reset or by the driver: forget the requests popped from it;
     * after the return nobody touches their memory. Optional. */
    void (*stop_queue)(struct virtio_device *dev, unsigned index);
    /* Reads the configuration space into `config` (config_size bytes). Optional. */
    void (*get_config)(struct virtio_device *dev, uint8_t *config);
    /* The driver wrote `size` bytes at `offset`, inside config_size. Optional. */
    void (*set_config)(struct virtio_device *dev, uint32_t offset, unsigned size, uint64_t value);
};

/* The classes of all devices, for reports. */
extern const struct virtio_class virtio_blk_class, virtio_console_class, virtio_gpu_class,
    virtio_input_class, virtio_net_class, virtio_rng_class, virtio_snd_class;

/* What the transport does for its device. */
struct virtio_transport_ops {
    void (*interrupt)(void *opaque, bool config_changed);
};

/* The first member of every virtio device. */
struct virtio_device {
    const struct virtio_class *class;
    char *id;
    struct device_services services;
    const struct virtio_transport_ops *transport; /* NULL: no interrupts go anywhere */
    void *transport_opaque;
    uint8_t status;           /* enum virtio_status */
    uint64_t driver_features; /* negotiated */
    uint32_t config_generation;
    bool broken;            /* the driver did something forbidden: NEEDS_RESET until it resets */
    const char *broken_why; /* the rule it broke */
    uint16_t queue_count;
    struct virtqueue queue[VIRTIO_QUEUES_MAX];
    struct aio_bh *notify_bh[VIRTIO_QUEUES_MAX];
};

/* Allocates a zeroed instance and fills in the common part; virtio_free frees it. */
void *virtio_alloc(const struct virtio_class *class, const char *id,
                   const struct device_services *services);

/* The same with fewer queues than the class has at most. */
void *virtio_alloc_queues(const struct virtio_class *class, const char *id,
                          const struct device_services *services, unsigned queue_count);

/* For transports: around each call below for a device, except virtio_ring and virtio_free. */
void virtio_enter(struct virtio_device *dev);

/* The end of it. */
void virtio_leave(struct virtio_device *dev);

/* Ends and frees a device; accepts NULL. */
void virtio_free(struct virtio_device *dev);

/* All feature bits that the device offers; they do not change. */
uint64_t virtio_device_features(struct virtio_device *dev);

/* Whether the driver has accepted feature `bit`. */
bool virtio_has_feature(const struct virtio_device *dev, unsigned bit);

/* Tells the driver that buffers were used, unless it does not want to know. */
void virtio_notify_queue(struct virtio_device *dev, struct virtqueue *queue);

/* What a device does with one request; false if it took none and put this one back. */
typedef bool virtio_handle_fn(struct virtio_device *dev, struct virtqueue *queue,
                              struct virtq_request *request);

/* Handles requests until none is left, with notifications off meanwhile; a long run is cut into
 * several passes of the loop. `request` is scratch. After `handle` said false, notifications stay
 * off: the device rings the queue itself once it can go on. */
void virtio_drain_queue(struct virtqueue *queue, struct virtq_request *request,
                        virtio_handle_fn *handle);

/* Tells the driver that the configuration space changed. */
void virtio_notify_config(struct virtio_device *dev);

/* Marks the device broken because the driver broke the rule `why` (a constant string). It answers
 * no requests any more and tells the driver by NEEDS_RESET. */
void virtio_set_broken(struct virtio_device *dev, const char *why);

/* For transports: back to the state before any driver. */
void virtio_reset(struct virtio_device *dev);

/* For transports: the driver writes the device status; 0 resets. */
void virtio_set_status(struct virtio_device *dev, uint8_t status);

/* For transports: the driver writes 32 feature bits, `half` 0 or 1; later halves are ignored. */
void virtio_set_features(struct virtio_device *dev, uint32_t half, uint32_t bits);

/* For transports: adds the device to what is saved of its machine. */
void virtio_add_parts(struct virtio_device *dev, const char *transport_id, GPtrArray *parts);

/* For transports: the driver makes a queue ready or takes it away. */
void virtio_set_queue_ready(struct virtio_device *dev, unsigned index, bool ready);

/* For transports: a notification for queue `index`. Any thread, no lock. */
void virtio_ring(struct virtio_device *dev, unsigned index);

/* For transports: a read of `size` bytes of the configuration space; 0 behind its end. */
uint64_t virtio_read_config(struct virtio_device *dev, uint32_t offset, unsigned size);

/* For transports: a write; ignored behind the end. */
void virtio_write_config(struct virtio_device *dev, uint32_t offset, unsigned size, uint64_t value);

#define VIRTIO_BLK_QUEUES_MAX 16

/* A disk; owns nothing of `block`. `serial` is at most 20 bytes, or NULL; `queues` from 1. */
struct virtio_device *virtio_blk_new(const char *id, const struct device_services *services,
                                     struct block *block, const char *serial, unsigned queues,
                                     GError **error);

/* A network card; `mac` is 6 bytes. Owns nothing of `net`. */
struct virtio_device *virtio_net_new(const char *id, const struct device_services *services,
                                     struct net_backend *net, const uint8_t *mac, GError **error);

#define VIRTIO_CONSOLE_PORTS 8

/* A port of a console. */
struct virtio_console_port {
    unsigned number; /* below VIRTIO_CONSOLE_PORTS; old drivers know only port 0 */
    struct chardev *chardev;
    const char *name; /* what the guest knows it by, at most 64 bytes; NULL: nothing */
    bool terminal;    /* a console of the guest, else a port for its programs */
};

/* A console with `count` ports, each with a number of its own. Owns no chardev. */
struct virtio_device *virtio_console_new(const char *id, const struct device_services *services,
                                         const struct virtio_console_port *ports, unsigned count,
                                         GError **error);

/* A keyboard, pointer or touchscreen. Owns nothing of `hub`. `serial` is at most 128 bytes, or
 * NULL. */
struct virtio_device *virtio_input_new(const char *id, const struct device_services *services,
                                       struct input_hub *hub, enum input_kind kind,
                                       const char *serial, GError **error);

/* A sound card. Owns nothing of `audio`. */
struct virtio_device *virtio_snd_new(const char *id, const struct device_services *services,
                                     struct audio *audio);

/* An entropy source. */
struct virtio_device *virtio_rng_new(const char *id, const struct device_services *services,
                                     GError **error);

#define VIRTIO_GPU_MEMORY_MIN     (16u << 20)
#define VIRTIO_GPU_MEMORY_DEFAULT (256u << 20)

/* A GPU with two dimensions and `count` outputs; owns nothing of them. `memory_max` is how many
 * bytes the guest's pictures may take of the host. */
struct virtio_device *virtio_gpu_new(const char *id, const struct device_services *services,
                                     struct display *const *displays, unsigned count,
                                     uint64_t memory_max, GError **error);

/* The class of the MMIO transport, for reports; made by virtio_mmio_new alone. */
extern const struct device_class virtio_mmio_class;

/* The MMIO transport (section 4.2): a device for the bus; `backend` may be NULL (empty slot). The
 * transport frees its backend, also when it fails itself. */
struct device *virtio_mmio_new(const char *id, const struct device_services *services,
                               struct irq_line irq, struct virtio_device *backend, GError **error);

/* What is in the slot; NULL: nothing. */
const struct virtio_device *virtio_mmio_backend(const struct device *mmio);

/* Adds the transport and its device to what is saved of the machine. */
void virtio_mmio_add_parts(struct device *mmio, GPtrArray *parts);

/* Maps the transport and its doorbells. */
bool virtio_mmio_map(struct device *mmio, struct bus *bus, gpa_t base, GError **error);
