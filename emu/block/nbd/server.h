/*
 * Exports an open image to NBD clients: fixed newstyle, structured replies, base:allocation.
 *
 * Nothing a client sends is believed. What it can make the server hold is bounded: so many clients,
 * so many requests and bytes of each; one that does not finish its negotiation is dropped.
 * Everything on the context's home thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/nbd/tls.h"
#include "emu/block/node.h"
#include "platform/handle.h"

struct nbd_server;

enum nbd_server_tls {
    NBD_TLS_OFF,
    NBD_TLS_ON,      /* for who asks */
    NBD_TLS_REQUIRE, /* who does not ask learns nothing */
};

/* Strings are copied. */
struct nbd_server_options {
    struct block_node *node; /* stays the caller's, open until the server is freed */
    const char *name;        /* of the export; "" is what clients get that name none */
    const char *description; /* shown by listings; may be NULL */
    bool read_only;          /* else as the node is */
    enum nbd_server_tls tls;
    struct nbd_tls_keys *keys; /* with TLS; stay the caller's until the server is freed */
    unsigned clients_max;      /* at once; others wait. 0: 16 */
    int64_t negotiation_ns;    /* how long one may take; 0: 10 s */

    /* Called when the last client has left; may be NULL. */
    void (*left)(void *opaque);
    void *opaque;
};

/* Takes over a socket that listens, and accepts clients from now on. NULL and `error` if the loop
 * cannot take it; then the socket is closed. */
struct nbd_server *nbd_server_new(struct aio_context *ctx, struct host_handle listener,
                                  const struct nbd_server_options *options, GError **error);

/* Hangs up on all clients, waits for what they have under way and frees; accepts NULL. Not in a
 * coroutine. */
void nbd_server_free(struct nbd_server *server);

/* Clients that are connected, half-negotiated ones too. */
unsigned nbd_server_clients(const struct nbd_server *server);
