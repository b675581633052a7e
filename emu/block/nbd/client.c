/*
 * The driver for images that a server has: nbd://HOST:PORT/EXPORT, nbd+unix:///EXPORT?socket=PATH,
 * nbds:// with TLS. A connection that is lost stays lost: every later request is an error.
 */
#include "emu/block/driver.h"

#include <assert.h>

#include "emu/block/nbd/calls.h"
#include "emu/block/nbd/uri.h"
#include "platform/error.h"
#include "platform/socket.h"

/* Zeroes and discards have no payload; the number of their bytes has 32 bits. */
#define RANGE_MAX         ((uint64_t)1 << 30)
#define HANDSHAKE_SECONDS 20

struct client {
    struct nbd_calls calls;
    struct nbd_tls_keys *keys; /* or NULL */
};

struct connect_job {
    const struct nbd_uri *uri;
    struct nbd_tls_keys *keys;
    struct host_handle socket;
    GError *error;
};

/* A unix socket is this host's. */
static struct nbd_tls_keys *keys_load(const struct nbd_uri *uri, GError **error)
{
    const struct nbd_tls_options options = {
        .certificates = uri->certificates,
        .psk = uri->psk,
        .user = uri->user,
        .host = uri->tls_host ? uri->tls_host
                : uri->host   ? uri->host
                              : "localhost",
        .verify_peer = uri->verify_peer,
    };
    return nbd_tls_keys_load(&options, error);
}

static int64_t connect_run(void *opaque)
{
    struct connect_job *job = opaque;
    const struct nbd_uri *uri = job->uri;
    if (uri->tls) {
        job->keys = keys_load(uri, &job->error);
        if (!job->keys) {
            return false;
        }
    }
    return uri->socket ? host_socket_connect_unix(uri->socket, &job->socket, &job->error)
                       : host_socket_connect_tcp(uri->host, uri->port, &job->socket, &job->error);
}

static void handshake_late(void *opaque)
{
    nbd_stream_abort(opaque);
}

static bool client_negotiate(struct client *client, const char *name, GError **error)
{
    struct nbd_calls *calls = &client->calls;
    struct aio_clock *clock = aio_clock_host();
    struct aio_timer limit;
    timer_init(&limit, calls->ctx, clock, "nbd-handshake", handshake_late, &calls->stream);
    timer_mod(&limit, aio_clock_now_ns(clock) + HANDSHAKE_SECONDS * (int64_t)1000000000);
    bool agreed =
        nbd_handshake(&calls->stream, calls->peer, name, client->keys, &calls->export, error);
    timer_del(&limit);
    return agreed;
}

static bool client_check(const struct client *client, struct block_node *node, GError **error)
{
    const struct nbd_export *export = &client->calls.export;
    if ((export->flags & NBD_HAS_FLAGS) && (export->flags & NBD_READ_ONLY) && node_writable(node)) {
        return host_error_set(error, HOST_ERROR_DENIED,
                              "'%s' is exported read only: open it read only, or let the server "
                              "export it for writing",
                              client->calls.peer);
    }
    return true;
}

static bool client_connect(struct client *client, struct block_node *node,
                           const struct nbd_uri *uri, GError **error)
{
    struct connect_job job = { .uri = uri };
    bool connected = thread_pool_submit_co(node_pool(node), connect_run, &job);
    client->keys = job.keys;
    if (!connected) {
        g_propagate_error(error, job.error);
        return false;
    }
    nbd_stream_init(&client->calls.stream, client->calls.ctx, job.socket);
    if (!client_negotiate(client, uri->name, error) || !client_check(client, node, error)) {
        nbd_stream_finish(&client->calls.stream);
        return false;
    }
    return true;
}

static bool client_open(struct block_node *node, const struct node_options *options, GError **error)
{
    struct client *client = node_instance(node);
    struct nbd_uri uri;
    if (!nbd_uri_parse(options->path, &uri, error)) {
        return false;
    }
    client->calls.ctx = node_context(node);
    client->calls.peer = g_strdup(options->path);
    bool connected = client_connect(client, node, &uri, error);
    nbd_uri_clear(&uri);
    if (!connected) {
        nbd_tls_keys_free(client->keys);
        g_free(client->calls.peer);
        return false;
    }
    const struct nbd_export *export = &client->calls.export;
    nbd_calls_start(&client->calls);
    node_set_size(node, export->size);
    node_set_alignment(node, export->block_min, export->block_min, export->block_max);
    return true;
}

static int client_close(struct block_node *node)
{
    struct client *client = node_instance(node);
    nbd_calls_end(&client->calls);
    nbd_stream_finish(&client->calls.stream);
    nbd_tls_keys_free(client->keys);
    g_free(client->calls.peer);
    return 0;
}

static bool client_can(const struct client *client, unsigned flag)
{
    return (client->calls.export.flags & NBD_HAS_FLAGS) && (client->calls.export.flags & flag);
}

static int client_flush(struct block_node *node)
{
    struct client *client = node_instance(node);
    struct nbd_call call = { .command = NBD_CMD_FLUSH };
    return client_can(client, NBD_SEND_FLUSH) ? nbd_calls_make(&client->calls, &call) : 0;
}

static int client_transfer(struct block_node *node, enum nbd_command command, uint64_t offset,
                           uint64_t size, const struct host_vec *vec, unsigned count)
{
    struct client *client = node_instance(node);
    struct nbd_call call = {
        .command = command,
        .offset = offset,
        .size = (uint32_t)size,
        .vec = vec,
        .count = count,
    };
    assert(size <= client->calls.export.block_max);
    return nbd_calls_make(&client->calls, &call);
}

static int client_read(struct block_node *node, uint64_t offset, uint64_t size,
                       const struct host_vec *vec, unsigned count)
{
    return client_transfer(node, NBD_CMD_READ, offset, size, vec, count);
}

static int client_write(struct block_node *node, uint64_t offset, uint64_t size,
                        const struct host_vec *vec, unsigned count, unsigned flags)
{
    (void)flags;
    return client_transfer(node, NBD_CMD_WRITE, offset, size, vec, count);
}

/* A command for a range, in pieces that 32 bits can count. */
static int client_range(struct client *client, enum nbd_command command, uint16_t flags,
                        uint64_t offset, uint64_t size)
{
    int result = 0;
    while (size > 0 && result == 0) {
        struct nbd_call call = {
            .command = command,
            .flags = flags,
            .offset = offset,
            .size = (uint32_t)MIN(size, RANGE_MAX),
        };
        result = nbd_calls_make(&client->calls, &call);
        offset += call.size;
        size -= call.size;
    }
    return result;
}

static int client_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size,
                               unsigned flags)
{
    struct client *client = node_instance(node);
    uint16_t wire = flags & REQUEST_RELEASE ? 0 : NBD_FLAG_NO_HOLE;
    return client_can(client, NBD_SEND_WRITE_ZEROES)
               ? client_range(client, NBD_CMD_WRITE_ZEROES, wire, offset, size)
               : FILE_ERROR_UNSUPPORTED;
}

static int client_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    struct client *client = node_instance(node);
    return client_can(client, NBD_SEND_TRIM) ? client_range(client, NBD_CMD_TRIM, 0, offset, size)
                                             : FILE_ERROR_UNSUPPORTED;
}

static int client_extent(struct block_node *node, uint64_t offset, uint64_t size,
                         struct block_extent *ret_extent)
{
    struct client *client = node_instance(node);
    *ret_extent = (struct block_extent){
        .size = size,
        .status = EXTENT_DATA | EXTENT_ALLOCATED | EXTENT_OFFSET,
        .host_offset = offset,
        .file = node,
    };
    if (!client->calls.export.has_status) {
        return 0;
    }
    struct nbd_call call = {
        .command = NBD_CMD_BLOCK_STATUS,
        .flags = NBD_FLAG_REQ_ONE,
        .offset = offset,
        .size = (uint32_t)MIN(size, RANGE_MAX),
    };
    int result = nbd_calls_make(&client->calls, &call);
    if (result == 0) {
        ret_extent->size = call.status_size;
        ret_extent->status = EXTENT_ALLOCATED | EXTENT_OFFSET |
                             (call.status_flags & NBD_STATE_HOLE ? 0u : EXTENT_DATA) |
                             (call.status_flags & NBD_STATE_ZERO ? EXTENT_ZERO : 0u);
    }
    return result;
}

static bool client_create(struct aio_context *ctx, struct thread_pool *pool,
                          const struct node_create *options, GError **error)
{
    (void)ctx;
    (void)pool;
    return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "'%s' is a server's export, which cannot be created from here: make it "
                          "there, then 'convert -n' writes into it",
                          options->path);
}

const struct block_driver block_nbd_driver = {
    .name = "nbd",
    .protocol = true,
    .claims = nbd_uri_is,
    .instance_size = sizeof(struct client),
    .open = client_open,
    .close = client_close,
    .read = client_read,
    .write = client_write,
    .write_zeroes = client_write_zeroes,
    .discard = client_discard,
    .flush = client_flush,
    .extent = client_extent,
    .create = client_create,
};
