#include "emu/block/nbd/handshake.h"

#include <assert.h>

#include "emu/block/nbd/protocol.h"
#include "platform/error.h"

#define MESSAGE_MAX 512
#define REPLIES_MAX 64 /* to one option; we ask for nothing that has more */

struct handshake {
    struct nbd_stream *stream;
    const char *peer, *name;
    struct nbd_tls_keys *keys; /* or NULL */
    bool no_zeroes;
    struct nbd_export export;
};

struct option_reply {
    uint32_t type, size;
    uint8_t data[MESSAGE_MAX]; /* the beginning; the rest is skipped */
    size_t data_size;
};

static bool handshake_lost(const struct handshake *h, GError **error)
{
    const char *problem = nbd_stream_problem(h->stream);
    if (problem) {
        return host_error_set(error, HOST_ERROR_DENIED, "TLS with '%s' failed: %s", h->peer,
                              problem);
    }
    return host_error_set(error, HOST_ERROR_OTHER,
                          "'%s' has closed the connection or stopped answering: is it an NBD "
                          "server, and may this client use it?",
                          h->peer);
}

static bool handshake_garbled(const struct handshake *h, GError **error)
{
    return host_error_set(error, HOST_ERROR_OTHER,
                          "'%s' does not answer as NBD servers do: check host and port", h->peer);
}

static bool option_send(struct handshake *h, enum nbd_option option, const uint8_t *data,
                        size_t size, GError **error)
{
    uint8_t header[NBD_OPTION_SIZE];
    struct host_vec vec = { (uint8_t *)data, size };
    be_put64(header, NBD_MAGIC_OPTION);
    be_put32(header + 8, option);
    be_put32(header + 12, (uint32_t)size);
    return nbd_stream_write(h->stream, header, sizeof(header), &vec, size ? 1 : 0) ||
           handshake_lost(h, error);
}

static bool option_receive(struct handshake *h, enum nbd_option option, struct option_reply *reply,
                           GError **error)
{
    uint8_t header[NBD_REPLY_SIZE];
    if (!nbd_stream_read(h->stream, header, sizeof(header))) {
        return handshake_lost(h, error);
    }
    reply->type = be_get32(header + 12);
    reply->size = be_get32(header + 16);
    reply->data_size = MIN(reply->size, sizeof(reply->data));
    if (be_get64(header) != NBD_MAGIC_REPLY || be_get32(header + 8) != option ||
        reply->size > NBD_OPTION_MAX) {
        return handshake_garbled(h, error);
    }
    return (nbd_stream_read(h->stream, reply->data, reply->data_size) &&
            nbd_stream_skip(h->stream, reply->size - reply->data_size)) ||
           handshake_lost(h, error);
}

/* The server's words, as far as they can be shown. */
static char *reply_text(const struct option_reply *reply)
{
    if (reply->data_size == 0) {
        return g_strdup("");
    }
    char *text = g_utf8_make_valid((const char *)reply->data, (gssize)reply->data_size);
    for (char *at = text; *at; at++) {
        *at = g_ascii_iscntrl(*at) ? ' ' : *at;
    }
    char *quoted = g_strdup_printf(" (it says: %s)", g_strstrip(text));
    g_free(text);
    return quoted;
}

static bool option_refused(const struct handshake *h, const struct option_reply *reply,
                           GError **error)
{
    g_autofree char *said = reply_text(reply);
    switch (reply->type) {
    case NBD_REP_ERR_UNKNOWN:
        return host_error_set(error, HOST_ERROR_NOT_FOUND,
                              "'%s' has no export '%s'%s: 'nbdinfo --list' shows what it has",
                              h->peer, h->name, said);
    case NBD_REP_ERR_TLS:
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "'%s' wants TLS%s: write nbds:// instead of nbd://, with "
                              "tls-certificates=DIR or tls-psk-file=FILE if it needs one",
                              h->peer, said);
    default:
        return host_error_set(error, HOST_ERROR_DENIED,
                              "'%s' refuses the export '%s' with error 0x%08x%s", h->peer, h->name,
                              reply->type, said);
    }
}

static bool ask_tls(struct handshake *h, GError **error)
{
    struct option_reply reply;
    if (!option_send(h, NBD_OPT_STARTTLS, NULL, 0, error) ||
        !option_receive(h, NBD_OPT_STARTTLS, &reply, error)) {
        return false;
    }
    if (reply.type != NBD_REP_ACK) {
        g_autofree char *said = reply_text(&reply);
        return host_error_set(
            error, HOST_ERROR_UNSUPPORTED,
            "'%s' has no TLS%s: start the server with it, or write nbd:// and let "
            "everybody on the way read along",
            h->peer, said);
    }
    return nbd_stream_start_tls(h->stream, h->keys) || handshake_lost(h, error);
}

/* Asks for structured replies; a server may have none. */
static bool ask_structured(struct handshake *h, GError **error)
{
    struct option_reply reply;
    if (!option_send(h, NBD_OPT_STRUCTURED_REPLY, NULL, 0, error) ||
        !option_receive(h, NBD_OPT_STRUCTURED_REPLY, &reply, error)) {
        return false;
    }
    if (reply.type == NBD_REP_ERR_TLS) {
        return option_refused(h, &reply, error);
    }
    h->export.structured = reply.type == NBD_REP_ACK;
    return true;
}

/* Asks for base:allocation; a server may not know it. */
static bool ask_context(struct handshake *h, GError **error)
{
    size_t name_size = strlen(h->name), query_size = strlen(NBD_CONTEXT);
    g_autofree uint8_t *data = g_malloc(12 + name_size + query_size);
    struct option_reply reply;
    uint8_t *at = be_put32(data, (uint32_t)name_size);
    at = (uint8_t *)memcpy(at, h->name, name_size) + name_size;
    at = be_put32(be_put32(at, 1), (uint32_t)query_size);
    at = (uint8_t *)memcpy(at, NBD_CONTEXT, query_size) + query_size;
    if (!option_send(h, NBD_OPT_SET_META_CONTEXT, data, (size_t)(at - data), error)) {
        return false;
    }
    for (unsigned i = 0; i < REPLIES_MAX; i++) {
        if (!option_receive(h, NBD_OPT_SET_META_CONTEXT, &reply, error)) {
            return false;
        }
        if (reply.type == NBD_REP_ACK || (reply.type & NBD_REP_ERROR)) {
            return true;
        }
        if (reply.type == NBD_REP_META_CONTEXT && reply.data_size == 4 + query_size &&
            memcmp(reply.data + 4, NBD_CONTEXT, query_size) == 0) {
            h->export.has_status = true;
            h->export.context = be_get32(reply.data);
        }
    }
    return handshake_garbled(h, error);
}

static bool info_block_size(struct handshake *h, const struct option_reply *reply, GError **error)
{
    uint32_t min = be_get32(reply->data + 2), max = be_get32(reply->data + 10);
    if (min == 0 || (min & (min - 1)) || min > 64 * 1024 || max < min) {
        return handshake_garbled(h, error);
    }
    h->export.block_min = min;
    h->export.block_max = MIN(max, NBD_TRANSFER_MAX) / min * min;
    return true;
}

static bool info_take(struct handshake *h, const struct option_reply *reply, bool *has_export,
                      GError **error)
{
    uint16_t info = reply->data_size >= 2 ? be_get16(reply->data) : UINT16_MAX;
    if (info == NBD_INFO_EXPORT && reply->size == 12) {
        h->export.size = be_get64(reply->data + 2);
        h->export.flags = be_get16(reply->data + 10);
        *has_export = true;
    }
    if (info == NBD_INFO_BLOCK_SIZE && reply->size == 14) {
        return info_block_size(h, reply, error);
    }
    return true;
}

/* The way before GO: no error can come back, the server just hangs up. */
static bool go_old(struct handshake *h, GError **error)
{
    uint8_t answer[10];
    if (!option_send(h, NBD_OPT_EXPORT_NAME, (const uint8_t *)h->name, strlen(h->name), error)) {
        return false;
    }
    if (!nbd_stream_read(h->stream, answer, sizeof(answer)) ||
        !nbd_stream_skip(h->stream, h->no_zeroes ? 0 : NBD_ZEROES_SIZE)) {
        return host_error_set(error, HOST_ERROR_NOT_FOUND,
                              "'%s' has closed the connection when asked for the export '%s': "
                              "'nbdinfo --list' shows what it has",
                              h->peer, h->name);
    }
    h->export.size = be_get64(answer);
    h->export.flags = be_get16(answer + 8);
    return true;
}

static bool go(struct handshake *h, GError **error)
{
    size_t name_size = strlen(h->name);
    g_autofree uint8_t *data = g_malloc(8 + name_size);
    struct option_reply reply;
    bool has_export = false;
    uint8_t *at = be_put32(data, (uint32_t)name_size);
    at = (uint8_t *)memcpy(at, h->name, name_size) + name_size;
    be_put16(be_put16(at, 1), NBD_INFO_BLOCK_SIZE);
    if (!option_send(h, NBD_OPT_GO, data, 8 + name_size, error)) {
        return false;
    }
    for (unsigned i = 0; i < REPLIES_MAX; i++) {
        if (!option_receive(h, NBD_OPT_GO, &reply, error)) {
            return false;
        }
        if (reply.type == NBD_REP_ACK) {
            return has_export || handshake_garbled(h, error);
        }
        if (reply.type == NBD_REP_ERR_UNSUP) {
            return go_old(h, error);
        }
        if (reply.type & NBD_REP_ERROR) {
            return option_refused(h, &reply, error);
        }
        if (reply.type == NBD_REP_INFO && !info_take(h, &reply, &has_export, error)) {
            return false;
        }
    }
    return handshake_garbled(h, error);
}

static bool greet(struct handshake *h, GError **error)
{
    uint8_t hello[18], answer[4];
    if (!nbd_stream_read(h->stream, hello, 16)) {
        return handshake_lost(h, error);
    }
    if (be_get64(hello) == NBD_MAGIC && be_get64(hello + 8) == NBD_MAGIC_OLDSTYLE) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "'%s' speaks only the old style of the protocol: start it with its "
                              "newstyle negotiation",
                              h->peer);
    }
    if (be_get64(hello) != NBD_MAGIC || be_get64(hello + 8) != NBD_MAGIC_OPTION) {
        return handshake_garbled(h, error);
    }
    if (!nbd_stream_read(h->stream, hello + 16, 2)) {
        return handshake_lost(h, error);
    }
    uint16_t flags = be_get16(hello + 16);
    if (!(flags & NBD_FIXED_NEWSTYLE)) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "'%s' has no fixed newstyle negotiation: use a newer server",
                              h->peer);
    }
    h->no_zeroes = flags & NBD_NO_ZEROES;
    be_put32(answer, flags & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES));
    return nbd_stream_write(h->stream, answer, sizeof(answer), NULL, 0) || handshake_lost(h, error);
}

bool nbd_handshake(struct nbd_stream *stream, const char *peer, const char *name,
                   struct nbd_tls_keys *keys, struct nbd_export *ret_export, GError **error)
{
    struct handshake h = {
        .stream = stream,
        .peer = peer,
        .name = name,
        .keys = keys,
        .export = { .block_min = 1, .block_max = NBD_TRANSFER_MAX },
    };
    assert(strlen(name) <= NBD_NAME_MAX);
    if (!greet(&h, error) || (keys && !ask_tls(&h, error)) || !ask_structured(&h, error) ||
        (h.export.structured && !ask_context(&h, error)) || !go(&h, error)) {
        return false;
    }
    if (h.export.size > INT64_MAX) {
        return handshake_garbled(&h, error);
    }
    *ret_export = h.export;
    return true;
}
