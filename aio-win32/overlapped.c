/*
 * File requests by overlapped transfers: what the cache has ends at once, without another thread;
 * for the rest the system's thread pool waits, and goes on with the next piece.
 *
 * The transfers' event keeps their ends out of any completion port (its lowest bit is set).
 */
#include <windows.h>

#include "aio/fileio.h"
#include "platform/error.h"

#define STEP_MAX ((size_t)1 << 30)

struct transfer {
    OVERLAPPED at;
    HANDLE event;
    PTP_WAIT wait;
    struct file_request *request;
};

/* Nothing is shared by the requests of a context. */
static char engine;

static enum file_error overlapped_error(DWORD number)
{
    switch (number) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_FILE_TOO_LARGE: return FILE_ERROR_NO_SPACE;
    case ERROR_WRITE_PROTECT:
    case ERROR_ACCESS_DENIED: return FILE_ERROR_READ_ONLY;
    default: return FILE_ERROR_IO;
    }
}

static void transfer_end(struct transfer *transfer, int64_t result)
{
    struct file_request *request = transfer->request;

    CloseThreadpoolWait(transfer->wait); /* once its callback has returned, if we are in it */
    CloseHandle(transfer->event);
    g_free(transfer);
    file_io_finish(request, result);
}

/* Begins the next piece; 0 if it is done already, ERROR_IO_PENDING, or why not. */
static DWORD transfer_begin(struct transfer *transfer)
{
    struct file_request *request = transfer->request;
    HANDLE handle = (HANDLE)host_file_os(request->file);
    uint64_t offset = request->offset + (uint64_t)request->moved;
    g_autofree struct host_vec *vec = g_new(struct host_vec, request->vec_count);
    DWORD size;
    BOOL done;

    file_request_left(request, vec);
    size = (DWORD)MIN(vec[0].size, STEP_MAX);
    ResetEvent(transfer->event);
    transfer->at = (OVERLAPPED){ .Offset = (DWORD)offset,
                                 .OffsetHigh = (DWORD)(offset >> 32),
                                 .hEvent = (HANDLE)((ULONG_PTR)transfer->event | 1) };
    done = request->op == FILE_OP_READ ? ReadFile(handle, vec[0].base, size, NULL, &transfer->at)
                                       : WriteFile(handle, vec[0].base, size, NULL, &transfer->at);
    return done ? 0 : GetLastError();
}

/* Takes the result of a piece; true if there is more to do, else the request has ended. */
static bool transfer_piece(struct transfer *transfer)
{
    struct file_request *request = transfer->request;
    DWORD moved = 0;
    bool ended;

    if (!GetOverlappedResult((HANDLE)host_file_os(request->file), &transfer->at, &moved, TRUE)) {
        DWORD number = GetLastError();

        ended = request->op == FILE_OP_READ && number == ERROR_HANDLE_EOF;
        transfer_end(transfer, ended ? request->moved : overlapped_error(number));
        return false;
    }
    request->moved += moved;
    ended = request->moved == file_request_size(request) || moved == 0;
    if (ended) {
        transfer_end(transfer,
                     moved == 0 && request->op == FILE_OP_WRITE ? FILE_ERROR_IO : request->moved);
    }
    return !ended;
}

static void transfer_go_on(struct transfer *transfer);

static void CALLBACK transfer_signalled(PTP_CALLBACK_INSTANCE instance, void *opaque, PTP_WAIT wait,
                                        TP_WAIT_RESULT result)
{
    struct transfer *transfer = opaque;

    (void)instance;
    (void)wait;
    (void)result;
    if (transfer_piece(transfer)) {
        transfer_go_on(transfer);
    }
}

/* Does pieces until one takes time; then somebody waits for it. */
static void transfer_go_on(struct transfer *transfer)
{
    bool read = transfer->request->op == FILE_OP_READ;
    DWORD number;

    while ((number = transfer_begin(transfer)) == 0) {
        if (!transfer_piece(transfer)) {
            return;
        }
    }
    if (number != ERROR_IO_PENDING) {
        transfer_end(transfer, read && number == ERROR_HANDLE_EOF ? transfer->request->moved
                                                                  : overlapped_error(number));
        return;
    }
    SetThreadpoolWait(transfer->wait, transfer->event, NULL);
}

static void *overlapped_start(struct file_io *io, GError **error)
{
    (void)io;
    (void)error;
    return &engine;
}

/* There is no overlapped flush: that is the pool's. */
static bool overlapped_submit(void *opaque, struct file_request *request)
{
    struct transfer *transfer;

    (void)opaque;
    if (request->op == FILE_OP_FLUSH || host_file_os(request->file) < 0 ||
        file_request_size(request) == 0) {
        return false;
    }
    transfer = g_new0(struct transfer, 1);
    transfer->request = request;
    transfer->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (transfer->event) {
        transfer->wait = CreateThreadpoolWait(transfer_signalled, transfer, NULL);
    }
    if (!transfer->wait) {
        if (transfer->event) {
            CloseHandle(transfer->event);
        }
        g_free(transfer);
        return false;
    }
    transfer_go_on(transfer);
    return true;
}

static void overlapped_finish(void *opaque)
{
    (void)opaque;
}

static const struct file_engine_ops overlapped_ops = { "overlapped", overlapped_start,
                                                       overlapped_submit, NULL, overlapped_finish };

const struct file_engine_ops *file_engine_nth(unsigned index)
{
    return index == 0 ? &overlapped_ops : NULL;
}
