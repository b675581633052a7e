/* Certificates and keys as GnuTLS has them. */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "emu/block/nbd/tls.h"

struct nbd_tls_keys {
    bool server, verify_peer;
    gnutls_certificate_credentials_t certificates; /* or NULL: */
    gnutls_psk_client_credentials_t psk_client;    /* or NULL: */
    gnutls_psk_server_credentials_t psk_server;
    char **lines;      /* USER:KEY, with either of these */
    char *host, *user; /* the first may be NULL */
    bool authorities;  /* the host's are believed, not a folder's */
};
