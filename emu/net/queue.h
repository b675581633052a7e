/* Frames on their way to a card that has no room for them yet. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct net_backend;

struct frame_queue {
    GQueue frames; /* of GBytes */
    size_t size;   /* bytes in them */
};

/* Makes an empty queue. */
void frame_queue_init(struct frame_queue *queue);

/* Drops what waits. */
void frame_queue_finish(struct frame_queue *queue);

/* Gives a frame to the card behind those that wait; keeps it if there is no room. When too much
 * waits the frame is lost, as on a wire. Without a card it is lost too. */
void frame_queue_deliver(struct frame_queue *queue, struct net_backend *net, const uint8_t *frame,
                         size_t size);

/* Gives the card what it has room for. */
void frame_queue_flush(struct frame_queue *queue, struct net_backend *net);
