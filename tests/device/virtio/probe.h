/* A virtio device for tests of the queues: it answers each request with the bytes it read. */
#pragma once

#include "emu/virtio/virtio.h"

#define PROBE_QUEUES     2
#define PROBE_QUEUE_SIZE 256

struct probe {
    struct virtio_device dev;
    bool hold; /* keeps what it pops, in flight */
    unsigned seen, notified, stopped, resets, starts;
    uint16_t held[PROBE_QUEUE_SIZE];
    unsigned held_count;
    uint8_t config[8];
    struct virtq_request last;
};

/* Makes one; queue 0 answers, queue 1 is only counted. */
struct probe *probe_new(const struct device_services *services);

/* Answers what it has held. */
void probe_release(struct probe *probe);
