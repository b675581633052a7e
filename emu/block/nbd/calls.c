#include "emu/block/nbd/calls.h"

#include <assert.h>
#include <string.h>

#include "emu/block/driver.h"

#define SLOT_BITS 4

static_assert(NBD_CALLS_MAX == 1 << SLOT_BITS, "a cookie has the slot in its low bits");

static int error_of(uint32_t number)
{
    switch (number) {
    case 0: return 0;
    case NBD_EPERM: return FILE_ERROR_READ_ONLY;
    case NBD_ENOSPC: return FILE_ERROR_NO_SPACE;
    case NBD_ENOTSUP: return FILE_ERROR_UNSUPPORTED;
    default: return FILE_ERROR_IO;
    }
}

static struct nbd_call *call_find(struct nbd_calls *calls, uint64_t cookie)
{
    struct nbd_call *call = calls->calls[cookie % NBD_CALLS_MAX];
    return call && call->cookie == cookie && !call->done ? call : NULL;
}

static void call_done(struct nbd_call *call)
{
    struct coroutine *co = call->waiting;
    call->done = true;
    call->waiting = NULL;
    if (co) {
        aio_co_wake(co);
    }
}

/* Makes sure that no byte of a read stays what it was, in whatever pieces the answer comes. */
static void call_clear(struct nbd_call *call)
{
    for (unsigned i = 0; i < call->count; i++) {
        memset(call->vec[i].base, 0, call->vec[i].size);
    }
}

static bool range_ok(const struct nbd_call *call, uint64_t offset, uint64_t size)
{
    return call->command == NBD_CMD_READ && size > 0 && offset >= call->offset &&
           size <= call->size && offset - call->offset <= call->size - size &&
           size <= call->size - call->received;
}

static bool chunk_data(struct nbd_calls *calls, struct nbd_call *call, uint32_t size)
{
    uint8_t head[8];
    if (size <= sizeof(head) || !nbd_stream_read(&calls->stream, head, sizeof(head))) {
        return false;
    }
    uint64_t offset = be_get64(head);
    size -= (uint32_t)sizeof(head);
    if (!range_ok(call, offset, size)) {
        return false;
    }
    if (size < call->size && call->received == 0) {
        call_clear(call);
    }
    call->received += size;
    g_autofree struct host_vec *pieces = g_new(struct host_vec, call->count);
    unsigned count = vec_slice(call->vec, call->count, offset - call->offset, size, pieces);
    return nbd_stream_read_vec(&calls->stream, pieces, count);
}

static bool chunk_hole(struct nbd_calls *calls, struct nbd_call *call, uint32_t size)
{
    uint8_t body[12];
    if (size != sizeof(body) || !nbd_stream_read(&calls->stream, body, sizeof(body)) ||
        !range_ok(call, be_get64(body), be_get32(body + 8))) {
        return false;
    }
    if (call->received == 0) {
        call_clear(call);
    }
    /* Whatever came for these bytes before would break the rule that chunks do not overlap. */
    call->received += be_get32(body + 8);
    return true;
}

/* The first extent is what was asked for; more are allowed. */
static bool chunk_status(struct nbd_calls *calls, struct nbd_call *call, uint32_t size)
{
    uint8_t body[12];
    if (call->command != NBD_CMD_BLOCK_STATUS || size < sizeof(body) || (size - 4) % 8 ||
        !nbd_stream_read(&calls->stream, body, sizeof(body)) ||
        be_get32(body) != calls->export.context || be_get32(body + 4) == 0) {
        return false;
    }
    call->status_size = MIN(be_get32(body + 4), call->size);
    call->status_flags = be_get32(body + 8);
    call->received = call->size;
    return nbd_stream_skip(&calls->stream, size - sizeof(body));
}

static bool chunk_error(struct nbd_calls *calls, struct nbd_call *call, uint32_t size)
{
    uint8_t body[6];
    if (size < sizeof(body) || !nbd_stream_read(&calls->stream, body, sizeof(body))) {
        return false;
    }
    call->error = be_get32(body) ? be_get32(body) : NBD_EIO;
    return nbd_stream_skip(&calls->stream, size - sizeof(body));
}

static bool chunk_receive(struct nbd_calls *calls, struct nbd_call *call, uint16_t type,
                          uint32_t size)
{
    switch (type) {
    case NBD_CHUNK_NONE: return size == 0;
    case NBD_CHUNK_DATA: return chunk_data(calls, call, size);
    case NBD_CHUNK_HOLE: return chunk_hole(calls, call, size);
    case NBD_CHUNK_STATUS: return chunk_status(calls, call, size);
    default: /* errors have the top bit, and begin alike */
        return (type & 0x8000) && chunk_error(calls, call, size);
    }
}

static bool answer_structured(struct nbd_calls *calls, const uint8_t *head)
{
    uint8_t rest[NBD_CHUNK_SIZE - NBD_SIMPLE_SIZE];
    if (!calls->export.structured || !nbd_stream_read(&calls->stream, rest, sizeof(rest))) {
        return false;
    }
    struct nbd_call *call = call_find(calls, be_get64(head + 8));
    uint32_t size = be_get32(rest);
    if (!call || size > NBD_TRANSFER_MAX + 8 ||
        !chunk_receive(calls, call, be_get16(head + 6), size)) {
        return false;
    }
    if (be_get16(head + 4) & NBD_CHUNK_DONE) {
        call_done(call);
    }
    return true;
}

static bool answer_simple(struct nbd_calls *calls, const uint8_t *head)
{
    struct nbd_call *call = call_find(calls, be_get64(head + 8));
    if (!call) {
        return false;
    }
    call->error = be_get32(head + 4);
    if (call->command == NBD_CMD_READ && call->error == 0) {
        if (calls->export.structured ||
            !nbd_stream_read_vec(&calls->stream, call->vec, call->count)) {
            return false;
        }
    }
    call->received = call->size;
    call_done(call);
    return true;
}

static bool answer_receive(struct nbd_calls *calls)
{
    uint8_t head[NBD_SIMPLE_SIZE];
    if (!nbd_stream_read(&calls->stream, head, sizeof(head))) {
        return false;
    }
    switch (be_get32(head)) {
    case NBD_MAGIC_SIMPLE: return answer_simple(calls, head);
    case NBD_MAGIC_STRUCTURED: return answer_structured(calls, head);
    default: return false;
    }
}

static void calls_read(void *opaque)
{
    struct nbd_calls *calls = opaque;
    while (answer_receive(calls)) {
    }
    nbd_stream_abort(&calls->stream);
    calls->ended = true;
    for (unsigned i = 0; i < NBD_CALLS_MAX; i++) {
        if (calls->calls[i] && !calls->calls[i]->done) {
            calls->calls[i]->error = NBD_ESHUTDOWN;
            call_done(calls->calls[i]);
        }
    }
    if (calls->ending) {
        aio_co_wake(calls->ending);
    }
}

void nbd_calls_start(struct nbd_calls *calls)
{
    co_queue_init(&calls->room);
    coroutine_enter(coroutine_create("nbd-answers", calls_read, calls));
}

static bool call_send(struct nbd_calls *calls, const struct nbd_call *call)
{
    uint8_t header[NBD_REQUEST_SIZE];
    bool write = call->command == NBD_CMD_WRITE;
    uint8_t *at = be_put32(header, NBD_MAGIC_REQUEST);
    at = be_put16(be_put16(at, call->flags), (uint16_t)call->command);
    be_put32(be_put64(be_put64(at, call->cookie), call->offset), call->size);
    return nbd_stream_write(&calls->stream, header, sizeof(header), call->vec,
                            write ? call->count : 0);
}

void nbd_calls_end(struct nbd_calls *calls)
{
    struct nbd_call bye = { .command = NBD_CMD_DISC };
    assert(calls->in_flight == 0);
    if (!calls->ended) {
        call_send(calls, &bye);
        nbd_stream_abort(&calls->stream);
    }
    if (!calls->ended) {
        calls->ending = coroutine_self();
        coroutine_yield();
    }
}

static void call_place(struct nbd_calls *calls, struct nbd_call *call)
{
    unsigned slot = 0;
    while (calls->in_flight == NBD_CALLS_MAX) {
        co_queue_wait(&calls->room, NULL);
    }
    while (calls->calls[slot]) {
        slot++;
    }
    calls->in_flight++;
    calls->calls[slot] = call;
    call->cookie = calls->generation++ << SLOT_BITS | slot;
}

int nbd_calls_make(struct nbd_calls *calls, struct nbd_call *call)
{
    call_place(calls, call);
    aio_request_begin(&call->tracked, calls->ctx, "nbd");
    aio_request_waits_on(&call->tracked, AIO_ON_REMOTE, calls->peer);
    if (calls->ended || !call_send(calls, call)) {
        nbd_stream_abort(&calls->stream);
        call->error = NBD_ESHUTDOWN;
        call->done = call->done || calls->ended;
    }
    while (!call->done) {
        call->waiting = coroutine_self();
        coroutine_yield();
    }
    aio_request_end(&call->tracked);
    calls->calls[call->cookie % NBD_CALLS_MAX] = NULL;
    calls->in_flight--;
    co_queue_next(&calls->room);
    bool whole = call->received == call->size ||
                 (call->command != NBD_CMD_READ && call->command != NBD_CMD_BLOCK_STATUS);
    return call->error == 0 && !whole ? FILE_ERROR_IO : error_of(call->error);
}
