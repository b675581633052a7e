#include "tests/device/virtio/probe.h"

#include <string.h>

static bool probe_handle(struct virtio_device *dev, struct virtqueue *queue,
                         struct virtq_request *request)
{
    struct probe *probe = (struct probe *)dev;
    uint8_t data[4096];
    probe->seen++;
    if (probe->hold) {
        probe->held[probe->held_count++] = request->head;
        return true;
    }
    size_t size = virtq_request_read(request, 0, data, sizeof(data));
    size_t written = virtq_request_write(request, 0, data, size);
    virtqueue_push(queue, request->head, (uint32_t)written);
    return true;
}

static void probe_notify(struct virtio_device *dev, unsigned index)
{
    struct probe *probe = (struct probe *)dev;
    probe->notified++;
    if (index == 0) {
        virtio_drain_queue(&dev->queue[0], &probe->last, probe_handle);
        virtio_notify_queue(dev, &dev->queue[0]);
    }
}

void probe_release(struct probe *probe)
{
    for (unsigned i = 0; i < probe->held_count; i++) {
        virtqueue_push(&probe->dev.queue[0], probe->held[i], 0);
    }
    probe->held_count = 0;
    virtio_notify_queue(&probe->dev, &probe->dev.queue[0]);
}

static void probe_stop_queue(struct virtio_device *dev, unsigned index)
{
    struct probe *probe = (struct probe *)dev;
    probe->stopped++;
    if (index == 0) {
        probe->held_count = 0;
    }
}

static void probe_reset(struct virtio_device *dev)
{
    ((struct probe *)dev)->resets++;
}

static void probe_start(struct virtio_device *dev)
{
    ((struct probe *)dev)->starts++;
}

static uint64_t probe_features(struct virtio_device *dev)
{
    (void)dev;
    return 1ull << 3 | 1ull << 40;
}

static void probe_get_config(struct virtio_device *dev, uint8_t *config)
{
    memcpy(config, ((struct probe *)dev)->config, sizeof(((struct probe *)dev)->config));
}

static void probe_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                             uint64_t value)
{
    memcpy(((struct probe *)dev)->config + offset, &value, size);
}

static const struct virtio_class probe_class = {
    .name = "probe",
    .id = 42,
    .queue_count = PROBE_QUEUES,
    .queue_size = PROBE_QUEUE_SIZE,
    .instance_size = sizeof(struct probe),
    .config_size = 8,
    .state = (const struct state_field[]){ { 0 } },
    .features = probe_features,
    .reset = probe_reset,
    .start = probe_start,
    .notify = probe_notify,
    .stop_queue = probe_stop_queue,
    .get_config = probe_get_config,
    .set_config = probe_set_config,
};

struct probe *probe_new(const struct device_services *services)
{
    struct probe *probe = virtio_alloc(&probe_class, "probe0", services);
    for (unsigned i = 0; i < sizeof(probe->config); i++) {
        probe->config[i] = (uint8_t)(0x10 + i);
    }
    return probe;
}
