/* A chardev whose output is appended to a file. It has no input. */
#include "emu/chardev/backend.h"

#include "emu/chardev/writer.h"
#include "platform/file.h"

struct file_chardev {
    struct chardev chardev;
    struct char_writer *writer;
    struct host_file *file;
    uint64_t end; /* of the file; the writer's thread owns it */
};

static bool file_sink(void *opaque, const uint8_t *data, size_t size)
{
    struct file_chardev *file = opaque;
    if (host_file_write(file->file, data, size, file->end) < 0) {
        return false;
    }
    file->end += size;
    return true;
}

static void file_ready(void *opaque, bool gone)
{
    struct file_chardev *file = opaque;
    if (gone) {
        chardev_client_event(&file->chardev, CHARDEV_CLOSED);
    }
    chardev_client_writable(&file->chardev);
}

static size_t file_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    return char_writer_put(((struct file_chardev *)chardev)->writer, data, size);
}

static void file_close(struct chardev *chardev)
{
    struct file_chardev *file = (struct file_chardev *)chardev;
    char_writer_free(file->writer);
    host_file_close(file->file);
    chardev_release(chardev);
}

static const struct chardev_class file_class = {
    .name = "file",
    .write = file_write,
    .close = file_close,
};

struct chardev *chardev_new_file(struct aio_context *ctx, const char *id, const char *path,
                                 GError **error)
{
    struct file_chardev *file = chardev_alloc(&file_class, ctx, id, sizeof(*file));
    file->file = host_file_open(path, HOST_FILE_WRITE | HOST_FILE_CREATE, error);
    if (file->file != NULL && host_file_size(file->file, &file->end, error)) {
        file->writer = char_writer_new(ctx, "chardev-file", file_sink, file_ready, file, error);
    }
    if (file->writer == NULL) {
        file_close(&file->chardev);
        return NULL;
    }
    file->chardev.open = true;
    return &file->chardev;
}
