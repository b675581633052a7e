/* The server's side of a negotiation. */
#include <string.h>

#include "emu/block/nbd/server_parts.h"

#define OPTIONS_MAX 256 /* before the client asks for its export */

/* What an option leads to. */
enum outcome { OUTCOME_GO_ON, OUTCOME_SERVE, OUTCOME_DROP };

struct option {
    uint32_t number, size;
    uint8_t *data;
};

static enum outcome outcome_of(bool sent)
{
    return sent ? OUTCOME_GO_ON : OUTCOME_DROP;
}

static bool reply_send(struct nbd_client *client, const struct option *option, uint32_t type,
                       const void *data, size_t size)
{
    uint8_t header[NBD_REPLY_SIZE];
    struct host_vec vec = { (uint8_t *)data, size };
    uint8_t *at = be_put32(be_put64(header, NBD_MAGIC_REPLY), option->number);
    be_put32(be_put32(at, type), (uint32_t)size);
    return nbd_stream_write(&client->stream, header, sizeof(header), &vec, size ? 1 : 0);
}

static enum outcome refuse(struct nbd_client *client, const struct option *option, uint32_t type,
                           const char *why)
{
    return outcome_of(reply_send(client, option, type, why, strlen(why)));
}

static bool name_is_ours(const struct nbd_client *client, const uint8_t *name, size_t size)
{
    const char *ours = client->server->name;
    return size == 0 || (size == strlen(ours) && memcmp(name, ours, size) == 0);
}

/* No error can be told here: who asks for what is not there is hung up on. */
static enum outcome option_export_name(struct nbd_client *client, const struct option *option)
{
    uint8_t answer[10 + NBD_ZEROES_SIZE] = { 0 };
    if (!name_is_ours(client, option->data, option->size)) {
        return OUTCOME_DROP;
    }
    be_put16(be_put64(answer, node_size(client->server->node)), client->server->flags);
    return nbd_stream_write(&client->stream, answer, client->no_zeroes ? 10 : sizeof(answer), NULL,
                            0)
               ? OUTCOME_SERVE
               : OUTCOME_DROP;
}

static enum outcome option_list(struct nbd_client *client, const struct option *option)
{
    const struct nbd_server *server = client->server;
    size_t name = strlen(server->name), description = strlen(server->description);
    if (option->size > 0) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "a listing takes no data");
    }
    g_autofree uint8_t *data = g_malloc(4 + name + description);
    memcpy(be_put32(data, (uint32_t)name), server->name, name);
    memcpy(data + 4 + name, server->description, description);
    return outcome_of(reply_send(client, option, NBD_REP_SERVER, data, 4 + name + description) &&
                      reply_send(client, option, NBD_REP_ACK, NULL, 0));
}

static bool info_export(struct nbd_client *client, const struct option *option)
{
    uint8_t info[12];
    uint8_t *at = be_put64(be_put16(info, NBD_INFO_EXPORT), node_size(client->server->node));
    be_put16(at, client->server->flags);
    return reply_send(client, option, NBD_REP_INFO, info, sizeof(info));
}

static bool info_name(struct nbd_client *client, const struct option *option)
{
    const char *name = client->server->name;
    g_autofree uint8_t *info = g_malloc(2 + strlen(name));
    memcpy(be_put16(info, NBD_INFO_NAME), name, strlen(name));
    return reply_send(client, option, NBD_REP_INFO, info, 2 + strlen(name));
}

static bool info_sizes(struct nbd_client *client, const struct option *option)
{
    uint8_t info[14];
    uint8_t *at = be_put32(be_put16(info, NBD_INFO_BLOCK_SIZE), 1);
    be_put32(be_put32(at, 4096), NBD_TRANSFER_MAX);
    return reply_send(client, option, NBD_REP_INFO, info, sizeof(info));
}

/* INFO tells about the export, GO begins to use it. */
static enum outcome option_go(struct nbd_client *client, const struct option *option)
{
    uint32_t name_size = option->size >= 6 ? be_get32(option->data) : UINT32_MAX;
    if (option->size < 6 || name_size > option->size - 6) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "the name is longer than the option");
    }
    const uint8_t *at = option->data + 4 + name_size;
    unsigned infos = be_get16(at);
    if (option->size != 6 + name_size + 2 * infos) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "the list has another length");
    }
    if (!name_is_ours(client, option->data + 4, name_size)) {
        return refuse(client, option, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    }
    bool sent = info_export(client, option);
    bool name = false, sizes = false; /* each once, however often asked for */
    for (unsigned i = 0; i < infos; i++) {
        uint16_t info = be_get16(at + 2 + 2 * i);
        name = name || info == NBD_INFO_NAME;
        sizes = sizes || info == NBD_INFO_BLOCK_SIZE;
    }
    sent = sent && (!name || info_name(client, option));
    sent = sent && (!sizes || info_sizes(client, option));
    if (!sent || !reply_send(client, option, NBD_REP_ACK, NULL, 0)) {
        return OUTCOME_DROP;
    }
    return option->number == NBD_OPT_GO ? OUTCOME_SERVE : OUTCOME_GO_ON;
}

static enum outcome option_structured(struct nbd_client *client, const struct option *option)
{
    if (option->size > 0) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "this option takes no data");
    }
    client->structured = true;
    return outcome_of(reply_send(client, option, NBD_REP_ACK, NULL, 0));
}

/* Whether a query asks for base:allocation; a listing may name the family alone. */
static bool query_matches(const uint8_t *query, uint32_t size, bool listing)
{
    uint32_t family = (uint32_t)strlen("base:");
    return (size == strlen(NBD_CONTEXT) && memcmp(query, NBD_CONTEXT, size) == 0) ||
           (listing && size == family && memcmp(query, NBD_CONTEXT, size) == 0);
}

/* Looks through the queries; false if they do not fill the option exactly. */
static bool queries_look(const struct option *option, uint32_t begin, bool listing,
                         bool *ret_matches)
{
    uint32_t at = begin + 4, count = be_get32(option->data + begin);
    bool matches = listing && count == 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = option->size - at >= 4 ? be_get32(option->data + at) : UINT32_MAX;
        if (option->size - at < 4 || size > option->size - at - 4) {
            return false;
        }
        matches = matches || query_matches(option->data + at + 4, size, listing);
        at += 4 + size;
    }
    *ret_matches = matches;
    return at == option->size;
}

static bool context_send(struct nbd_client *client, const struct option *option)
{
    uint8_t context[4 + sizeof(NBD_CONTEXT)];
    memcpy(be_put32(context, 0), NBD_CONTEXT, strlen(NBD_CONTEXT));
    return reply_send(client, option, NBD_REP_META_CONTEXT, context, 4 + strlen(NBD_CONTEXT));
}

static enum outcome option_context(struct nbd_client *client, const struct option *option)
{
    bool listing = option->number == NBD_OPT_LIST_META_CONTEXT, matches = false;
    uint32_t name_size = option->size >= 8 ? be_get32(option->data) : UINT32_MAX;
    if (!client->structured) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "ask for structured replies first");
    }
    if (option->size < 8 || name_size > option->size - 8 ||
        !queries_look(option, 4 + name_size, listing, &matches)) {
        return refuse(client, option, NBD_REP_ERR_INVALID, "the option has another length");
    }
    if (!name_is_ours(client, option->data + 4, name_size)) {
        return refuse(client, option, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    }
    if (!listing) {
        client->has_status = matches;
    }
    return outcome_of((!matches || context_send(client, option)) &&
                      reply_send(client, option, NBD_REP_ACK, NULL, 0));
}

/* What was agreed on before is forgotten: anybody on the way could have changed it. */
static enum outcome option_tls(struct nbd_client *client, const struct option *option)
{
    if (option->size > 0 || client->stream.tls) {
        return refuse(client, option, NBD_REP_ERR_INVALID,
                      option->size > 0 ? "this option takes no data" : "there is TLS already");
    }
    if (client->server->tls == NBD_TLS_OFF) {
        return refuse(client, option, NBD_REP_ERR_POLICY, "this server was started without TLS");
    }
    if (!reply_send(client, option, NBD_REP_ACK, NULL, 0) ||
        !nbd_stream_start_tls(&client->stream, client->server->keys)) {
        return OUTCOME_DROP;
    }
    client->structured = client->has_status = false;
    return OUTCOME_GO_ON;
}

/* Whether a client without TLS is told nothing but that. */
static bool option_hidden(const struct nbd_client *client, const struct option *option)
{
    return client->server->tls == NBD_TLS_REQUIRE && !client->stream.tls &&
           option->number != NBD_OPT_STARTTLS && option->number != NBD_OPT_ABORT;
}

static enum outcome option_do(struct nbd_client *client, const struct option *option)
{
    if (option_hidden(client, option)) {
        return option->number == NBD_OPT_EXPORT_NAME
                   ? OUTCOME_DROP
                   : refuse(client, option, NBD_REP_ERR_TLS, "this server wants TLS");
    }
    switch (option->number) {
    case NBD_OPT_STARTTLS: return option_tls(client, option);
    case NBD_OPT_EXPORT_NAME: return option_export_name(client, option);
    case NBD_OPT_ABORT: reply_send(client, option, NBD_REP_ACK, NULL, 0); return OUTCOME_DROP;
    case NBD_OPT_LIST: return option_list(client, option);
    case NBD_OPT_INFO:
    case NBD_OPT_GO: return option_go(client, option);
    case NBD_OPT_STRUCTURED_REPLY: return option_structured(client, option);
    case NBD_OPT_LIST_META_CONTEXT:
    case NBD_OPT_SET_META_CONTEXT: return option_context(client, option);
    default: return refuse(client, option, NBD_REP_ERR_UNSUP, "this server has no such option");
    }
}

/* Reads one option and answers it. One that is too long is read over. */
static enum outcome option_next(struct nbd_client *client)
{
    uint8_t header[NBD_OPTION_SIZE];
    if (!nbd_stream_read(&client->stream, header, sizeof(header)) ||
        be_get64(header) != NBD_MAGIC_OPTION) {
        return OUTCOME_DROP;
    }
    struct option option = { .number = be_get32(header + 8), .size = be_get32(header + 12) };
    if (option.size > NBD_OPTION_MAX) {
        return option.size <= NBD_TRANSFER_MAX && option.number != NBD_OPT_EXPORT_NAME &&
                       nbd_stream_skip(&client->stream, option.size)
                   ? refuse(client, &option, NBD_REP_ERR_TOO_BIG, "this option is too long")
                   : OUTCOME_DROP;
    }
    g_autofree uint8_t *data = g_malloc(option.size + 1);
    option.data = data;
    return nbd_stream_read(&client->stream, data, option.size) ? option_do(client, &option)
                                                               : OUTCOME_DROP;
}

bool nbd_server_negotiate(struct nbd_client *client)
{
    uint8_t hello[18], answer[4];
    uint8_t *at = be_put64(be_put64(hello, NBD_MAGIC), NBD_MAGIC_OPTION);
    be_put16(at, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    if (!nbd_stream_write(&client->stream, hello, sizeof(hello), NULL, 0) ||
        !nbd_stream_read(&client->stream, answer, sizeof(answer))) {
        return false;
    }
    uint32_t flags = be_get32(answer);
    if (flags & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)) {
        return false;
    }
    client->no_zeroes = flags & NBD_NO_ZEROES;
    for (unsigned i = 0; i < OPTIONS_MAX; i++) {
        enum outcome outcome = option_next(client);
        if (outcome != OUTCOME_GO_ON) {
            return outcome == OUTCOME_SERVE;
        }
    }
    return false;
}
