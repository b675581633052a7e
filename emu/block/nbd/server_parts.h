/* What the files of the server share. */
#pragma once

#include "aio/coroutine.h"
#include "aio/timer.h"
#include "emu/block/nbd/protocol.h"
#include "emu/block/nbd/server.h"
#include "emu/block/nbd/stream.h"

#define NBD_IN_FLIGHT_MAX 16
#define NBD_PIECE_MAX     ((uint32_t)2 << 20) /* longer transfers are done piece by piece */
#define NBD_BYTES_MAX     ((uint32_t)8 << 20) /* of one client's transfers under way */

struct nbd_server {
    struct aio_context *ctx;
    struct host_handle listener;
    struct block_node *node;
    char *name, *description;
    uint16_t flags; /* of the export */
    enum nbd_server_tls tls;
    struct nbd_tls_keys *keys;
    unsigned clients_max;
    int64_t negotiation_ns;
    bool listening, stopping;
    struct nbd_client *clients;
    unsigned count;
    void (*left)(void *opaque);
    void *opaque;
};

struct nbd_client {
    struct nbd_server *server;
    struct nbd_stream stream;
    struct aio_timer limit; /* of the negotiation */
    bool no_zeroes, structured, has_status;
    unsigned in_flight;
    uint32_t bytes;
    struct coroutine *waiting; /* the one that reads requests, for less of both */
    struct nbd_client *next;
};

/* Negotiates; false when the client is to be dropped or has left. In the client's coroutine. */
bool nbd_server_negotiate(struct nbd_client *client);

/* Answers requests until the client leaves or breaks the rules, and waits for those under way. */
void nbd_server_serve(struct nbd_client *client);
