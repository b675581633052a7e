/* A chardev with nothing behind it: output vanishes, input never comes. */
#include "emu/chardev/backend.h"

static size_t null_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    (void)chardev;
    (void)data;
    return size;
}

static const struct chardev_class null_class = {
    .name = "null",
    .write = null_write,
    .close = chardev_release,
};

struct chardev *chardev_new_null(struct aio_context *ctx, const char *id)
{
    struct chardev *chardev = chardev_alloc(&null_class, ctx, id, sizeof(*chardev));
    chardev->open = true;
    return chardev;
}
