#include "emu/block/nbd/stream.h"

#include <assert.h>
#include <string.h>

#include "platform/socket.h"

#define OUTPUT_MAX (128u << 10) /* bytes that TLS makes before they are sent */

void nbd_stream_init(struct nbd_stream *stream, struct aio_context *ctx, struct host_handle socket)
{
    *stream = (struct nbd_stream){ .ctx = ctx, .socket = socket };
    co_mutex_init(&stream->write_lock);
}

static void stream_readable(void *opaque);
static void stream_writable(void *opaque);

/* Handlers are level-triggered: one that nobody waits for goes at its first call, not before. */
static bool stream_watch(struct nbd_stream *stream, bool read, bool write)
{
    if (read == stream->watches_read && write == stream->watches_write) {
        return true;
    }
    if (!aio_set_fd_handler_named(stream->ctx, "nbd", stream->socket, read ? stream_readable : NULL,
                                  write ? stream_writable : NULL, stream, NULL)) {
        return false;
    }
    stream->watches_read = read;
    stream->watches_write = write;
    return true;
}

static void stream_readable(void *opaque)
{
    struct nbd_stream *stream = opaque;
    struct coroutine *co = stream->reader;
    stream->reader = NULL;
    if (co) {
        aio_co_wake(co);
    } else {
        stream_watch(stream, false, stream->watches_write);
    }
}

static void stream_writable(void *opaque)
{
    struct nbd_stream *stream = opaque;
    struct coroutine *co = stream->writer;
    stream->writer = NULL;
    if (co) {
        aio_co_wake(co);
    } else {
        stream_watch(stream, stream->watches_read, false);
    }
}

/* What can be sent at once: the peer learns that this is the end, and not a cut. */
static void stream_bye(struct nbd_stream *stream)
{
    struct nbd_tls *tls = stream->tls;
    if (!tls->problem) {
        tls->calls->bye(tls);
        host_socket_send(stream->socket, tls->output->data, tls->output->len);
    }
    tls->calls->free(tls);
}

void nbd_stream_finish(struct nbd_stream *stream)
{
    assert(!stream->reader && !stream->writer);
    stream_watch(stream, false, false);
    if (stream->tls) {
        stream_bye(stream);
    }
    host_socket_close(stream->socket);
    co_mutex_finish(&stream->write_lock);
}

/* Whoever waits is woken later: it may end what the caller goes on with. */
static void stream_release(struct nbd_stream *stream, struct coroutine **waiting)
{
    struct coroutine *co = *waiting;
    *waiting = NULL;
    if (co) {
        aio_co_schedule(stream->ctx, co);
    }
}

void nbd_stream_abort(struct nbd_stream *stream)
{
    stream->broken = true;
    stream_release(stream, &stream->reader);
    stream_release(stream, &stream->writer);
}

static bool stream_fail(struct nbd_stream *stream)
{
    nbd_stream_abort(stream);
    return false;
}

static bool stream_wait_read(struct nbd_stream *stream)
{
    if (!stream_watch(stream, true, stream->watches_write)) {
        return stream_fail(stream);
    }
    assert(!stream->reader);
    stream->reader = coroutine_self();
    coroutine_yield();
    return !stream->broken;
}

/* Bytes received, at least 1; 0 when the connection is at its end. */
static size_t stream_receive(struct nbd_stream *stream, void *data, size_t size)
{
    struct nbd_tls *tls = stream->tls;
    while (!stream->broken) {
        int64_t got = tls ? tls->calls->receive(tls, data, size)
                          : host_socket_receive(stream->socket, data, size);
        if (got > 0) {
            return (size_t)got;
        }
        if (got != SOCKET_AGAIN || !stream_wait_read(stream)) {
            break;
        }
    }
    stream_fail(stream);
    return 0;
}

bool nbd_stream_read(struct nbd_stream *stream, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        size_t here = MIN(size, stream->end - stream->begin);
        memcpy(at, stream->buffer + stream->begin, here);
        stream->begin += here;
        if (here == 0 && size >= sizeof(stream->buffer)) {
            here = stream_receive(stream, at, size);
        } else if (here == 0) {
            stream->begin = 0;
            stream->end = stream_receive(stream, stream->buffer, sizeof(stream->buffer));
        }
        if (stream->broken) {
            return false;
        }
        at += here;
        size -= here;
    }
    return !stream->broken;
}

bool nbd_stream_read_vec(struct nbd_stream *stream, const struct host_vec *vec, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!nbd_stream_read(stream, vec[i].base, vec[i].size)) {
            return false;
        }
    }
    return true;
}

bool nbd_stream_skip(struct nbd_stream *stream, uint64_t size)
{
    uint8_t scratch[1024];
    while (size > 0) {
        size_t here = (size_t)MIN(size, sizeof(scratch));
        if (!nbd_stream_read(stream, scratch, here)) {
            return false;
        }
        size -= here;
    }
    return true;
}

static bool stream_send_plain(struct nbd_stream *stream, const uint8_t *data, size_t size)
{
    while (size > 0 && !stream->broken) {
        int64_t put = host_socket_send(stream->socket, data, size);
        if (put > 0) {
            data += put;
            size -= (size_t)put;
            continue;
        }
        if (put != SOCKET_AGAIN || !stream_watch(stream, stream->watches_read, true)) {
            return stream_fail(stream);
        }
        assert(!stream->writer);
        stream->writer = coroutine_self();
        coroutine_yield();
    }
    return !stream->broken;
}

/* Sends what TLS has made. More of it may come while this waits. */
static bool stream_drain(struct nbd_stream *stream)
{
    GByteArray *output = stream->tls->output;
    while (output->len > 0) {
        g_autoptr(GByteArray) taken = g_byte_array_new();
        g_byte_array_append(taken, output->data, output->len);
        g_byte_array_set_size(output, 0);
        if (!stream_send_plain(stream, taken->data, taken->len)) {
            return false;
        }
    }
    return !stream->broken;
}

/* Who hung up may have said why before, which nobody has read yet. */
static bool stream_send_failed(struct nbd_stream *stream)
{
    uint8_t scratch[64];
    if (!stream->tls->problem) {
        stream->tls->calls->receive(stream->tls, scratch, sizeof(scratch));
    }
    return stream_fail(stream);
}

static bool stream_send(struct nbd_stream *stream, const uint8_t *data, size_t size)
{
    struct nbd_tls *tls = stream->tls;
    if (!tls) {
        return stream_send_plain(stream, data, size);
    }
    while (size > 0 && !stream->broken) {
        int64_t put = tls->calls->send(tls, data, size);
        if (put <= 0) {
            return stream_fail(stream);
        }
        data += put;
        size -= (size_t)put;
        if ((size == 0 || tls->output->len >= OUTPUT_MAX) && !stream_drain(stream)) {
            return stream_send_failed(stream);
        }
    }
    return !stream->broken;
}

bool nbd_stream_start_tls(struct nbd_stream *stream, struct nbd_tls_keys *keys)
{
    int result = 0;
    assert(!stream->tls);
    if (stream->begin != stream->end) { /* what came in plain text must not pass for protected */
        return stream_fail(stream);
    }
    stream->tls = nbd_tls_new(keys, stream->socket);
    while (stream->tls && result == 0 && !stream->broken) {
        result = stream->tls->calls->handshake(stream->tls);
        if (!stream_drain(stream) || (result == 0 && !stream_wait_read(stream))) {
            break;
        }
    }
    return result == 1 ? !stream->broken : stream_fail(stream);
}

const char *nbd_stream_problem(const struct nbd_stream *stream)
{
    return stream->tls ? stream->tls->problem : NULL;
}

void nbd_stream_begin(struct nbd_stream *stream)
{
    co_mutex_lock(&stream->write_lock);
}

void nbd_stream_end(struct nbd_stream *stream)
{
    co_mutex_unlock(&stream->write_lock);
}

bool nbd_stream_send(struct nbd_stream *stream, const void *header, size_t header_size,
                     const struct host_vec *vec, unsigned count)
{
    size_t merged = header_size;
    unsigned first = 0;
    assert(header_size <= sizeof(stream->merged));
    memcpy(stream->merged, header, header_size);
    while (first < count && vec[first].size <= sizeof(stream->merged) - merged) {
        memcpy(stream->merged + merged, vec[first].base, vec[first].size);
        merged += vec[first++].size;
    }
    bool sent = stream_send(stream, stream->merged, merged);
    for (unsigned i = first; i < count && sent; i++) {
        sent = stream_send(stream, vec[i].base, vec[i].size);
    }
    return sent;
}

bool nbd_stream_write(struct nbd_stream *stream, const void *header, size_t header_size,
                      const struct host_vec *vec, unsigned count)
{
    nbd_stream_begin(stream);
    bool sent = nbd_stream_send(stream, header, header_size, vec, count);
    nbd_stream_end(stream);
    return sent;
}
