/* Virtio over MMIO, driver side, split queues. Source: VIRTIO 1.2, sections 2.7, 3.1 and 4.2. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum virtio_id {
    VIRTIO_NET = 1,
    VIRTIO_BLOCK = 2,
    VIRTIO_CONSOLE = 3,
    VIRTIO_RNG = 4,
    VIRTIO_9P = 9,
    VIRTIO_GPU = 16,
    VIRTIO_INPUT = 18,
    VIRTIO_SOUND = 25,
};

#define QUEUE_SIZE 32

struct virtio_queue {
    uint64_t base; /* of the device's registers */
    uint32_t index;
    uint16_t size, used_seen, free_head, free_count;
    struct virtio_desc *desc;
    struct virtio_avail *avail;
    volatile struct virtio_used *used;
};

struct virtio {
    uint64_t base; /* 0: not open */
    bool driven;   /* reset, features agreed */
};

/* A stretch of memory in a request. */
struct virtio_part {
    void *data;
    uint32_t size;
    bool device_writes;
};

/* Name of a kind of device for people, or NULL. */
const char *virtio_name(uint32_t id);

/* The kind of device in a slot of the machine; 0: none. */
uint32_t virtio_kind(unsigned slot);

/* Finds the device number `index` of a kind and resets it; false if there is none. */
bool virtio_open(struct virtio *dev, enum virtio_id id, unsigned index);

/* Says what the driver can do (`features` among those that the device offers, always with
 * VERSION_1) and gets ready for queues; false if the device does not agree: a transitional one. */
bool virtio_begin(struct virtio *dev, uint64_t features);

/* Makes a queue ready; before virtio_go. False when the device has none of that index. */
bool virtio_add_queue(struct virtio *dev, struct virtio_queue *queue, uint32_t index);

/* The device may begin. */
void virtio_go(struct virtio *dev);

/* Reads `size` (1, 2, 4) bytes of the configuration space. */
uint32_t virtio_config(const struct virtio *dev, unsigned offset, unsigned size);

/* Writes a byte of the configuration space. */
void virtio_set_config(const struct virtio *dev, unsigned offset, uint8_t value);

/* Writes 32 bits of the configuration space. */
void virtio_set_config32(const struct virtio *dev, unsigned offset, uint32_t value);

/* Offers a request; its number, or -1 when the queue is full. The device does not know yet. */
int queue_add(struct virtio_queue *queue, const struct virtio_part *parts, unsigned count);

/* Tells the device of new requests. */
void queue_kick(struct virtio_queue *queue);

/* The number of a request that the device has answered, or -1; it is free again. */
int queue_take(struct virtio_queue *queue, uint32_t *ret_length);

/* Offers a request and waits at most `us` for its answer; the queue holds no other. */
bool queue_call(struct virtio_queue *queue, const struct virtio_part *parts, unsigned count,
                uint64_t us, uint32_t *ret_length);
