#include "emu/block/nbd/server.h"

#include <assert.h>

#include "emu/block/nbd/server_parts.h"
#include "platform/socket.h"

#define CLIENTS_MAX    16
#define NEGOTIATION_NS 10000000000

static void server_accept(void *opaque);

/* Listens while there is room for one more. */
static bool server_update(struct nbd_server *server, GError **error)
{
    bool listen = !server->stopping && server->count < server->clients_max;
    if (listen == server->listening) {
        return true;
    }
    if (!aio_set_fd_handler_named(server->ctx, "nbd-listener", server->listener,
                                  listen ? server_accept : NULL, NULL, server, error)) {
        return false;
    }
    server->listening = listen;
    return true;
}

static void client_leave(struct nbd_client *client)
{
    struct nbd_server *server = client->server;
    struct nbd_client **link = &server->clients;
    while (*link != client) {
        link = &(*link)->next;
    }
    *link = client->next;
    server->count--;
    timer_del(&client->limit);
    nbd_stream_finish(&client->stream);
    g_free(client);
    server_update(server, NULL);
    if (server->count == 0 && server->left && !server->stopping) {
        server->left(server->opaque);
    }
}

static void client_run(void *opaque)
{
    struct nbd_client *client = opaque;
    if (nbd_server_negotiate(client)) {
        timer_del(&client->limit);
        nbd_server_serve(client);
    }
    client_leave(client);
}

static void client_late(void *opaque)
{
    nbd_stream_abort(&((struct nbd_client *)opaque)->stream);
}

static void server_accept(void *opaque)
{
    struct nbd_server *server = opaque;
    struct aio_clock *clock = aio_clock_host();
    struct host_handle socket;
    if (!host_socket_accept(server->listener, &socket)) {
        return;
    }
    struct nbd_client *client = g_new0(struct nbd_client, 1);
    client->server = server;
    client->next = server->clients;
    server->clients = client;
    server->count++;
    nbd_stream_init(&client->stream, server->ctx, socket);
    timer_init(&client->limit, server->ctx, clock, "nbd-negotiation", client_late, client);
    timer_mod(&client->limit, aio_clock_now_ns(clock) + server->negotiation_ns);
    server_update(server, NULL);
    coroutine_enter(coroutine_create("nbd-client", client_run, client));
}

/* Every client sees the same node, so a flush of one covers the writes of all. */
static uint16_t flags_of(const struct nbd_server_options *options)
{
    bool writable = node_writable(options->node) && !options->read_only;
    return (uint16_t)(NBD_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA | NBD_SEND_DF |
                      NBD_CAN_MULTI_CONN |
                      (writable ? NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES | NBD_SEND_FAST_ZERO
                                : NBD_READ_ONLY));
}

struct nbd_server *nbd_server_new(struct aio_context *ctx, struct host_handle listener,
                                  const struct nbd_server_options *options, GError **error)
{
    struct nbd_server *server = g_new0(struct nbd_server, 1);
    assert(strlen(options->name) <= NBD_NAME_MAX);
    assert(options->tls == NBD_TLS_OFF || options->keys);
    server->ctx = aio_context_ref(ctx);
    server->listener = listener;
    server->node = options->node;
    server->name = g_strdup(options->name);
    server->description = g_strdup(options->description ? options->description : "");
    server->flags = flags_of(options);
    server->tls = options->tls;
    server->keys = options->keys;
    server->clients_max = options->clients_max ? options->clients_max : CLIENTS_MAX;
    server->negotiation_ns = options->negotiation_ns ? options->negotiation_ns : NEGOTIATION_NS;
    server->left = options->left;
    server->opaque = options->opaque;
    if (!server_update(server, error)) {
        nbd_server_free(server);
        return NULL;
    }
    return server;
}

static bool server_busy(void *opaque)
{
    return ((struct nbd_server *)opaque)->count > 0;
}

void nbd_server_free(struct nbd_server *server)
{
    if (!server) {
        return;
    }
    server->stopping = true;
    server_update(server, NULL);
    for (struct nbd_client *client = server->clients; client; client = client->next) {
        nbd_stream_abort(&client->stream);
    }
    aio_wait_while(server->ctx, server_busy, server, "clients of an NBD server");
    host_socket_close(server->listener);
    aio_context_unref(server->ctx);
    g_free(server->name);
    g_free(server->description);
    g_free(server);
}

unsigned nbd_server_clients(const struct nbd_server *server)
{
    return server->count;
}
