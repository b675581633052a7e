/* The process's standard input and output as a chardev. */
#include "emu/chardev/backend.h"

#include "emu/chardev/writer.h"
#include "platform/terminal.h"

#define STDIO_CHUNK 1024

struct stdio_chardev {
    struct chardev chardev;
    struct char_writer *writer;
    bool reading; /* the input handler is set */
    bool ended;   /* the input has ended */
};

static bool stdio_used; /* the host's terminal is opened once in a process */

static void stdio_update(struct stdio_chardev *stdio);

static void stdio_readable(void *opaque)
{
    struct stdio_chardev *stdio = opaque;
    uint8_t data[STDIO_CHUNK];
    size_t room = MIN(chardev_client_room(&stdio->chardev), sizeof(data));
    int64_t got = room > 0 ? terminal_read(data, room) : TERMINAL_AGAIN;
    if (got == TERMINAL_END) {
        stdio->ended = true;
    } else if (got > 0) {
        chardev_client_receive(&stdio->chardev, data, (size_t)got);
    }
    stdio_update(stdio);
}

/* Listens exactly while the client has room and there is something to come. */
static void stdio_update(struct stdio_chardev *stdio)
{
    bool want = !stdio->ended && chardev_client_room(&stdio->chardev) > 0;
    if (want == stdio->reading) {
        return;
    }
    g_autoptr(GError) error = NULL;
    if (aio_set_fd_handler_named(stdio->chardev.ctx, "stdio", terminal_input(),
                                 want ? stdio_readable : NULL, NULL, stdio, &error)) {
        stdio->reading = want;
    } else {
        stdio->ended = true; /* a loop without room for one more handle: no input */
    }
}

static bool stdio_sink(void *opaque, const uint8_t *data, size_t size)
{
    (void)opaque;
    return terminal_write(data, size);
}

static void stdio_ready(void *opaque, bool gone)
{
    struct stdio_chardev *stdio = opaque;
    if (gone) {
        chardev_client_event(&stdio->chardev, CHARDEV_CLOSED);
    }
    chardev_client_writable(&stdio->chardev);
}

static size_t stdio_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    return char_writer_put(((struct stdio_chardev *)chardev)->writer, data, size);
}

static void stdio_accept_input(struct chardev *chardev)
{
    stdio_update((struct stdio_chardev *)chardev);
}

static bool stdio_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    struct terminal_size size;
    (void)chardev;
    if (!terminal_get_size(&size)) {
        return false;
    }
    *ret_columns = size.columns;
    *ret_rows = size.rows;
    return true;
}

static void stdio_close(struct chardev *chardev)
{
    struct stdio_chardev *stdio = (struct stdio_chardev *)chardev;
    chardev->client = NULL;
    stdio_update(stdio);
    char_writer_free(stdio->writer);
    terminal_close();
    chardev_release(chardev);
}

static const struct chardev_class stdio_class = {
    .name = "stdio",
    .write = stdio_write,
    .accept_input = stdio_accept_input,
    .get_size = stdio_get_size,
    .close = stdio_close,
};

struct chardev *chardev_new_stdio(struct aio_context *ctx, const char *id, GError **error)
{
    if (stdio_used) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: standard input and output are already used by another chardev; use a mux "
                    "(mon:stdio) to share them",
                    id);
        return NULL;
    }
    if (!terminal_open(error)) {
        return NULL;
    }
    stdio_used = true;
    struct stdio_chardev *stdio = chardev_alloc(&stdio_class, ctx, id, sizeof(*stdio));
    stdio->writer = char_writer_new(ctx, "stdout", stdio_sink, stdio_ready, stdio, error);
    if (stdio->writer == NULL) {
        terminal_close();
        chardev_release(&stdio->chardev);
        return NULL;
    }
    stdio->chardev.open = true;
    return &stdio->chardev;
}
