#include "emu/block/nbd/uri.h"

#include <string.h>

#include "emu/block/nbd/protocol.h"
#include "platform/error.h"

#define OLD_NAME ":exportname="

bool nbd_uri_is(const char *path)
{
    return g_str_has_prefix(path, "nbd:") || g_str_has_prefix(path, "nbd+unix:") ||
           g_str_has_prefix(path, "nbd+tcp:") || g_str_has_prefix(path, "nbds:") ||
           g_str_has_prefix(path, "nbds+");
}

void nbd_uri_clear(struct nbd_uri *uri)
{
    g_free(uri->socket);
    g_free(uri->host);
    g_free(uri->name);
    g_free(uri->certificates);
    g_free(uri->psk);
    g_free(uri->user);
    g_free(uri->tls_host);
    *uri = (struct nbd_uri){ 0 };
}

static bool uri_refuse(const char *text, const char *why, GError **error)
{
    return host_error_set(error, HOST_ERROR_OTHER,
                          "'%s' %s: write nbd://HOST:PORT/EXPORT or "
                          "nbd+unix:///EXPORT?socket=PATH",
                          text, why);
}

/* nbd:HOST:PORT and nbd:unix:PATH, with or without :exportname=NAME. */
static bool uri_parse_old(const char *text, struct nbd_uri *uri, GError **error)
{
    const char *begin = text + strlen("nbd:");
    const char *name = strstr(begin, OLD_NAME);
    g_autofree char *place = name ? g_strndup(begin, (gsize)(name - begin)) : g_strdup(begin);
    guint64 port = NBD_PORT;
    uri->name = g_strdup(name ? name + strlen(OLD_NAME) : "");
    if (g_str_has_prefix(place, "unix:")) {
        uri->socket = g_strdup(place + strlen("unix:"));
        return *uri->socket || uri_refuse(text, "names no socket", error);
    }
    char *colon = strrchr(place, ':');
    if (colon && !g_ascii_string_to_unsigned(colon + 1, 10, 1, UINT16_MAX, &port, NULL)) {
        return uri_refuse(text, "has no port from 1 to 65535", error);
    }
    uri->host = colon ? g_strndup(place, (gsize)(colon - place)) : g_strdup(place);
    uri->port = (uint16_t)port;
    return *uri->host || uri_refuse(text, "names no host", error);
}

/* Takes what stands behind the '?'. */
static bool uri_take(const char *text, struct nbd_uri *uri, const char *key, const char *value,
                     GError **error)
{
    const struct {
        const char *name;
        char **field;
    } strings[] = {
        { "socket", &uri->socket },         { "tls-certificates", &uri->certificates },
        { "tls-psk-file", &uri->psk },      { "tls-username", &uri->user },
        { "tls-hostname", &uri->tls_host },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (strcmp(key, strings[i].name) == 0) {
            g_free(*strings[i].field);
            *strings[i].field = g_strdup(value);
            return true;
        }
    }
    if (strcmp(key, "tls-verify-peer") == 0) {
        uri->verify_peer = strcmp(value, "false") != 0;
        return !uri->verify_peer || strcmp(value, "true") == 0 ||
               uri_refuse(text, "has a tls-verify-peer that is neither true nor false", error);
    }
    g_autofree char *why = g_strdup_printf("has the parameter '%s', which is not known", key);
    return uri_refuse(text, why, error);
}

static bool uri_take_query(const char *text, const char *query, struct nbd_uri *uri, GError **error)
{
    GUriParamsIter walk;
    char *key, *value;
    bool taken = true;
    g_uri_params_iter_init(&walk, query, -1, "&;", G_URI_PARAMS_NONE);
    while (taken && g_uri_params_iter_next(&walk, &key, &value, NULL)) {
        taken = uri_take(text, uri, key, value, error);
        g_free(key);
        g_free(value);
    }
    return taken;
}

static bool uri_check_tls(const char *text, const struct nbd_uri *uri, GError **error)
{
    if (!uri->tls && (uri->certificates || uri->psk || uri->tls_host)) {
        return uri_refuse(text, "has parameters for TLS, but begins with nbd, not nbds", error);
    }
    if (uri->certificates && uri->psk) {
        return uri_refuse(text, "has both certificates and a file of keys; one is enough", error);
    }
    return true;
}

static bool uri_place(const char *text, const char *scheme, const char *host, int port,
                      struct nbd_uri *uri, GError **error)
{
    if (g_str_has_suffix(scheme, "+unix")) {
        return (uri->socket && *uri->socket) ||
               uri_refuse(text, "names no socket (?socket=PATH)", error);
    }
    if (strchr(scheme, '+') && !g_str_has_suffix(scheme, "+tcp")) {
        return uri_refuse(text, "is no address that can be read", error);
    }
    if (port == 0) {
        return uri_refuse(text, "has no port from 1 to 65535", error);
    }
    g_clear_pointer(&uri->socket, g_free);
    uri->host = g_strdup(host && *host ? host : "localhost");
    uri->port = (uint16_t)(port < 0 ? NBD_PORT : port);
    return true;
}

static bool uri_parse_new(const char *text, struct nbd_uri *uri, GError **error)
{
    g_autofree char *scheme = NULL, *host = NULL, *path = NULL, *query = NULL;
    int port = -1;
    if (!g_uri_split(text, G_URI_FLAGS_NONE, &scheme, &uri->user, &host, &port, &path, &query, NULL,
                     NULL)) {
        return uri_refuse(text, "is no address that can be read", error);
    }
    uri->name = g_strdup(path && *path == '/' ? path + 1 : path ? path : "");
    uri->tls = g_str_has_prefix(scheme, "nbds");
    uri->verify_peer = true;
    return (!query || uri_take_query(text, query, uri, error)) && uri_check_tls(text, uri, error) &&
           uri_place(text, scheme, host, port, uri, error);
}

bool nbd_uri_parse(const char *text, struct nbd_uri *ret_uri, GError **error)
{
    struct nbd_uri uri = { 0 };
    bool is_new = g_str_has_prefix(text, "nbd://") || !g_str_has_prefix(text, "nbd:");
    bool parsed = is_new ? uri_parse_new(text, &uri, error) : uri_parse_old(text, &uri, error);
    if (parsed && strlen(uri.name) > NBD_NAME_MAX) {
        parsed = uri_refuse(text, "has an export name of more than 4096 bytes", error);
    }
    if (!parsed) {
        nbd_uri_clear(&uri);
        return false;
    }
    *ret_uri = uri;
    return true;
}
