/* Reads the files that nbdkit, libnbd and QEMU have for TLS: a folder of certificates by fixed
 * names, or a file of keys that both sides know. */
#include "emu/block/nbd/tls_keys.h"

#include <assert.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "platform/error.h"
#include "platform/file.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)

/* A file of a folder of certificates. */
struct pem {
    char *path;
    gnutls_datum_t data;
};

static bool file_refuse(const char *path, const char *why, GError **error)
{
    return host_error_set(error, HOST_ERROR_OTHER, "TLS: '%s' %s", path, why);
}

static void secret_free(void *data, size_t size)
{
    if (data) {
        gnutls_memset(data, 0, size);
        g_free(data);
    }
}

static void pem_clear(struct pem *pem)
{
    secret_free(pem->data.data, pem->data.size);
    g_free(pem->path);
    *pem = (struct pem){ 0 };
}

/* Reads DIR/NAME. An optional one that is not there has no data, which is no error. */
static bool pem_load(struct pem *pem, const char *folder, const char *name, bool optional,
                     GError **error)
{
    GError *why = NULL;
    size_t size;
    *pem = (struct pem){ .path = g_build_filename(folder, name, NULL) };
    if (host_file_load(pem->path, FILE_SIZE_MAX, &pem->data.data, &size, &why)) {
        pem->data.size = (unsigned)size;
        bool empty = size == 0 && !file_refuse(pem->path, "is empty", error);
        if (empty) {
            pem_clear(pem);
        }
        return !empty;
    }
    if (optional && g_error_matches(why, host_error_quark(), HOST_ERROR_NOT_FOUND)) {
        g_error_free(why);
        return true;
    }
    g_propagate_prefixed_error(error, why, "TLS: ");
    pem_clear(pem);
    return false;
}

/* Whom to believe, and whom not any more. */
static bool authorities_load(struct nbd_tls_keys *keys, const char *folder, bool optional,
                             GError **error)
{
    struct pem ca = { 0 }, crl = { 0 };
    bool loaded = pem_load(&ca, folder, "ca-cert.pem", optional, error) &&
                  pem_load(&crl, folder, "ca-crl.pem", true, error);
    if (loaded && ca.data.data &&
        gnutls_certificate_set_x509_trust_mem(keys->certificates, &ca.data, GNUTLS_X509_FMT_PEM) <=
            0) {
        loaded = file_refuse(ca.path, "has no certificate in PEM form", error);
    }
    if (loaded && crl.data.data &&
        gnutls_certificate_set_x509_crl_mem(keys->certificates, &crl.data, GNUTLS_X509_FMT_PEM) <=
            0) {
        loaded = file_refuse(crl.path, "has no list of revoked certificates in PEM form", error);
    }
    pem_clear(&ca);
    pem_clear(&crl);
    return loaded;
}

static const char *pair_problem(int result)
{
    switch (result) {
    case GNUTLS_E_CERTIFICATE_KEY_MISMATCH: return "does not have the key of its certificate";
    case GNUTLS_E_DECRYPTION_FAILED:
        return "is protected by a password: store the key without one, readable by you alone";
    default: return gnutls_strerror(result);
    }
}

/* What this side shows of itself. */
static bool own_load(struct nbd_tls_keys *keys, const char *folder, const char *side, bool optional,
                     GError **error)
{
    g_autofree char *certificate_name = g_strdup_printf("%s-cert.pem", side);
    g_autofree char *key_name = g_strdup_printf("%s-key.pem", side);
    struct pem certificate = { 0 }, key = { 0 };
    bool loaded = pem_load(&certificate, folder, certificate_name, optional, error) &&
                  pem_load(&key, folder, key_name, optional && !certificate.data.data, error);
    if (loaded && key.data.data && !certificate.data.data) {
        loaded = file_refuse(certificate.path, "is missing beside its key", error);
    } else if (loaded && key.data.data) {
        int result = gnutls_certificate_set_x509_key_mem(keys->certificates, &certificate.data,
                                                         &key.data, GNUTLS_X509_FMT_PEM);
        loaded = result >= 0 || file_refuse(key.path, pair_problem(result), error);
    }
    pem_clear(&certificate);
    pem_clear(&key);
    return loaded;
}

static bool certificates_load(struct nbd_tls_keys *keys, const char *folder, GError **error)
{
    gnutls_certificate_allocate_credentials(&keys->certificates);
    if (!folder) {
        keys->authorities = true;
        return gnutls_certificate_set_x509_system_trust(keys->certificates) > 0 ||
               host_error_set(error, HOST_ERROR_NOT_FOUND,
                              "TLS: this host has no certificates of authorities: name a folder "
                              "that has a ca-cert.pem (tls-certificates=)");
    }
    return authorities_load(keys, folder, keys->server && !keys->verify_peer, error) &&
           own_load(keys, folder, keys->server ? "server" : "client", !keys->server, error);
}

static bool line_good(const char *line)
{
    const char *colon = strchr(line, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789abcdefABCDEF") : 0;
    return colon && colon > line && digits > 0 && digits % 2 == 0 && colon[1 + digits] == '\0';
}

/* Lines of USER:KEY without those that say nothing; NULL and `error` name a bad one. */
static char **lines_load(const char *path, GError **error)
{
    uint8_t *data;
    size_t size;
    if (!host_file_load(path, FILE_SIZE_MAX, &data, &size, error)) {
        g_prefix_error(error, "TLS: ");
        return NULL;
    }
    g_autofree char *text = g_strndup((const char *)data, size);
    secret_free(data, size);
    char **lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        g_strstrip(lines[i]);
        if (*lines[i] && *lines[i] != '#' && !line_good(lines[i])) {
            host_error_set(error, HOST_ERROR_OTHER,
                           "TLS: line %u of '%s' is not USER:KEY with a key of hexadecimal digits: "
                           "psktool makes such a file",
                           i + 1, path);
            g_strfreev(lines);
            return NULL;
        }
    }
    return lines;
}

/* The key of a user, in digits, within the lines; NULL if there is none. */
static const char *lines_find(char **lines, const char *user)
{
    size_t size = strlen(user);
    for (; *lines; lines++) {
        if (strncmp(*lines, user, size) == 0 && (*lines)[size] == ':') {
            return *lines + size + 1;
        }
    }
    return NULL;
}

static bool psk_client_load(struct nbd_tls_keys *keys, const char *path, GError **error)
{
    const char *key = lines_find(keys->lines, keys->user);
    gnutls_datum_t digits = { (unsigned char *)key, key ? (unsigned)strlen(key) : 0 };
    if (!key) {
        return host_error_set(error, HOST_ERROR_NOT_FOUND,
                              "TLS: '%s' has no key for the user '%s': name another "
                              "(tls-username=, or nbds://USER@HOST/)",
                              path, keys->user);
    }
    gnutls_psk_allocate_client_credentials(&keys->psk_client);
    int result = gnutls_psk_set_client_credentials(keys->psk_client, keys->user, &digits,
                                                   GNUTLS_PSK_KEY_HEX);
    return result == 0 || file_refuse(path, gnutls_strerror(result), error);
}

/* Called in a handshake. Without a key it goes on with a wrong one: a peer cannot try who is known.
 */
static int psk_find(gnutls_session_t session, const char *user, gnutls_datum_t *ret_key)
{
    const struct nbd_tls_keys *keys = gnutls_session_get_ptr(session);
    const char *key = lines_find(keys->lines, user);
    gnutls_datum_t digits = { (unsigned char *)key, key ? (unsigned)strlen(key) : 0 };
    *ret_key = (gnutls_datum_t){ NULL, 0 };
    return key ? gnutls_hex_decode2(&digits, ret_key) : 0;
}

static bool psk_load(struct nbd_tls_keys *keys, const char *path, GError **error)
{
    keys->lines = lines_load(path, error);
    if (!keys->lines || !keys->server) {
        return keys->lines && psk_client_load(keys, path, error);
    }
    gnutls_psk_allocate_server_credentials(&keys->psk_server);
    gnutls_psk_set_server_credentials_function(keys->psk_server, psk_find);
    return true;
}

bool nbd_tls_available(GError **error)
{
    return gnutls_check_version("3.6.3") ||
           host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "TLS: GnuTLS here is %s, and 3.6.3 is needed",
                          gnutls_check_version(NULL));
}

struct nbd_tls_keys *nbd_tls_keys_load(const struct nbd_tls_options *options, GError **error)
{
    assert(!options->certificates || !options->psk);
    assert(!options->server || options->certificates || options->psk);
    if (!nbd_tls_available(error)) {
        return NULL;
    }
    struct nbd_tls_keys *keys = g_new0(struct nbd_tls_keys, 1);
    keys->server = options->server;
    keys->verify_peer = options->verify_peer;
    keys->host = g_strdup(options->host);
    keys->user = g_strdup(options->user ? options->user : g_get_user_name());
    bool loaded = options->psk ? psk_load(keys, options->psk, error)
                               : certificates_load(keys, options->certificates, error);
    if (!loaded) {
        nbd_tls_keys_free(keys);
        return NULL;
    }
    return keys;
}

void nbd_tls_keys_free(struct nbd_tls_keys *keys)
{
    if (!keys) {
        return;
    }
    if (keys->certificates) {
        gnutls_certificate_free_credentials(keys->certificates);
    }
    if (keys->psk_client) {
        gnutls_psk_free_client_credentials(keys->psk_client);
    }
    if (keys->psk_server) {
        gnutls_psk_free_server_credentials(keys->psk_server);
    }
    g_strfreev(keys->lines);
    g_free(keys->host);
    g_free(keys->user);
    g_free(keys);
}
