/*
 * TLS for connections to NBD servers and clients, with GnuTLS where the build has it
 * (tls_gnutls.c), and with a clear refusal where it has not (tls_none.c).
 *
 * A session turns bytes into records and back. It takes what arrives from its socket, which does
 * not wait, and keeps what is to be sent until its owner has sent it: nothing here waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "platform/handle.h"

/* Where certificates or keys are: one of the first two; for a client also none, then the host's
 * authorities are believed. Strings are copied. */
struct nbd_tls_options {
    const char *certificates; /* folder: ca-cert.pem, server-cert.pem, client-key.pem, ... */
    const char *psk;          /* file with lines of USER:KEY, the key in hexadecimal digits */
    const char *user;         /* a client's line in `psk`; NULL: the name it is logged in by */
    const char *host;         /* whom the server's certificate must name; a client's */
    bool server;
    bool verify_peer; /* a client: believe only who has a good certificate; a server: the same */
};

struct nbd_tls_keys;
struct nbd_tls;

/* What a session does. */
struct nbd_tls_calls {
    /* Goes on with the handshake: 1 when both sides agree, 0 when more must arrive, -1 when they
     * do not agree: `problem` says why, and what is left to send tells the peer. */
    int (*handshake)(struct nbd_tls *tls);

    /* Bytes received, or a negative enum socket_result. */
    int64_t (*receive)(struct nbd_tls *tls, void *data, size_t size);

    /* Encrypts bytes: how many, at least one, or a negative enum socket_result. */
    int64_t (*send)(struct nbd_tls *tls, const void *data, size_t size);

    /* Says that nothing more will be sent. */
    void (*bye)(struct nbd_tls *tls);

    /* Ends the session, and frees it. */
    void (*free)(struct nbd_tls *tls);
};

/* A session; the owner takes from `output` what it has sent. */
struct nbd_tls {
    const struct nbd_tls_calls *calls;
    GByteArray *output;
    char *problem; /* why it failed, for people, or NULL */
};

/* Whether this build has it; false and `error` say so if not. */
bool nbd_tls_available(GError **error);

/* Reads certificates or keys: files, so it may take a moment. NULL and `error` name the file, and
 * what is wrong with it. Any thread. */
struct nbd_tls_keys *nbd_tls_keys_load(const struct nbd_tls_options *options, GError **error);

/* Frees them, after the sessions that use them; accepts NULL. */
void nbd_tls_keys_free(struct nbd_tls_keys *keys);

/* Begins a session on a connected socket, which stays the caller's. NULL if the host has no memory
 * or no random numbers for it. */
struct nbd_tls *nbd_tls_new(struct nbd_tls_keys *keys, struct host_handle socket);
