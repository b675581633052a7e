/* The part that all network backends have in common, and the pair. */
#include "emu/net/net.h"

#include <assert.h>

#include "emu/net/queue.h"

struct net_pair {
    struct net_backend net;
    struct net_pair *peer; /* NULL once that is gone */
    struct frame_queue waiting;
};

void net_connect(struct net_backend *net, const struct net_client *client, void *opaque)
{
    assert(client == NULL || net->client == NULL);
    net->client = client;
    net->client_opaque = opaque;
    if (client != NULL) {
        net_accept_input(net);
    }
}

void net_send(struct net_backend *net, const uint8_t *frame, size_t size)
{
    net->sent++;
    net->class->send(net, frame, size);
}

void net_accept_input(struct net_backend *net)
{
    if (net->class->accept_input != NULL) {
        net->class->accept_input(net);
    }
}

char *net_report(struct net_backend *net)
{
    return net->class->report != NULL ? net->class->report(net) : NULL;
}

void net_free(struct net_backend *net)
{
    if (net != NULL) {
        net->class->close(net);
    }
}

static void pair_send(struct net_backend *net, const uint8_t *frame, size_t size)
{
    struct net_pair *pair = (struct net_pair *)net;
    if (pair->peer != NULL) {
        frame_queue_deliver(&pair->peer->waiting, &pair->peer->net, frame, size, 0);
    }
}

static void pair_accept_input(struct net_backend *net)
{
    frame_queue_flush(&((struct net_pair *)net)->waiting, net);
}

static void pair_close(struct net_backend *net)
{
    struct net_pair *pair = (struct net_pair *)net;
    if (pair->peer != NULL) {
        pair->peer->peer = NULL;
    }
    frame_queue_finish(&pair->waiting);
    g_free(net->id);
    g_free(pair);
}

static struct net_pair *pair_new_half(struct aio_context *ctx)
{
    static const struct net_class class = {
        .name = "pair",
        .large_segments = true,
        .send = pair_send,
        .accept_input = pair_accept_input,
        .close = pair_close,
    };
    struct net_pair *pair = g_new0(struct net_pair, 1);
    pair->net.class = &class;
    pair->net.ctx = ctx;
    pair->net.id = g_strdup("pair");
    frame_queue_init(&pair->waiting);
    return pair;
}

void net_pair_new(struct aio_context *ctx, struct net_backend **ret_a, struct net_backend **ret_b)
{
    struct net_pair *a = pair_new_half(ctx), *b = pair_new_half(ctx);
    a->peer = b;
    b->peer = a;
    *ret_a = &a->net;
    *ret_b = &b->net;
}
