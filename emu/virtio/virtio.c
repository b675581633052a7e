/* What every virtio device does alike: negotiation, status, breaking, notification. */
#include "emu/virtio/virtio.h"

#include <assert.h>
#include <string.h>

#define CONFIG_SIZE_MAX 256
#define PASS_REQUESTS   1024 /* of one queue, before others on the loop have their turn */

/* Offered by every device. */
#define TRANSPORT_FEATURES                                                                         \
    (1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX | 1ull << VIRTIO_F_VERSION_1)

static void virtio_run_queue(struct virtio_device *dev, unsigned index)
{
    if ((dev->status & VIRTIO_STATUS_DRIVER_OK) != 0 && !dev->broken && dev->queue[index].ready) {
        dev->class->notify(dev, index);
    }
}

/* A bottom half knows its queue by its argument. */
static void virtio_notified(void *opaque)
{
    struct virtqueue *queue = opaque;
    virtio_run_queue(queue->dev, queue->index);
}

void *virtio_alloc(const struct virtio_class *class, const char *id,
                   const struct device_services *services)
{
    return virtio_alloc_queues(class, id, services, class->queue_count);
}

void *virtio_alloc_queues(const struct virtio_class *class, const char *id,
                          const struct device_services *services, unsigned queue_count)
{
    assert(class->instance_size >= sizeof(struct virtio_device));
    assert(queue_count > 0 && queue_count <= class->queue_count);
    assert(class->queue_count <= VIRTIO_QUEUES_MAX);
    assert(class->queue_size <= VIRTQUEUE_SIZE_MAX && class->config_size <= CONFIG_SIZE_MAX);
    struct virtio_device *dev = g_malloc0(class->instance_size);
    dev->class = class;
    dev->id = g_strdup(id);
    dev->services = *services;
    dev->queue_count = (uint16_t)queue_count;
    for (unsigned i = 0; i < queue_count; i++) {
        struct virtqueue *queue = &dev->queue[i];
        queue->dev = dev;
        queue->index = (uint16_t)i;
        dev->notify_bh[i] = aio_bh_new(services->ctx, class->name, virtio_notified, queue);
    }
    return dev;
}

void virtio_enter(struct virtio_device *dev)
{
    if (dev->services.loop_lock != NULL) {
        host_mutex_lock(dev->services.loop_lock);
    }
}

void virtio_leave(struct virtio_device *dev)
{
    if (dev->services.loop_lock != NULL) {
        host_mutex_unlock(dev->services.loop_lock);
    }
}

void virtio_free(struct virtio_device *dev)
{
    if (dev == NULL) {
        return;
    }
    virtio_enter(dev);
    virtio_reset(dev);
    if (dev->class->finish != NULL) {
        dev->class->finish(dev);
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        aio_bh_delete(dev->notify_bh[i]);
    }
    virtio_leave(dev);
    g_free(dev->id);
    g_free(dev);
}

uint64_t virtio_device_features(struct virtio_device *dev)
{
    uint64_t specific = dev->class->features != NULL ? dev->class->features(dev) : 0;
    assert((specific & TRANSPORT_FEATURES) == 0);
    return TRANSPORT_FEATURES | specific;
}

bool virtio_has_feature(const struct virtio_device *dev, unsigned bit)
{
    return (dev->driver_features >> bit & 1) != 0;
}

static void virtio_interrupt(struct virtio_device *dev, bool config_changed)
{
    if (dev->transport != NULL) {
        dev->transport->interrupt(dev->transport_opaque, config_changed);
    }
}

void virtio_notify_queue(struct virtio_device *dev, struct virtqueue *queue)
{
    if (virtqueue_should_interrupt(queue)) {
        virtio_interrupt(dev, false);
    }
}

void virtio_drain_queue(struct virtqueue *queue, struct virtq_request *request,
                        virtio_handle_fn *handle)
{
    unsigned left = PASS_REQUESTS;
    do {
        virtqueue_set_notification(queue, false);
        while (virtqueue_pop(queue, request)) {
            if (!handle(queue->dev, queue, request)) {
                return;
            }
            if (--left == 0) {
                virtio_ring(queue->dev, queue->index);
                return;
            }
        }
        virtqueue_set_notification(queue, true);
    } while (virtqueue_has_request(queue));
}

void virtio_notify_config(struct virtio_device *dev)
{
    dev->config_generation++;
    if ((dev->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
        virtio_interrupt(dev, true);
    }
}

void virtio_set_broken(struct virtio_device *dev, const char *why)
{
    if (dev->broken) {
        return;
    }
    dev->broken = true;
    dev->broken_why = why;
    dev->status |= VIRTIO_STATUS_NEEDS_RESET;
    virtio_notify_config(dev);
}

static void virtio_stop_queue(struct virtio_device *dev, unsigned index)
{
    aio_bh_cancel(dev->notify_bh[index]);
    if (dev->class->stop_queue != NULL) {
        dev->class->stop_queue(dev, index);
    }
    virtqueue_reset(&dev->queue[index]);
}

void virtio_reset(struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_count; i++) {
        virtio_stop_queue(dev, i);
    }
    dev->status = 0;
    dev->driver_features = 0;
    dev->broken = false;
    dev->broken_why = NULL;
    if (dev->class->reset != NULL) {
        dev->class->reset(dev);
    }
}

/* Section 3.1.1, step 5: whether the device can work with what the driver accepted. */
static bool virtio_features_ok(struct virtio_device *dev)
{
    return (dev->driver_features & ~virtio_device_features(dev)) == 0 &&
           virtio_has_feature(dev, VIRTIO_F_VERSION_1);
}

static void virtio_start(struct virtio_device *dev)
{
    if (dev->class->start != NULL) {
        dev->class->start(dev);
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        virtio_ring(dev, i); /* for buffers that were made available before */
    }
}

void virtio_set_status(struct virtio_device *dev, uint8_t status)
{
    if (status == 0) {
        virtio_reset(dev);
        return;
    }
    uint8_t old = dev->status;
    uint8_t new = old | (status & (uint8_t)~VIRTIO_STATUS_NEEDS_RESET); /* bits are never cleared */
    if ((new & ~old &VIRTIO_STATUS_FEATURES_OK) != 0 && !virtio_features_ok(dev)) {
        new &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    bool starts = (new & ~old &VIRTIO_STATUS_DRIVER_OK) != 0;
    dev->status = new;
    if (starts && (new &VIRTIO_STATUS_FEATURES_OK) == 0) {
        virtio_set_broken(dev, "DRIVER_OK without FEATURES_OK");
    } else if (starts) {
        virtio_start(dev);
    }
}

void virtio_set_features(struct virtio_device *dev, uint32_t half, uint32_t bits)
{
    if ((dev->status & VIRTIO_STATUS_FEATURES_OK) != 0 || half > 1) {
        return; /* too late */
    }
    dev->driver_features =
        half == 0 ? put_low32(dev->driver_features, bits) : put_high32(dev->driver_features, bits);
}

void virtio_set_queue_ready(struct virtio_device *dev, unsigned index, bool ready)
{
    assert(index < dev->queue_count);
    struct virtqueue *queue = &dev->queue[index];
    if (ready == queue->ready) {
        return;
    }
    if (ready) {
        virtqueue_enable(queue);
    } else {
        virtio_stop_queue(dev, index);
    }
}

void virtio_ring(struct virtio_device *dev, unsigned index)
{
    if (index < dev->queue_count) {
        aio_bh_schedule(dev->notify_bh[index]);
    }
}

uint64_t virtio_read_config(struct virtio_device *dev, uint32_t offset, unsigned size)
{
    uint8_t config[CONFIG_SIZE_MAX + sizeof(uint64_t)] = { 0 };
    uint64_t value = 0;
    assert(size <= sizeof(value));
    if (dev->class->get_config != NULL && offset < dev->class->config_size) {
        dev->class->get_config(dev, config);
        memcpy(&value, config + offset, size);
    }
    return GUINT64_FROM_LE(value);
}

void virtio_write_config(struct virtio_device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    uint32_t end = dev->class->config_size;
    if (dev->class->set_config != NULL && offset < end && size <= end - offset) {
        dev->class->set_config(dev, offset, size, value);
    }
}
