#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "emu/block/nbd/server.h"
#include "platform/process.h"
#include "platform/socket.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

#define PORT             10809
#define CLIENTS_MAX      1000
#define ONCE             IMG_OPTION_LONG
#define TLS              (IMG_OPTION_LONG + 1)
#define TLS_CERTIFICATES (IMG_OPTION_LONG + 2)
#define TLS_PSK          (IMG_OPTION_LONG + 3)
#define TLS_VERIFY_PEER  (IMG_OPTION_LONG + 4)

static const struct img_option options[] = {
    { 'r', "read-only", IMG_NO_VALUE }, { 'k', "socket", IMG_VALUE },
    { 'p', "port", IMG_VALUE },         { 'b', "bind", IMG_VALUE },
    { 'x', "export", IMG_VALUE },       { 'D', "description", IMG_VALUE },
    { 'e', "shared", IMG_VALUE },       { 'f', "format", IMG_VALUE },
    { 't', "cache", IMG_VALUE },        { ONCE, "once", IMG_NO_VALUE },
    { TLS, "tls", IMG_VALUE },          { TLS_CERTIFICATES, "tls-certificates", IMG_VALUE },
    { TLS_PSK, "tls-psk", IMG_VALUE },  { TLS_VERIFY_PEER, "tls-verify-peer", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct serve {
    struct img *img;
    const char *socket, *address, *name, *description, *format, *path;
    uint64_t port, clients;
    bool read_only, once;
    unsigned cache;
    const char *tls_mode; /* NULL: as the next says */
    struct nbd_tls_options tls;
    struct nbd_tls_keys *keys;
    struct block_node *node;
    GError *error;
    atomic_bool quit;
    int status;
};

static bool option_take(struct serve *serve, int id, const char *value, GError **error)
{
    switch (id) {
    case 'r': serve->read_only = true; return true;
    case 'k': serve->socket = value; return true;
    case 'p': return img_number("port", value, 0, UINT16_MAX, &serve->port, error);
    case 'b': serve->address = value; return true;
    case 'x': serve->name = value; return true;
    case 'D': serve->description = value; return true;
    case 'e': return img_number("number of clients", value, 1, CLIENTS_MAX, &serve->clients, error);
    case 'f': serve->format = value; return true;
    case 't': return img_cache_mode(value, &serve->cache, error);
    case TLS: serve->tls_mode = value; return true;
    case TLS_CERTIFICATES: serve->tls.certificates = value; return true;
    case TLS_PSK: serve->tls.psk = value; return true;
    case TLS_VERIFY_PEER: serve->tls.verify_peer = true; return true;
    default: serve->once = true; return true;
    }
}

/* Who names certificates or keys wants them used. */
static bool tls_check(struct serve *serve, GError **error)
{
    static const char *const modes[] = { "off", "on", "require", NULL };
    const struct nbd_tls_options *tls = &serve->tls;
    bool given = tls->certificates || tls->psk;
    serve->tls_mode = serve->tls_mode ? serve->tls_mode : given ? "require" : "off";
    if (!g_strv_contains(modes, serve->tls_mode)) {
        return usage_unknown(error, serve->tls_mode, modes, "write off, on or require",
                             "there is no --tls=%s", serve->tls_mode);
    }
    if (tls->certificates && tls->psk) {
        return usage_error(error, "--tls-certificates and --tls-psk exclude each other");
    }
    if (tls->verify_peer && !tls->certificates) {
        return usage_error(error, "--tls-verify-peer wants the authority's certificate: say "
                                  "--tls-certificates=DIR");
    }
    return given || strcmp(serve->tls_mode, "off") == 0 ||
           usage_error(error,
                       "--tls=%s wants certificates or keys: say --tls-certificates=DIR or "
                       "--tls-psk=FILE",
                       serve->tls_mode);
}

static bool serve_parse(struct serve *serve, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(serve, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    serve->path = img_args_operand(args, 0);
    return tls_check(serve, error) && (strlen(serve->name) <= 255 ||
                                       usage_error(error, "the export's name has over 255 bytes"));
}

static void serve_open(void *opaque)
{
    struct serve *serve = opaque;
    unsigned flags = serve->cache | (serve->read_only ? 0u : NODE_WRITE | NODE_RELEASE);
    serve->node = img_open_operand(serve->img, serve->path, serve->format, flags, &serve->error);
}

static void serve_close(void *opaque)
{
    struct serve *serve = opaque;
    serve->status = img_close(serve->img, serve->node, serve->status);
}

static void serve_quit(void *opaque)
{
    struct serve *serve = opaque;
    atomic_store(&serve->quit, true);
    aio_notify(serve->img->ctx);
}

static void serve_left(void *opaque)
{
    struct serve *serve = opaque;
    atomic_store(&serve->quit, atomic_load(&serve->quit) || serve->once);
}

static bool serve_goes_on(void *opaque)
{
    return !atomic_load(&((struct serve *)opaque)->quit);
}

static bool serve_listen(const struct serve *serve, struct host_handle *ret_socket, GError **error)
{
    return serve->socket
               ? host_socket_listen_unix(serve->socket, ret_socket, error)
               : host_socket_listen_tcp(serve->address, (uint16_t)serve->port, ret_socket, error);
}

static void serve_announce(const struct serve *serve, struct host_handle listener)
{
    g_autofree char *name = g_uri_escape_string(serve->name, "/", FALSE);
    const char *scheme = serve->keys ? "nbds" : "nbd";
    if (serve->socket) {
        g_autofree char *socket = g_uri_escape_string(serve->socket, "/", FALSE);
        printf("%s+unix:///%s?socket=%s\n", scheme, name, socket);
    } else {
        bool six = strchr(serve->address, ':');
        printf(six ? "%s://[%s]:%u/%s\n" : "%s://%s:%u/%s\n", scheme, serve->address,
               host_socket_port(listener), name);
    }
    fflush(stdout);
}

static bool serve_run(struct serve *serve, GError **error)
{
    struct aio_context *ctx = serve->img->ctx;
    struct host_handle listener;
    const struct nbd_server_options how = {
        .node = serve->node,
        .name = serve->name,
        .description = serve->description,
        .read_only = serve->read_only,
        .tls = strcmp(serve->tls_mode, "on") == 0 ? NBD_TLS_ON
               : serve->keys                      ? NBD_TLS_REQUIRE
                                                  : NBD_TLS_OFF,
        .keys = serve->keys,
        .clients_max = (unsigned)serve->clients,
        .left = serve_left,
        .opaque = serve,
    };
    if (!serve_listen(serve, &listener, error)) {
        return false;
    }
    struct nbd_server *server = nbd_server_new(ctx, listener, &how, error);
    if (!server) {
        return false;
    }
    host_on_quit(serve_quit, serve);
    serve_announce(serve, listener);
    aio_wait_while(ctx, serve_goes_on, serve, "the end of an NBD server");
    host_on_quit(NULL, NULL);
    nbd_server_free(server);
    return true;
}

int img_serve(struct img *img, const char *const *arguments)
{
    struct serve serve = {
        .img = img,
        .address = "127.0.0.1",
        .name = "",
        .port = PORT,
        .tls.server = true,
    };
    struct img_args args;
    GError *error = NULL;
    img_args_init(&args, options, arguments);
    bool parsed = serve_parse(&serve, &args, &error);
    img_args_clear(&args);
    if (!parsed) {
        return img_fail(img, error);
    }
    if (strcmp(serve.tls_mode, "off") != 0) {
        serve.keys = nbd_tls_keys_load(&serve.tls, &error);
        if (!serve.keys) {
            return img_fail(img, error);
        }
    }
    block_run(img->ctx, serve_open, &serve);
    if (serve.node) {
        serve.status = serve_run(&serve, &error) ? 0 : img_fail(img, error);
        block_run(img->ctx, serve_close, &serve);
    } else {
        serve.status = img_fail(img, serve.error);
    }
    nbd_tls_keys_free(serve.keys);
    return serve.status;
}
