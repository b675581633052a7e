/*
 * A stream socket as a chardev: one peer at a time. A server listens again when its peer has
 * gone; a client stays closed. Output without a peer is discarded.
 */
#include "emu/chardev/backend.h"

#include <assert.h>
#include <string.h>

#include <glib/gstdio.h>

#include "platform/socket.h"

#define SOCKET_CHUNK 4096

struct socket_chardev {
    struct chardev chardev;
    struct host_handle listener; /* none for a client */
    struct host_handle peer;
    struct aio_bh *hangup_bh;
    char *unlink_path; /* of a listening unix socket */
    bool listening;    /* handlers set now */
    bool reading;
    bool writing;
    bool starved; /* the client was told that there is no room */
    bool broken;  /* sending failed: the bottom half closes */
};

static void socket_update(struct socket_chardev *s);

static bool socket_has_peer(const struct socket_chardev *s)
{
    return s->peer.kind != HOST_HANDLE_NONE;
}

static void socket_drop_peer(struct socket_chardev *s)
{
    if (!socket_has_peer(s)) {
        return;
    }
    if (s->reading || s->writing) {
        aio_set_fd_handler(s->chardev.ctx, s->peer, NULL, NULL, NULL, NULL);
    }
    host_socket_close(s->peer);
    s->peer = host_handle_none();
    s->reading = s->writing = s->broken = false;
}

/* Closes the connection and tells the client; a server waits for the next one. */
static void socket_hangup(void *opaque)
{
    struct socket_chardev *s = opaque;
    bool starved = s->starved;
    socket_drop_peer(s);
    s->starved = false;
    socket_update(s);
    if (s->chardev.open) {
        chardev_client_event(&s->chardev, CHARDEV_CLOSED);
    }
    if (starved) {
        chardev_client_writable(&s->chardev);
    }
}

/* After a failed send. */
static void socket_broken(void *opaque)
{
    if (((struct socket_chardev *)opaque)->broken) {
        socket_hangup(opaque);
    }
}

static void socket_accept(void *opaque)
{
    struct socket_chardev *s = opaque;
    struct host_handle peer;
    if (!socket_has_peer(s) && host_socket_accept(s->listener, &peer)) {
        s->peer = peer;
        chardev_client_event(&s->chardev, CHARDEV_OPENED);
        socket_update(s);
    }
}

static void socket_readable(void *opaque)
{
    struct socket_chardev *s = opaque;
    uint8_t data[SOCKET_CHUNK];
    size_t room = MIN(chardev_client_room(&s->chardev), sizeof(data));
    int64_t got = room > 0 ? host_socket_receive(s->peer, data, room) : SOCKET_AGAIN;
    if (got > 0) {
        chardev_client_receive(&s->chardev, data, (size_t)got);
    } else if (got != SOCKET_AGAIN) {
        socket_hangup(s);
        return;
    }
    socket_update(s);
}

static void socket_writable(void *opaque)
{
    struct socket_chardev *s = opaque;
    s->starved = false;
    socket_update(s);
    chardev_client_writable(&s->chardev);
}

/* Listens for exactly what can be used now: a peer, its bytes, room for ours. */
static void socket_update(struct socket_chardev *s)
{
    bool listen = s->listener.kind != HOST_HANDLE_NONE && !socket_has_peer(s);
    if (listen != s->listening &&
        aio_set_fd_handler_named(s->chardev.ctx, "socket-listener", s->listener,
                                 listen ? socket_accept : NULL, NULL, s, NULL)) {
        s->listening = listen;
    }
    bool alive = socket_has_peer(s) && !s->broken;
    bool read = alive && chardev_client_room(&s->chardev) > 0;
    bool write = alive && s->starved;
    if (read == s->reading && write == s->writing) {
        return;
    }
    if (aio_set_fd_handler_named(s->chardev.ctx, "socket-peer", s->peer,
                                 read ? socket_readable : NULL, write ? socket_writable : NULL, s,
                                 NULL)) {
        s->reading = read;
        s->writing = write;
    } else {
        s->broken = true; /* the loop cannot take one more handle: a connection of no use */
        aio_bh_schedule(s->hangup_bh);
    }
}

static size_t socket_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct socket_chardev *s = (struct socket_chardev *)chardev;
    if (!socket_has_peer(s) || s->broken) {
        return size;
    }
    int64_t sent = s->starved ? SOCKET_AGAIN : host_socket_send(s->peer, data, size);
    if (sent < 0 && sent != SOCKET_AGAIN) {
        s->broken = true; /* not from here: the client is in the middle of a write */
        aio_bh_schedule(s->hangup_bh);
        return size;
    }
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken < size) {
        s->starved = true;
        socket_update(s);
    }
    return taken;
}

static void socket_accept_input(struct chardev *chardev)
{
    socket_update((struct socket_chardev *)chardev);
}

static void socket_close(struct chardev *chardev)
{
    struct socket_chardev *s = (struct socket_chardev *)chardev;
    chardev->client = NULL;
    socket_drop_peer(s);
    if (s->listening) {
        aio_set_fd_handler(chardev->ctx, s->listener, NULL, NULL, NULL, NULL);
    }
    host_socket_close(s->listener);
    if (s->unlink_path != NULL) {
        g_unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    aio_bh_delete(s->hangup_bh);
    chardev_release(chardev);
}

static const struct chardev_class socket_class = {
    .name = "socket",
    .write = socket_write,
    .accept_input = socket_accept_input,
    .close = socket_close,
};

/* Takes over a listener or a connected peer; the other is none. */
static struct chardev *socket_new(struct aio_context *ctx, const char *id,
                                  struct host_handle listener, struct host_handle peer)
{
    struct socket_chardev *s = chardev_alloc(&socket_class, ctx, id, sizeof(*s));
    s->listener = listener;
    s->peer = peer;
    s->hangup_bh = aio_bh_new(ctx, "chardev-hangup", socket_broken, s);
    s->chardev.open = socket_has_peer(s);
    socket_update(s);
    return &s->chardev;
}

struct chardev *chardev_new_tcp(struct aio_context *ctx, const char *id, const char *host,
                                uint16_t port, bool server, GError **error)
{
    struct host_handle socket;
    if (!host_socket_startup(error) ||
        !(server ? host_socket_listen_tcp(host, port, &socket, error)
                 : host_socket_connect_tcp(host, port, &socket, error))) {
        return NULL;
    }
    return server ? socket_new(ctx, id, socket, host_handle_none())
                  : socket_new(ctx, id, host_handle_none(), socket);
}

struct chardev *chardev_new_unix(struct aio_context *ctx, const char *id, const char *path,
                                 bool server, GError **error)
{
    struct host_handle socket;
    if (!host_socket_startup(error) || !(server ? host_socket_listen_unix(path, &socket, error)
                                                : host_socket_connect_unix(path, &socket, error))) {
        return NULL;
    }
    if (!server) {
        return socket_new(ctx, id, host_handle_none(), socket);
    }
    struct chardev *chardev = socket_new(ctx, id, socket, host_handle_none());
    ((struct socket_chardev *)chardev)->unlink_path = g_strdup(path);
    return chardev;
}

uint16_t chardev_socket_port(const struct chardev *chardev)
{
    assert(chardev->class == &socket_class);
    return host_socket_port(((const struct socket_chardev *)chardev)->listener);
}

/* A server that waits, and who may end that. */
struct socket_wait {
    const struct socket_chardev *socket;
    aio_predicate_fn *stop;
    void *opaque;
};

static bool socket_lonely(void *opaque)
{
    const struct socket_wait *wait = opaque;
    return !socket_has_peer(wait->socket) && !wait->stop(wait->opaque);
}

void chardev_socket_wait(struct chardev *chardev, aio_predicate_fn *stop, void *opaque)
{
    assert(chardev->class == &socket_class);
    struct socket_wait wait = { (struct socket_chardev *)chardev, stop, opaque };
    assert(wait.socket->listener.kind != HOST_HANDLE_NONE);
    aio_wait_while(chardev->ctx, socket_lonely, &wait, "a connection to a chardev with wait=on");
}
