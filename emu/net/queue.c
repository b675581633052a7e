#include "emu/net/queue.h"

#include <stdbool.h>

#include "emu/net/net.h"

#define QUEUE_BYTES_MAX (4u << 20)

void frame_queue_init(struct frame_queue *queue)
{
    g_queue_init(&queue->frames);
    queue->size = 0;
}

void frame_queue_finish(struct frame_queue *queue)
{
    g_queue_clear_full(&queue->frames, (GDestroyNotify)g_bytes_unref);
    queue->size = 0;
}

static bool frame_give(struct net_backend *net, const uint8_t *frame, size_t size)
{
    return net->client->receive(net->client_opaque, frame, size);
}

void frame_queue_deliver(struct frame_queue *queue, struct net_backend *net, const uint8_t *frame,
                         size_t size)
{
    if (net->client == NULL) {
        return;
    }
    if (g_queue_is_empty(&queue->frames) && frame_give(net, frame, size)) {
        return;
    }
    if (queue->size + size <= QUEUE_BYTES_MAX) {
        g_queue_push_tail(&queue->frames, g_bytes_new(frame, size));
        queue->size += size;
    }
}

void frame_queue_flush(struct frame_queue *queue, struct net_backend *net)
{
    GBytes *next;
    while (net->client != NULL && (next = g_queue_peek_head(&queue->frames)) != NULL) {
        gsize size;
        const uint8_t *frame = g_bytes_get_data(next, &size);
        if (!frame_give(net, frame, size)) {
            return;
        }
        g_queue_pop_head(&queue->frames);
        queue->size -= size;
        g_bytes_unref(next);
    }
}
