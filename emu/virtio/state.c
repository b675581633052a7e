/* What is saved of every virtio device, and in which order it comes back: first queues and status,
 * then what the device itself has; at last each queue is looked at, for a driver that has rung it
 * and was not heard. */
#include "emu/virtio/virtio.h"

#define FIELD(name) STATE_FIELD(struct virtio_device, name, RESET)
static const struct state_field virtio_fields[] = {
    FIELD(status),
    FIELD(driver_features),
    FIELD(config_generation),
    FIELD(broken),
    STATE_STRUCT(struct virtio_device, queue, RESET, struct virtqueue, virtqueue_state),
    { 0 },
};

/* What the driver was told is what this device offers, and its rings are there. */
static bool common_check(const void *staged, GError **error)
{
    const struct virtio_device *dev = staged;
    uint64_t unknown = dev->driver_features & ~virtio_device_features((struct virtio_device *)dev);
    if ((dev->status & VIRTIO_STATUS_FEATURES_OK) != 0 && unknown != 0) {
        return state_fail(error, STATE_ERROR_MACHINE,
                          "its driver uses features that the device does not have here (0x%"
                          G_GINT64_MODIFIER "x): start the machine with the options that it had",
                          unknown);
    }
    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
        const struct virtqueue *queue = &dev->queue[i];
        if (i < dev->queue_count ? !virtqueue_check(queue) : queue->ready) {
            return state_fail(error, STATE_ERROR_DAMAGED, "the rings of queue %u are not in memory",
                              i);
        }
    }
    return true;
}

static void common_restore(void *base)
{
    struct virtio_device *dev = base;
    virtio_enter(dev);
    dev->broken_why = dev->broken ? "it was broken when it was saved" : NULL;
    for (unsigned i = 0; i < dev->queue_count; i++) {
        virtqueue_restore(&dev->queue[i]);
    }
    virtio_leave(dev);
}

static void own_collect(void *base)
{
    struct virtio_device *dev = base;
    virtio_enter(dev);
    if (dev->class->collect != NULL) {
        dev->class->collect(dev);
    }
    virtio_leave(dev);
}

static bool own_check(const void *staged, GError **error)
{
    const struct virtio_device *dev = staged;
    return dev->class->check == NULL || dev->class->check(dev, error);
}

static void own_restore(void *base)
{
    struct virtio_device *dev = base;
    virtio_enter(dev);
    if (dev->class->restore != NULL) {
        dev->class->restore(dev);
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        virtio_ring(dev, i);
    }
    virtio_leave(dev);
}

void virtio_add_parts(struct virtio_device *dev, const char *transport_id, GPtrArray *parts)
{
    parts_add(parts, &(struct state_part){
        .id = g_strdup_printf("%s.queues", transport_id),
        .kind = dev->class->name,
        .fields = virtio_fields,
        .base = dev,
        .size = dev->class->instance_size,
        .check = common_check,
        .restore = common_restore,
    });
    parts_add(parts, &(struct state_part){
        .id = g_strdup_printf("%s.device", transport_id),
        .kind = dev->class->name,
        .fields = dev->class->state,
        .base = dev,
        .size = dev->class->instance_size,
        .collect = own_collect,
        .check = own_check,
        .restore = own_restore,
    });
}
