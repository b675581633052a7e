/* Frames on their way to a card that has no room for them yet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct net_backend;

struct frame_queue {
    GQueue frames; /* of struct waiting_frame */
    size_t size;   /* bytes in them */
};

/* Makes an empty queue. */
void frame_queue_init(struct frame_queue *queue);

/* Drops what waits. */
void frame_queue_finish(struct frame_queue *queue);

/* Gives a frame to the card behind those that wait; keeps it if there is no room. When too much
 * waits the frame is lost, as on a wire. Without a card it is lost too. `segment_size` is 0, or
 * that of a large frame (struct net_client). */
void frame_queue_deliver(struct frame_queue *queue, struct net_backend *net, const uint8_t *frame,
                         size_t size, uint16_t segment_size);

/* Whether the card takes large frames now. */
bool frame_queue_takes_large(const struct net_backend *net);

/* Gives the card what it has room for. */
void frame_queue_flush(struct frame_queue *queue, struct net_backend *net);
