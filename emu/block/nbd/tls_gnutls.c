/* TLS sessions by GnuTLS: 1.2 and 1.3, with certificates or with keys that both sides know. */
#include "emu/block/nbd/tls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "emu/block/nbd/tls_keys.h"
#include "platform/socket.h"

#define VERSIONS "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define WITH_PSK ":+ECDHE-PSK:+DHE-PSK:+PSK"

struct session {
    struct nbd_tls tls;
    const struct nbd_tls_keys *keys;
    struct host_handle socket;
    gnutls_session_t gnutls;
    gnutls_typed_vdata_st wanted[2]; /* of the peer's certificate */
};

static struct session *session_of(struct nbd_tls *tls)
{
    return (struct session *)tls;
}

static ssize_t wire_pull(gnutls_transport_ptr_t opaque, void *data, size_t size)
{
    struct session *session = opaque;
    int64_t got = host_socket_receive(session->socket, data, size);
    if (got == SOCKET_CLOSED) {
        return 0;
    }
    if (got < 0) {
        gnutls_transport_set_errno(session->gnutls, got == SOCKET_AGAIN ? EAGAIN : ECONNRESET);
        return -1;
    }
    return (ssize_t)got;
}

static ssize_t wire_push(gnutls_transport_ptr_t opaque, const void *data, size_t size)
{
    struct session *session = opaque;
    g_byte_array_append(session->tls.output, data, (guint)size);
    return (ssize_t)size;
}

static void session_free(struct nbd_tls *tls)
{
    struct session *session = session_of(tls);
    gnutls_deinit(session->gnutls);
    g_byte_array_unref(tls->output);
    g_free(tls->problem);
    g_free(session);
}

static char *certificate_problem(const struct session *session)
{
    const struct nbd_tls_keys *keys = session->keys;
    unsigned status = gnutls_session_get_verify_cert_status(session->gnutls);
    const char *whose = keys->server ? "the client's certificate" : "its certificate";
    gnutls_datum_t text;
    if (status & GNUTLS_CERT_REVOKED) {
        return g_strdup_printf("%s was revoked", whose);
    }
    if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) {
        return g_strdup_printf("%s is not signed by an authority that is believed %s", whose,
                               keys->authorities
                                   ? "on this host: name a folder with the right ca-cert.pem "
                                     "(tls-certificates=)"
                                   : "here (ca-cert.pem)");
    }
    if (status & GNUTLS_CERT_EXPIRED) {
        return g_strdup_printf("%s has expired", whose);
    }
    if (status & GNUTLS_CERT_NOT_ACTIVATED) {
        return g_strdup_printf("%s is not valid yet: compare the clocks", whose);
    }
    if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
        return g_strdup_printf("%s is not for '%s': tls-hostname= says what name to expect", whose,
                               keys->host);
    }
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
        return g_strdup_printf("%s is for another purpose", whose);
    }
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0) {
        return g_strdup_printf("%s is not good", whose);
    }
    char *problem = g_strdup_printf("%s is refused: %s", whose, text.data);
    gnutls_free(text.data);
    return problem;
}

static char *common_problem(const struct session *session)
{
    return g_strdup_printf("the two sides have nothing in common: here are %s",
                           session->keys->certificates ? "certificates, no file of keys"
                                                       : "keys of a file, no certificates");
}

/* Many hang up without an alert. */
static char *closed_problem(const struct session *session)
{
    const struct nbd_tls_keys *keys = session->keys;
    return keys->psk_client ? g_strdup_printf("it has closed the connection: it may have another "
                                              "key for the user '%s', or want certificates",
                                              keys->user)
           : keys->server   ? g_strdup("the client has closed the connection")
                            : g_strdup("it has closed the connection: it may want another "
                                         "certificate than client-cert.pem, or keys of a file");
}

/* What the peer says when it ends the session. */
static char *alert_problem(const struct session *session)
{
    int alert = (int)gnutls_alert_get(session->gnutls);
    const char *name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
    const struct nbd_tls_keys *keys = session->keys;
    if (keys->psk_client &&
        (alert == GNUTLS_A_UNKNOWN_PSK_IDENTITY || alert == GNUTLS_A_DECRYPT_ERROR ||
         alert == GNUTLS_A_BAD_RECORD_MAC || alert == GNUTLS_A_ILLEGAL_PARAMETER)) {
        return g_strdup_printf("it has another key for the user '%s', or none", keys->user);
    }
    switch (alert) {
    case GNUTLS_A_HANDSHAKE_FAILURE:
    case GNUTLS_A_INSUFFICIENT_SECURITY:
    case GNUTLS_A_PROTOCOL_VERSION: return common_problem(session);
    case GNUTLS_A_CERTIFICATE_REQUIRED:
        return g_strdup("it wants a certificate of this client that its authority has signed: put "
                        "client-cert.pem and client-key.pem into the folder that "
                        "tls-certificates= names");
    case GNUTLS_A_UNKNOWN_CA:
    case GNUTLS_A_BAD_CERTIFICATE:
    case GNUTLS_A_CERTIFICATE_UNKNOWN:
        return g_strdup_printf("it does not believe this %s's certificate",
                               keys->server ? "server" : "client");
    case GNUTLS_A_CERTIFICATE_EXPIRED: return g_strdup("it says that our certificate has expired");
    case GNUTLS_A_CERTIFICATE_REVOKED: return g_strdup("it says that our certificate was revoked");
    default: return g_strdup_printf("it says: %s", name ? name : "an alert without a name");
    }
}

static int64_t session_fail(struct session *session, int result)
{
    struct nbd_tls *tls = &session->tls;
    g_free(tls->problem);
    switch (result) {
    case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
        tls->problem = certificate_problem(session);
        break;
    case GNUTLS_E_FATAL_ALERT_RECEIVED: tls->problem = alert_problem(session); break;
    case GNUTLS_E_PREMATURE_TERMINATION:
    case GNUTLS_E_PULL_ERROR: tls->problem = closed_problem(session); break;
    case GNUTLS_E_INSUFFICIENT_CREDENTIALS:
    case GNUTLS_E_NO_CIPHER_SUITES: tls->problem = common_problem(session); break;
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_CERTIFICATE_REQUIRED:
        tls->problem = g_strdup("the client has shown no certificate");
        break;
    default: tls->problem = g_strdup(gnutls_strerror(result)); break;
    }
    return SOCKET_ERROR_OTHER;
}

static int session_handshake(struct nbd_tls *tls)
{
    struct session *session = session_of(tls);
    int result;
    do {
        result = gnutls_handshake(session->gnutls);
    } while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
    if (result == 0 || result == GNUTLS_E_AGAIN) {
        return result == 0;
    }
    session_fail(session, result);
    gnutls_alert_send_appropriate(session->gnutls, result);
    return -1;
}

static int64_t session_receive(struct nbd_tls *tls, void *data, size_t size)
{
    struct session *session = session_of(tls);
    ssize_t got;
    do {
        got = gnutls_record_recv(session->gnutls, data, size);
    } while (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_WARNING_ALERT_RECEIVED);
    return got > 0                 ? got
           : got == 0              ? SOCKET_CLOSED
           : got == GNUTLS_E_AGAIN ? SOCKET_AGAIN
                                   : session_fail(session, (int)got);
}

static int64_t session_send(struct nbd_tls *tls, const void *data, size_t size)
{
    struct session *session = session_of(tls);
    ssize_t put = gnutls_record_send(session->gnutls, data, size);
    assert(put != GNUTLS_E_AGAIN && put != 0); /* the output takes everything */
    return put > 0 ? put : session_fail(session, (int)put);
}

static void session_bye(struct nbd_tls *tls)
{
    gnutls_bye(session_of(tls)->gnutls, GNUTLS_SHUT_WR);
}

static const struct nbd_tls_calls session_calls = {
    .handshake = session_handshake,
    .receive = session_receive,
    .send = session_send,
    .bye = session_bye,
    .free = session_free,
};

/* Whom we talk to: checked at the end of the handshake. */
static void session_verify(struct session *session)
{
    const struct nbd_tls_keys *keys = session->keys;
    const char *purpose = keys->server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;
    session->wanted[0] = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                                  .data = (unsigned char *)purpose };
    session->wanted[1] = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_DNS_HOSTNAME,
                                                  .data = (unsigned char *)keys->host };
    if (keys->verify_peer) {
        gnutls_session_set_verify_cert2(session->gnutls, session->wanted, keys->host ? 2 : 1, 0);
    }
    if (keys->server) {
        gnutls_certificate_server_set_request(
            session->gnutls, keys->verify_peer ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    } else if (keys->host && !g_hostname_is_ip_address(keys->host)) {
        gnutls_server_name_set(session->gnutls, GNUTLS_NAME_DNS, keys->host, strlen(keys->host));
    }
}

static int session_credentials(struct session *session)
{
    const struct nbd_tls_keys *keys = session->keys;
    if (keys->certificates) {
        session_verify(session);
        return gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE, keys->certificates);
    }
    return gnutls_credentials_set(session->gnutls, GNUTLS_CRD_PSK,
                                  keys->server ? (void *)keys->psk_server : keys->psk_client);
}

struct nbd_tls *nbd_tls_new(struct nbd_tls_keys *keys, struct host_handle socket)
{
    struct session *session = g_new0(struct session, 1);
    unsigned side = keys->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    session->tls.calls = &session_calls;
    session->tls.output = g_byte_array_new();
    session->keys = keys;
    session->socket = socket;
    if (gnutls_init(&session->gnutls, side | GNUTLS_NONBLOCK) < 0 ||
        gnutls_set_default_priority_append(
            session->gnutls, keys->certificates ? VERSIONS : VERSIONS WITH_PSK, NULL, 0) < 0 ||
        session_credentials(session) < 0) {
        session_free(&session->tls);
        return NULL;
    }
    gnutls_session_set_ptr(session->gnutls, keys);
    gnutls_transport_set_ptr(session->gnutls, session);
    gnutls_transport_set_pull_function(session->gnutls, wire_pull);
    gnutls_transport_set_push_function(session->gnutls, wire_push);
    return &session->tls;
}
