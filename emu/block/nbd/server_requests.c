/*
 * Requests of a client that has negotiated. One coroutine reads them from the connection, each runs
 * in one of its own; what has a long payload is written by the reader, piece by piece.
 */
#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/nbd/server_parts.h"

#define EXTENTS_MAX 256 /* in one answer */

struct request {
    struct nbd_client *client;
    uint64_t cookie, offset;
    uint32_t size;
    uint32_t bytes; /* of the client's budget */
    uint16_t flags, command;
    uint8_t *data; /* of `bytes` */
};

static uint32_t number_of(int result)
{
    switch (result) {
    case 0: return 0;
    case FILE_ERROR_READ_ONLY: return NBD_EPERM;
    case FILE_ERROR_NO_SPACE: return NBD_ENOSPC;
    case FILE_ERROR_UNSUPPORTED: return NBD_ENOTSUP;
    default: return NBD_EIO;
    }
}

static uint8_t *chunk_put(uint8_t *at, const struct request *request, enum nbd_chunk type,
                          bool last, size_t size)
{
    at = be_put32(at, NBD_MAGIC_STRUCTURED);
    at = be_put16(be_put16(at, last ? NBD_CHUNK_DONE : 0), (uint16_t)type);
    return be_put32(be_put64(at, request->cookie), (uint32_t)size);
}

static void answer_error(const struct request *request, uint32_t number)
{
    uint8_t chunk[NBD_CHUNK_SIZE + 6];
    uint8_t *at = chunk_put(chunk, request, NBD_CHUNK_ERROR, true, 6);
    be_put16(be_put32(at, number), 0);
    nbd_stream_write(&request->client->stream, chunk, sizeof(chunk), NULL, 0);
}

/* Reads and block status are answered in chunks where the client knows them, all else simply. */
static void answer(const struct request *request, uint32_t number)
{
    bool chunks = request->command == NBD_CMD_READ || request->command == NBD_CMD_BLOCK_STATUS;
    uint8_t header[NBD_SIMPLE_SIZE];
    if (chunks && request->client->structured) {
        answer_error(request, number);
        return;
    }
    uint8_t *at = be_put32(be_put32(header, NBD_MAGIC_SIMPLE), number);
    be_put64(at, request->cookie);
    nbd_stream_write(&request->client->stream, header, sizeof(header), NULL, 0);
}

static bool chunk_send(const struct request *request, uint64_t offset, uint32_t size, bool last)
{
    uint8_t chunk[NBD_CHUNK_SIZE + 12];
    struct host_vec vec = { request->data, size };
    bool hole = vec_is_zero(&vec, 1) && !(request->flags & NBD_FLAG_DF);
    uint8_t *at = hole ? chunk_put(chunk, request, NBD_CHUNK_HOLE, last, 12)
                       : chunk_put(chunk, request, NBD_CHUNK_DATA, last, 8 + (size_t)size);
    be_put32(be_put64(at, offset), size);
    return nbd_stream_write(&request->client->stream, chunk, NBD_CHUNK_SIZE + (hole ? 12 : 8), &vec,
                            hole ? 0 : 1);
}

static void read_structured(const struct request *request)
{
    struct block_node *node = request->client->server->node;
    uint64_t at = request->offset, end = at + request->size;
    if ((request->flags & NBD_FLAG_DF) && request->size > request->bytes) {
        answer_error(request, NBD_EOVERFLOW);
        return;
    }
    while (at < end) {
        uint32_t size = (uint32_t)MIN(end - at, request->bytes);
        int result = node_read(node, at, request->data, size);
        if (result < 0) {
            answer_error(request, number_of(result));
            return;
        }
        if (!chunk_send(request, at, size, at + size == end)) {
            return;
        }
        at += size;
    }
}

/* Once the header is sent, an error can only be told by hanging up. */
static void read_simple(const struct request *request)
{
    struct nbd_stream *stream = &request->client->stream;
    uint64_t at = request->offset, end = at + request->size;
    uint8_t header[NBD_SIMPLE_SIZE];
    bool begun = false;
    be_put64(be_put32(be_put32(header, NBD_MAGIC_SIMPLE), 0), request->cookie);
    nbd_stream_begin(stream);
    while (at < end) {
        struct host_vec vec = { request->data, (size_t)MIN(end - at, request->bytes) };
        int result = node_read(request->client->server->node, at, vec.base, vec.size);
        if (result < 0 && !begun) {
            be_put32(header + 4, number_of(result));
            nbd_stream_send(stream, header, sizeof(header), NULL, 0);
            break;
        }
        if (result < 0) {
            nbd_stream_abort(stream);
            break;
        }
        if (!nbd_stream_send(stream, header, begun ? 0 : sizeof(header), &vec, 1)) {
            break;
        }
        begun = true;
        at += vec.size;
    }
    nbd_stream_end(stream);
}

static uint32_t status_flags(const struct block_extent *extent)
{
    return (extent->status & EXTENT_DATA ? 0u : NBD_STATE_HOLE) |
           (extent->status & EXTENT_ZERO ? NBD_STATE_ZERO : 0u);
}

/* The extents from `offset` on, equal neighbours as one: how many, or an error. */
static int status_collect(const struct request *request, uint32_t *sizes, uint32_t *flags)
{
    uint64_t at = request->offset, end = at + request->size;
    int count = 0, max = request->flags & NBD_FLAG_REQ_ONE ? 1 : EXTENTS_MAX;
    while (at < end) {
        struct block_extent extent;
        unsigned depth;
        int result =
            node_extent_above(request->client->server->node, NULL, at, end - at, &extent, &depth);
        if (result < 0) {
            return result;
        }
        uint32_t here = (uint32_t)MIN(extent.size, end - at), flag = status_flags(&extent);
        if (count > 0 && flags[count - 1] == flag) {
            sizes[count - 1] += here;
        } else if (count == max) {
            break;
        } else {
            sizes[count] = here;
            flags[count++] = flag;
        }
        at += here;
    }
    return count;
}

static void status_answer(const struct request *request)
{
    uint32_t sizes[EXTENTS_MAX], flags[EXTENTS_MAX];
    uint8_t chunk[NBD_CHUNK_SIZE + 4 + 8 * EXTENTS_MAX];
    if (!request->client->has_status) {
        answer(request, NBD_EINVAL);
        return;
    }
    int count = status_collect(request, sizes, flags);
    if (count < 0) {
        answer_error(request, number_of(count));
        return;
    }
    size_t size = 4 + 8 * (size_t)count;
    uint8_t *at = be_put32(chunk_put(chunk, request, NBD_CHUNK_STATUS, true, size), 0);
    for (int i = 0; i < count; i++) {
        at = be_put32(be_put32(at, sizes[i]), flags[i]);
    }
    nbd_stream_write(&request->client->stream, chunk, NBD_CHUNK_SIZE + size, NULL, 0);
}

static int discard(const struct request *request)
{
    struct block_node *node = request->client->server->node;
    int result = node_discard(node, request->offset, request->size);
    return result == 0 && (request->flags & NBD_FLAG_FUA) ? node_flush(node) : result;
}

static int write_zeroes(const struct request *request)
{
    unsigned flags = (request->flags & NBD_FLAG_FUA ? REQUEST_FUA : 0u) |
                     (request->flags & NBD_FLAG_NO_HOLE ? 0u : REQUEST_RELEASE) |
                     (request->flags & NBD_FLAG_FAST_ZERO ? REQUEST_NO_FALLBACK : 0u);
    return node_write_zeroes(request->client->server->node, request->offset, request->size, flags);
}

static unsigned write_flags(const struct request *request)
{
    return request->flags & NBD_FLAG_FUA ? REQUEST_FUA : 0;
}

static void request_do(const struct request *request)
{
    struct block_node *node = request->client->server->node;
    node_gate(node);
    switch (request->command) {
    case NBD_CMD_READ:
        if (request->client->structured) {
            read_structured(request);
        } else {
            read_simple(request);
        }
        break;
    case NBD_CMD_WRITE:
        answer(request, number_of(node_write(node, request->offset, request->data, request->size,
                                             write_flags(request))));
        break;
    case NBD_CMD_FLUSH: answer(request, number_of(node_flush(node))); break;
    case NBD_CMD_TRIM: answer(request, number_of(discard(request))); break;
    case NBD_CMD_WRITE_ZEROES: answer(request, number_of(write_zeroes(request))); break;
    case NBD_CMD_BLOCK_STATUS: status_answer(request); break;
    default: answer(request, NBD_EINVAL); break;
    }
}

static void request_run(void *opaque)
{
    struct request *request = opaque;
    struct nbd_client *client = request->client;
    request_do(request);
    client->in_flight--;
    client->bytes -= request->bytes;
    g_free(request->data);
    g_free(request);
    struct coroutine *co = client->waiting;
    client->waiting = NULL;
    if (co) {
        aio_co_wake(co);
    }
}

/* The reader waits until less is under way. */
static void client_wait(struct nbd_client *client, unsigned in_flight, uint32_t bytes)
{
    while (client->in_flight > in_flight || client->bytes > bytes) {
        client->waiting = coroutine_self();
        coroutine_yield();
    }
}

/* A payload longer than a piece: the first error counts, all of it is read. */
static bool write_long(struct request *request)
{
    struct nbd_client *client = request->client;
    struct block_node *node = client->server->node;
    int result = 0;
    for (uint32_t done = 0; done < request->size;) {
        uint32_t size = MIN(request->size - done, request->bytes);
        if (!nbd_stream_read(&client->stream, request->data, size)) {
            return false;
        }
        node_gate(node);
        if (result == 0) {
            result = node_write(node, request->offset + done, request->data, size, 0);
        }
        done += size;
    }
    if (result == 0 && (request->flags & NBD_FLAG_FUA)) {
        result = node_flush(node);
    }
    answer(request, number_of(result));
    return true;
}

/* Which flags a command may have; 0xffff: there is no such command. */
static uint16_t flags_allowed(uint16_t command)
{
    switch (command) {
    case NBD_CMD_READ: return NBD_FLAG_DF | NBD_FLAG_FUA;
    case NBD_CMD_WRITE:
    case NBD_CMD_FLUSH:
    case NBD_CMD_TRIM: return NBD_FLAG_FUA;
    case NBD_CMD_WRITE_ZEROES: return NBD_FLAG_FUA | NBD_FLAG_NO_HOLE | NBD_FLAG_FAST_ZERO;
    case NBD_CMD_BLOCK_STATUS: return NBD_FLAG_FUA | NBD_FLAG_REQ_ONE;
    default: return UINT16_MAX;
    }
}

/* 0, or what is wrong with the request as an enum nbd_errno. */
static uint32_t request_check(const struct request *request)
{
    const struct nbd_server *server = request->client->server;
    uint64_t size = node_size(server->node);
    uint16_t allowed = flags_allowed(request->command);
    bool changes = request->command == NBD_CMD_WRITE || request->command == NBD_CMD_TRIM ||
                   request->command == NBD_CMD_WRITE_ZEROES;
    if (allowed == UINT16_MAX || (request->flags & ~allowed)) {
        return NBD_EINVAL;
    }
    if (changes && (server->flags & NBD_READ_ONLY)) {
        return NBD_EPERM;
    }
    if (request->command == NBD_CMD_FLUSH) {
        return request->offset || request->size ? NBD_EINVAL : 0;
    }
    if (request->offset > size || request->size > size - request->offset) {
        return request->command == NBD_CMD_WRITE ? NBD_ENOSPC : NBD_EINVAL;
    }
    bool transfers = request->command == NBD_CMD_READ || request->command == NBD_CMD_WRITE;
    return request->size == 0 || (transfers && request->size > NBD_TRANSFER_MAX) ? NBD_EINVAL : 0;
}

static void request_begin(struct request *request)
{
    struct request *heap = g_new(struct request, 1);
    struct nbd_client *client = request->client;
    *heap = *request;
    client->in_flight++;
    client->bytes += request->bytes;
    coroutine_enter(coroutine_create("nbd-request", request_run, heap));
}

/* Refuses a request, its payload read over; false where that would be too much. */
static bool request_refuse(const struct request *request, uint32_t number)
{
    bool payload = request->command == NBD_CMD_WRITE;
    if (payload && (request->size > NBD_TRANSFER_MAX ||
                    !nbd_stream_skip(&request->client->stream, request->size))) {
        return false;
    }
    answer(request, number);
    return true;
}

/* What a request takes of the client's budget. */
static bool request_take(struct request *request)
{
    struct nbd_client *client = request->client;
    bool write = request->command == NBD_CMD_WRITE;
    if (write || request->command == NBD_CMD_READ) {
        request->bytes = MIN(request->size, NBD_PIECE_MAX);
        client_wait(client, NBD_IN_FLIGHT_MAX - 1, NBD_BYTES_MAX - request->bytes);
        request->data = g_malloc(request->bytes);
    }
    if (write && request->size > request->bytes) {
        bool done = write_long(request);
        g_free(request->data);
        return done;
    }
    if (write && !nbd_stream_read(&client->stream, request->data, request->size)) {
        g_free(request->data);
        return false;
    }
    request_begin(request);
    return true;
}

static bool request_next(struct nbd_client *client)
{
    uint8_t header[NBD_REQUEST_SIZE];
    if (!nbd_stream_read(&client->stream, header, sizeof(header)) ||
        be_get32(header) != NBD_MAGIC_REQUEST) {
        return false;
    }
    struct request request = {
        .client = client,
        .flags = be_get16(header + 4),
        .command = be_get16(header + 6),
        .cookie = be_get64(header + 8),
        .offset = be_get64(header + 16),
        .size = be_get32(header + 24),
    };
    if (request.command == NBD_CMD_DISC) {
        return false;
    }
    uint32_t number = request_check(&request);
    return number ? request_refuse(&request, number) : request_take(&request);
}

void nbd_server_serve(struct nbd_client *client)
{
    do {
        client_wait(client, NBD_IN_FLIGHT_MAX - 1, NBD_BYTES_MAX);
    } while (!client->stream.broken && request_next(client));
    client_wait(client, 0, 0);
}
