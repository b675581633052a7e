#include "emu/net/queue.h"

#include <string.h>

#include "emu/net/net.h"

#define QUEUE_BYTES_MAX (4u << 20)

struct waiting_frame {
    size_t size;
    uint16_t segment_size;
    uint8_t data[];
};

void frame_queue_init(struct frame_queue *queue)
{
    g_queue_init(&queue->frames);
    queue->size = 0;
}

void frame_queue_finish(struct frame_queue *queue)
{
    g_queue_clear_full(&queue->frames, g_free);
    queue->size = 0;
}

bool frame_queue_takes_large(const struct net_backend *net)
{
    const struct net_client *client = net->client;
    return client != NULL && client->takes_large != NULL && client->takes_large(net->client_opaque);
}

/* A large frame for a card that takes none any more (its driver has changed) is lost. */
static bool frame_give(struct net_backend *net, const uint8_t *frame, size_t size,
                       uint16_t segment_size)
{
    if (segment_size == 0) {
        return net->client->receive(net->client_opaque, frame, size);
    }
    return !frame_queue_takes_large(net) ||
           net->client->receive_large(net->client_opaque, frame, size, segment_size);
}

void frame_queue_deliver(struct frame_queue *queue, struct net_backend *net, const uint8_t *frame,
                         size_t size, uint16_t segment_size)
{
    if (net->client == NULL) {
        return;
    }
    if (g_queue_is_empty(&queue->frames) && frame_give(net, frame, size, segment_size)) {
        return;
    }
    if (queue->size + size <= QUEUE_BYTES_MAX) {
        struct waiting_frame *waiting = g_malloc(sizeof(*waiting) + size);
        waiting->size = size;
        waiting->segment_size = segment_size;
        memcpy(waiting->data, frame, size);
        g_queue_push_tail(&queue->frames, waiting);
        queue->size += size;
    }
}

void frame_queue_flush(struct frame_queue *queue, struct net_backend *net)
{
    struct waiting_frame *next;
    while (net->client != NULL && (next = g_queue_peek_head(&queue->frames)) != NULL) {
        if (!frame_give(net, next->data, next->size, next->segment_size)) {
            return;
        }
        g_queue_pop_head(&queue->frames);
        queue->size -= next->size;
        g_free(next);
    }
}
