/* Goal: no driver can make the entropy device crash, hang or reach memory it should not. */
#include <glib.h>

#include "tests/fuzz/virtio.h"

static struct virtio_device *rng_make(struct driver *d)
{
    return virtio_rng_new("rng0", &d->services, NULL);
}

static void rng_finish(struct driver *d)
{
    (void)d;
}

const struct fuzz_device fuzz_device = {
    .make = rng_make,
    .finish = rng_finish,
};
