/* Goal: no driver and no input can make a console crash, hang or lose its place. */
#include <glib.h>

#include "tests/fuzz/virtio.h"

static struct chardev *chardev;

static struct virtio_device *console_make(struct driver *d)
{
    chardev = chardev_new_memory(d->ctx, "memory");
    return virtio_console_new("con0", &d->services, chardev, NULL);
}

static void console_finish(struct driver *d)
{
    (void)d;
    chardev_free(chardev);
}

static void console_outside(struct driver *d, struct fuzz_input *input)
{
    uint8_t data[300] = { 0 };
    (void)d;
    chardev_memory_inject(chardev, data, fuzz_number(input, 2) % sizeof(data));
}

const struct fuzz_device fuzz_device = {
    .make = console_make,
    .finish = console_finish,
    .outside = console_outside,
};
