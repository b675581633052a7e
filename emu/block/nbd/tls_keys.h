/* Certificates and keys as GnuTLS has them; named, not included: not every build has GnuTLS. */
#pragma once

#include <stdbool.h>

#include "emu/block/nbd/tls.h"

struct nbd_tls_keys {
    bool server, verify_peer;
    struct gnutls_certificate_credentials_st *certificates; /* or NULL: */
    struct gnutls_psk_client_credentials_st *psk_client;    /* or NULL: */
    struct gnutls_psk_server_credentials_st *psk_server;
    char **lines;      /* USER:KEY, with either of these */
    char *host, *user; /* the first may be NULL */
    bool authorities;  /* the host's are believed, not a folder's */
};
