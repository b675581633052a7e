/* The client's side of a negotiation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/nbd/stream.h"

/* What the server has told of its export. */
struct nbd_export {
    uint64_t size;
    uint16_t flags;
    uint32_t block_min, block_max; /* of transfers: multiples of the first, at most the second */
    bool structured;
    bool has_status;
    uint32_t context; /* with has_status: the number of base:allocation */
};

/* Negotiates for the export `name`, with TLS if there are `keys`. False and `error` say who refused
 * what; `peer` names the server there. In a coroutine. */
bool nbd_handshake(struct nbd_stream *stream, const char *peer, const char *name,
                   struct nbd_tls_keys *keys, struct nbd_export *ret_export, GError **error);
