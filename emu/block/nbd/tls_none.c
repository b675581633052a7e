/* A build without GnuTLS. */
#include "emu/block/nbd/tls.h"

#include <assert.h>

#include "platform/error.h"

bool nbd_tls_available(GError **error)
{
    return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "this build has no TLS: use a build with GnuTLS, a tunnel (ssh -L) or a "
                          "unix socket");
}

struct nbd_tls_keys *nbd_tls_keys_load(const struct nbd_tls_options *options, GError **error)
{
    (void)options;
    nbd_tls_available(error);
    return NULL;
}

void nbd_tls_keys_free(struct nbd_tls_keys *keys)
{
    assert(!keys);
}

struct nbd_tls *nbd_tls_new(struct nbd_tls_keys *keys, struct host_handle socket)
{
    (void)socket;
    assert(keys);
    return NULL;
}
