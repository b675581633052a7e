/*
 * Split virtqueues (VIRTIO 1.2, section 2.7) with indirect descriptors and event index.
 *
 * Every index, address and length comes from the guest and is checked; each descriptor is read
 * once. A driver that breaks a rule breaks its device (virtio_set_broken) and nothing else. Used
 * on the device's loop only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/mem/bus.h"
#include "emu/state/field.h"

struct virtio_device;

#define VIRTQUEUE_SIZE_MAX     256
#define VIRTQUEUE_SEGMENTS_MAX 256 /* of one request, wherever its descriptors are */

/* One stretch of guest memory of a request, checked to be RAM. */
struct virtq_segment {
    uint8_t *host;
    gpa_t gpa;
    uint32_t size;
};

/* A request taken from a queue: first what the device reads, then what it writes. */
struct virtq_request {
    uint16_t head;
    uint16_t read_count;
    uint16_t write_count;
    uint32_t read_size;
    uint32_t write_size;
    const struct bus *bus;
    struct virtq_segment segment[VIRTQUEUE_SEGMENTS_MAX]; /* read ones first */
};

/* State of one queue as the driver set it up. */
struct virtqueue {
    struct virtio_device *dev;
    uint16_t index;
    uint16_t size;
    bool ready;
    gpa_t desc, avail, used;
    uint16_t avail_next; /* next entry of the avail ring to look at */
    uint16_t used_next;  /* next entry of the used ring to fill */
    uint16_t signalled;  /* used_next at the last interrupt */
    bool signalled_valid;
    bool pushed; /* something, since the driver's wish was last looked at */
    uint32_t in_flight; /* popped and not yet pushed */
    /* Where the rings are, while ready. */
    const uint8_t *desc_host;
    uint8_t *avail_host, *used_host;
};

/* Clears a queue to what it is before the driver sets it up. */
void virtqueue_reset(struct virtqueue *queue);

/* The driver has set size and addresses: checks them and makes the queue usable. Breaks the
 * device if they are no rings in RAM. */
void virtqueue_enable(struct virtqueue *queue);

/* What is saved of a queue. */
extern const struct state_field virtqueue_state[];

/* Whether a queue with saved values, in a device with saved features, could be used. */
bool virtqueue_check(const struct virtqueue *staged);

/* Finds the rings again after the fields were restored; they were checked. */
void virtqueue_restore(struct virtqueue *queue);

/* Takes the request that begins with descriptor `head` and was in flight when it was saved; false
 * when the device is (now) broken. */
bool virtqueue_pop_again(struct virtqueue *queue, uint16_t head, struct virtq_request *request);

/* Takes the next request; false when there is none or the device is (now) broken. */
bool virtqueue_pop(struct virtqueue *queue, struct virtq_request *request);

/* Whether a request waits. */
bool virtqueue_has_request(struct virtqueue *queue);

/* Gives a request back with `written` bytes written; then call virtio_notify_queue. */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);

/* Like push for one of several requests that the driver must see at once: number `nth`, from 0.
 * Nothing is visible before virtqueue_flush. */
void virtqueue_fill(struct virtqueue *queue, uint16_t nth, uint16_t head, uint32_t written);

/* Shows the driver `count` requests that were filled in. */
void virtqueue_flush(struct virtqueue *queue, uint16_t count);

/* Puts back the request popped last, untouched (the device has no room for it). */
void virtqueue_unpop(struct virtqueue *queue);

/* Whether the driver should notify; off while the device polls. After switching it on, look for
 * requests once more. */
void virtqueue_set_notification(struct virtqueue *queue, bool enabled);

/* Whether the driver wants an interrupt for what was pushed since the last time this said yes. */
bool virtqueue_should_interrupt(struct virtqueue *queue);

/* Copies from the readable part, starting at `offset`; returns the bytes copied. */
size_t virtq_request_read(const struct virtq_request *request, size_t offset, void *data,
                          size_t size);

/* Copies into the writable part, starting at `offset`; returns the bytes copied. */
size_t virtq_request_write(const struct virtq_request *request, size_t offset, const void *data,
                           size_t size);
