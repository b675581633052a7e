/* Goal: no driver can make a queue crash, hang or reach memory it should not. */
#include "tests/device/virtio/probe.h"
#include "tests/fuzz/virtio.h"

static struct virtio_device *queue_make(struct driver *d)
{
    return &probe_new(&d->services)->dev;
}

static void queue_finish(struct driver *d)
{
    (void)d;
}

/* Requests are sometimes held, and answered later. */
static void queue_outside(struct driver *d, struct fuzz_input *input)
{
    struct probe *probe = (struct probe *)d->dev;
    probe->hold = fuzz_byte(input) % 2 == 0;
    probe_release(probe);
}

const struct fuzz_device fuzz_device = {
    .make = queue_make,
    .finish = queue_finish,
    .outside = queue_outside,
};
