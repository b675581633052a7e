/* Where an NBD export is, as users write it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Strings are g_malloc'd. */
struct nbd_uri {
    char *socket; /* path of a unix socket, or NULL: */
    char *host;
    uint16_t port;
    char *name; /* of the export; "" is the server's default */
    bool tls;   /* what follows is for TLS: struct nbd_tls_options */
    bool verify_peer;
    char *certificates, *psk, *user, *tls_host;
};

/* Whether `path` is meant for an NBD server: nbd://, nbd+unix://, nbds://, nbd:. */
bool nbd_uri_is(const char *path);

/* Reads nbd://HOST[:PORT][/EXPORT], nbd+unix:///[EXPORT]?socket=PATH, the same with nbds for TLS
 * (tls-certificates=DIR, tls-psk-file=FILE, tls-username=NAME, tls-hostname=NAME and
 * tls-verify-peer=false behind the '?'), and the older forms nbd:HOST:PORT[:exportname=NAME] and
 * nbd:unix:PATH[:exportname=NAME]. False and `error` say what is wrong with it; then there is
 * nothing to clear. */
bool nbd_uri_parse(const char *text, struct nbd_uri *ret_uri, GError **error);

/* Frees the strings. */
void nbd_uri_clear(struct nbd_uri *uri);
