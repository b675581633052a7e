/* Goal: no driver and no input can make a console crash, hang or lose its place. */
#include <string.h>

#include <glib.h>

#include "emu/chardev/backend.h"
#include "tests/fuzz/virtio.h"

#define PORTS 2

static struct chardev *chardev[PORTS];

static struct virtio_device *console_make(struct driver *d)
{
    struct virtio_console_port ports[PORTS] = { { .terminal = true }, { 3, NULL, "port", false } };
    for (unsigned i = 0; i < PORTS; i++) {
        ports[i].chardev = chardev[i] = chardev_new_memory(d->ctx, "memory");
    }
    return virtio_console_new("con0", &d->services, ports, PORTS, NULL);
}

static void console_finish(struct driver *d)
{
    (void)d;
    for (unsigned i = 0; i < PORTS; i++) {
        chardev_free(chardev[i]);
    }
}

static void console_outside(struct driver *d, struct fuzz_input *input)
{
    uint8_t data[300] = { 0 };
    (void)d;
    uint8_t what = fuzz_byte(input);
    struct chardev *one = chardev[what % PORTS];
    if (what < 200) {
        chardev_memory_inject(one, data, fuzz_number(input, 2) % sizeof(data));
    } else {
        chardev_client_event(one, (what & 4) != 0 ? CHARDEV_OPENED : CHARDEV_CLOSED);
    }
}

/* A control message that is likely to mean something. */
static uint32_t console_header(uint8_t *header, struct fuzz_input *input)
{
    memset(header, 0, 8);
    header[0] = fuzz_byte(input) % 5;
    header[4] = fuzz_byte(input) % 9;
    header[6] = fuzz_byte(input) & 1;
    return 8;
}

const struct fuzz_device fuzz_device = {
    .make = console_make,
    .finish = console_finish,
    .outside = console_outside,
    .header = console_header,
    .header_size = 8,
};
