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

static bool uri_take_socket(const char *text, const char *query, struct nbd_uri *uri,
                            GError **error)
{
    GHashTable *values =
        query ? g_uri_parse_params(query, -1, "&;", G_URI_PARAMS_NONE, NULL) : NULL;
    const char *socket = values ? g_hash_table_lookup(values, "socket") : NULL;
    uri->socket = g_strdup(socket);
    g_clear_pointer(&values, g_hash_table_unref);
    return (uri->socket && *uri->socket) ||
           uri_refuse(text, "names no socket (?socket=PATH)", error);
}

static bool uri_parse_new(const char *text, struct nbd_uri *uri, GError **error)
{
    g_autofree char *scheme = NULL, *host = NULL, *path = NULL, *query = NULL;
    int port = -1;
    if (!g_uri_split(text, G_URI_FLAGS_NONE, &scheme, NULL, &host, &port, &path, &query, NULL,
                     NULL)) {
        return uri_refuse(text, "is no address that can be read", error);
    }
    uri->name = g_strdup(path && *path == '/' ? path + 1 : path ? path : "");
    if (strcmp(scheme, "nbd+unix") == 0) {
        return uri_take_socket(text, query, uri, error);
    }
    if (port == 0) {
        return uri_refuse(text, "has no port from 1 to 65535", error);
    }
    uri->host = g_strdup(host && *host ? host : "localhost");
    uri->port = (uint16_t)(port < 0 ? NBD_PORT : port);
    return true;
}

bool nbd_uri_parse(const char *text, struct nbd_uri *ret_uri, GError **error)
{
    struct nbd_uri uri = { 0 };
    if (g_str_has_prefix(text, "nbds")) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "'%s' asks for TLS, which this program has not: use nbd:// through a "
                              "tunnel (ssh -L), or a unix socket",
                              text);
    }
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
