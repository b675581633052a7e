/* Entropy device. Source: VIRTIO 1.2, section 5.4. */
#include "emu/virtio/virtio.h"

#include "platform/random.h"

#define RNG_CHUNK 256u
#define RNG_ANSWER_MAX                                                                             \
    65536u /* bytes for one buffer, so that a huge one does not hold the loop                      \
            */

struct virtio_rng {
    struct virtio_device dev;
    struct virtq_request request; /* scratch */
};

static bool rng_answer(struct virtio_device *dev, struct virtqueue *queue,
                       struct virtq_request *request)
{
    uint8_t random[RNG_CHUNK];
    uint32_t done = 0, want = MIN(request->write_size, RNG_ANSWER_MAX);
    (void)dev;
    while (done < want) {
        uint32_t part = MIN(want - done, RNG_CHUNK);
        if (!host_random(random, part)) {
            break;
        }
        virtq_request_write(request, done, random, part);
        done += part;
    }
    virtqueue_push(queue, request->head, done);
    return true;
}

static void rng_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_rng *rng = (struct virtio_rng *)dev;
    virtio_drain_queue(&dev->queue[index], &rng->request, rng_answer);
    virtio_notify_queue(dev, &dev->queue[index]);
}

const struct virtio_class virtio_rng_class = {
    .name = "virtio-rng",
    .id = 4,
    .queue_count = 1,
    .queue_size = 8,
    .instance_size = sizeof(struct virtio_rng),
    .state = (const struct state_field[]){ { 0 } },
    .notify = rng_notify,
};

struct virtio_device *virtio_rng_new(const char *id, const struct device_services *services,
                                     GError **error)
{
    uint8_t probe;
    if (!host_random(&probe, 1)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "%s: this host has no source of random numbers", id);
        return NULL;
    }
    return virtio_alloc(&virtio_rng_class, id, services);
}
